"""The exercises of notebook 03: one trajectory, the best epoch, early stopping, a paired interval, a plan."""

from __future__ import annotations

import functools
import math

from cnnlab.comparison.compare import compare
from cnnlab.comparison.verdicts import FEWEST_SEEDS, Level
from cnnlab.course.answer_values import as_number
from cnnlab.course.answers import wrong_choice, wrong_number, wrong_parts
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import wrong_verdict
from cnnlab.course.references.intervals import INTERVAL_MISTAKES, interval, make_pairs
from cnnlab.course.references.stopping import STOP_MISTAKES, make_curves, stop_early
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import wrong_function
from cnnlab.experiments.runs import bank, load_runs

LENGTHS = [5, 50, 100, 250, 350]
TRAIN_LOSS = [1.90, 1.20, 0.80, 0.50, 0.30, 0.20, 0.10, 0.05]
VALIDATION_LOSS = [1.80, 1.10, 0.90, 0.70, 0.62, 0.65, 0.71, 0.80]
ACCURACY = [0.50, 0.70, 0.78, 0.82, 0.85, 0.86, 0.87, 0.86]


def _wrong_saving(answer: object) -> str | None:
    every, needed = sum(LENGTHS), max(LENGTHS)
    known = {
        every - needed: "That is for one seed. She trains five.",
        5 * needed: "That is what has to be trained. How many epochs could she have saved?",
        5 * every: "That is what she trains. How many of these could she have saved?",
        every: "That is what she trains for one seed.",
        needed: "That is what has to be trained for one seed.",
        5 * every - needed: "One trajectory holds all lengths of a seed. But each seed has a trajectory of its own.",
        -5 * (every - needed): "The sign is turned round: how many does she save?",
        20: "That is how many trainings she saves. How many epochs?",
        0: "The short runs are the beginning of the long one. So they need no training of their own.",
        5 * (every - 5): "The shortest run is part of the longest, and not the other way round.",
    }
    return wrong_number(answer, 5 * (every - needed), known=known)


def _wrong_epoch(answer: object) -> str | None:
    known = {
        8: "That is the epoch with the lowest training loss, and the last one.",
        7: "That is the epoch with the highest accuracy. The rule asks for the validation loss.",
        4: "Count the epochs from 1: Python's places in a list begin at 0.",
        6: "After that epoch the validation loss is above its lowest point already.",
        3: "From there on the validation loss is above the training loss. Early stopping does not look at that.",
        1: "There the validation loss is highest.",
        0.62: "That is the loss. Give the number of the epoch.",
    }
    return wrong_number(answer, 5, known=known)


def _wrong_gap(answer: object) -> str | None:
    place = VALIDATION_LOSS.index(min(VALIDATION_LOSS))
    known = {
        TRAIN_LOSS[place] - VALIDATION_LOSS[place]: "The sign is turned round: validation minus training.",
        VALIDATION_LOSS[-1] - TRAIN_LOSS[-1]: "That is the gap after the last epoch.",
        VALIDATION_LOSS[place]
        - min(TRAIN_LOSS): "The lowest training loss is of another epoch. Take both at the same one.",
        VALIDATION_LOSS[place - 1] - TRAIN_LOSS[place - 1]: "That is the gap one epoch before.",
        VALIDATION_LOSS[place + 1] - TRAIN_LOSS[place + 1]: "That is the gap one epoch later.",
        VALIDATION_LOSS[6] - TRAIN_LOSS[6]: "That is the gap at the epoch with the highest accuracy.",
        VALIDATION_LOSS[place] / TRAIN_LOSS[place]: "That is a ratio. The gap is a difference.",
        VALIDATION_LOSS[place]: "That is the validation loss alone.",
        TRAIN_LOSS[place]: "That is the training loss alone.",
        ACCURACY[place] - VALIDATION_LOSS[place]: "Accuracy and loss have different units. Take the two losses.",
    }
    return wrong_number(answer, VALIDATION_LOSS[place] - TRAIN_LOSS[place], known=known, tolerance=1e-3)


def _wrong_best(answer: object) -> str | None:
    return wrong_parts(answer, {"kept epoch": _wrong_epoch, "gap": _wrong_gap})


def _wrong_stop(answer: object) -> str | None:
    return wrong_function(answer, stop_early, make_curves, known=STOP_MISTAKES, parts=("last epoch", "kept epoch"))


def _wrong_interval(answer: object) -> str | None:
    return wrong_function(answer, interval, make_pairs, known=INTERVAL_MISTAKES, tolerance=1e-3)


@functools.cache
def clothes_levels() -> dict[str, Level]:
    """Return the verdicts on 350 epochs against 50 on the pieces of clothing of experiment A, by loss and accuracy."""
    runs = load_runs(bank("experiment_a_fashion_mnist"))
    runs = runs.filter(optimizer="adam", kernel_size=3, pooling="max", epochs=[50, 350])
    return {
        metric: compare(runs, by="epochs", metric=f"validation_{metric}", reference=50).levels[1]
        for metric in ("loss", "accuracy")
    }


