"""Compute a paired interval: the right way, and with known mistakes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import torch

T_OF_FIVE = 2.776  # Student's t, 95 %, of five differences


def interval(first: Sequence[float], second: Sequence[float], *, t: float = T_OF_FIVE) -> list[float]:
    """Return the ends of the interval of the mean difference of five pairs, second minus first."""
    differences = differences_of(first, second)
    return around(statistics.fmean(differences), t * statistics.stdev(differences) / math.sqrt(5))


def differences_of(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Return second minus first, seed by seed."""
    return [later - earlier for earlier, later in zip(first, second, strict=True)]


def around(middle: float, half: float) -> list[float]:
    """Return the ends of an interval."""
    return [middle - half, middle + half]


def unpaired_interval(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Take the two settings as if their seeds had nothing in common."""
    error = math.sqrt((statistics.variance(first) + statistics.variance(second)) / 5)
    return around(statistics.fmean(second) - statistics.fmean(first), T_OF_FIVE * error)


def _half(function: Callable[[list[float]], float]) -> Callable[..., list[float]]:
    """Return what computes the interval with another half-width, from the differences."""
    return lambda first, second: around(
        statistics.fmean(differences_of(first, second)), function(differences_of(first, second))
    )


INTERVAL_MISTAKES = (
    (
        _half(lambda d: T_OF_FIVE * statistics.pstdev(d) / math.sqrt(5)),
        "Your standard deviation divides by n. For a sample the sum of the squares is divided by n - 1.",
    ),
    (unpaired_interval, "You lost the pairs. Take the difference of each seed first, then their scatter."),
    (
        _half(lambda d: T_OF_FIVE * statistics.stdev(d)),
        "The mean of n differences scatters less than one: √n is missing.",
    ),
    (
        _half(lambda d: T_OF_FIVE * statistics.stdev(d) / 5),
        "You divide by n. A mean scatters less by the root of n.",
    ),
    (lambda x, y: interval(x, y, t=1.96), "1.96 is for very many seeds. For five, take t."),
    (lambda x, y: interval(x, y, t=1.0), "The factor t is missing."),
    (
        _half(lambda d: T_OF_FIVE * statistics.variance(d) / math.sqrt(5)),
        "This has the variance. Take its square root.",
    ),
    (_half(lambda d: T_OF_FIVE * statistics.stdev(d) / 2), "You divide by the root of n - 1. It is the root of n."),
    (lambda x, y: interval(y, x), "The sign is turned round: take second minus first."),
    (lambda x, y: interval(x, y)[::-1], "Give the lower end first."),
    (lambda x, y: statistics.fmean(differences_of(x, y)), "This is the middle alone. Give both ends."),
    (lambda x, y: (interval(x, y)[1] - interval(x, y)[0]) / 2, "This is half the width. Give both ends."),
    (
        _half(lambda d: math.sqrt(2) * T_OF_FIVE * statistics.stdev(d)),
        "√2 belongs to the noise floor of single runs.",
    ),
    (
        lambda x, y: [min(differences_of(x, y)), max(differences_of(x, y))],
        "These are the smallest and the largest difference.",
    ),
)


def make_pairs(generator: torch.Generator) -> list[tuple]:
    """Return accuracies of two settings with the same five seeds."""
    pairs = []
    for difference in (0.02, -0.03, 0.0):
        first = 0.85 + 0.03 * torch.randn(5, generator=generator)
        noise = 0.01 * torch.randn(5, generator=generator)
        noise[first.argmax()] = noise.min() - 0.005  # the best seed never has the largest difference
        second = first + difference + noise
        pairs.append((first.tolist(), second.tolist()))
    return pairs
