"""How a question can be answered: rules, guesses and confidences that are taken, or refused in words."""

import math

import numpy as np
import pytest

from cnnlab.comparison.question import (
    Guess,
    Rule,
    check_guess,
    check_question,
    check_rule,
    is_finite_number,
    is_missing,
    which_is_best,
)
from cnnlab.errors import ConfigError


def test_a_rule_is_choices_a_tolerance_or_a_factor_or_none_of_them():
    assert check_rule([3, 5, 5, "cannot tell"], None, None) == Rule(choices=("3", "5", "cannot tell"))
    assert check_rule(None, 5, None) == Rule(tolerance=5.0)
    assert check_rule(None, None, 2) == Rule(factor=2.0)
    assert check_rule(None, None, None) == Rule()
    assert [rule.is_number for rule in (Rule(("a", "b")), Rule(tolerance=0.0), Rule(factor=1.0), Rule())] == [
        False, True, True, False,
    ]  # fmt: skip
    # A confidence is spread over three answers here; a number is near enough, or it is not.
    assert [Rule(("3", "5", "cannot tell")).answers, Rule(tolerance=1.0).answers] == [3, 2]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([3, 5], 1, None), "choices and tolerance do not go together; give one of them"),
        ((None, 1, 2), "tolerance and factor do not go together"),
        (([3], None, None), "choices wants two or more to choose from, got ['3']"),
        (("3, 5", None, None), "choices wants a list, such as [3, 5, 7], got '3, 5'"),
        ((None, -1, None), "tolerance must be a finite number of 0 or more, got -1"),
        ((None, None, 0.5), "factor must be a finite number of 1 or more, got 0.5"),
    ],
)
def test_a_rule_that_can_not_be_is_refused(given, words):
    with pytest.raises(ConfigError) as caught:
        check_rule(*given)
    assert words in str(caught.value)


def test_guesses_are_taken_as_text_or_as_numbers():
    assert check_guess(5, 0.6, Rule(("3", "5"))) == Guess("5", 0.6)
    assert check_guess(np.int64(5), None, Rule(("3", "5"))) == Guess("5")
    number = check_guess(np.float64(2.5), 1, Rule(tolerance=1.0))
    assert (number, type(number.answer)) == (Guess(2.5, 1.0), float)
    assert type(check_guess(np.int64(7), None, Rule(factor=2.0)).answer) is int
    assert check_guess("the edges", None, Rule()) == Guess("the edges")
    assert str(Guess("5", 0.6)) == "5 (60 % sure)"


@pytest.mark.parametrize(
    ("answer", "confidence", "rule", "words"),
    [
        ("33", 0.5, Rule(("3", "5")), "unknown answer '33'; did you mean '3'?"),
        ("five", None, Rule(tolerance=1.0), "the answer is a number, such as 5 or 0.5, got 'five'"),
        (True, None, Rule(tolerance=1.0), "the answer is a number, such as 5 or 0.5, got True"),
        (math.inf, None, Rule(factor=2.0), "the answer is a number, such as 5 or 0.5, got inf"),
        ("3", ..., Rule(("3", "5")), "say how sure you are, too: a number from 0 to 1, such as 0.6"),
        ("3", 60, Rule(("3", "5")), "confidence must lie in 0–1, got 60; try 0.6 for per cent"),
        ("3", -0.1, Rule(("3", "5")), "confidence must be a finite number of 0 or more, got -0.1"),
    ],
)
def test_a_guess_that_is_no_answer_is_refused(answer, confidence, rule, words):
    with pytest.raises(ConfigError) as caught:
        check_guess(answer, confidence, rule)
    assert words in str(caught.value)


def test_missing_answers_and_numbers_are_told_apart():
    assert [is_missing(answer) for answer in (..., None, "  ", 0, False, "0")] == [True] * 3 + [False] * 3
    numbers = [1, 2.5, np.float32(1), True, math.nan, "1", None]
    assert [is_finite_number(value) for value in numbers] == [True] * 3 + [False] * 4


def test_levels_become_choices_with_cannot_tell_last_and_once():
    assert which_is_best(["cannot tell", 3, 5]) == ("3", "5", "cannot tell")
    with pytest.raises(ConfigError, match=r"choices wants two levels or more to choose from, got \['3'\]"):
        which_is_best([3, "cannot tell"])
    for question in ("", "  ", 5):
        with pytest.raises(ConfigError, match="a question is a name, such as '01-kernel-digits', or a sentence, got"):
            check_question(question)