def _wrong_reading(answer: object) -> str | None:
    return wrong_parts(
        answer,
        {
            "loss": lambda part: wrong_verdict(part, clothes_levels()["loss"]),
            "accuracy": lambda part: wrong_verdict(part, clothes_levels()["accuracy"]),
        },
    )


def _wrong_seeds(answer: object) -> str | None:
    if isinstance(answer, (list, tuple, range)):  # the seeds themselves
        answer = len({repr(seed) for seed in answer})
    count = as_number(answer)
    if count is None or not math.isfinite(count) or count != round(count) or count < 1:
        return say("Give a whole number: how many seeds you train.")
    if count == 1:
        return say("One seed says nothing about chance.")
    return say("Two seeds say too little about how far runs scatter.") if count < FEWEST_SEEDS else None


def _wrong_plan(answer: object) -> str | None:
    test = "Then the exam has a say in the choice, and its number is too high: the test set was used as validation."
    train = "The training loss goes on falling while the network overfits."
    seen = "The epoch was chosen on these images, so this number is a little too high."
    learnt = "The network has learnt from these images. How does it do on others?"
    return wrong_parts(
        answer,
        {
            "seeds": _wrong_seeds,
            "choose the epoch by": lambda part: wrong_choice(part, "validation", {"test": test, "train": train}),
            "report the accuracy on": lambda part: wrong_choice(part, "test", {"validation": seen, "train": learnt}),
        },
    )


EXERCISES = (
    Exercise(
        name="03-saved-epochs",
        find_mistake=_wrong_saving,
        further="The sweeps of this course do it for you: runs that differ in their length alone are trained once.",
        hints=(
            "Which of the five runs of a seed holds all the others?",
            "Add up what she trains, take away what is needed, and think of the seeds.",
        ),
        solution="answer = 5 * (5 + 50 + 100 + 250)",
    ),
    Exercise(
        name="03-best-epoch",
        find_mistake=_wrong_best,
        further="The gap is there already at the best epoch. A gap alone does not say that it is time to stop.",
        hints=(
            "Early stopping looks at one of the three lists only. Which one?",
            "Find the lowest number of validation_loss, and count its place from 1. The gap is made of two losses.",
        ),
        solution="""train_loss = [1.90, 1.20, 0.80, 0.50, 0.30, 0.20, 0.10, 0.05]
validation_loss = [1.80, 1.10, 0.90, 0.70, 0.62, 0.65, 0.71, 0.80]
place = validation_loss.index(min(validation_loss))
answer = {"kept epoch": place + 1, "gap": validation_loss[place] - train_loss[place]}""",
    ),
    Exercise(
        name="03-paired-interval",
        find_mistake=_wrong_interval,
        further="With two or more differences in one table t gets larger, so that all its intervals hold together.",
        hints=(
            "Take the difference of each seed. Then you need only their mean and their standard deviation.",
            "The half width is t · s / √5, and statistics.stdev gives s, the standard deviation of a sample.",
        ),
        solution="""import statistics


def interval_of(first, second):
    differences = [b - a for a, b in zip(first, second)]
    half = 2.776 * statistics.stdev(differences) / 5**0.5
    middle = statistics.mean(differences)
    return middle - half, middle + half


answer = interval_of""",
    ),
    Exercise(
        name="03-read-picture",
        find_mistake=_wrong_reading,
        further="It is the story of the digits again: the loss and the accuracy answer two questions.",
        hints=(
            "For each half ask two things: where are the ends of the interval, and is more of this metric good?",
            "A loss that rises is no improvement. And an interval on both sides of zero gives no verdict.",
        ),
        solution="""from cnnlab import bank, compare, load_runs

runs = load_runs(bank("experiment_a_fashion_mnist"))
runs = runs.filter(optimizer="adam", kernel_size=3, pooling="max", epochs=[50, 350])
answer = {}
for metric in ("loss", "accuracy"):
    comparison = compare(runs, by="epochs", metric=f"validation_{metric}", reference=50)
    answer[metric] = comparison.verdicts[350]""",
    ),
    Exercise(
        name="03-stop-early",
        find_mistake=_wrong_stop,
        further="With min_delta the loss has to fall by that much to count as lower.",
        hints=(
            "Keep the best loss so far and its epoch. In each epoch ask: how long ago was the best?",
            "Training ends when epoch - best_epoch is more than patience, or with the last epoch.",
        ),
        solution="""def stop_early(losses, patience):
    best_loss, best_epoch = float("inf"), 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best_loss:
            best_loss, best_epoch = loss, epoch
        if epoch - best_epoch > patience:
            break
    return epoch, best_epoch


answer = stop_early""",
    ),
    Exercise(
        name="03-honest-plan",
        find_mistake=_wrong_plan,
        further="And the exam is opened once, at the end. This course counts how often it was opened.",
        hints=(
            "Three parts of the data: one to learn from, one to choose with, one for the exam.",
            "The epoch is a choice. What you report must come from images that had no say in it.",
        ),
        solution='answer = {"seeds": 5, "choose the epoch by": "validation", "report the accuracy on": "test"}',
    ),
)
