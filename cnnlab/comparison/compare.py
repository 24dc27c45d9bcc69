"""Runs in, verdicts out: which run is paired with which, and why runs can't be compared. The rule is in verdicts.py."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cnnlab.checks import check_choice
from cnnlab.comparison.metrics import WHEN, distinct, read_off, readable, value_at, why_missing
from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.comparison.verdicts import Level, paired_rows
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; `table()` is a DataFrame, `verdicts` says each level's verdict in one word.

    The first level is the reference. difference, low and high are its paired difference (level − reference) and the
    interval that holds the true one, for all levels at once, with 95 % confidence (NaN where chance can't be judged).
    values: for each level, in order, the metric of each seed, averaged over the blocks. noise_floor: two single runs of
    one setting differ by less than this 95 times in 100. left_out: runs that take no part; without_value: those of them
    that have no such number; why_without says why, for each level that has such runs. The others have no partner at
    every level.
    """

    by: str
    along: tuple[str, ...]
    metric: str
    at: str | int
    levels: tuple[Level, ...]
    values: Mapping[Any, Mapping[int, float]]
    noise_floor: float
    left_out: int
    without_value: int
    why_without: Mapping[Any, str]

    @property
    def verdicts(self) -> dict[Any, str]:
        """The verdict on each level but the reference."""
        return {level.level: level.verdict for level in self.levels[1:]}

    @property
    def title(self) -> str:
        """What was compared, what moved with it, when, and against which level."""
        when = WHEN.get(self.at, f"after epoch {self.at}")
        return f"{self.metric} by {self.what}, {when}, against {self.by}={self.levels[0].level}"

    @property
    def what(self) -> str:
        """The compared field, and what moved with it."""
        return f"{self.by} (with its own {' and '.join(self.along)})" if self.along else self.by

    def paired(self, level: Hashable) -> dict[int, float]:
        """Return the values that the level's mean is of: of the seeds that the reference has, too; of all, if none.

        >>> compare_settings(runs).paired("kernel_size=5")
        {0: 0.86, 1: 0.84, 2: 0.87}
        """
        values, reference = self.values[level], self.values[self.levels[0].level]
        return {seed: value for seed, value in values.items() if seed in reference} or dict(values)

    def against(self, reference: Hashable) -> Comparison:
        """Return the same comparison with another level as the reference.

        Raises ConfigError if it is none of the levels, or has no number.

        >>> compare(runs, by="kernel_size").against(5).verdicts
        {3: 'worse', 7: 'cannot tell'}
        """
        levels = _with_reference(list(self.values), self.by, reference)
        if not self.values[reference]:
            why = self.why_without[reference]
            raise ConfigError(f"reference={reference!r} has no number ({why}); take another level")
        return replace(self, levels=paired_rows(levels, self.values, self.metric, self.why_without))

    def table(self) -> pandas.DataFrame:
        """Return one row a level."""
        import pandas

        # dtype=object: a level stays what it is, also None beside numbers, or a tuple of channels
        index = pandas.Index([row.level for row in self.levels], dtype=object, name=self.by, tupleize_cols=False)
        return pandas.DataFrame([row[1:] for row in self.levels], index=index, columns=Level._fields[1:])

    def __repr__(self) -> str:
        table = self.table().map(lambda value: f"{value:.4f}" if isinstance(value, float) else value)
        reasons = {
            f"no number there ({_each_once(self.why_without)})": self.without_value,
            "no partner at every level": self.left_out - self.without_value,
        }
        left_out = "".join(f"\nruns left out, {why}: {count}" for why, count in reasons.items() if count)
        return f"{self.title}\n{table.replace('nan', '').to_string()}{left_out}"


def compare(
    runs: Iterable[Run],
    by: str,
    *,
    along: Iterable[str] = (),
    metric: str = "validation_accuracy",
    at: str | int = "last",
    reference: Hashable = ...,
) -> Comparison:
    """Compare the levels of one field, with a verdict on each: better or worse than the reference, or cannot tell.

    Of numbers from inside the network, which have no good direction, the verdicts are higher and lower.

    Runs are paired on every other field, the seed included; in a crossed grid the pairs of one seed are averaged first.
    along: fields that move together with `by`, such as along=("learning_rate",) where each optimizer has its own.
    metric: of the History, such as "validation_loss", "seconds" of the whole run, or "dead_share" where the insides
    were recorded. at: "last", "stopped" (with
    patience: at the weights that were kept), "best" (the epoch of the lowest validation loss) or an epoch. reference:
    the level that the others are held against (left out: the lowest). The interval is Student's t on the paired
    differences, at 1 − 0.05 / m with m differences (Bonferroni), so that all of a table's verdicts hold together.
    Raises ConfigError where a fair comparison can't be made.

    >>> compare(runs, by="kernel_size").verdicts
    {5: 'better', 7: 'cannot tell'}
    """
    along = (along,) if isinstance(along, str) else tuple(along)
    runs = distinct(runs)
    if not runs:
        raise ConfigError(
            "there are no runs to compare; a filter may have left none: runs.values() shows what there is"
        )
    _check_fields(by, along)
    runs = readable(runs, metric, at, compared=(by, *along))
    cells = _cells(runs, by, along, metric, at)
    in_their_order = _levels(cells, by)
    levels = in_their_order if reference is ... else _with_reference(in_their_order, by, reference)
    blocks = [block for block in cells[levels[0]] if all(block in cells[level] for level in levels)]
    if not blocks:
        raise ConfigError(_why_nothing_matches(runs, cells, by, along, levels, metric, at))
    values, settings = {}, {}
    for level in in_their_order:
        of_seed: dict[int, list[float]] = {}
        for seed, others in blocks:
            value = cells[level][seed, others]
            of_seed.setdefault(seed, []).append(value)
            settings.setdefault((level, others), {})[seed] = value
        values[level] = {seed: statistics.fmean(of_seed[seed]) for seed in sorted(of_seed)}
    named = ((run.experiment.resolved()[by], run) for run in runs)
    _, why_without, without_value = read_off(named, metric, at)
    rows = paired_rows(levels, values, metric, why_without)
    if without_value:
        why = _each_once(why_without)
        warnings.warn(
            f"{without_value} of {len(runs)} runs have no {metric} at {at!r} ({why}) and are left out: "
            "what remains may look better than it is",
            stacklevel=2,
        )
    left_out = len(runs) - len(levels) * len(blocks)
    noise = pooled_noise(settings)
    return Comparison(by, along, metric, at, rows, values, noise, left_out, without_value, why_without)


