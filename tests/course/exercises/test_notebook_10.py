"""The exercises of notebook 10, with right answers, and with wrong ones that students give."""

import ast
import itertools

import nbformat
import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case
from places import NOTEBOOKS

from cnnlab import check
from cnnlab.course.exercises.notebook_10 import PLAN, TABLE
from cnnlab.course.references.pictures import (
    SAME_MISTAKES,
    WEIGHT_MISTAKES,
    class_weights,
    make_labels,
    make_pictures,
    same_pictures,
)


def table_with(**changes):
    right = {"accuracy": 0.795, "always fish": 0.5, "houses found": 0.25}
    return right | {name.replace("_", " "): value for name, value in changes.items()}


def plan_with(**changes):
    right = {step: choice for step, (choice, _) in PLAN.items()}
    return right | {name.replace("_", " "): value for name, value in changes.items()}


def weights_by_loops(labels, classes):
    return [len(labels) / classes / sum(int(label) == each for label in labels) for each in range(classes)]


def weights_by_mean(labels, classes):
    inverse = 1 / torch.bincount(labels, minlength=classes).double()
    return inverse / inverse[labels].mean()


def counts(labels, classes):
    return torch.bincount(labels, minlength=classes)


def groups_by_bytes(images):
    places = {}
    for place, image in enumerate(images):
        places.setdefault((image.shape, image.numpy().tobytes()), []).append(place)
    return {frozenset(group) for group in places.values() if len(group) > 1}


def groups_by_pairs(images, is_same=torch.equal, start=0):
    """Return the groups, the last first; a group is what the pairs that are the same link together."""
    groups = []
    for image in images:
        group = tuple(other + start for other, picture in enumerate(images) if is_same(picture, image))
        if len(group) > 1 and group not in groups:
            groups.insert(0, group)
    return groups


def groups_by_numpy(images):
    return [np.array(group) for group in groups_by_pairs(images)]


def pairs(images):
    return [
        (first, second)
        for first, second in itertools.combinations(range(len(images)), 2)
        if torch.equal(images[first], images[second])
    ]


def neighbours(images):
    linked = [at for at, (one, other) in enumerate(itertools.pairwise(images)) if torch.equal(one, other)]
    groups = []
    for at in linked:
        if groups and groups[-1][-1] == at:
            groups[-1].append(at + 1)
        else:
            groups.append([at, at + 1])
    return groups


