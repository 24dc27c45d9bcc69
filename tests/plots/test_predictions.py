"""Test the pictures of guesses: the mark, the title, and the numbers of the calibration."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest
from made_runs import TWO_LEFT, WINNER, comparison, levels_of
from scipy import stats

from cnnlab.comparison.compare import compare
from cnnlab.comparison.guesses import show_guesses
from cnnlab.comparison.predictions import commit_guess, score_guess
from cnnlab.comparison.question import Guess
from cnnlab.errors import ConfigError
from cnnlab.plots.alt_text import alt_text
from cnnlab.plots.predictions import plot_calibration, plot_guess


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def bracket(ax) -> tuple[float, float]:
    """Return the rows between which the mark at the left edge stands."""
    (line,) = [line for line in ax.lines if line.get_linewidth() == 5]
    assert list(line.get_xdata()) == [0, 0]
    return tuple(line.get_ydata())


def levels(ax) -> list[str]:
    return [label.get_text().split("\n")[0] for label in ax.get_yticklabels()]


def test_the_guess_stands_over_its_level_and_the_title_says_how_it_went():
    ax = plot_guess(comparison(), Guess("7", 0.6))
    assert levels(ax) == ["5", "3", "7"]  # the best one is the reference
    verdicts = [label.get_text().split(":")[0].split("\n")[0] for label in ax.figure.axes[1].get_yticklabels()]
    assert verdicts == ["reference", "▼ worse", "▼ worse"]
    left, right = bracket(ax)
    assert 1.5 < left < 2 < right < 2.5
    assert [text.get_text() for text in ax.texts] == ["your guess: 7, 60 % sure"]
    assert ax.get_title(loc="left") == "✘ Not so: 5 is best"
    assert alt_text(ax.figure).startswith("✘ Not so: 5 is best; your guess: 7, 60 % sure: ")
    assert plot_guess(comparison(), Guess("5", 0.6)).get_title(loc="left") == "✔ Right: 5 is best"


def test_cannot_tell_is_marked_over_all_levels():
    ax = plot_guess(comparison(TWO_LEFT), Guess("cannot tell", 0.5))
    left, right = bracket(ax)
    assert left < 0
    assert right > 2
    assert ax.get_title(loc="left") == "✔ Right: these runs cannot tell\nwhich is best: 5 or 7"
    assert [text.get_text() for text in ax.texts] == ["your guess: cannot tell, 50 % sure"]


def test_names_are_text_and_no_formulas():
    table = dict(zip(("$x^2 <b>one</b>", r"a $\frac{$ folder"), WINNER.values(), strict=False))
    result = compare(levels_of("folder", table, dataset="images"), by="folder")
    ax = plot_guess(result, Guess("$x^2 <b>one</b>", 0.5))
    ax.figure.canvas.draw()  # a formula that is none would raise here
    assert levels(ax) == sorted(table, reverse=True)
    assert ax.texts[0].get_text() == "your guess: $x^2 <b>one</b>, 50 %\nsure"


def test_a_guess_that_is_no_level_is_refused():
    with pytest.raises(ConfigError, match="unknown answer '9'; choose from '3', '5', '7', 'cannot tell'"):
        plot_guess(comparison(), Guess("9", 0.5))
    with pytest.raises(ConfigError, match="wanted a comparison"):
        plot_guess(WINNER, Guess("5", 0.5))


def test_calibration_shows_each_bin_with_wilsons_interval():
    for place, (answer, confidence) in enumerate([(5, 0.9), (5, 0.9), (3, 0.9), (7, 0.5)]):
        commit_guess(f"question {place}", answer, choices=[3, 5, 7, "cannot tell"], confidence=confidence)
        score_guess(f"question {place}", comparison())
    ax = plot_calibration(show_guesses())
    (dots,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert list(dots.get_xdata()) == pytest.approx([0.5, 0.9])
    assert list(dots.get_ydata()) == pytest.approx([0, 2 / 3])
    ((_, low), (_, high)) = ax.collections[1].get_segments()[0]
    # Wilson: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), p = 2/3, n = 3
    z, n, p = stats.norm.ppf(0.975), 3, 2 / 3
    middle, reach = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    assert (low, high) == pytest.approx(((middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)))
    assert [text.get_text() for text in ax.texts] == ["n = 1", "n = 3"]


def test_without_a_guess_there_is_the_line_alone():
    ax = plot_calibration()
    assert [text.get_text() for text in ax.texts] == ["no guess with a confidence\nhas been scored yet"]
    assert [list(line.get_xdata()) for line in ax.lines] == [[0, 1]]


def test_what_is_no_guesses_is_refused():
    with pytest.raises(ConfigError, match=r"guesses wants what show_guesses returns, got \{\}; leave it out for all"):
        plot_calibration({})


def test_an_open_question_is_called_open():
    ax = plot_guess(comparison({3: [0.50, 0.60, 0.40], 5: [0.62, 0.55, 0.50]}), Guess("5"))
    assert ax.get_title(loc="left") == "Open: these runs cannot tell which\nis best: 3 or 5"
    assert [text.get_text() for text in ax.texts] == ["your guess: 5"]
