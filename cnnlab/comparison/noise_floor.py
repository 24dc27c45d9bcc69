"""What chance alone does: numbers of several seeds in, the noise floor and the interval of a difference out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95  # of all intervals of one table together


def pooled_noise(values: Mapping[Any, Mapping[int, float]]) -> float:
    """Return the noise floor from setting → seed → the number of one run.

    It is t × √2 × the standard deviation over the seeds, pooled over the settings; NaN with one seed.
    """
    samples = [np.fromiter(of_level.values(), float) for of_level in values.values() if of_level]
    freedom = sum(len(sample) - 1 for sample in samples)
    if freedom == 0:
        return float("nan")
    variance = sum(((sample - sample.mean()) ** 2).sum() for sample in samples) / freedom
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(2 * variance))


def paired_interval(differences: np.ndarray, comparisons: int = 1) -> tuple[float, float]:
    """Return Student's interval of the mean difference, at 1 − 0.05 / comparisons; NaN, NaN with one pair."""
    differences = np.asarray(differences, float)
    n = len(differences)
    if n < 2:
        return float("nan"), float("nan")
    error = differences.std(ddof=1) / np.sqrt(n)
    half = stats.t.ppf(1 - (1 - CONFIDENCE) / (2 * comparisons), n - 1) * error
    return float(differences.mean() - half), float(differences.mean() + half)
