"""Runs in, verdicts out: better, worse, or cannot tell.

One rule: the verdict is whether the interval of the paired difference excludes zero. n is the number of seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import stats

from cnnlab.errors import ConfigError, check_choice, check_whole
from cnnlab.experiment import FIELDS, Run, in_order
from cnnlab.history import METRICS, warn_if_environments_differ

if TYPE_CHECKING:
    import pandas

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot tell"
CONFIDENCE = 0.95  # of all intervals of one table together


class Level(NamedTuple):
    """One row of a comparison; see `Comparison`."""

    level: Any
    seeds: int
    mean: float
    difference: float
    low: float
    high: float
    verdict: str
    why: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; `table()` is a DataFrame, `verdicts` says each level's verdict in one word.

    The first level is the reference. difference, low and high are its paired difference (level − reference) and the
    interval that holds the true one, for all levels at once, with 95 % confidence. values: for each level the metric of
    each seed, averaged over the blocks. noise_floor: two single runs of one setting differ by less than this 95 times
    in 100. left_out: runs that have no partner at every level.
    """

    by: str
    along: tuple[str, ...]
    metric: str
    at: str | int
    levels: tuple[Level, ...]
    values: Mapping[Any, Mapping[int, float]]
    noise_floor: float
    left_out: int

    @property
    def verdicts(self) -> dict[Any, str]:
        """The verdict on each level but the reference."""
        return {level.level: level.verdict for level in self.levels[1:]}

    @property
    def title(self) -> str:
        """What was compared, and what moved with it."""
        moved = f" (with its own {' and '.join(self.along)})" if self.along else ""
        where = {"last": "after the last epoch", "stopped": "where training stopped", "best": "at the best epoch"}
        when = where.get(self.at, f"after epoch {self.at}")
        return f"{self.metric} by {self.by}{moved}, {when}, against {self.by}={self.levels[0].level}"

    def table(self) -> pandas.DataFrame:
        """Return one row a level."""
        import pandas

        rows = [level._asdict() for level in self.levels]
        return pandas.DataFrame(rows).rename(columns={"level": self.by}).set_index(self.by)

    def __repr__(self) -> str:
        table = self.table().map(lambda value: f"{value:.4f}" if isinstance(value, float) else value)
        left_out = f"\n{self.left_out} runs have no partner at every level and were left out" if self.left_out else ""
        return f"{self.title}\n{table.replace('nan', '').to_string()}{left_out}"


def compare(
    runs: Iterable[Run],
    by: str,
    *,
    along: Iterable[str] = (),
    metric: str = "validation_accuracy",
    at: str | int = "last",
    reference: Hashable | None = None,
) -> Comparison:
    """Compare the levels of one field, with a verdict on each: better or worse than the reference, or cannot tell.

    Runs are paired on every other field, the seed included; in a crossed grid the pairs of one seed are averaged first.
    along: fields that move together with `by`, such as along=("learning_rate",) where each optimizer has its own.
    metric: of the History, such as "validation_loss", or "seconds". at: "last", "stopped" (with patience: where it
    stopped, at the weights that were kept), "best" (the epoch of the lowest validation loss) or an epoch. reference:
    the level that the others are held against (None: the lowest). The interval is Student's t on the paired
    differences, at 1 − 0.05 / m with m differences (Bonferroni), so that all of a table's verdicts hold together.
    Raises ConfigError where a fair comparison can't be made.

    >>> compare(runs, by="kernel_size").verdicts
    {5: 'better', 7: 'cannot tell'}
    """
    along = (along,) if isinstance(along, str) else tuple(along)
    runs = list({run.experiment.key: run for run in runs}.values())
    _check_question(by, along, metric, at)
    warn_if_environments_differ(run.history for run in runs)
    cells = _cells(runs, by, along, metric, at)
    levels = _levels(cells, by, reference)
    blocks = set.intersection(*(set(cells[level]) for level in levels))
    if not blocks:
        raise ConfigError(_why_nothing_matches(runs, by, along, levels))
    values: dict[Any, dict[int, float]] = {level: {} for level in levels}
    for level, seed in itertools.product(levels, sorted({seed for seed, _ in blocks})):
        values[level][seed] = float(
            np.mean([cells[level][block] for block in sorted(blocks, key=str) if block[0] == seed])
        )
    rows = [_reference_row(levels[0], values[levels[0]])]
    rows += [_row(level, values[level], values[levels[0]], len(levels) - 1, metric) for level in levels[1:]]
    left_out = len(runs) - len(levels) * len(blocks)
    return Comparison(by, along, metric, at, tuple(rows), values, noise_floor(values), left_out)


