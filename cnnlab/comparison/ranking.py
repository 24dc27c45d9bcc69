"""Runs in, a ranking of their settings out, and how often chance would have named another winner."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from cnnlab.checks import check_whole
from cnnlab.comparison.metrics import distinct, higher_is_better, readable, value_at
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run

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
    """Rank every setting by its mean over the seeds, and say how sure the ranking is: a table, the best first.

    wins: the share of `resamples` drawings of the seeds (with replacement) in which the setting comes first; those who
    share the first place share the win. wins_alone: the share of single seeds in which it does; one run a setting would
    have named it that often. Seeds that not every setting has are left out; a run that diverged comes last in its seed.

    >>> rank_stability(runs).iloc[0]["wins"]
    0.62
    """
    import pandas

    resamples, seed = check_whole("resamples", resamples, 1), check_whole("seed", seed, 0)
    runs = distinct(runs)
    told = [run.experiment.resolved() for run in runs]
    varied = [name for name in FIELDS if name != "seed" and len({settings[name] for settings in told}) > 1]
    runs = readable(runs, metric, at, compared=varied)
    if higher_is_better(metric) is None:
        raise ConfigError(f"rank_stability: {metric} has no best; rank by a loss or an accuracy, and compare {metric}")
    sign = 1 if higher_is_better(metric) else -1
    found: dict[tuple, dict[int, float]] = {}
    for run, settings in zip(runs, told, strict=True):
        of_setting = found.setdefault(tuple(settings[name] for name in varied), {})
        value = value_at(run, metric, at)
        if value is not None:
            of_setting[settings["seed"]] = sign * value
        elif run.history.stopped_by == "diverged":
            of_setting[settings["seed"]] = -math.inf
    seeds = sorted(set.intersection(*map(set, found.values()))) if found else []
    if not seeds:
        raise ConfigError(
            f"rank_stability: no seed has {metric} at {at!r} for every setting; train the missing runs, or filter to "
            "the settings that have it"
        )
    table = np.array([[of_setting[one] for one in seeds] for of_setting in found.values()])  # (settings, seeds)
    drawn = np.random.default_rng(seed).integers(0, len(seeds), (resamples, len(seeds)))
    means = sign * table.mean(axis=1)
    frame = pandas.DataFrame(list(found), columns=varied, index=range(len(found))).assign(
        seeds=len(seeds), mean=np.where(np.isfinite(means), means, np.nan),
        wins=_wins(table[:, drawn].mean(axis=2)), wins_alone=_wins(table),
    )  # fmt: skip
    return frame.sort_values("mean", ascending=sign < 0, ignore_index=True, kind="stable")


def _wins(scores: np.ndarray) -> np.ndarray:
    """Return each setting's share of the wins, from scores (settings, contests) of which the highest wins."""
    first = scores >= scores.max(axis=0) - 1e-12  # so little is rounding: accuracies of few images are often equal
    return (first / first.sum(axis=0)).mean(axis=1)
