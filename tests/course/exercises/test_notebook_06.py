"""The exercises of notebook 06, with right answers, and with wrong ones that students give."""

import math

import pytest
from exercise_cases import Case, run_case
from scipy import stats

from cnnlab.course.exercises.notebook_06 import asked_levels

VERDICTS = {
    "train_loss, pooling": "worse",
    "train_loss, kernel_size": "better",
    "validation_accuracy, pooling": "cannot tell",
    "validation_accuracy, kernel_size": "cannot tell",
}
PLAN = {
    "choose on": "validation",
    "into the exam": "the five of the chosen configuration",
    "report": "their mean",
    "if it disappoints": "report it",
}
CASES = {
    "06-count": Case(
        right=[[180, 60], (3 * 2 * 3 * 2 * 5, 3 * 2 * 2 * 5)],
        wrong=[
            ([60, 20], "as it is"),
            ([90, 30], "second optimizer is missing"),
            ([120, 40], "third kernel is missing"),
            ([36, 12], "counted configurations"),
            ([180, 180], "points of one trajectory"),
            ([180, 36], "divided by the seeds"),
            ([60, 180], "swapped"),
            (180, "The shape must be"),
            ([180, 59], "values are wrong"),
        ],
    ),
    "06-verdicts": Case(
        right=[VERDICTS, {key: f" {word.upper()}" for key, word in VERDICTS.items()}],
        wrong=[
            (VERDICTS | {"train_loss, pooling": "better"}, "the other way round"),
            (VERDICTS | {"train_loss, kernel_size": "worse"}, "the other way round"),
            (VERDICTS | {"train_loss, kernel_size": "cannot tell"}, "does the interval reach it"),
            (VERDICTS | {"validation_accuracy, pooling": "worse"}, "its two ends"),
            (VERDICTS | {"validation_accuracy, kernel_size": "better"}, "its two ends"),
            (dict.fromkeys(VERDICTS, "cannot tell"), "does the interval reach it"),
            (VERDICTS | {"validation_accuracy, kernel_size": "equal"}, "Choose one of"),
            (VERDICTS | {"validation_accuracy, kernel_size": ...}, "still missing"),
            (list(VERDICTS.values()), "Give a dict"),
            ({"train_loss, pooling": "worse"}, "still missing"),
        ],
    ),
    "06-exam-plan": Case(
        right=[PLAN, dict(reversed(PLAN.items()))],
        wrong=[
            (PLAN | {"choose on": "test"}, "can't examine"),
            (PLAN | {"choose on": "training"}, "by heart"),
            (PLAN | {"into the exam": "all sixty"}, "a choice on the exam"),
            (PLAN | {"into the exam": "the best of the five"}, "A seed is no choice"),
            (PLAN | {"report": "the highest"}, "high by luck"),
            (PLAN | {"report": "the configuration's validation accuracy"}, "has made the choice"),
            (PLAN | {"if it disappoints": "choose again"}, "has chosen on it"),
            (PLAN | {"if it disappoints": "train with other seeds"}, "until it pleases"),
            (PLAN | {"report": ...}, "still missing"),
            ("validation", "Give a dict"),
        ],
    ),
    "06-wrong-verdicts": Case(
        right=[1 - 0.95**8, 0.34, 0.337],
        wrong=[
            (0.4, "upper limit"),
            (0.05, "one comparison"),
            (0.95**8, "What is left"),
            (0.05**8, "all eight are wrong"),
            (0.05 / 8, "level of each"),
            (8 * 0.05 * 0.95**7, "exactly one"),
            (1 - 0.95**7, "seven"),
            (33.7, "per cent"),
            (34, "per cent"),
        ],
    ),
    "06-mean-factor": Case(
        right=[math.sqrt(2), 1.41, math.exp((math.log(4) + math.log(0.5)) / 2)],
        wrong=[
            (2.25, "mean of the two factors"),
            (2, "two factors"),
            (math.log(2) / 2, "by exp"),
            (0.5, "base 2"),
            (math.log10(2) / 2, "power of 10"),
            (2 / (1 / 4 + 2), "turned round"),
            (1, "would cancel"),
            (4.5, "That is the sum"),
            (math.sqrt(8), "too large"),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_the_bank_bears_the_verdicts_out():
    assert {question: level.verdict for question, level in asked_levels().items()} == VERDICTS


def test_the_two_numbers_are_scipys():
    assert stats.binom.sf(0, 8, 0.05) == pytest.approx(1 - 0.95**8)
    assert stats.gmean([4, 0.5]) == pytest.approx(math.sqrt(2))
