"""Compute what chance alone does: the noise floor of single runs, and the interval of a mean difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from cnnlab.comparison.comparable_runs import check_runs, comparable_runs
from cnnlab.comparison.metrics import metric_values, warn_of_missing
from cnnlab.experiments.run import Run

CONFIDENCE = 0.95  # that all intervals of a table hold the true difference


def noise_floor(runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last") -> float:
    """Return the noise floor: two single runs of one setting differ by less than this 95 times in 100.

    Runs that differ in the seed alone say how large it is; several settings are pooled. NaN if each has one seed. Runs
    without a value are left out, with a warning. The 95 assume that the values of a setting scatter roughly normally,
    and as widely in one setting as in another.

    Raises
    ------
    ConfigError
        If there are no runs, or the metric at this epoch gives no fair comparison.

    >>> noise_floor(sweep(grid(Experiment(), seed=range(5))))
    0.021
    """
    runs = comparable_runs(check_runs(runs), metric, at)
    by_setting = ((run.experiment.setting, run) for run in runs)
    values, why_without, without_value = metric_values(by_setting, metric, at)
    warn_of_missing(without_value, len(runs), metric, at, why_without.values())
    return pooled_noise(values)


def pooled_noise(values: Mapping[Any, Mapping[int, float]]) -> float:
    """Return the noise floor: two single runs of one setting differ by less than this 95 times in 100.

    It is t × √2 × the standard deviation over the seeds, pooled over the settings: 95 % of the differences between two
    new runs are smaller, if the values of each setting are normal with one standard deviation for all, and independent.
    Student's t makes it wider where few runs say how large that deviation is. NaN if no setting has two seeds.

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
