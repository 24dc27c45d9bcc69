"""Choose between networks by their losses: the right way, and with known mistakes."""

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
    (
        lambda results: min(results, key=lambda name: sum(results[name]["validation"]) - sum(results[name]["train"])),
        "You chose the smallest gap. A network that is equally bad on both has a small gap, too.",
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
        "second": ([0.305] * 4, [0.51, 0.53, 0.55, 0.60], [0.45] * 4),  # by the test images, of the two best
        "test": ([0.30] * 4, [0.62] * 4, [0.35] * 4),
        "train": ([0.01] * 4, [0.70] * 4, [0.60] * 4),
        "luckiest": ([0.31] * 4, [0.60, 0.30, 0.75, 0.70], [0.61] * 4),
        "first seed": ([0.32] * 4, [0.40, 0.65, 0.72, 0.70], [0.62] * 4),
        "worst seed": ([0.33] * 4, [0.545, 0.55, 0.55, 0.56], [0.63] * 4),
        "highest": ([0.34] * 4, [0.95] * 4, [0.64] * 4),
        "mixed": ([0.10] * 4, [0.61] * 4, [0.45] * 4),
        "gap": ([0.80] * 4, [0.81] * 4, [0.82] * 4),
    }
    order = torch.randperm(len(planned), generator=generator).tolist()
    plans = [[*planned.values()][place] for place in order]
    scale = 0.5 + float(torch.rand((), generator=generator))
    return {
        f"network {letter}": {
            images: [round(scale * loss, 4) for loss in losses]
            for images, losses in zip(("train", "validation", "test"), plan, strict=True)
        }
        for letter, plan in zip("ABCDEFGHIJ", plans, strict=True)
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

    The first has the lowest mean but in no seed the lowest loss. The others win once or more, in random seeds.
    """
    losses = 1 + torch.rand(seeds, configurations, generator=generator)
    losses[:, -1] = 3.0
    losses[:, 0] = 0.41
    others = configurations - 2
    winners = torch.cat([torch.arange(others), torch.randint(others, (seeds - others,), generator=generator)])
    for seed, winner in enumerate(winners[torch.randperm(seeds, generator=generator)].tolist()):
        losses[seed, 1 + winner] = 0.3 + 0.1 * float(torch.rand((), generator=generator))
    return losses
