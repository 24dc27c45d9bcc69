"""Early stopping and paired intervals, right, and with the mistakes of students."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

T_OF_FIVE = 2.776  # Student's t, 95 %, of five differences


def stop_early(
    losses: Sequence[float],
    patience: int,
    *,
    allowed: int = 0,
    ties_count: bool = False,
    with_the_last: bool = False,
    in_a_row: bool = True,
) -> tuple[int, int]:
    """Return the last epoch trained and the epoch kept, both counted from 1.

    Parameters
    ----------
    losses : sequence of float
        The validation loss after each epoch.
    patience : int
        How many epochs in a row may fail to lower the loss.
    allowed : int
        A mistake: so many epochs more.
    ties_count, with_the_last, in_a_row : bool
        Mistakes: an equal loss is lower; compare with the epoch before, not with the best; count all epochs.
    """
    best, kept, waited = math.inf, 0, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best or (ties_count and loss == best):
            best, kept, waited = loss, epoch, 0 if in_a_row else waited
        else:
            waited += 1
        if with_the_last:
            best = loss
        if waited > patience + allowed:
            return epoch, kept
    return len(losses), kept


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
