"""All predictions as a table, their score and calibration by hand, and how they are cleared."""

import pytest
from made_runs import TWO_LEFT, comparison

from cnnlab.comparison.guesses import show_guesses
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.comparison.predictions import commit_guess, score_guess
from cnnlab.errors import ConfigError

CHOICES = [3, 5, 7, "cannot tell"]


def guess(name, answer, confidence, evidence=None):
    commit_guess(name, answer, choices=CHOICES, confidence=confidence)
    if evidence is not None:
        score_guess(name, evidence)


def test_without_a_prediction_it_says_so_and_names_no_folder():
    assert repr(show_guesses()) == "No prediction has been made yet."
    assert show_guesses()._repr_html_() == "<p>No prediction has been made yet.</p>"
    assert show_guesses().table().empty


def test_the_table_has_every_prediction_with_its_score():
    guess("01-kernel", 5, 0.7, comparison())
    guess("02-pool", 7, 0.4, comparison(TWO_LEFT))
    guess("03-later", 3, 0.9)
    commit_guess("00-<digits>", 80, tolerance=5)
    score_guess("00-<digits>", 84)
    guesses = show_guesses()
    table = guesses.table()
    assert list(table.index) == ["01-kernel", "02-pool", "03-later", "00-<digits>"]
    assert list(table["your guess"]) == ["5 (70 % sure)", "7 (40 % sure)", "3 (90 % sure)", "80"]
    assert list(table["the runs say"]) == ["5 is best", "these runs cannot tell which is best: 5 or 7", "", "84"]
    assert list(table["result"]) == ["right", "not so", "waiting", "right"]
    assert list(table["Brier score"]) == ["0.12", "0.88", "", ""]  # 0.3² + 3 × 0.1², and 0.4² + 0.8² + 2 × 0.2²
    assert guesses.words == (
        "3 predictions scored, 2 right (67 %). Where you said how sure you are (2): 55 % sure on average, mean Brier "
        "score 0.50 (0 is perfect, knowing nothing gives 0.75)."
    )
    where = f"They are kept in {PREDICTIONS.path}."
    assert repr(guesses) == f"{table.to_string()}\n{guesses.words}\n{where}"
    page = guesses._repr_html_()
    assert "00-&lt;digits&gt;" in page
    assert page.endswith(f"<p>{guesses.words}</p><p>{where}</p>")


def test_what_waits_or_stays_open_is_not_counted():
    guess("01", 5, 0.7)
    guess("02", "cannot tell", 1.0, comparison({3: [0.5, 0.6, 0.4], 5: [0.62, 0.55, 0.5], 7: [0.1, 0.2, 0.15]}))
    assert list(show_guesses().table()["result"]) == ["waiting", "open"]
    assert show_guesses().words == "No prediction has been scored yet."
    assert show_guesses().calibration() == []


def test_calibration_counts_each_bin():
    for place, (answer, confidence) in enumerate([(5, 1.0), (3, 0.85), (5, 0.8), (5, 0.4), (7, 0.45)]):
        guess(f"question {place}", answer, confidence, comparison())
    commit_guess("a number", 3, tolerance=1)
    score_guess("a number", 3)
    low, high = show_guesses().calibration()
    assert low == (2, pytest.approx(0.425), 0.5)
    assert high == (3, pytest.approx(2.65 / 3), pytest.approx(2 / 3))
    assert [each.guesses for each in show_guesses().calibration(bins=1)] == [5]


def test_clearing_names_what_it_clears():
    guess("01-kernel", 5, 0.7)
    guess("01-pool", 7, 0.4)
    guess("02-kernel", 3, 0.9)
    cleared = show_guesses(clear="01")
    assert cleared.note == "Cleared: 01-kernel (5 (70 % sure)), 01-pool (7 (40 % sure))."
    assert cleared.note in repr(cleared)
    assert list(PREDICTIONS.read()) == ["02-kernel"]
    assert show_guesses(clear="03").note == "Nothing was cleared: no question begins with '03'."
    assert list(PREDICTIONS.read()) == ["02-kernel"]
    assert repr(show_guesses(clear="all")) == "Cleared: 02-kernel (3 (90 % sure)).\nNo prediction has been made yet."
    assert PREDICTIONS.read() == {}


@pytest.mark.parametrize("wrong", [True, "", 1])
def test_clearing_wants_words(wrong):
    with pytest.raises(ConfigError, match="clear wants 'all' or the beginning of a question, such as '01', got"):
        show_guesses(clear=wrong)
