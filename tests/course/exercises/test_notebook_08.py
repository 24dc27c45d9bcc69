"""The exercises of notebook 08, with right answers, and with wrong ones that students give."""

import numpy as np
import pandas
import pytest
import torch
from exercise_cases import Case, run_case

from cnnlab import Experiment, build_cnn, count_parameters, grid
from cnnlab.comparison.prediction import brier_score
from cnnlab.course.references.counts import class_accuracy, confusion, count_of_parameters, make_answers

mine = Experiment(train_size=500, validation_size=500, epochs=3, channels=(8, 16), hidden=32)


def by_the_package(kernel_size, channels, hidden):
    return count_parameters(build_cnn(kernel_size=kernel_size, channels=channels, hidden=hidden))


def by_layers(kernel_size, channels, hidden):
    sizes = [1, *channels]
    convolutions = [k * c * kernel_size**2 + k for c, k in zip(sizes, channels, strict=False)]
    return sum(convolutions) + channels[-1] * (28 // 2 ** len(channels)) ** 2 * hidden + hidden + 10 * hidden + 10


def with_count(change):
    """Return a count of parameters with other lines."""
    lines = {
        "conv": "width * (depth * kernel_size**2 + 1)",
        "next": "depth, side = width, side // 2",
        "fc1": "hidden * (depth * side**2 + 1)",
        "logits": "10 * (hidden + 1)",
        **change,
    }
    text = (
        "def count(kernel_size, channels, hidden):\n"
        "    total, depth, side = 0, 1, 28\n"
        "    for width in channels:\n"
        f"        total += {lines['conv']}\n"
        f"        {lines['next']}\n"
        f"    return total + {lines['fc1']} + {lines['logits']}"
    )
    names = {}
    exec(text, names)
    return names["count"]


def table_by_bincount(labels, answers, classes):
    return torch.bincount(labels * classes + answers, minlength=classes**2).reshape(classes, classes)


def table_by_lists(labels, answers, classes):
    pairs = list(zip(labels.tolist(), answers.tolist(), strict=True))
    return [[pairs.count((row, column)) for column in range(classes)] for row in range(classes)]


def table_with_zip(labels, answers, classes, start=0, step="+="):
    table = np.zeros((classes, classes))
    for label, answer in zip(labels.tolist(), answers.tolist(), strict=True):
        table[label - start, answer - start] = table[label - start, answer - start] + 1 if step == "+=" else 1
    return table


def shares_by_table(labels, answers, classes):
    table = table_by_bincount(labels, answers, classes)
    return table.diag() / table.sum(1)


def shares_by_lists(labels, answers, classes):
    shares = []
    for number in range(classes):
        of_class = [said == number for label, said in zip(labels, answers, strict=True) if label == number]
        shares.append(sum(of_class) / len(of_class))
    return shares


def hits(labels, answers, classes):
    return torch.tensor([int(((labels == each) & (answers == each)).sum()) for each in range(classes)])


def rows_as_shares(labels, answers, classes):
    table = table_by_bincount(labels, answers, classes)
    return table / table.sum(1, keepdim=True)


PLAN = grid(mine, dropout=[0.0, 0.4], seed=range(6))
CASES = {
    "08-parameters": Case(
        right=[by_the_package, by_layers, with_count({})],
        wrong=[
            (with_count({"conv": "width * depth * kernel_size**2", "fc1": "hidden * depth * side**2",
                         "logits": "10 * hidden"}), "biases are missing"),
            (with_count({"conv": "width * depth * kernel_size**2 + 1"}), "not one for all"),
            (with_count({"conv": "width * (kernel_size**2 + 1)"}), "sees all maps of the first"),
            (with_count({"conv": "width * (depth * kernel_size + 1)"}), "squared"),
            (with_count({"next": "depth = width"}), "Each pool halves"),
            (with_count({"next": "depth, side = width, (side - kernel_size + 1) // 2"}), "maps keep their size"),
            (with_count({"fc1": "hidden * (side**2 + 1)"}), "All maps of the last block"),
            (with_count({"logits": "0"}), "last layer is missing"),
            (with_count({"next": "depth, side = width, side / 2"}), "a whole number of pixels"),
            (with_count({"next": "depth, side = width, (side + 1) // 2"}), "rounds down"),
            (with_count({"next": "depth, side = width, 14"}), "not only the first one"),
            (with_count({"conv": "width * depth * kernel_size**2"}), "biases of the convolutions are missing"),
            (lambda kernel_size, channels, hidden: 26_698, "too"),  # noqa: ARG005
        ],
    ),
    "08-budget": Case(
        right=[PLAN, grid(mine, seed=range(5), dropout=[0.4, 0.0]), tuple(grid(mine, dropout=[0, 0.4], seed=range(6)))],
        wrong=[
            (grid(mine, dropout=[0.0, 0.4], seed=range(10)), "more than you have time for"),
            (grid(mine, dropout=[0.0, 0.4], seed=range(3)), "Too few seeds"),
            (grid(mine, dropout=[0.0, 0.4]), "Too few seeds"),
            (grid(mine, dropout=[0.0, 0.2, 0.4], seed=range(4)), "dropout=0.2 is not part"),
            (grid(mine, dropout=[0.4], seed=range(12)), "no experiment with dropout=0.0"),
            (grid(mine, dropout=[0.0, 0.4], hidden=[32, 64], seed=range(3)), "hidden takes 2 values"),
            ([each.replace(hidden=64 if each.dropout else 32) for each in PLAN], "hidden moves together"),
            (grid(mine.replace(epochs=20), dropout=[0.0, 0.4], seed=range(6)), "epochs is 20"),
            (PLAN[:6] + [each.replace(seed=each.seed + 6) for each in PLAN[6:]], "The seeds differ"),
            (12, "Give a list of experiments"),
        ],
    ),
    "08-confusion": Case(
        right=[table_by_bincount, table_by_lists],
        wrong=[
            (lambda labels, answers, classes: table_by_bincount(answers, labels, classes), "swapped"),
            (lambda *given: table_by_bincount(*given) / len(given[0]), "You return shares"),
            (rows_as_shares, "shares of each row"),
            (lambda *given: table_with_zip(*given, step="="), "counts once in your table"),
            (lambda *given: hits(*given).diag(), "mistakes are missing"),
            (lambda *given: table_by_bincount(*given) - hits(*given).diag(), "right answers are missing"),
            (hits, "diagonal alone"),
            (lambda labels, answers, classes: table_with_zip(labels, answers, classes, start=1), "values are wrong"),
            (lambda *given: table_by_bincount(*given).flatten(), "The shape must be"),
            (lambda labels, answers, _: table_by_bincount(labels, answers, int(labels.max()) + 1), "The shape must be"),
        ],
    ),
    "08-class-accuracy": Case(
        right=[shares_by_table, shares_by_lists],
        wrong=[
            (lambda labels, answers, classes: shares_by_table(answers, labels, classes), "class was answered"),
            (lambda labels, answers, classes: hits(labels, answers, classes) / len(labels), "Divide by the images of"),
            (hits, "Return shares"),
            (lambda *given: 1 - shares_by_table(*given), "share of mistakes"),
            (lambda labels, answers, _: (labels == answers).float().mean(), "accuracy over all images"),
            (lambda labels, answers, classes: [
                ((labels == each) == (answers == each)).float().mean() for each in range(classes)
            ], "images of other classes as right"),
            (lambda *given: 100 * shares_by_table(*given), "from 0 to 1"),
            (lambda labels, _, classes: torch.bincount(labels, minlength=classes) / len(labels), "how common"),
        ],
    ),
    "08-brier": Case(
        right=[1.46, 0.8**2 + 0.9**2 + 0.1**2],
        wrong=[
            (0.64, "own answer alone"),
            (0.06, "if you had been right"),
            (0.04, "own answer's part"),
            (1.45, "third answer"),
            (0.81, "what came true alone"),
            (1.46 / 3, "mean of the three"),
            (1.28, "one of the other answers"),
            (1.64, "gave nothing"),
            (1.8, "added the distances"),
            (2, "all confidence"),
            (1.46**0.5, "root of the sum"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


@pytest.mark.parametrize("channels", [(3,), (2, 5), (4, 3, 2), (2, 2, 2, 2)])
def test_the_count_is_that_of_the_built_network(channels):
    assert count_of_parameters(5, channels, 9) == by_the_package(5, channels, 9)


def test_the_tables_are_those_of_pandas():
    labels, answers, classes = make_answers(torch.Generator().manual_seed(0), 5)
    given = labels.numpy(), answers.numpy()
    assert confusion(labels, answers, classes).tolist() == pandas.crosstab(*given).to_numpy().tolist()
    shares = pandas.Series(given[0] == given[1]).groupby(given[0]).mean()
    assert class_accuracy(labels, answers, classes) == pytest.approx(shares.tolist())


def test_the_score_is_the_packages():
    assert brier_score(0.8, right=False, choices=3) == pytest.approx(1.46)
