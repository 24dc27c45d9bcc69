"""Guesses: the right answer against compare itself, Brier's score by hand, and a scorebook that cannot be cheated."""

import itertools
import math

import numpy as np
import pytest
from made_runs import QUESTION, TWO_LEFT, WINNER, comparison, levels_of, made

from cnnlab import scorebook
from cnnlab.comparison.compare import compare
from cnnlab.comparison.predictions import (
    Guess,
    Scorebook,
    brier_score,
    contenders,
    know_nothing_score,
    leading,
    record_guess,
    right_answer,
    say_answer,
)
from cnnlab.comparison.settings import compare_settings
from cnnlab.errors import ConfigError

# --- The right answer


@pytest.mark.parametrize("metric", ["validation_accuracy", "validation_loss"])
def test_another_reference_is_what_compare_says_with_it(metric):
    found = comparison(metric=metric)
    for level in (3, 5, 7):
        turned, direct = found.against(level), comparison(metric=metric, reference=level)
        assert str(turned) == str(direct)
        for one, other in zip(turned.levels, direct.levels, strict=True):
            np.testing.assert_equal(tuple(one), tuple(other))
        assert (turned.noise_floor, turned.values) == (direct.noise_floor, direct.values)
    with pytest.raises(ConfigError, match=r"reference=4 is no level of kernel_size; choose from \[3, 5, 7\]"):
        found.against(4)


def test_the_winner_is_better_than_every_other_one():
    assert right_answer(comparison()) == "5"
    assert right_answer(comparison(reference=7)) == "5"  # whatever it was held against
    assert right_answer(comparison(metric="validation_loss")) == "5"
    assert say_answer(comparison()) == "5 is best"


def test_two_that_cannot_be_told_apart_are_no_winner_though_both_beat_a_third():
    found = comparison(TWO_LEFT)
    assert found.verdicts == {5: "better", 7: "better"}
    assert right_answer(found) == "cannot tell"
    assert contenders(found) == ["5", "7"]
    assert say_answer(found) == "these runs cannot tell which is best: 5 or 7"
    assert leading(found).levels[0].level == 7


def test_without_enough_seeds_nobody_can_tell():
    assert right_answer(comparison({3: [0.1, 0.1], 5: [0.9, 0.8]})) == "cannot tell"


def test_it_is_the_level_that_wins_every_one_of_its_comparisons():
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(60):
        table = {level: rng.normal(0.1 * rng.integers(3), 0.03, size=4).tolist() for level in (3, 5, 7)}
        tables = {level: comparison(table, reference=level).verdicts for level in table}
        winners = [str(level) for level, verdicts in tables.items() if set(verdicts.values()) == {"worse"}]
        answers.append(right_answer(comparison(table)))
        assert answers[-1] == (winners[0] if winners else "cannot tell")
    assert set(answers) == {"3", "5", "7", "cannot tell"}


def test_where_nothing_differs_a_winner_is_rare():
    rng = np.random.default_rng(1)
    answers = [
        right_answer(comparison({level: rng.normal(0.5, 0.03, size=5).tolist() for level in (3, 5)}))
        for _ in range(600)
    ]
    named = sum(answer != "cannot tell" for answer in answers)
    assert 10 <= named <= 50  # 5 % of 600 are 30, with a standard deviation of 5.3


def test_of_a_number_without_a_direction_the_winner_is_the_highest():
    runs = levels_of("kernel_size", WINNER)
    for run in runs:
        for row in run.history.rows:
            row["dead_share"] = row["validation_accuracy"]
    found = compare(runs, by="kernel_size", metric="dead_share")
    assert (right_answer(found), say_answer(found)) == ("5", "5 is highest")


