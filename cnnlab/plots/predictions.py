"""Draw guesses: a comparison with the guess marked in it, and the calibration of all guesses."""

from __future__ import annotations

from matplotlib.axes import Axes
from scipy import stats

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, shown
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.guesses import Guesses, show_guesses
from cnnlab.comparison.noise_floor import CONFIDENCE
from cnnlab.comparison.question import Guess, which_is_best
from cnnlab.comparison.right_answer import best_level, leading
from cnnlab.errors import ConfigError
from cnnlab.plots.alt_text import describe
from cnnlab.plots.comparison import plot_comparison
from cnnlab.plots.comparison_words import in_words
from cnnlab.plots.names import label_text, write_plainly
from cnnlab.plots.style import LETTERS, PALETTE, new_axes, whole_figure, wrapped

GUESS_COLOUR = PALETTE[4]


def plot_guess(comparison: Comparison, guess: Guess, *, ax: Axes | None = None) -> Axes:
    """Draw a comparison with the guess marked in it; the title says whether the guess was right.

    The setting with the best mean is the reference: it is the best one if all others are worse. (The results chose this
    reference, so that a single "worse" is less sure; `cnnlab.comparison.right_answer.leading` says how much.)

    Parameters
    ----------
    comparison : Comparison
        What `compare` returns.
    guess : Guess
        One of the compared settings, or "cannot tell", with a confidence.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_guess(compare(runs, by="kernel_size"), Guess("5", 0.6))
    """
    check_arguments(plot_guess, {"guess": guess})
    best_first = leading(comparison)
    check_choice("answer", guess.answer, which_is_best(comparison.values))
    is_new = ax is None
    ax = plot_comparison(best_first, ax=ax)
    more = _mark_guess(best_first, guess, ax)
    outcome = best_level(comparison)
    is_open = outcome.answer is None
    result = "Open" if is_open else "✔ Right" if guess.answer == outcome.answer else "✘ Not so"
    figure = whole_figure(ax)
    words, width = label_text(f"{result}: {outcome.words}", 200), 72 * figure.get_figwidth()  # points
    if len(words) > width / 8.5:
        words = wrapped(words, width / 11)
    if is_new:  # inches, for the title and the guess
        figure.set_figheight(figure.get_figheight() + 0.45 + 0.18 * (words.count("\n") + more))
    write_plainly(ax.set_title(words, pad=20 + 12 * more, loc="left", fontsize=11))
    describe(ax, in_words(best_first, f"{result}: {outcome.words}; {_guess_words(guess)}"))
    return ax


def _mark_guess(comparison: Comparison, guess: Guess, ax: Axes) -> int:
    """Mark the row of the guessed setting, and return how many lines above the first one the words need.

    "cannot tell" is a guess about all settings, so that its mark spans all.
    """
    levels = comparison.levels
    place = next((place for place, row in enumerate(levels) if str(row.level) == guess.answer), None)
    span = (-0.45, len(levels) - 0.55) if place is None else (place - 0.45, place + 0.45)
    ax.plot([0, 0], span, color=GUESS_COLOUR, linewidth=5, transform=ax.get_yaxis_transform(), clip_on=False, zorder=0)
    words = wrapped(_guess_words(guess), 72 * whole_figure(ax).get_figwidth() / 10.5)
    note = ax.annotate(
        words, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", in_layout=False,
        color="0.15", ha="left", va="bottom", fontweight="bold", fontsize=LETTERS,
    )  # fmt: skip
    write_plainly(note)
    return words.count("\n")


def _guess_words(guess: Guess) -> str:
    """Return the guess in words, as it stands on the plot."""
    sure = "" if guess.confidence is None else f", {100 * guess.confidence:.0f} % sure"
    return f"your guess: {label_text(guess.answer)}{sure}"


def plot_calibration(guesses: Guesses | None = None, *, bins: int = 5, ax: Axes | None = None) -> Axes:
    """Draw how often the guesses of each confidence were right; on the dashed line, confidence and truth agree.

    The bars are 95 % intervals of the share (E. B. Wilson, JASA 22, 1927): with few guesses they are long. Without a
    scored guess there is the line alone, and words that say so.

    Parameters
    ----------
    guesses : Guesses
        What `show_guesses` returns; None takes all guesses of the student.
    bins : int
        The number of equal intervals of confidence.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_calibration()
    """
    guesses = show_guesses() if guesses is None else guesses
    if not isinstance(guesses, Guesses):
        raise ConfigError(
            f"guesses wants what show_guesses returns, got {shown(guesses)}; leave it out for all guesses"
        )
    groups = guesses.calibration(bins=bins)
    ax = new_axes(ax, (4.2, 3.8))
    ax.set(xlabel="confidence (0–1)", ylabel="share that was right (0–1)", xlim=(-0.03, 1.1), ylim=(-0.05, 1.08))
    ax.spines[["top", "right"]].set_visible(False)
    ax.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1, label="as sure as right")
    for group in groups:
        at = group.confidence, group.right
        right = stats.binomtest(round(group.right * group.guesses), group.guesses)
        interval = right.proportion_ci(CONFIDENCE, "wilson")
        ax.vlines(group.confidence, interval.low, interval.high, color=GUESS_COLOUR, alpha=0.5, linewidth=2)
        ax.annotate(f"n = {group.guesses}", at, (7, 4), textcoords="offset points", fontsize=9)
    if groups:
        confidences, shares = zip(*((group.confidence, group.right) for group in groups), strict=True)
        ax.plot(confidences, shares, "D", color=GUESS_COLOUR, label="your guesses, 95 % interval")
    else:
        ax.text(0.72, 0.12, "no guess with a confidence\nhas been scored yet", ha="center", fontsize=9, color="0.3")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=9)
    return ax