def noise_floor(values: Mapping[Any, Mapping[int, float]]) -> float:
    """Return the difference that two single runs of one and the same setting stay below 95 times in 100.

    It is t × √2 × the standard deviation over the seeds, pooled over the settings; NaN with one seed.
    """
    samples = [np.fromiter(of_level.values(), float) for of_level in values.values()]
    freedom = sum(len(sample) - 1 for sample in samples)
    if freedom == 0:
        return float("nan")
    variance = sum(((sample - sample.mean()) ** 2).sum() for sample in samples) / freedom
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(2 * variance))


def paired_interval(differences: np.ndarray, comparisons: int = 1) -> tuple[float, float]:
    """Return Student's interval of the mean difference, at 1 − 0.05 / comparisons; NaN, NaN with one pair."""
    n = len(differences)
    if n < 2:
        return float("nan"), float("nan")
    error = differences.std(ddof=1) / np.sqrt(n)
    half = stats.t.ppf(1 - (1 - CONFIDENCE) / (2 * comparisons), n - 1) * error
    return float(differences.mean() - half), float(differences.mean() + half)


def rank_stability(
    runs: Iterable[Run],
    *,
    metric: str = "validation_loss",
    at: str | int = "last",
    resamples: int = 2000,
    seed: int = 0,
) -> pandas.DataFrame:
    """Rank every setting by its mean over the seeds, and say how sure the ranking is: a table, the best first.

    wins: the share of `resamples` drawings of the seeds (with replacement) in which the setting comes first.
    wins_alone: the share of single seeds in which it does; one run a setting would have named it that often.
    Seeds that not every setting has are left out.

    >>> rank_stability(runs).iloc[0]["wins"]
    0.62
    """
    import pandas

    runs = list({run.experiment.key: run for run in runs}.values())
    _check_question("epochs" if at == "last" else "kernel_size", (), metric, at)
    warn_if_environments_differ(run.history for run in runs)
    cells: dict[tuple, dict[int, float]] = {}
    settings = {}
    for run in runs:
        told = run.experiment.resolved()
        key = tuple(told[name] for name in FIELDS if name != "seed")
        settings[key] = told
        value = value_at(run, metric, at)
        if value is not None:
            cells.setdefault(key, {})[told["seed"]] = value
    seeds = sorted(set.intersection(*(set(of_setting) for of_setting in cells.values()))) if cells else []
    if not seeds:
        raise ConfigError("rank_stability: no seed has a finished run of every setting; train the missing ones")
    table = np.array([[of_setting[one] for one in seeds] for of_setting in cells.values()])  # (settings, seeds)
    sign = 1 if _higher_is_better(metric) else -1
    drawn = np.random.default_rng(seed).integers(0, len(seeds), (resamples, len(seeds)))
    means = table[:, drawn].mean(axis=2)  # (settings, resamples)
    wins = np.bincount((sign * means).argmax(axis=0), minlength=len(table)) / resamples
    alone = np.bincount((sign * table).argmax(axis=0), minlength=len(table)) / len(seeds)
    varied = [name for name in FIELDS if name != "seed" and len({settings[key][name] for key in cells}) > 1]
    frame = pandas.DataFrame([{name: settings[key][name] for name in varied} for key in cells])
    frame = frame.assign(seeds=len(seeds), mean=table.mean(axis=1), wins=wins, wins_alone=alone)
    return frame.sort_values("mean", ascending=sign < 0, ignore_index=True, kind="stable")


def _check_question(by: str, along: tuple[str, ...], metric: str, at: str | int) -> None:
    """Raise ConfigError unless this can be asked of any runs."""
    for name in (by, *along):
        check_choice("field of Experiment", name, FIELDS)
    if by == "seed" or "seed" in along:
        raise ConfigError("seed is what comparisons are paired on; compare another field")
    if by in along:
        raise ConfigError(f"along={along!r} names {by!r}, which is compared itself; leave it out")
    check_choice("metric", metric, METRICS)
    if isinstance(at, str):
        check_choice("at", at, ("last", "stopped", "best"))
    else:
        check_whole("at", at, 1)
    if at == "best" and by == "epochs":
        raise ConfigError(
            "at='best' can't compare epochs: the best of more epochs is never worse, whatever training does; "
            "take at='last'"
        )