def noise_floor(runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last") -> float:
    """Return the difference that two single runs of one and the same setting stay below 95 times in 100.

    Runs that differ in the seed alone say how large it is; several settings are pooled. NaN with one seed.

    >>> noise_floor(sweep(grid(Experiment(), seed=range(5))))
    0.021
    """
    named = ((run.experiment.replace(seed=0).key, run) for run in readable(runs, metric, at))
    return pooled_noise(read_off(named, metric, at)[0])


def _check_fields(by: str, along: tuple[str, ...]) -> None:
    for name in (by, *along):
        check_choice("field of Experiment", name, FIELDS)
    if by == "seed" or "seed" in along:
        raise ConfigError("seed is what comparisons are paired on; compare another field")
    if by in along:
        raise ConfigError(f"along={along!r} names {by!r}, which is compared itself; leave it out")


def _cells(runs: list[Run], by: str, along: tuple[str, ...], metric: str, at: str | int) -> dict[Any, dict]:
    """Return level → (seed, every other field) → value; a run without the value is in no cell."""
    cells: dict[Any, dict] = {}
    moved: dict[tuple, tuple] = {}
    for run in runs:
        settings = run.experiment.resolved()
        others = tuple(settings[name] for name in FIELDS if name not in (by, "seed", *along))
        level, beside = settings[by], tuple(settings[name] for name in along)
        # Without the seed: seeds that differ in more than the seed would be no repetitions.
        before = moved.setdefault((level, others), beside)
        if before != beside:
            raise ConfigError(
                f"{by}={level!r} has several values of {' and '.join(along)} "
                f"({_listed(before)} and {_listed(beside)}); filter the runs to one for each level"
            )
        value = value_at(run, metric, at)
        of_level = cells.setdefault(level, {})
        if value is not None:
            of_level[settings["seed"], others] = value
    return cells


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _levels(cells: dict[Any, dict], by: str) -> list[Any]:
    """Return the levels in order; ConfigError for fewer than two."""
    levels = sorted(cells, key=in_order)
    if len(levels) < 2:
        raise ConfigError(f"{by} wants two values or more to compare, got {levels}; train some, or name another field")
    return levels


def _with_reference(levels: list[Any], by: str, reference: Hashable) -> list[Any]:
    """Return the levels as they are, but the reference first."""
    if reference not in levels:
        raise ConfigError(f"reference={reference!r} is no level of {by}; choose from {levels}")
    return [reference, *(level for level in levels if level != reference)]


def _why_nothing_matches(
    runs: list[Run], cells: dict, by: str, along: tuple, levels: list, metric: str, at: str | int
) -> str:
    """Say which level has no value, which fields move together with `by`, or that runs are missing."""
    for level in levels:
        if not cells[level]:
            why = why_missing([run for run in runs if run.experiment.resolved()[by] == level], metric, at)
            return (
                f"no run with {by}={level!r} has {metric} at {at!r}: {why}; filter the runs to the "
                "other levels, and say so"
            )
    settings = [run.experiment.resolved() for run in runs]
    moving = {}
    for name in FIELDS:
        taken = {level: {one[name] for one in settings if one[by] == level} for level in levels}
        if name not in (by, "seed", *along) and not set.intersection(*taken.values()):
            told = (f"{level}: {_listed(sorted(values, key=in_order))}" for level, values in taken.items())
            moving[name] = f"{name} ({'; '.join(told)})"
    if moving:
        names = (*along, *moving)
        return (
            f"{' and '.join(moving.values())} move{'s' if len(moving) == 1 else ''} together with {by}, so that nobody "
            f"can tell which of them did it; train runs that differ in {by} alone, or name what moves: along={names!r}"
        )
    return (
        f"no two runs at all levels of {by} ({_listed(levels)}) agree in the seed and all else; train the missing ones"
    )


def _each_once(why_without: Mapping[Any, str]) -> str:
    return "; ".join(dict.fromkeys(why_without.values()))
