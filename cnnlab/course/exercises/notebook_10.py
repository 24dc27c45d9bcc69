"""The exercises of notebook 10: your own pictures."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from cnnlab.course.answer_values import as_array, describe
from cnnlab.course.answers import wrong_choices, wrong_number, wrong_parts
from cnnlab.course.exercise import Exercise
from cnnlab.course.references.pictures import (
    SAME_MISTAKES,
    SHAPE_MISTAKES,
    WEIGHT_MISTAKES,
    Groups,
    class_weights,
    make_labels,
    make_pictures,
    same_pictures,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import RETURNS_NOTHING, wrong_function

TABLE = np.array([[54, 4, 2], [3, 95, 2], [18, 12, 10]])  # true class × answer: cup, fish, house
PICTURES, RIGHT = TABLE.sum(), TABLE.trace()
COUNT = "That is a number of pictures. Give a share."
HUNDRED = "Give a share from 0 to 1."
# Share asked for → the right one, and wrong ones with their mistakes.
SHARES: dict[str, tuple[float, dict[float, str]]] = {
    "accuracy": (
        RIGHT / PICTURES,
        {
            (
                TABLE.diagonal() / TABLE.sum(1)
            ).mean(): "That is the mean of the rows. Here each picture counts the same.",
            1 - RIGHT / PICTURES: "That is the share of the mistakes.",
            RIGHT: COUNT,
            100 * RIGHT / PICTURES: HUNDRED,
        },
    ),
    "always fish": (
        TABLE[1].sum() / PICTURES,
        {
            1 / 3: "That is for a network that guesses. Here every picture gets the same answer.",
            TABLE[:, 1].sum() / PICTURES: "That is how often the network of the table says fish. Now it always does.",
            TABLE[1, 1]
            / PICTURES: "Those are the fish that the network of the table finds. Who always says fish finds more.",
            TABLE[1, 1] / TABLE[1].sum(): "That is the share of the fish that the network of the table finds.",
            1: "All fish are found, but every other picture is a mistake.",
            TABLE[1].sum(): COUNT,
            100 * TABLE[1].sum() / PICTURES: HUNDRED,
        },
    ),
    "houses found": (
        TABLE[2, 2] / TABLE[2].sum(),
        {
            TABLE[2, 2]
            / TABLE[:, 2].sum(): "You divided by what is called house: a column. Divide by what is one: a row.",
            TABLE[2, 2] / PICTURES: "You divided by all pictures. Divide by the houses.",
            TABLE[2, 2] / RIGHT: "You divided by all right answers. Divide by the houses.",
            1 - TABLE[2, 2] / TABLE[2].sum(): "That is the share of the houses that are missed.",
            TABLE[2].sum() / PICTURES: "That is how common houses are. Which share of them is found?",
            TABLE[:, 2].sum() / PICTURES: "That is how often the network says house.",
            TABLE[2, 2]: COUNT,
            100 * TABLE[2, 2] / TABLE[2].sum(): HUNDRED,
        },
    ),
}


def _wrong_table(answer: object) -> str | None:
    parts = {
        name: partial(wrong_number, right=right, known=known, tolerance=0.001)
        for name, (right, known) in SHARES.items()
    }
    return wrong_parts(answer, parts)


def _wrong_weights(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [make_labels(generator, classes) for classes in (3, 5, 2)]

    return wrong_function(answer, class_weights, trials, known=WEIGHT_MISTAKES)


def _wrong_groups_function(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        trials = [make_pictures(generator, height, width) for height, width in ((3, 5), (6, 4), (5, 5))]
        copied = {place for group in same_pictures(trials[0]) for place in group}
        return [(images,) for images in (*trials, [image for n, image in enumerate(trials[0]) if n not in copied])]

    def two_shapes(generator: torch.Generator) -> list[tuple]:
        image = torch.rand(1, 3, 4, generator=generator)
        return [([image, image.reshape(1, 2, 6), image],)]

    if words := wrong_function(answer, same_pictures, trials, known=SAME_MISTAKES, compare=_wrong_groups):
        return words
    return wrong_function(answer, same_pictures, two_shapes, known=SHAPE_MISTAKES, compare=_wrong_groups)


def _wrong_groups(result: object, right: Groups, inputs: tuple) -> str | None:
    """Return in words what is wrong with groups that a student's function returned."""
    if result is None:
        return say(RETURNS_NOTHING)
    result = result.tolist() if isinstance(result, (Tensor, np.ndarray)) else result
    if not isinstance(result, (list, tuple, set, frozenset)):
        return say("Your function must return a list of groups. It returns {result}.", result=describe(result))
    groups = []
    for group in result:
        places = as_array(list(group) if isinstance(group, (set, frozenset)) else group)
        if places is None or places.ndim != 1 or not np.isfinite(places).all() or (places % 1).any():
            words = "A group is a list of places, such as [0, 4]. Your function returns {group} as one."
            return say(words, group=describe(group))
        groups.append(sorted(map(int, places)))
    return None if sorted(groups) == sorted(map(sorted, right)) else _other_groups(groups, right, len(inputs[0]))


