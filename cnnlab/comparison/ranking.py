"""Rank the settings of runs, and say how often chance would have chosen another winner."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from cnnlab.checks import check_whole
from cnnlab.comparison.comparable_runs import comparable_runs, distinct
from cnnlab.comparison.metrics import higher_is_better, value_at
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs

if TYPE_CHECKING:
    import pandas


def rank_stability(
    runs: Iterable[Run],
    *,
    metric: str = "validation_loss",
    at: str | int = "last",
    resamples: int = 2000,
    seed: int = 0,
) -> pandas.DataFrame:
    """Rank every setting by its mean over the seeds, and say how sure the ranking is.

    Parameters
    ----------
    runs : iterable of Run
        Seeds that not every setting has are left out. A run that diverged comes last in its seed,
        unless `at` is an epoch before that.
    metric, at
        As in `compare`.
    resamples : int
        How often the seeds are drawn anew, with replacement (the bootstrap). It knows no other seeds than these: with
        few of them the ranking looks surer than it is.
    seed : int
        For these drawings.

    Returns
    -------
    pandas.DataFrame
        One row for each setting, the best first. "wins" is the share of the drawings in which the setting comes first;
        settings that share the first place share the win. "wins_alone" is the share of single seeds in which it comes
        first: with one run for each setting, it would have been the winner that often. If any of these trainings
        diverged, a last column "diverged" says how many of each setting.

    Raises
    ------
    ConfigError
        If no seed has the metric for every setting, or neither direction of the metric is better.

    >>> rank_stability(runs).iloc[0]["wins"]
    0.62
    """
    from cnnlab.table import Table

    resamples, seed = check_whole("resamples", resamples, 1, most=100_000), check_whole("seed", seed, 0)
    runs = distinct(runs)
    varied = [name for name, values in Runs(runs).values().items() if name != "seed" and len(values) > 1]
    runs = comparable_runs(runs, metric, at, compared=varied)
    if higher_is_better(metric) is None:
        raise ConfigError(f"rank_stability: {metric} has no best; rank by a loss or an accuracy, and compare {metric}")
    scored: dict[tuple, dict[int, Run]] = {}  # setting → seed → a run that has a score
    for run in runs:
        settings = run.experiment.resolved()
        of_setting = scored.setdefault(tuple(settings[name] for name in varied), {})
        if _score(run, metric, at) is not None:
            of_setting[run.experiment.seed] = run
    seeds = sorted(set.intersection(*map(set, scored.values()))) if scored else []
    if not seeds:
        raise ConfigError(
            f"rank_stability: no seed has {metric} at {at!r} for every setting; train the missing runs, or filter to "
            "the settings that have it"
        )
    grid = [[of_setting[key] for key in seeds] for of_setting in scored.values()]  # (settings, seeds)
    table = np.array([[_score(run, metric, at) for run in row] for row in grid])
    drawn = np.random.default_rng(seed).integers(0, len(seeds), (resamples, len(seeds)))
    means = table.mean(axis=1) if higher_is_better(metric) else -table.mean(axis=1)
    frame = Table(list(scored), columns=varied, index=range(len(scored))).assign(
        seeds=len(seeds), mean=np.where(np.isfinite(means), means, np.nan),
        wins=_wins(table[:, drawn].mean(axis=2)), wins_alone=_wins(table),
    )  # fmt: skip
    counts = [sum(run.history.diverged for run in row) for row in grid]
    frame = frame.assign(diverged=counts) if any(counts) else frame
    return frame.sort_values("mean", ascending=not higher_is_better(metric), ignore_index=True, kind="stable")


def _score(run: Run, metric: str, at: str | int) -> float | None:
    """Return the number by which a run is ranked, the higher the better; None if it has none."""
    value = value_at(run, metric, at)
    if run.history.diverged and (value is None or at == "last"):
        return -math.inf
    return -value if value is not None and not higher_is_better(metric) else value


def _wins(scores: np.ndarray) -> np.ndarray:
    """Return each setting's share of the wins; scores (settings, contests): the highest of a contest wins."""
    first = scores >= scores.max(axis=0) - 1e-12  # a smaller difference is rounding: accuracies are often equal
    return (first / first.sum(axis=0)).mean(axis=1)