CASES = {
    "10-table": Case(
        right=[
            table_with(),
            table_with(accuracy=(54 + 95 + 10) / 200, always_fish=torch.tensor(100 / 200), houses_found=10 / 40),
        ],
        wrong=[
            (table_with(accuracy=0.7), "mean of the rows"),
            (table_with(accuracy=0.205), "share of the mistakes"),
            (table_with(accuracy=159), "number of pictures"),
            (table_with(accuracy=79.5), "from 0 to 1"),
            (table_with(accuracy=0.9), "too large"),
            (table_with(always_fish=1 / 3), "network that guesses"),
            (table_with(always_fish=0.555), "how often the network of the table says fish"),
            (table_with(always_fish=0.475), "finds more"),
            (table_with(always_fish=0.95), "share of the fish"),
            (table_with(always_fish=1), "every other picture is a mistake"),
            (table_with(houses_found=10 / 14), "a column"),
            (table_with(houses_found=0.05), "divided by all pictures"),
            (table_with(houses_found=10 / 159), "all right answers"),
            (table_with(houses_found=0.75), "are missed"),
            (table_with(houses_found=0.2), "how common"),
            (table_with(houses_found=0.07), "says house"),
            (table_with(houses_found=...), "'houses found' is still missing"),
            (0.795, "Give a dict"),
            ([0.795, 0.5, 0.25], "Give a dict"),
        ],
    ),
    "10-class-weights": Case(
        right=[weights_by_loops, weights_by_mean],
        wrong=[
            (lambda *given: 1 / counts(*given), "far too small"),
            (lambda labels, classes: [len(labels) / int((labels == each).sum()) for each in range(classes)],
             "as all of them should together"),
            (lambda *given: counts(*given).max() / counts(*given), "largest class weigh 1"),
            (lambda *given: given[1] / counts(*given) / (1 / counts(*given)).sum(), "1 over the classes"),
            (lambda *given: 1 / counts(*given) / (1 / counts(*given)).sum(), "add up to 1"),
            (lambda *given: counts(*given) / len(given[0]), "how common each class is"),
            (lambda *given: given[1] * counts(*given) / len(given[0]), "upside down"),
            (lambda *given: 1 - counts(*given) / len(given[0]), "not by enough"),
            (counts, "Those are the numbers"),
            (lambda *given: weights_by_mean(*given)[given[0]], "a weight for each picture"),
            (lambda labels, classes: torch.ones(classes), "All classes have the same weight"),  # noqa: ARG005
            (lambda *given: weights_by_mean(*given) ** 0.5, "not by enough"),
            (lambda *given: weights_by_mean(*given)[:-1], "The shape must be"),
            ([2.2, 0.7, 0.7], "Give a function"),
        ],
    ),
    "10-same-pictures": Case(
        right=[groups_by_bytes, groups_by_pairs, groups_by_numpy],
        wrong=[
            (lambda images: [*groups_by_pairs(images), *([at] for at in range(len(images)) if not any(
                at in group for group in groups_by_pairs(images)))], "a group of its own"),
            (neighbours, "compare neighbours alone"),
            (pairs, "one group"),
            (lambda images: [(group[0], at) for group in groups_by_pairs(images) for at in group[1:]], "one group"),
            (lambda images: [group[1:] for group in groups_by_pairs(images)], "first picture of each group"),
            (lambda images: groups_by_pairs(images, start=1), "from 1"),
            (lambda images: groups_by_pairs(images, lambda one, other: bool((one == other).all())), "the one channel"),
            (lambda images: groups_by_pairs(images, lambda one, other: one.sum() == other.sum()), "mirrored picture"),
            (lambda images: groups_by_pairs(images, lambda one, other: one.mean() == other.mean()), "mirrored picture"),
            (lambda images: groups_by_pairs(
                images, lambda one, other: one.shape == other.shape and (one - other).abs().max() < 0.01
            ), "nearly the same"),
            (lambda images: groups_by_pairs(images, lambda one, other: one.shape == other.shape), "differ stand in"),
            (lambda images: groups_by_pairs(
                images, lambda one, other: torch.equal(one.flatten(), other.flatten())
            ), "another shape"),
            (lambda images: groups_by_pairs(
                images, lambda one, other: one.shape == other.shape and torch.equal(one[0], other[0])
            ), "nearly the same"),
            (lambda images: groups_by_pairs(
                images, lambda one, other: one.shape == other.shape and (one - other).std() == 0
            ), "differ stand in"),
            (lambda images: groups_by_pairs(
                images, lambda one, other: torch.equal((255 * one).round(), (255 * other).round())
            ), "nearly the same"),
            (lambda images: [], "do not stand in one group"),  # noqa: ARG005
            (lambda images: groups_by_pairs(images)[:1], "do not stand in one group"),
            (lambda images: groups_by_pairs(images) * 2, "more than once"),
            (lambda images: [[0, len(images)]], "There is no place"),
            (lambda images: [[0]], "two pictures or more"),  # noqa: ARG005
            (lambda images: [at for group in groups_by_pairs(images) for at in group], "A group is a list of places"),
            (lambda images: [[images[at] for at in group] for group in groups_by_pairs(images)],
             "A group is a list of places"),
            (lambda images: [[float("inf"), 0.5]], "A group is a list of places"),  # noqa: ARG005
            (lambda images: len(groups_by_pairs(images)), "must return a list of groups"),
            (lambda images: None if images else [], "returns nothing"),
            (lambda images: torch.stack(images), "stops with RuntimeError"),
            (lambda images: images.clear() or [], "changes its input"),
            ([[0, 4]], "Give a function"),
        ],
    ),
    "10-plan": Case(
        right=[
            plan_with(),
            {"to test the background": "Cups in a bath and fish on a table ", "split by": " PERSON",
             "repeat the fish": "in training", "look for copies": "before the split"},
        ],
        wrong=[
            (plan_with(split_by="picture"), "knows its twin"),
            (plan_with(split_by="burst"), "each table and each bath"),
            (plan_with(split_by="class"), "never been taught"),
            (plan_with(look_for_copies="after the split"), "one copy may lie on each side"),
            (plan_with(look_for_copies="never"), "send pictures around"),
            (plan_with(repeat_the_fish="in validation"), "learns nothing from these"),
            (plan_with(repeat_the_fish="before the split"), "repeat pictures, too"),
            (plan_with(to_test_the_background="more cups on a table"), "names these correctly, too"),
            (plan_with(to_test_the_background="mirrored pictures"), "A mirror keeps"),
            (plan_with(to_test_the_background="the locked test pictures"), "same flaw"),
            (plan_with(split_by="friend"), "Choose one of"),
            (plan_with(split_by=...), "'split by' is still missing"),
            ("person", "Give a dict"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def untouched(images): ...


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("10-table", {"accuracy": ..., "always fish": ..., "houses found": ...}),
        ("10-class-weights", untouched),
        ("10-same-pictures", untouched),
        ("10-plan", dict.fromkeys(PLAN, ...)),
    ],
)
def test_an_empty_answer_is_not_attempted(name, answer):
    assert check(name, answer).state == "not attempted"


def test_the_checker_has_the_table_and_the_choices_of_the_notebook():
    cells = nbformat.read(NOTEBOOKS / "10_your_own_pictures.ipynb", as_version=4).cells
    by_id = {cell.id: cell.source for cell in cells}
    assert ast.literal_eval(by_id["exercise-table"].splitlines()[0].split(" = ")[1].split("  #")[0]) == TABLE.tolist()
    rows = [line.split("|")[1:3] for line in by_id["exercise-plan-words"].splitlines() if line.startswith('| `"')]
    shown = {key.strip(' `"'): {choice.strip(' `"') for choice in choices.split(",")} for key, choices in rows}
    assert shown == {step: {right, *others} for step, (right, others) in PLAN.items()}


def test_weights_do_to_the_loss_what_repeating_does():
    generator = torch.Generator().manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([12, 4, 2]))
    logits = torch.randn(18, 3, generator=generator)
    weights = class_weights(labels, 3)
    repeated = torch.cat([torch.arange(18), *[torch.arange(12, 16)] * 2, *[torch.arange(16, 18)] * 5])
    cross_entropy = torch.nn.functional.cross_entropy
    wanted = cross_entropy(logits[repeated], labels[repeated])
    assert labels[repeated].bincount().tolist() == [12, 12, 12]
    torch.testing.assert_close(cross_entropy(logits, labels, weight=weights), wanted)
    torch.testing.assert_close((cross_entropy(logits, labels, reduction="none") * weights[labels]).mean(), wanted)


def test_equal_pictures_are_those_with_the_same_bytes():
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 5), (4, 4), (6, 2)):
        images = make_pictures(generator, *shape)
        groups = same_pictures(images)
        assert {frozenset(group) for group in groups} == groups_by_bytes(images)
        assert sorted(map(len, groups)) == [2, 3]
        assert [0, len(images) - 1] in groups


def test_neighbours_alone_are_always_two_of_the_three_equal_pictures():
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        images = make_pictures(generator, 3, 5)
        [pair] = neighbours(images)
        assert len(pair) == 2
        assert [len(group) for group in same_pictures(images) if set(pair) < set(group)] == [3]


def test_every_known_mistake_differs_from_the_right_result():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        images = make_pictures(generator, 3, 5)
        assert all(wrong(images) != same_pictures(images) for wrong, _ in SAME_MISTAKES)
        labels, classes = make_labels(generator, 3)
        assert len(set(labels.bincount().tolist())) == classes == 3
        right = class_weights(labels, classes)
        results = [wrong(labels, classes) for wrong, _ in WEIGHT_MISTAKES]
        assert not [each for each in results if each.shape == right.shape and torch.allclose(each.float(), right)]