def _other_groups(groups: Groups, right: Groups, count: int) -> str:
    places = [place for group in groups for place in group]
    if strange := [place for place in places if not 0 <= place < count]:
        return say("There is no place {place} in a list of {count} pictures.", place=strange[0], count=count)
    if twice := [place for place in places if places.count(place) > 1]:
        return say("The place {place} stands in your groups more than once.", place=twice[0])
    if any(len(group) < 2 for group in groups):
        return say("A group holds two pictures or more.")
    if any(not any(set(group) <= set(other) for other in right) for group in groups):
        return say("Pictures that differ stand in one group of yours.")
    return say("Pictures that are the same do not stand in one group.")


# Step of the plan → the right choice, and why the others are wrong.
PLAN = {
    "split by": (
        "person",
        {
            "picture": "Then pictures of one burst fall on both sides, and a network that knows one knows its twin.",
            "burst": "Bursts stay together, but each table and each bath is on both sides. A stranger's is not.",
            "class": "Then the network is examined in what it has never been taught. Each side needs all classes.",
        },
    ),
    "look for copies": (
        "before the split",
        {
            "after the split": "By then one copy may lie on each side. It must be gone when the sides are made.",
            "never": "Friends send pictures around. The same one may come from two of them.",
        },
    ),
    "repeat the fish": (
        "in training",
        {
            "in validation": "The network learns nothing from these, and one mistake would count several times.",
            "before the split": "Then the other two parts repeat pictures, too: one mistake counts several times.",
        },
    ),
    "to test the background": (
        "cups in a bath and fish on a table",
        {
            "more cups on a table": "A network that names the table names these correctly, too.",
            "mirrored pictures": "A mirror keeps table and bath: a network that names these is right all the same.",
            "the locked test pictures": "They have the same flaw: each thing stands where its class always stands.",
        },
    ),
}


def _wrong_plan(answer: object) -> str | None:
    return wrong_choices(answer, PLAN)


EXERCISES = (
    Exercise(
        name="10-table",
        find_mistake=_wrong_table,
        further="Report such numbers together: the accuracy, that of the commonest answer, and the rows.",
        hints=(
            "Which pictures are asked about? All of them stand in the whole table, those of one class in its row.",
            "Divide right answers by pictures. Who always says fish is right for the whole second row.",
        ),
        solution=(
            "table = [[54, 4, 2], [3, 95, 2], [18, 12, 10]]\n"
            "pictures = sum(sum(row) for row in table)\n"
            "answer = {\n"
            '    "accuracy": (table[0][0] + table[1][1] + table[2][2]) / pictures,\n'
            '    "always fish": sum(table[1]) / pictures,\n'
            '    "houses found": table[2][2] / sum(table[2]),\n'
            "}"
        ),
    ),
    Exercise(
        name="10-class-weights",
        find_mistake=_wrong_weights,
        further="torch takes them as they are: torch.nn.functional.cross_entropy(logits, labels, weight=weights).",
        hints=(
            "Count the pictures of each class first. What must a class weigh in sum, if all pictures together weigh "
            "as much as there are pictures?",
            "torch.bincount(labels, minlength=classes) counts. Each class gets the same part of len(labels), and its "
            "pictures share that.",
        ),
        solution=(
            "import torch\n\n\n"
            "def class_weights(labels, classes):\n"
            "    counts = torch.bincount(labels, minlength=classes)\n"
            "    part = len(labels) / classes  # what each class weighs in sum\n"
            "    return part / counts\n\n\n"
            "answer = class_weights"
        ),
    ),
    Exercise(
        name="10-same-pictures",
        find_mistake=_wrong_groups_function,
        further="One value differs, and this finds nothing. So find_duplicates also takes what is nearly the same.",
        hints=(
            "Go through the pictures. Compare each with one picture of every group that you have so far.",
            "torch.equal(a, b) says whether shape and values are the same. Leave out groups of one picture at the end.",
        ),
        solution=(
            "import torch\n\n\n"
            "def same_pictures(images):\n"
            "    groups = []\n"
            "    for place, image in enumerate(images):\n"
            "        for group in groups:\n"
            "            if torch.equal(images[group[0]], image):\n"
            "                group.append(place)\n"
            "                break\n"
            "        else:  # no group has this picture\n"
            "            groups.append([place])\n"
            "    return [group for group in groups if len(group) > 1]\n\n\n"
            "answer = same_pictures"
        ),
    ),
    Exercise(
        name="10-plan",
        find_mistake=_wrong_plan,
        further="And with so few people, which of them is left out matters: try it with each of them.",
        hints=(
            "Ask of each step: could the network be right for a reason that a stranger's pictures do not have?",
            "What belongs together stays on one side: twins, bursts, tables. And the things must leave their places.",
        ),
        solution=(
            "answer = {\n"
            '    "split by": "person",\n'
            '    "look for copies": "before the split",\n'
            '    "repeat the fish": "in training",\n'
            '    "to test the background": "cups in a bath and fish on a table",\n'
            "}"
        ),
    ),
)
