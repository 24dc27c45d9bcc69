"""The exercises of notebook 08: the playground."""

from __future__ import annotations

import torch

from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.plans import fixed_fields, wrong_plan
from cnnlab.course.references.counts import (
    CLASS_ACCURACY_MISTAKES,
    CONFUSION_MISTAKES,
    PARAMETER_MISTAKES,
    class_accuracy,
    confusion,
    count_of_parameters,
    make_answers,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import wrong_function
from cnnlab.experiments.presets import FULL_GRID

BASE = FULL_GRID["mnist"].replace(epochs=3)
BUDGET = 12  # trainings


def _wrong_parameters(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        def draw(low: int, high: int) -> int:
            return int(torch.randint(low, high, (), generator=generator))

        networks = [(5, (draw(2, 9), draw(2, 9))), (3, (draw(2, 9), draw(2, 9), draw(2, 9))), (7, (draw(2, 9),))]
        return [(kernel_size, channels, draw(5, 40)) for kernel_size, channels in networks]

    return wrong_function(answer, count_of_parameters, trials, known=PARAMETER_MISTAKES, tolerance=1e-9)


def _answers_of_three_networks(generator: torch.Generator) -> list[tuple]:
    return [make_answers(generator, classes) for classes in (4, 7, 3)]


def _wrong_confusion(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        labels, answers, classes = make_answers(generator, 4)
        return [*_answers_of_three_networks(generator), (labels, answers, classes + 1)]  # no image of the last class

    return wrong_function(answer, confusion, trials, known=CONFUSION_MISTAKES)


def _wrong_class_accuracy(answer: object) -> str | None:
    return wrong_function(answer, class_accuracy, _answers_of_three_networks, known=CLASS_ACCURACY_MISTAKES)


def _wrong_brier(answer: object) -> str | None:
    known = {
        0.64: "You have counted your own answer alone. The other two have squares as well.",
        0.06: "That would be the score if you had been right.",
        0.04: "That would be your own answer's part if you had been right.",
        1.45: "The third answer has a square as well: it got a tenth, and did not come true.",
        0.65: "What came true has a square as well, and the largest one: you gave it a tenth.",
        0.81: "That is the part of what came true alone. There are three squares.",
        0.4866667: "That is the mean of the three squares. Add them up.",
        1.28: "You gave the rest to one of the other answers. It is shared between both.",
        1.8: "You have added the distances. Square each first.",
        2.0: "That is the score of all confidence on a wrong answer. You were only 0.8 sure.",
        1.68: "You gave the rest to one of the other answers. It is shared between both.",
        1.64: "You gave nothing to the other two. The rest of your confidence is shared between them.",
        1.2083046: "You have taken the root of the sum. It is the sum of the squares.",
    }
    return wrong_number(answer, 1.46, known=known, tolerance=0.001)


def _wrong_budget(answer: object) -> str | None:
    wanted = {dropout: fixed_fields(BASE.replace(dropout=dropout)) for dropout in (0.0, 0.4)}
    words = wrong_plan(answer, by="dropout", wanted=wanted)
    if words is None and isinstance(answer, (list, tuple)) and len(answer) > BUDGET:
        return say("These are {count} trainings, more than you have time for.", count=len(answer))
    return words


EXERCISES = (
    Exercise(
        name="08-parameters",
        find_mistake=_wrong_parameters,
        further="Most of them sit where the maps become flat; another block makes that layer much smaller.",
        hints=(
            "Count layer by layer: a kernel has kernel_size ** 2 weights for each map that it sees, and one bias.",
            "Go through channels in a loop, and keep the depth and the side of the maps. Then come two dense layers.",
        ),
        solution=(
            "def count_of_parameters(kernel_size, channels, hidden):\n"
            "    total, depth, side = 0, 1, 28\n"
            "    for width in channels:\n"
            "        total += width * (depth * kernel_size**2 + 1)\n"
            "        depth, side = width, side // 2\n"
            "    total += hidden * (depth * side**2 + 1)\n"
            "    return total + 10 * (hidden + 1)\n\n\n"
            "answer = count_of_parameters"
        ),
    ),
    Exercise(
        name="08-confusion",
        find_mistake=_wrong_confusion,
        further="Its diagonal holds the right answers; divided by the number of images, their sum is the accuracy.",
        hints=(
            "Begin with a table of zeros. Go through the images, and add one at a place of the table.",
            "The place is [label, answer]: row first. zip(labels.tolist(), answers.tolist()) gives plain numbers.",
        ),
        solution=(
            "import torch\n\n\n"
            "def confusion(labels, answers, classes):\n"
            "    table = torch.zeros(classes, classes)\n"
            "    for label, answer in zip(labels.tolist(), answers.tolist()):\n"
            "        table[label, answer] += 1\n"
            "    return table\n\n\n"
            "answer = confusion"
        ),
    ),
    Exercise(
        name="08-class-accuracy",
        find_mistake=_wrong_class_accuracy,
        further="A good accuracy over all may hide a class that is hardly ever found.",
        hints=(
            "Take one class: choose its images by their labels, and look at the answers to these alone.",
            "answers[labels == number] are the answers to the images of one class. Which share of them is the number?",
        ),
        solution=(
            "def class_accuracy(labels, answers, classes):\n"
            "    shares = []\n"
            "    for number in range(classes):\n"
            "        of_class = answers[labels == number]\n"
            "        shares.append(float((of_class == number).float().mean()))\n"
            "    return shares\n\n\n"
            "answer = class_accuracy"
        ),
    ),
    Exercise(
        name="08-brier",
        find_mistake=_wrong_brier,
        further="Who finds all three answers equally likely gets 0.67 every time, right or wrong.",
        hints=(
            "Write down your three confidences, and below them what came true: 1 for one of them, 0 for the others.",
            "Square each of the three distances, and add them up. The rest of your confidence is 0.2, for two answers.",
        ),
        solution="answer = (0.8 - 0) ** 2 + (0.1 - 1) ** 2 + (0.1 - 0) ** 2",
    ),
    Exercise(
        name="08-budget",
        find_mistake=_wrong_budget,
        further="Spend a budget on seeds before you spend it on levels: with few seeds no level gets a verdict.",
        hints=(
            "How many levels does the question have? Divide the trainings between them.",
            "grid(base, dropout=[…], seed=range(…)), with at least five seeds for each level.",
        ),
        solution=(
            "from cnnlab import Experiment, grid\n\n"
            "base = Experiment(train_size=500, validation_size=500, epochs=3, channels=(8, 16), hidden=32)\n"
            "answer = grid(base, dropout=[0.0, 0.4], seed=range(6))"
        ),
    ),
)
