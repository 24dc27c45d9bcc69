"""The score of one prediction: Brier's by hand, a number's distance, and the words of each kind."""

import dataclasses
import itertools
import math

import pytest
from made_runs import QUESTION

from cnnlab.comparison.prediction import Prediction, brier_score, know_nothing_score
from cnnlab.comparison.question import Guess, Rule
from cnnlab.comparison.right_answer import Outcome

KERNELS = Rule(("3", "5", "7", "cannot tell"))


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


def test_who_says_how_sure_she_is_has_the_best_score_to_expect():
    said = [step / 100 for step in range(101)]
    for sure in (0.4, 0.6, 0.95):
        expected = [
            sure * brier_score(each, right=True, choices=4) + (1 - sure) * brier_score(each, right=False, choices=4)
            for each in said
        ]
        assert said[expected.index(min(expected))] == sure


@pytest.mark.parametrize(
    ("guess", "rule", "outcome", "result", "words"),
    [
        # 0.3² + 3 × 0.1² = 0.12
        (Guess("5", 0.7), KERNELS, Outcome("5", "5 is best"), "right",
         "Your guess: 5 (70 % sure). Right: 5 is best. Brier score 0.12 (0 is perfect, knowing nothing gives 0.75)."),
        # 0.4² + 0.8² + 2 × 0.2² = 0.88
        (Guess("7", 0.4), KERNELS, Outcome("5", "5 is best"), "not so",
         "Your guess: 7 (40 % sure). Not so: 5 is best. Brier score 0.88 (0 is perfect, knowing nothing gives 0.75)."),
        (Guess("7"), KERNELS, Outcome("5", "5 is best"), "not so", "Your guess: 7. Not so: 5 is best."),
        (Guess("cannot tell", 1.0), KERNELS, Outcome(None, "nobody can say", "why"), "open",
         "Your guess: cannot tell (100 % sure). The question stays open, and nothing is scored: nobody can say, why."),
        (Guess("5", 0.7), KERNELS, None, "waiting", "Your guess: 5 (70 % sure). The answer has not been looked at."),
        (Guess("a stroke"), Rule(), Outcome("a corner", "a corner"), "judge yourself",
         "Your guess: a stroke. Compare it yourself: a corner."),
        (Guess(80), Rule(tolerance=5), Outcome(85, "85"), "right",
         "Your guess: 80. Right: 85; your guess is 5 too low (up to 5 off counts as right)."),
        (Guess(80), Rule(tolerance=5), Outcome(74.5, "≈ 74.5"), "not so",
         "Your guess: 80. Not so: ≈ 74.5; your guess is 5.5 too high (up to 5 off counts as right)."),
        (Guess(0.3), Rule(tolerance=0.0), Outcome(0.1 + 0.2, "≈ 0.3"), "right",
         "Your guess: 0.3. Right: ≈ 0.3; your guess is 5.551e-17 too low (up to 0 off counts as right)."),
        (Guess(2), Rule(tolerance=0.0), Outcome(2, "2"), "right",
         "Your guess: 2. Right: 2; exactly so (up to 0 off counts as right)."),
        (Guess(10), Rule(factor=2.0), Outcome(64, "64"), "not so",
         "Your guess: 10. Not so: 64; your guess is 6.4 times too low (up to 2 times counts as right)."),
        (Guess(100, 0.8), Rule(factor=2.0), Outcome(50, "50"), "right",
         "Your guess: 100 (80 % sure). Right: 50; your guess is 2.0 times too high (up to 2 times counts as right). "
         "Brier score 0.08 (0 is perfect, knowing nothing gives 0.50)."),  # 0.2² + 0.2²
        (Guess(-1), Rule(factor=2.0), Outcome(5, "5"), "not so", "Your guess: -1. Not so: 5; your guess is too low."),
    ],
)  # fmt: skip
def test_the_result_and_the_words_of_each_kind(guess, rule, outcome, result, words):
    prediction = Prediction(QUESTION, guess, rule, outcome)
    assert prediction.result == result
    assert prediction.was_right is {"right": True, "not so": False}.get(result)
    assert prediction.words == words
    assert repr(prediction) == f"{QUESTION}\n{words}"
    assert math.isnan(prediction.brier) == ("Brier" not in words)


def test_what_is_committed_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Guess("5", 0.6).answer = "7"
