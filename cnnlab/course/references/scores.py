"""Scores of networks and choices between them, counted by hand, and what known mistakes make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Losses = Mapping[str, Mapping[str, Sequence[float]]]  # configuration → images → a loss for each seed


def choose(results: Losses) -> str:
    """Return the configuration with the lowest mean validation loss.

    Parameters
    ----------
    results : mapping
        Configuration → "train", "validation" and "test" → its losses, one for each seed.
    """
    return _lowest_mean(results, "validation")


def _lowest_mean(results: Losses, images: str) -> str:
    return min(results, key=lambda name: sum(results[name][images]) / len(results[name][images]))


CHOICE_MISTAKES = (
    (lambda results: _lowest_mean(results, "test"), "You chose on the test images: then they are no exam any more."),
    (
        lambda results: _lowest_mean(results, "train"),
        "You chose on the images that were learnt: who knows them by heart wins.",
    ),
    (
        lambda results: min(results, key=lambda name: min(results[name]["validation"])),
        "You chose the luckiest single run. Choose by the mean over the seeds.",
    ),
    (
        lambda results: min(results, key=lambda name: results[name]["validation"][0]),
        "You chose by the first seed alone. Choose by the mean over the seeds.",
    ),
    (
        lambda results: max(results, key=lambda name: sum(results[name]["validation"])),
        "You chose the highest loss. For a loss lower is better.",
    ),
    (
        lambda results: min(results, key=lambda name: max(results[name]["validation"])),
        "You chose by the worst seed alone. Choose by the mean over the seeds.",
    ),
    (
        lambda results: min(results, key=lambda name: sum(sum(losses) for losses in results[name].values())),
        "You mixed all images. Choose on the validation images alone.",
    ),
)


def make_results(generator: torch.Generator) -> Losses:
    """Return random losses in which each way to choose names another configuration.

    Parameters
    ----------
    generator : torch.Generator
        Draws the names' order and the losses.
    """
    # configuration by the mistake that would choose it → (train, validation, test), one number for each of four seeds
    planned = {
        "right": ([0.30] * 4, [0.50, 0.52, 0.51, 0.58], [0.60] * 4),
        "test": ([0.30] * 4, [0.62] * 4, [0.35] * 4),
        "train": ([0.01] * 4, [0.70] * 4, [0.60] * 4),
        "luckiest": ([0.31] * 4, [0.60, 0.30, 0.75, 0.70], [0.61] * 4),
        "first seed": ([0.32] * 4, [0.40, 0.65, 0.72, 0.70], [0.62] * 4),
        "worst seed": ([0.33] * 4, [0.545, 0.55, 0.55, 0.56], [0.63] * 4),
        "highest": ([0.34] * 4, [0.95] * 4, [0.64] * 4),
        "mixed": ([0.10] * 4, [0.61] * 4, [0.45] * 4),
    }
    order = torch.randperm(len(planned), generator=generator).tolist()
    plans = [[*planned.values()][place] for place in order]
    scale = 0.5 + float(torch.rand((), generator=generator))
    return {
        f"network {letter}": {
            images: [round(scale * loss, 4) for loss in losses]
            for images, losses in zip(("train", "validation", "test"), plan, strict=True)
        }
        for letter, plan in zip("ABCDEFGH", plans, strict=True)
    }


def wins_alone(losses: Tensor) -> Tensor:
    """Return for each configuration the share of the seeds in which its loss is the lowest, (configurations,).

    Parameters
    ----------
    losses : Tensor
        (seeds, configurations).
    """
    seeds, configurations = losses.shape
    return torch.bincount(losses.argmin(1), minlength=configurations) / seeds


def _by_the_mean(losses: Tensor) -> Tensor:
    return torch.eye(losses.shape[1])[losses.mean(0).argmin()]


def _swapped(losses: Tensor) -> Tensor:
    return torch.bincount(losses.argmin(0), minlength=losses.shape[0]) / losses.shape[1]


WINS_MISTAKES = (
    (lambda losses: wins_alone(-losses), "You count the highest loss as a win. The lowest wins."),
    (lambda losses: wins_alone(losses) * len(losses), "You return numbers of wins. Return shares of the seeds."),
    (
        lambda losses: wins_alone(losses) * len(losses) / losses.shape[1],
        "You divide by the number of configurations. Divide by the number of seeds.",
    ),
    (_swapped, "Rows and columns are swapped: a row is a seed, a column is a configuration."),
    (_by_the_mean, "You let the mean over the seeds win. Here each seed names a winner of its own."),
    (lambda losses: wins_alone(losses).max(), "You return the largest share alone. Return one for each configuration."),
    (lambda losses: losses.argmin(1), "You return the winner of each seed. Count how often each one wins."),
    (
        lambda losses: torch.bincount(losses.argmin(1)) / len(losses),
        "Configurations at the end that never win are missing.",
    ),
    (lambda losses: losses.mean(0), "Those are the mean losses. Count wins."),
)


def make_losses(generator: torch.Generator, seeds: int, configurations: int) -> Tensor:
    """Return random losses (seeds, configurations); the first and the last configuration never win.

    The first has the lowest mean but in no seed the lowest loss.
    """
    losses = 1 + torch.rand(seeds, configurations, generator=generator)
    losses[:, -1] = 3.0
    losses[:, 0] = 0.5
    for seed in range(seeds):
        losses[seed, 1 + seed % (configurations - 2)] = 0.3 + 0.1 * float(torch.rand((), generator=generator))
    return losses


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
        "You set each place to 1. Count how often it occurs.",
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
        total += width * area * into + (0 if mistake == "no biases" else width)
        if mistake == "one bias":
            total += 1 - width
        depth = width
        side = side if mistake == "no pools" else side // 2
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
        "one bias": "A convolution has a bias for each kernel, not one for all.",
        "depth": "A kernel of the second block sees all maps of the first: it has weights for each of them.",
        "side": "A kernel has weights in two directions: its side, squared.",
        "no pools": "Each pool halves height and width before the maps are flattened.",
        "no padding": "The maps keep their size in a convolution: the padding sees to that.",
        "one map": "All maps of the last block are flattened, not one of them.",
        "no logits": "The last layer is missing: it makes ten logits of the hidden units.",
    }.items()
)