def _cells(runs: list[Run], by: str, along: tuple[str, ...], metric: str, at: str | int) -> dict[Any, dict]:
    """Return level → (seed, every other field) → value; a run without the value is in no cell."""
    cells: dict[Any, dict] = {}
    moved: dict[tuple, tuple] = {}
    for run in runs:
        settings = run.experiment.resolved()
        others = tuple((name, settings[name]) for name in FIELDS if name not in (by, "seed", *along))
        block = (settings["seed"], others)
        level, beside = settings[by], tuple(settings[name] for name in along)
        if moved.setdefault((level, block), beside) != beside:
            raise ConfigError(
                f"{by}={level!r} has several values of {' and '.join(along)} ({moved[level, block]} and {beside}); "
                "filter the runs to one for each level"
            )
        value = value_at(run, metric, at)
        cells.setdefault(level, {})
        if value is not None:
            cells[level][block] = value
    return cells


def value_at(run: Run, metric: str, at: str | int) -> float | None:
    """Return the metric of a run at that epoch; None if it has none there."""
    history = run.history
    if metric == "seconds":
        return run.seconds
    if history.stopped_by == "diverged" and at == "last":
        return None  # its last finite epoch is not where it ended
    epoch = {"last": len(history), "stopped": history.kept_epoch, "best": history.best_epoch}.get(at, at)
    return history.rows[epoch - 1].get(metric) if 1 <= epoch <= len(history) else None


def _levels(cells: dict[Any, dict], by: str, reference: Hashable | None) -> list[Any]:
    """Return the levels in order, the reference first."""
    levels = sorted(cells, key=in_order)
    if len(levels) < 2:
        raise ConfigError(f"{by} has one level in these runs ({levels}); a comparison wants two or more")
    if reference is not None:
        if reference not in levels:
            raise ConfigError(f"reference={reference!r} is no level of {by}; choose from {levels}")
        levels.remove(reference)
        levels.insert(0, reference)
    return levels


def _why_nothing_matches(runs: list[Run], by: str, along: tuple[str, ...], levels: list[Any]) -> str:
    """Say which field moves together with `by`, or that runs are missing."""
    settings = [run.experiment.resolved() for run in runs]
    for name in FIELDS:
        if name in (by, "seed", *along):
            continue
        taken = {level: {one[name] for one in settings if one[by] == level} for level in levels}
        if any(taken[first].isdisjoint(taken[second]) for first, second in itertools.combinations(levels, 2)):
            told = "; ".join(f"{level}: {', '.join(map(str, sorted(taken[level], key=in_order)))}" for level in levels)
            return (
                f"{name} moves together with {by} ({told}), so that nobody can tell which of them did it; train runs "
                f"in which it stays, or name it: along={(*along, name)!r}"
            )
    return f"no seed has a finished run at every level of {by} ({levels}); train the missing ones"


def _reference_row(level: Any, values: Mapping[int, float]) -> Level:
    nothing = float("nan")
    return Level(level, len(values), float(np.mean(list(values.values()))), nothing, nothing, nothing, "reference", "")


def _row(level: Any, values: Mapping[int, float], against: Mapping[int, float], comparisons: int, metric: str) -> Level:
    """Return a level's row: the one rule is here."""
    differences = np.array([values[seed] - against[seed] for seed in values])
    low, high = paired_interval(differences, comparisons)
    n, mean = len(differences), float(differences.mean())
    if n < 3:
        verdict, why = CANNOT_TELL, f"{n} seed{'' if n == 1 else 's'}: three or more are needed"
    elif np.ptp(differences) <= 1e-12 * max(1.0, np.abs(differences).max()):
        verdict, why = CANNOT_TELL, "every seed gives the same difference: chance can't be judged"
    elif low <= 0 <= high:
        verdict, why = CANNOT_TELL, "the interval holds 0"
    else:
        verdict, why = BETTER if (mean > 0) == _higher_is_better(metric) else WORSE, "the interval excludes 0"
    return Level(level, n, float(np.mean(list(values.values()))), mean, low, high, verdict, why)


def _higher_is_better(metric: str) -> bool:
    return metric.endswith("accuracy")