def test_whole_settings_are_judged_on_the_seeds_that_two_of_them_share():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59, 0.90]})
    runs += [made([], kernel_size=7, stopped_by="diverged")]
    found = compare_settings(runs)
    assert found.against("kernel_size=5").verdicts == {"kernel_size=3": "worse", "kernel_size=7": "cannot tell"}
    assert contenders(found) == ["kernel_size=5", "kernel_size=7"]  # nobody knows how good the one that diverged is
    with pytest.raises(ConfigError, match="reference='kernel_size=7' has no number"):
        found.against("kernel_size=7")
    assert right_answer(compare_settings(runs[:-1])) == "kernel_size=5"
    with pytest.raises(ConfigError, match="this comparison has one level, and nothing to be better than"):
        right_answer(compare_settings(runs[:2]))


# --- The score


@pytest.mark.parametrize("choices", [2, 3, 4, 7])
@pytest.mark.parametrize("confidence", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_briers_score_is_the_sum_of_its_squares(choices, confidence):
    given = [confidence] + [(1 - confidence) / (choices - 1)] * (choices - 1)
    for right in (0, 1):
        happened = [float(place == right) for place in range(choices)]
        by_hand = sum((p - o) ** 2 for p, o in zip(given, happened, strict=True))
        assert brier_score(confidence, right=right == 0, choices=choices) == pytest.approx(by_hand)


def test_its_ends_and_knowing_nothing():
    assert brier_score(1, right=True, choices=3) == 0
    assert brier_score(1, right=False, choices=3) == 2
    for choices, right in itertools.product((2, 3, 5), (True, False)):
        assert brier_score(1 / choices, right=right, choices=choices) == pytest.approx(know_nothing_score(choices))


def test_the_words_and_the_score_of_a_scorebook_by_hand():
    book = Scorebook()
    assert repr(book) == "Scorebook: No guess has been scored yet."
    first = record_guess(QUESTION, 5, 0.7, comparison(), scorebook=book)
    assert first.words == "Your guess: 5 (70 % sure). Right: 5 is best. Brier score 0.12."  # 0.3² + 3 × 0.1²
    assert repr(first) == f"{QUESTION}\n{first.words}"
    second = record_guess("And now?", "7", 0.4, comparison(TWO_LEFT), scorebook=book)
    # 0.4² + 0.8² + 2 × 0.2² = 0.88
    assert second.words == (
        "Your guess: 7 (40 % sure). Not so: these runs cannot tell which is best: 5 or 7. Brier score 0.88."
    )
    assert book.words == (
        "This session: 2 guesses, 1 right (50 %), 55 % sure on average. Mean Brier score 0.50 "
        "(perfect: 0; knowing nothing, and saying so: 0.75)."
    )


def test_calibration_counts_each_bin():
    book = Scorebook()
    for place, (answer, confidence) in enumerate([("5", 1.0), ("3", 0.85), ("5", 0.8), ("5", 0.4), ("7", 0.45)]):
        record_guess(f"question {place}", answer, confidence, comparison(), scorebook=book)
    low, high = book.calibration()
    assert low == (2, pytest.approx(0.425), 0.5)
    assert high == (3, pytest.approx(2.65 / 3), pytest.approx(2 / 3))
    assert [one.guesses for one in book.calibration(bins=1)] == [5]


# --- A scorebook that cannot be cheated


def test_the_first_guess_counts_and_counts_once():
    book = Scorebook()
    first = record_guess(QUESTION, 7, 0.9, comparison(), scorebook=book)
    assert record_guess(QUESTION, 7, 0.9, comparison(), scorebook=book) == first  # the cell was run again
    with pytest.warns(UserWarning, match=r"you answered this already: 7 \(90 % sure\); the first guess counts"):
        again = record_guess(QUESTION, 5, 1.0, comparison(), scorebook=book)
    assert again == first
    assert book.words.startswith("This session: 1 guess, 0 right")


def test_an_unscored_guess_is_kept_and_not_counted():
    book = Scorebook()
    entry = book.commit(QUESTION, [3, 5, 7], 5, 0.5)
    assert entry.choices == ("3", "5", "7", "cannot tell")
    assert (entry.right_answer, entry.was_right) == (None, False)
    assert math.isnan(entry.brier)
    assert entry.words == "Your guess: 5 (50 % sure). The comparison has not been made."
    assert book.words == "No guess has been scored yet."
    assert book.score(QUESTION, comparison()).was_right
    with pytest.raises(AttributeError):  # frozen: what is committed cannot be changed
        entry.guess.answer = "7"


def test_cannot_tell_is_an_answer_that_can_be_right():
    entry = record_guess(QUESTION, "cannot tell", 1.0, comparison(TWO_LEFT), scorebook=Scorebook())
    assert entry.was_right
    assert entry.brier == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((QUESTION, [3, 5], 7, 0.5), "unknown answer '7'; choose from '3', '5', 'cannot tell'"),
        ((QUESTION, [3, 5], "can't tell", 0.5), "unknown answer \"can't tell\"; did you mean 'cannot tell'?"),
        ((QUESTION, [3, 5], 5, 60), "confidence must lie in 0–1, got 60; try 0.6 for per cent"),
        ((QUESTION, [3, 5], 5, -0.1), "confidence must be a finite number of 0 or more, got -0.1"),
        ((QUESTION, [3], 3, 0.5), "choices wants two levels or more to choose from, got ['3']"),
        ((QUESTION, "35", 3, 0.5), "choices wants a list of the levels, such as [3, 5, 7], got '35'"),
        ((" ", [3, 5], 3, 0.5), "a question is a sentence, such as 'Which kernel reads best?', got ' '"),
    ],
)
def test_what_is_no_guess_is_refused_and_not_written_down(arguments, words):
    book = Scorebook()
    with pytest.raises(ConfigError) as caught:
        book.commit(*arguments)
    assert str(caught.value).startswith(words)
    assert book.entries == {}


