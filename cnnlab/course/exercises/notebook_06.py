"""The exercises of notebook 06: the experiment on MNIST."""

from __future__ import annotations

import functools
from functools import partial

from cnnlab.comparison.compare import compare
from cnnlab.comparison.verdicts import Level
from cnnlab.course.answers import wrong_array, wrong_choices, wrong_number, wrong_parts
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import wrong_verdict
from cnnlab.experiments.runs import bank, load_runs

ASKED = [  # metric and field of the four rows of the exercise's picture, from the top
    ("train_loss", "pooling"),
    ("train_loss", "kernel_size"),
    ("validation_accuracy", "pooling"),
    ("validation_accuracy", "kernel_size"),
]


def _wrong_count(answer: object) -> str | None:
    known = [
        ([60, 20], "Those are the numbers of the experiment as it is. What do the new levels multiply?"),
        ([90, 30], "You have the third kernel. The second optimizer is missing."),
        ([120, 40], "You have the second optimizer. The third kernel is missing."),
        ([36, 12], "You have counted configurations. Each has five seeds."),
        ([180, 180], "Lengths are points of one trajectory: how many are trained together?"),
        ([180, 36], "You have divided by the seeds. Each seed is a training of its own; the lengths are not."),
        ([60, 180], "The two numbers are swapped: runs first, then trainings."),
        ([180, 90], "You have divided by two. How many lengths does one training have?"),
        ([100, 60], "You have added levels. Each level of one choice meets each level of the others."),
    ]
    return wrong_array(answer, [180, 60], known=known, tolerance=1e-6)


@functools.cache
def asked_levels() -> dict[str, Level]:
    """Return metric and field → the row of the comparison, from the results bank."""
    runs = load_runs(bank("experiment_b")).filter(epochs=5)
    return {f"{metric}, {field}": compare(runs, by=field, metric=metric).levels[1] for metric, field in ASKED}


def _wrong_verdicts(answer: object) -> str | None:
    levels = asked_levels().items()
    return wrong_parts(answer, {question: partial(wrong_verdict, level=level) for question, level in levels})


def _wrong_chance(answer: object) -> str | None:
    known = {
        0.4: "Adding the eight counts twice what goes wrong in two of them. It is an upper limit, not the number.",
        0.05: "That is one comparison.",
        0.95**8: "That is the chance that all eight are right. What is left?",
        0.05**8: "That is the chance that all eight are wrong.",
        0.05 / 8: "That would be the level of each, if all eight together should keep 5 %.",
        0.95: "That is the chance that one comparison is right.",
        100 * (1 - 0.95**8): "Give it from 0 to 1, not in per cent.",
        1 - 0.95**7: "You have counted seven comparisons.",
        1 - 0.05**8: "That is the chance that not all eight are wrong.",
        8 * 0.05 * 0.95**7: "That is the chance of exactly one. Two or more count, too.",
    }
    return wrong_number(answer, 1 - 0.95**8, known=known, tolerance=0.015)


def _wrong_mean(answer: object) -> str | None:
    known = {
        2.25: "That is the mean of the two factors. Four times as large counts more in it than half as large.",
        2.0: "That is their product. It has two factors: take the root.",
        0.34657359: "That is the mean logarithm. Go back from it, by exp.",
        0.5: "That is the mean logarithm (to base 2), or the smaller factor. Give a factor.",
        0.150515: "That is the mean logarithm. Go back from it, by a power of 10.",
        0.8888889: "That is the mean of the ratios turned round. Take the mean of the logarithms.",
        1.0: "They would cancel if one was twice and the other half as large. Here one is four times as large.",
        4.5: "That is the sum. Take the mean of the logarithms.",
        0.70710678: "You have it upside down, or one sign is wrong: the logarithm of a half is below zero.",
    }
    return wrong_number(answer, 2**0.5, known=known, tolerance=0.011)


PLAN = {
    "choose on": (
        "validation",
        {
            "training": "Who knows these images by heart wins. They say nothing about new ones.",
            "test": "Images that choose can't examine: the score would be too good.",
        },
    ),
    "into the exam": (
        "the five of the chosen configuration",
        {
            "all sixty": "Then you will see which of the sixty does best there, and that is a choice on the exam.",
            "the best of the five": "A seed is no choice: another student's will be another one.",
        },
    ),
    "report": (
        "their mean",
        {
            "the highest": "The highest of five is high by luck, too.",
            "the configuration's validation accuracy": "It has made the choice, so it is a little too good.",
        },
    ),
    "if it disappoints": (
        "report it",
        {
            "choose again": "Whoever goes back and opens the exam again has chosen on it.",
            "train with other seeds": "Whoever repeats until it pleases has chosen on the exam.",
        },
    ),
}


def _wrong_exam_plan(answer: object) -> str | None:
    return wrong_choices(answer, PLAN)


EXERCISES = (
    Exercise(
        name="06-count",
        find_mistake=_wrong_count,
        further="And a fourth length, between the others, would cost no training at all.",
        hints=(
            "Runs: multiply the numbers of levels, and the seeds. Which of the choices needs no training of its own?",
            "The lengths are points of one training: leave them out of the second product.",
        ),
        solution="answer = [3 * 2 * 3 * 2 * 5, 3 * 2 * 2 * 5]",
    ),
    Exercise(
        name="06-verdicts",
        find_mistake=_wrong_verdicts,
        further="All four are about 5 epochs. What they say of 50 is another question.",
        hints=(
            "First ask whether a bar crosses the zero line. Then, on which side it lies.",
            "Left of zero the loss is lower, and so is the accuracy. For which of the two is that good?",
        ),
        solution=(
            "from cnnlab import bank, compare, load_runs\n\n"
            'runs = load_runs(bank("experiment_b")).filter(epochs=5)\n'
            "answer = {}\n"
            'for metric in ("train_loss", "validation_accuracy"):\n'
            '    for field in ("pooling", "kernel_size"):\n'
            '        answer[f"{metric}, {field}"] = compare(runs, by=field, metric=metric).levels[1].verdict'
        ),
    ),
    Exercise(
        name="06-exam-plan",
        find_mistake=_wrong_exam_plan,
        further="Write such a plan down before you train: afterwards every plan looks like the one you had.",
        hints=(
            "The exam stands for images that nobody has looked at. Which step of a plan would look at them twice?",
            "A choice on some images makes their score too good. A seed is no choice at all.",
        ),
        solution=(
            'answer = {"choose on": "validation", "into the exam": "the five of the chosen configuration"}\n'
            'answer |= {"report": "their mean", "if it disappoints": "report it"}'
        ),
    ),
    Exercise(
        name="06-wrong-verdicts",
        find_mistake=_wrong_chance,
        further="So the course's tables widen their intervals when they have several rows.",
        hints=(
            "What is the chance that none of the eight is wrong?",
            "One comparison is right with 0.95. All eight are with 0.95 × 0.95 × …, and the rest is the answer.",
        ),
        solution="answer = 1 - 0.95**8",
    ),
    Exercise(
        name="06-mean-factor",
        find_mistake=_wrong_mean,
        further="Turn both ratios round, and the mean turns round with them. An ordinary mean would not.",
        hints=(
            "Take the logarithm of each factor, their mean, and then exp of it.",
            "The logarithms of 4 and of a half have opposite signs, and one is twice as large.",
        ),
        solution="import math\n\nanswer = math.exp((math.log(4) + math.log(1 / 2)) / 2)",
    ),
)
