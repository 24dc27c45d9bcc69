"""Judge a difference between two levels: better, worse or cannot tell; higher or lower, where neither is better.

The verdict is "cannot tell" with fewer than three seeds in common, or if all of them give the same difference, since
chance can't be judged then. Otherwise it is whether the interval of the mean paired difference excludes zero
(`noise_floor.paired_interval`: 95 %, simultaneous over all levels that are compared).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cnnlab.checks import counted
from cnnlab.comparison.metrics import higher_is_better
from cnnlab.comparison.noise_floor import paired_interval

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot tell"
FEWEST_SEEDS = 3  # two differences say too little about their spread
HIGHER, LOWER = "higher", "lower"  # of a number from inside the network, which has no good direction


class Level(NamedTuple):
    """One row of a comparison's table: a level, its verdict, and the numbers behind the verdict.

    Parameters
    ----------
    level : object
        The value of the compared field.
    seeds : int
        The number of seeds that the level shares with the reference; its own if it shares none or is the reference.
    mean : float
        The mean of the metric over these seeds.
    difference, low, high : float
        The mean difference from the reference and the ends of its interval; NaN for the reference.
    verdict, why : str
        The verdict in words, and the reason for it.
    """

    level: Any
    seeds: int
    mean: float
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    verdict: str = "reference"
    why: str = ""


def paired_rows(
    levels: list[Any], values: Mapping[Any, Mapping[int, float]], metric: str, why_without: Mapping[Any, str]
) -> tuple[Level, ...]:
    """Return a row for each level, all compared with the first one.

    Parameters
    ----------
    levels : list
        The reference, which needs one value at least, then the others.
    values : mapping
        Level → seed → the metric. Two levels are paired on the seeds that both have.
    metric : str
        Its direction decides between "better" and "worse".
    why_without : mapping
        Level → why runs of it have no value.
    """
    reference, *others = levels
    rows = [Level(reference, len(values[reference]), statistics.fmean(values[reference].values()))]
    for level in others:
        if values[level].keys() & values[reference].keys():
            rows.append(_paired_row(level, values[level], values[reference], len(others), metric))
        else:
            rows.append(_row_without_pairs(level, values[level], why_without.get(level, "")))
    return tuple(rows)


def _row_without_pairs(level: Any, values: Mapping[int, float], why_without: str) -> Level:
    """Return the row of a level that shares no seed with the reference."""
    mean = statistics.fmean(values.values()) if values else math.nan
    why = "no seed in common with the first" if values else f"no number there ({why_without})"
    return Level(level, len(values), mean, verdict=CANNOT_TELL, why=why)


def _paired_row(
    level: Any, values: Mapping[int, float], reference: Mapping[int, float], comparisons: int, metric: str
) -> Level:
    """Return the row of a level that is paired with the reference; the rule of this module is here."""
    shared = [seed for seed in values if seed in reference]
    differences = np.array([values[seed] - reference[seed] for seed in shared])
    n, mean = len(differences), float(differences.mean())
    low = high = math.nan
    if n < FEWEST_SEEDS:
        seeds = f"{counted(n, 'seed')}{' in common' if n < max(len(values), len(reference)) else ''}"
        verdict, why = CANNOT_TELL, f"{seeds}: three or more are needed"
    elif np.ptp(differences) <= 1e-12 * max(1.0, np.abs(differences).max()):
        verdict, why = CANNOT_TELL, "every seed gives the same difference: chance can't be judged"
    else:
        low, high = paired_interval(differences, comparisons)
        verdict, why = CANNOT_TELL, "the interval holds 0"
    if low > 0 or high < 0:
        verdict, why = _word(mean > 0, higher_is_better(metric)), "the interval excludes 0"
    return Level(level, n, statistics.fmean(values[seed] for seed in shared), mean, low, high, verdict, why)


def _word(above: bool, higher_wins: bool | None) -> str:
    """Return the verdict on a level above or below the reference."""
    if higher_wins is None:
        return HIGHER if above else LOWER
    return BETTER if above == higher_wins else WORSE
