"""Count answers, right answers by class, and parameters: the right way, and with known mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def confusion(labels: Tensor, answers: Tensor, classes: int) -> Tensor:
    """Return how many images of each true class (row) were given each answer (column), (classes, classes)."""
    table = torch.zeros(classes, classes, dtype=torch.int64)
    for label, answer in zip(labels.tolist(), answers.tolist(), strict=True):
        table[label, answer] += 1
    return table


CONFUSION_MISTAKES = (
    (
        lambda labels, answers, classes: confusion(answers, labels, classes),
        "Rows and columns are swapped: a row is a true class, a column is an answer.",
    ),
    (
        lambda labels, answers, classes: confusion(labels, answers, classes) / len(labels),
        "You return shares. Return counts.",
    ),
    (
        lambda labels, answers, classes: (
            confusion(labels, answers, classes) / confusion(labels, answers, classes).sum(1, keepdim=True)
        ),
        "You return shares of each row. Return counts.",
    ),
    (
        lambda labels, answers, classes: confusion(labels, answers, classes).clamp(max=1),
        "A pair that occurs several times counts once in your table. Count each time.",
    ),
    (
        lambda labels, answers, classes: confusion(labels, answers, classes).diag().diag(),
        "The mistakes are missing: count what lies off the diagonal, too.",
    ),
    (
        lambda labels, answers, classes: (
            confusion(labels, answers, classes) - confusion(labels, answers, classes).diag().diag()
        ),
        "The right answers are missing: count the diagonal, too.",
    ),
    (
        lambda labels, answers, classes: confusion(labels, answers, classes).diag(),
        "That is the diagonal alone. Give the whole table.",
    ),
)


def class_accuracy(labels: Tensor, answers: Tensor, classes: int) -> list[float]:
    """Return for each class the share of its images that were answered correctly."""
    return [float((answers[labels == number] == number).float().mean()) for number in range(classes)]


CLASS_ACCURACY_MISTAKES = (
    (
        lambda labels, answers, classes: class_accuracy(answers, labels, classes),
        "You divide by how often the class was answered. Divide by how many images of it there are.",
    ),
    (
        lambda labels, answers, classes: [
            float(((answers == number) & (labels == number)).float().mean()) for number in range(classes)
        ],
        "You divide by all images. Divide by the images of the class.",
    ),
    (
        lambda labels, answers, classes: [
            int(((answers == number) & (labels == number)).sum()) for number in range(classes)
        ],
        "You return numbers of images. Return shares.",
    ),
    (
        lambda labels, answers, classes: [1 - share for share in class_accuracy(labels, answers, classes)],
        "You return the share of mistakes. Return the share of right answers.",
    ),
    (
        lambda labels, answers, classes: (answers == labels).float().mean(),
        "That is the accuracy over all images. Give one number for each class.",
    ),
    (
        lambda labels, answers, classes: [
            float(((answers == number) == (labels == number)).float().mean()) for number in range(classes)
        ],
        "You count images of other classes as right where nobody took them for this one. Look at this class alone.",
    ),
    (
        lambda labels, answers, classes: [100 * share for share in class_accuracy(labels, answers, classes)],
        "Give shares from 0 to 1.",
    ),
    (
        lambda labels, answers, classes: [float((labels == number).float().mean()) for number in range(classes)],
        "That is how common each class is. How many of its images were answered correctly?",
    ),
)


def make_answers(generator: torch.Generator, classes: int) -> tuple[Tensor, Tensor, int]:
    """Return random labels and answers of about twelve images a class, and the number of classes.

    Each class is there, and was answered; more than half of the answers are right.
    """
    count = 10 * classes + int(torch.randint(0, 20, (), generator=generator))
    labels = torch.randint(0, classes, (count,), generator=generator)
    others = torch.randint(0, classes, (count,), generator=generator)
    answers = torch.where(torch.rand(count, generator=generator) < 0.5, labels, others)
    every = torch.arange(classes)
    labels = torch.cat([labels, every, torch.zeros(3, dtype=torch.int64)])
    answers = torch.cat([answers, every, torch.ones(3, dtype=torch.int64)])  # the first is often taken for the second
    return labels, answers, classes


def count_of_parameters(kernel_size: int, channels: Sequence[int], hidden: int) -> int:
    """Return the number of parameters of the course's network for 28×28 grey images and ten classes.

    Parameters
    ----------
    kernel_size : int
        Side of each kernel.
    channels : sequence of int
        Kernels of each block. A block keeps the size of its maps, and its pool halves it, rounded down.
    hidden : int
        Units of the hidden fully connected layer.
    """
    return _parameters(kernel_size, channels, hidden)


def _parameters(kernel_size, channels, hidden, mistake=""):
    total, depth, side = 0, 1, 28
    for width in channels:
        into = 1 if mistake == "depth" else depth
        area = kernel_size if mistake == "side" else kernel_size**2
        total += width * area * into + (0 if mistake in ("no biases", "no biases of kernels") else width)
        if mistake == "one bias":
            total += 1 - width
        depth = width
        side = {"no pools": side, "one pool": 14, "rounded up": -(-side // 2), "halves": side / 2}.get(
            mistake, side // 2
        )
        if mistake == "no padding":
            side = (side * 2 - kernel_size + 1) // 2
    flat = side**2 if mistake == "one map" else depth * side**2
    total += flat * hidden + (0 if mistake == "no biases" else hidden)
    if mistake == "no logits":
        return total
    return total + hidden * 10 + (0 if mistake == "no biases" else 10)


PARAMETER_MISTAKES = tuple(
    (lambda kernel_size, channels, hidden, mistake=mistake: _parameters(kernel_size, channels, hidden, mistake), words)
    for mistake, words in {
        "no biases": "The biases are missing: each kernel and each unit has one.",
        "no biases of kernels": "The biases of the convolutions are missing: each kernel has one.",
        "one bias": "A convolution has a bias for each kernel, not one for all.",
        "depth": "A kernel of the second block sees all maps of the first: it has weights for each of them.",
        "side": "A kernel has weights in two directions: its side, squared.",
        "no pools": "Each pool halves height and width before the maps are flattened.",
        "one pool": "Every block has a pool, not only the first one.",
        "rounded up": "A pool rounds down: a side of 7 pixels becomes 3.",
        "halves": "A side is a whole number of pixels: a side of 7 becomes 3.",
        "no padding": "The maps keep their size in a convolution: the padding sees to that.",
        "one map": "All maps of the last block are flattened, not one of them.",
        "no logits": "The last layer is missing: it makes ten logits of the hidden units.",
    }.items()
)
