"""The exercises of notebook 07: the full grid."""

from __future__ import annotations

import functools

import torch

from cnnlab.comparison.compare import compare
from cnnlab.course.answer_values import as_array, describe
from cnnlab.course.answers import wrong_array
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import fixed_fields, wrong_plan
from cnnlab.course.references.choices import (
    CHOICE_MISTAKES,
    WINS_MISTAKES,
    choose,
    make_losses,
    make_results,
    wins_alone,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import wrong_function
from cnnlab.experiments.presets import FULL_GRID
from cnnlab.experiments.runs import bank, load_runs

LENGTHS = (5, 50, 100, 250, 350)
BASE = FULL_GRID["mnist"].replace(kernel_size=5, epochs=50, learning_rate=0.003)


def _wrong_epochs(answer: object) -> str | None:
    known = [
        ([67950, 31500], "The two numbers are swapped: trained once first."),
        ([31500, 157500], "You let each of the 450 runs go on for 350 epochs. Most of them are shorter."),
        ([157500, 157500], "You let each of the 450 runs go on for 350 epochs. Most of them are shorter."),
        ([157500, 67950], "You let each of the 450 runs be trained by itself, to 350 epochs. Which are one training?"),
        ([6300, 13590], "You have counted each configuration once. There are five seeds."),
        ([31500, 31500], "The second number is of runs that share nothing: the short ones are trained by themselves."),
        ([31500, 13590], "In the second number the seeds are missing."),
        ([350, 755], "Those are the epochs of one kernel, pooling, optimizer and seed."),
        ([67950, 67950], "A training of 350 epochs has the shorter ones in it."),
        ([31500, 36450], "You have added 5, 50, … once for each training, and left some of them out."),
    ]
    return wrong_array(answer, [90 * 350, 90 * sum(LENGTHS)], known=known, tolerance=1e-9)


def _wrong_choice_function(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [(make_results(generator),) for _ in range(6)]  # one of nine names by chance

    return wrong_function(answer, choose, trials, known=CHOICE_MISTAKES, compare=_wrong_name)


def _wrong_name(result: object, right: str, inputs: tuple) -> str | None:
    if not isinstance(result, str) or result not in inputs[0]:
        return say("Your function must return one of the names. It returns {result}.", result=describe(result))
    if result == right:
        return None
    return say("Your function chooses another network. Which losses shall decide, and how?")


def _wrong_wins(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [(make_losses(generator, *shape),) for shape in ((5, 4), (8, 6), (7, 5))]

    return wrong_function(answer, wins_alone, trials, known=WINS_MISTAKES)


@functools.cache
def worse_lengths() -> tuple[int, ...]:
    """Return the lengths at which Adam is worse than SGD on the patterns, each length by itself."""
    runs = load_runs(bank("experiment_a_patterns")).filter(optimizer=["sgd", "adam"])
    verdicts = {
        epochs: compare(runs.filter(epochs=epochs), by="optimizer", along="learning_rate").verdicts["adam"]
        for epochs in LENGTHS
    }
    return tuple(epochs for epochs, verdict in verdicts.items() if verdict == "worse")


def _wrong_lengths(answer: object) -> str | None:
    values = as_array([*answer] if isinstance(answer, set) else answer)
    if values is None or values.ndim != 1:
        return say("Give a list of lengths. This is {answer}.", answer=describe(answer))
    chosen = {float(value) for value in values}
    if len(chosen) < len(values):
        return say("A length stands twice in your list.")
    if strange := sorted(chosen - set(LENGTHS)):
        return say("{length:g} is none of the five lengths.", length=strange[0])
    right = set(worse_lengths())
    if chosen == right:
        return None
    if 5 in chosen:
        return say("After the shortest training Adam is not behind. Read the line of 5 epochs again.")
    if chosen - right:
        return say("At one of your lengths, taken by itself, the interval holds zero, or lies on the other side.")
    return say("Not all are there: compare at each of the five lengths, by the validation accuracy.")


def _wrong_images(answer: object) -> str | None:
    wanted = {pooling: fixed_fields(BASE.replace(pooling=pooling), "data_seed") for pooling in ("max", "avg")}
    return wrong_plan(answer, by="pooling", wanted=wanted, other_images=True)


EXERCISES = (
    Exercise(
        name="07-epochs",
        find_mistake=_wrong_epochs,
        further="Points of one training save more than half of the work, and give the same numbers bit for bit.",
        hints=(
            "How long is each of the 90 trainings? And how long are the five runs that it stands for, together?",
            "One training: 350 epochs. Its five runs, each trained by itself: 5 + 50 + 100 + 250 + 350.",
        ),
        solution="answer = [90 * 350, 90 * (5 + 50 + 100 + 250 + 350)]",
    ),
    Exercise(
        name="07-wins-alone",
        find_mistake=_wrong_wins,
        further="If these shares lie far from 0 and 1, one run a configuration names its winner by luck.",
        hints=(
            "Find the winner of each row first: argmin(1) gives its column.",
            "Then count how often each column occurs, and divide by the number of rows. Columns that never win have 0.",
        ),
        solution=(
            "import torch\n\n\n"
            "def wins_alone(losses):\n"
            "    winners = losses.argmin(1)  # the column of the lowest loss, for each seed\n"
            "    columns = range(losses.shape[1])\n"
            "    return [float((winners == column).float().mean()) for column in columns]\n\n\n"
            "answer = wins_alone"
        ),
    ),
    Exercise(
        name="07-choose",
        find_mistake=_wrong_choice_function,
        further="The test losses were there to be seen. In a real plan they are not even measured before the choice.",
        hints=(
            "Which images may choose, and what number do you take where there are several seeds?",
            "min(results, key=…) gives the name for which a function of the name is lowest.",
        ),
        solution=(
            "def choose(results):\n"
            "    means = {}\n"
            "    for name, losses in results.items():\n"
            '        means[name] = sum(losses["validation"]) / len(losses["validation"])\n'
            "    return min(means, key=means.get)\n\n\n"
            "answer = choose"
        ),
    ),
    Exercise(
        name="07-lengths",
        find_mistake=_wrong_lengths,
        further='So the sentence is true with its length: "after … epochs". Without it, it is none.',
        hints=(
            "Write a loop over the five lengths, with the lines of the cell above.",
            'For each: compare(….filter(epochs=epochs), by="optimizer", along="learning_rate").verdicts["adam"].',
        ),
        solution=(
            "from cnnlab import bank, compare, load_runs\n\n"
            'runs = load_runs(bank("experiment_a_patterns")).filter(optimizer=["sgd", "adam"])\n'
            "answer = []\n"
            "for epochs in (5, 50, 100, 250, 350):\n"
            '    compared = compare(runs.filter(epochs=epochs), by="optimizer", along="learning_rate")\n'
            '    if compared.verdicts["adam"] == "worse":\n'
            "        answer.append(epochs)"
        ),
    ),
    Exercise(
        name="07-other-images",
        find_mistake=_wrong_images,
        further="Its interval will be wider than one over the same images, and it speaks of digits in general.",
        hints=(
            "Both poolings must see the same images for one seed, and other images for the next seed.",
            "Make the grid over pooling and seed. Then replace data_seed in each experiment by its seed.",
        ),
        solution=(
            "from cnnlab import Experiment, grid\n\n"
            "mine = Experiment(\n"
            "    train_size=500, validation_size=500, channels=(8, 16), hidden=32,\n"
            "    kernel_size=5, epochs=50, learning_rate=0.003,\n"
            ")\n"
            'planned = grid(mine, pooling=["max", "avg"], seed=range(5))\n'
            "answer = [each.replace(data_seed=each.seed) for each in planned]"
        ),
    ),
)