def test_a_comparison_of_something_else_scores_nothing():
    book = Scorebook()
    with pytest.raises(ConfigError, match="no guess was committed for"):
        book.score(QUESTION, comparison())
    book.commit(QUESTION, [3, 5], 5, 0.5)
    with pytest.raises(ConfigError, match="asked were 3, 5, cannot tell, compared were 3, 5, 7, cannot tell"):
        book.score(QUESTION, comparison())
    with pytest.raises(ConfigError, match="wanted a comparison, such as compare"):
        book.score(QUESTION, 5)
    assert book.scored == []


@pytest.mark.parametrize("seeds", [1, 2])
def test_where_no_verdict_is_possible_nothing_is_scored_and_the_guess_waits(seeds):
    book, table = Scorebook(), {3: [0.5, 0.6, 0.4], 5: [0.9, 0.8, 0.95]}
    few = {level: values[:seeds] for level, values in table.items()}
    words = f"no verdict is possible with {seeds} seeds? in common, .*; train 3 seeds or more of each"
    with pytest.raises(ConfigError, match=words):
        record_guess(
            QUESTION, "cannot tell", 0.9, compare(levels_of("kernel_size", few), by="kernel_size"), scorebook=book
        )
    assert book.scored == []
    entry = record_guess(
        QUESTION, "cannot tell", 0.9, compare(levels_of("kernel_size", table), by="kernel_size"), scorebook=book
    )
    assert book.scored == [entry]


def test_a_guess_reads_as_words():
    assert str(Guess("5", 0.6)) == "5 (60 % sure)"


def test_without_a_scorebook_a_guess_goes_into_that_of_the_kernel():
    before = dict(scorebook.entries)
    try:
        entry = record_guess("Which one is it now?", 5, 0.7, comparison())
        assert scorebook.entries == before | {"Which one is it now?": entry}
    finally:
        scorebook.entries.pop("Which one is it now?", None)


def test_what_is_no_scorebook_is_refused():
    with pytest.raises(ConfigError, match=r"scorebook wants a Scorebook, got \{\}; leave it out"):
        record_guess(QUESTION, 5, 0.7, comparison(), scorebook={})
