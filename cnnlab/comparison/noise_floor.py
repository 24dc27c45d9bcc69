"""Compute what chance alone does: the noise floor of single runs, and the interval of a mean difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95  # that all intervals of a table hold the true difference


def pooled_noise(values: Mapping[Any, Mapping[int, float]]) -> float:
    """Return the noise floor: two single runs of one setting differ by less than this 95 times in 100.

    It is t × √2 × the standard deviation over the seeds, pooled over the settings; NaN if no setting has two seeds.

    Parameters
    ----------
    values : mapping
        Setting → seed → the metric of a single run.

    >>> round(pooled_noise({"kernel_size=3": {0: 0.50, 1: 0.51, 2: 0.52}}), 4)
    0.0608
    """
    samples = [np.fromiter(of_setting.values(), float) for of_setting in values.values() if of_setting]
    freedom = sum(len(sample) - 1 for sample in samples)
    if freedom == 0:
        return float("nan")
    variance = sum(((sample - sample.mean()) ** 2).sum() for sample in samples) / freedom
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(2 * variance))


def paired_interval(differences: np.ndarray, comparisons: int = 1) -> tuple[float, float]:
    """Return the ends of Student's confidence interval of a mean difference.

    Parameters
    ----------
    differences : array
        One difference for each pair. With a single pair both ends are NaN.
    comparisons : int
        How many intervals must hold together: each is taken at confidence 1 − 0.05 / comparisons (Bonferroni).

    >>> [round(end, 3) for end in paired_interval([0.01, 0.03])]
    [-0.107, 0.147]
    """
    differences = np.asarray(differences, float)
    n = len(differences)
    if n < 2:
        return float("nan"), float("nan")
    error = differences.std(ddof=1) / np.sqrt(n)
    half = stats.t.ppf(1 - (1 - CONFIDENCE) / (2 * comparisons), n - 1) * error
    return float(differences.mean() - half), float(differences.mean() + half)
