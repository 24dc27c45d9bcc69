"""Compare the levels of one field: pair the runs, average, and judge each level.

A level is a value of the compared field. Two runs at different levels are paired if they agree in the seed and in every
other field; the values of these other fields are their block. `compare` pairs the runs, keeps the pairs that are there
at every level, averages over the blocks of each seed, and judges by the rule in verdicts.py.
"""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, shown
from cnnlab.comparison.html_table import decimals, html_table
from cnnlab.comparison.metrics import (
    WHEN,
    comparable_runs,
    distinct,
    diverged_with_value,
    metric_values,
    value_at,
    why_missing,
)
from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.comparison.verdicts import Level, paired_rows
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`: a verdict on each level, and the numbers behind it.

    Parameters
    ----------
    by : str
        The compared field.
    along : tuple of str
        The fields that move together with it.
    metric : str
        The name of the compared metric.
    at : str or int
        The epoch at which the metric is taken; see `compare`.
    levels : tuple of Level
        A row for each level, the reference first: its mean, its paired difference from the reference, and the interval
        low–high. All intervals of the table together hold the true differences with 95 % confidence. They are NaN with
        fewer than three shared seeds, or if all differences are equal.
    values : mapping
        Level → seed → the metric, averaged over the blocks.
    noise_floor : float
        Two single runs of one setting differ by less than this 95 times in 100.
    left_out : int
        How many runs take no part, because they have no value or no partner at every level.
    without_value : int
        How many of them have no value of the metric.
    why_without : mapping
        Level → why runs of it have no value; only for levels with such runs.
    diverged : mapping
        Level → how many of its runs diverged and have a value all the same, finite; only for levels with such runs.
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
    diverged: Mapping[Any, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {"noise_floor": 0.0} if isinstance(self.noise_floor, float) else {}  # it may be NaN
        check_arguments(Comparison, vars(self) | known, at=1, left_out=0, without_value=0)

    @property
    def verdicts(self) -> dict[Any, str]:
        """Level → verdict, for each level except the reference."""
        return {level.level: level.verdict for level in self.levels[1:]}

    @property
    def title(self) -> str:
        """The metric, the compared field, the epoch and the reference, in words."""
        when = WHEN[self.at] if isinstance(self.at, str) else f"after epoch {self.at}"
        return f"{self.metric} by {self.what}, {when}, against {self.by}={self.levels[0].level}"

    @property
    def what(self) -> str:
        """The compared field and the fields that moved with it, in words."""
        return f"{self.by} (with its own {' and '.join(self.along)})" if self.along else self.by

    def paired(self, level: Hashable) -> dict[int, float]:
        """Return seed → value for the seeds that this level shares with the reference; for all its seeds, if none.

        The level's mean is the mean of these values.

        >>> compare_settings(runs).paired("kernel_size=5")
        {0: 0.86, 1: 0.84, 2: 0.87}
        """
        values, reference = self.values[_known_level(level, self.values, self.by)], self.values[self.levels[0].level]
        return {seed: value for seed, value in values.items() if seed in reference} or dict(values)

    def against(self, reference: Hashable) -> Comparison:
        """Return the same comparison with another level as the reference.

        Raises ConfigError if it is none of the levels, or has no value.

        >>> compare(runs, by="kernel_size").against(5).verdicts
        {3: 'worse', 7: 'cannot tell'}
        """
        levels = _reference_first(list(self.values), self.by, reference)
        if not self.values[reference]:
            why = self.why_without[reference]
            raise ConfigError(f"reference={reference!r} has no number ({why}); take another level")
        return replace(self, levels=paired_rows(levels, self.values, self.metric, self.why_without))

    def table(self) -> pandas.DataFrame:
        """Return a DataFrame with one row for each level.

        >>> compare(runs, by="kernel_size").table()[["mean", "difference", "verdict"]]
        """
        import pandas

        from cnnlab.table import Table

        # dtype=object: a level stays what it is, also None beside numbers, or a tuple of channels
        index = pandas.Index([row.level for row in self.levels], dtype=object, name=self.by, tupleize_cols=False)
        return Table([row[1:] for row in self.levels], index=index, columns=Level._fields[1:])

    def __repr__(self) -> str:
        digits = decimals(self.levels)
        table = self.table().map(lambda value: f"{value:.{digits}f}" if isinstance(value, float) else value)
        left_out = "".join(f"\n{note}" for note in self._left_out())
        return f"{self.title}\n{table.replace('nan', '').to_string()}{left_out}"

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        return html_table(self.title, self.by, self.levels, filter(None, [self.noise_sentence, *self._left_out()]))

    @property
    def noise_sentence(self) -> str:
        """What the noise floor means, in words; "" where no setting has two seeds."""
        if math.isnan(self.noise_floor):
            return ""
        floor = f"{self.noise_floor:.{decimals(self.levels)}f}"
        return f"noise floor: two single runs of one setting differ by less than {floor} 95 times in 100"

    def _left_out(self) -> list[str]:
        """Return a line for each reason why runs take no part, with their number, and one for runs that diverged."""
        reasons = {
            f"no number there ({_join_once(self.why_without.values())})": self.without_value,
            "no partner at every level": self.left_out - self.without_value,
        }
        left_out = [f"runs left out, {why}: {count}" for why, count in reasons.items() if count]
        return left_out + ([self.diverged_sentence] if self.diverged else [])

    @property
    def diverged_sentence(self) -> str:
        """How many runs of which levels diverged with finite numbers, in words; "" if none did."""
        levels = ", ".join(f"{level} ({count})" for level, count in self.diverged.items())
        return f"runs that diverged, with their finite numbers in the means: {levels}" if levels else ""


def compare(
    runs: Iterable[Run],
    by: str,
    *,
    along: Iterable[str] = (),
    metric: str = "validation_accuracy",
    at: str | int = "last",
    reference: Hashable = ...,
) -> Comparison:
    """Compare the levels of one field: each is better or worse than the reference, or chance cannot tell.

    Two runs are paired if they agree in the seed and in every other field. The values of these other fields are their
    block. If other fields vary too (kernel_size × pooling, say), the values of one seed are first averaged over the
    blocks, so that each seed counts once.

    A verdict is drawn from Student's interval of the mean paired difference. With m differences in the table each
    interval has confidence 1 − 0.05 / m (Bonferroni), so that all verdicts hold together. The interval assumes that the
    differences are roughly normal. With five seeds every verdict rests on this: a sign test, which does without, can't
    reach 5 % with five pairs (2 × 0.5⁵ = 6 %). The interval knows no bounds: the reference's accuracy plus an end of it
    may be more than 1.

    Parameters
    ----------
    runs : iterable of Run
        Such as `sweep` or `load_runs` returns. A run given twice counts once.
    by : str
        The field of `Experiment` that is compared.
    along : iterable of str
        The fields that move together with it, such as ("learning_rate",) where each optimizer has its own rate.
    metric : str
        A metric of the `History`, such as "validation_loss"; one that `Recorder` wrote, such as "dead_share";
        "generalization_gap", the validation loss minus the training loss (the mean over the epoch's batches in train
        mode); or one of the whole run: "seconds", "epochs_to_reach:0.9" (the first epoch with this validation accuracy
        or more; a run that never gets there has no value, and is counted), "fluctuation" (the median of
        |ln(lossₜ / lossₜ₋₁)| of the training loss in the second half) or "fluctuation_validation" (of the other loss).
        Where neither direction is better, the verdicts are "higher" and "lower".
    at : str or int
        "last" epoch; "stopped": the epoch whose weights patience kept, else the last; "best": the epoch of the lowest
        validation loss; or an epoch from 1.
    reference : object
        The level that the others are compared with. The default `...` takes the first in order. It is not None, since
        None can be a level (patience=None).

    Returns
    -------
    Comparison
        Its `verdicts`, and its `table()` with the numbers behind them.

    Raises
    ------
    ConfigError
        If the runs allow no fair comparison; the message says why, and what to do.

    >>> compare(runs, by="kernel_size").verdicts
    {5: 'better', 7: 'cannot tell'}
    """
    check_arguments(compare, {"along": along})
    question = _Question(by, (along,) if isinstance(along, str) else tuple(along), metric, at)
    runs = _distinct_runs(runs)
    _check_fields(question)
    runs = comparable_runs(runs, metric, at, compared=(by, *question.along))
    table = _pair_runs(runs, question)
    levels = _levels_in_order(table, by)
    with_reference = levels if reference is ... else _reference_first(levels, by, reference)
    keys = [key for key in table[with_reference[0]] if all(key in table[level] for level in levels)]
    if not keys:
        raise ConfigError(_why_no_pairs(runs, table, with_reference, question))
    complete = {level: {key: table[level][key] for key in keys} for level in levels}
    values = {level: _average_blocks(of_level) for level, of_level in complete.items()}
    _, why_without, without_value = metric_values(((run.experiment.resolved()[by], run) for run in runs), metric, at)
    _warn_of_missing(without_value, why_without, f"of {len(runs)} runs have no {metric} at {at!r}")
    return Comparison(
        by, question.along, metric, at, paired_rows(with_reference, values, metric, why_without), values,
        noise_floor=pooled_noise(_by_setting(complete)), left_out=len(runs) - len(levels) * len(keys),
        without_value=without_value, why_without=why_without,
        diverged=diverged_with_value(((run.experiment.resolved()[by], run) for run in runs), metric, at),
    )  # fmt: skip


def noise_floor(runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last") -> float:
    """Return the noise floor: two single runs of one setting differ by less than this 95 times in 100.

    Runs that differ in the seed alone say how large it is; several settings are pooled. NaN if each has one seed. Runs
    without a value are left out, with a warning.

    Raises
    ------
    ConfigError
        If there are no runs, or the metric at this epoch gives no fair comparison.

    >>> noise_floor(sweep(grid(Experiment(), seed=range(5))))
    0.021
    """
    runs = comparable_runs(_distinct_runs(runs), metric, at)
    by_setting = ((run.experiment.replace(seed=0).key, run) for run in runs)
    values, why_without, without_value = metric_values(by_setting, metric, at)
    _warn_of_missing(without_value, why_without, f"of {len(runs)} runs have no {metric} at {at!r}")
    return pooled_noise(values)


def _distinct_runs(runs: Iterable[Run]) -> list[Run]:
    """Return each run once; raise ConfigError if there are none."""
    runs = distinct(runs)
    if not runs:
        raise ConfigError(
            "there are no runs to compare; a filter may have left none: runs.values() shows what there is"
        )
    return runs


def _warn_of_missing(count: int, reasons: Mapping[Any, str], words: str) -> None:
    """Warn the caller of the public function if runs have no value."""
    if count:
        warnings.warn(
            f"{count} {words} ({_join_once(reasons.values())}) and are left out: "
            "what remains may look better than it is",
            stacklevel=3,
        )


class _Question(NamedTuple):
    """What is compared, and by which metric; the parameters of `compare`."""

    by: str
    along: tuple[str, ...]
    metric: str
    at: str | int


class _PairKey(NamedTuple):
    """What paired runs have in common: the seed, and the values of every other field that is not compared."""

    seed: int
    block: tuple[Any, ...]


_Table = dict[Any, dict[_PairKey, float]]  # level → key → the metric


def _check_fields(question: _Question) -> None:
    """Raise ConfigError unless these fields can be compared."""
    by, along = question.by, question.along
    for name in (by, *along):
        check_choice("field of Experiment", name, FIELDS)
    if by == "seed" or "seed" in along:
        raise ConfigError("seed is what comparisons are paired on; compare another field")
    if by in along:
        raise ConfigError(f"along={along!r} names {by!r}, which is compared itself; leave it out")


def _pair_runs(runs: list[Run], question: _Question) -> _Table:
    """Return level → key → the metric of a run; a run without a value is left out.

    Raises ConfigError if a level has several values of what moves along, within one block.
    """
    by, along = question.by, question.along
    table: _Table = {}
    moved: dict[tuple[Any, tuple], tuple] = {}  # (level, block) → the values of the fields that move along
    for run in runs:
        settings = run.experiment.resolved()
        level, moving = settings[by], tuple(settings[name] for name in along)
        key = _PairKey(settings["seed"], tuple(settings[name] for name in FIELDS if name not in (by, "seed", *along)))
        # By the block, not by the key: seeds of one block that differ in more than the seed are no repetitions.
        earlier = moved.setdefault((level, key.block), moving)
        if earlier != moving:
            raise ConfigError(
                f"{by}={level!r} has several values of {' and '.join(along)} "
                f"({_listed(earlier)} and {_listed(moving)}); filter the runs to one for each level"
            )
        of_level = table.setdefault(level, {})
        value = value_at(run, question.metric, question.at)
        if value is not None:
            of_level[key] = value
    return table


def _levels_in_order(table: _Table, by: str) -> list[Any]:
    """Return the levels in the course's order; raise ConfigError if there are fewer than two."""
    levels = sorted(table, key=in_order)
    if len(levels) < 2:
        raise ConfigError(f"{by} wants two values or more to compare, got {levels}; train some, or name another field")
    return levels


def _reference_first(levels: list[Any], by: str, reference: Hashable) -> list[Any]:
    """Return the reference, then the other levels; raise ConfigError if it is none of them."""
    _known_level(reference, levels, by, "reference")
    return [reference, *(level for level in levels if level != reference)]


def _known_level(level: Any, levels: Collection[Any], by: str, field: str = "level") -> Any:
    """Return the level; raise ConfigError if it is none of these."""
    if not isinstance(level, (str, int, float, tuple, np.number, type(None))) or level not in levels:
        raise ConfigError(f"{field}={shown(level)} is no level of {by}; choose from {[*levels]}")
    return level


def _average_blocks(of_level: Mapping[_PairKey, float]) -> dict[int, float]:
    """Return seed → the mean over the blocks, of one level."""
    blocks: dict[int, list[float]] = {}
    for key, value in of_level.items():
        blocks.setdefault(key.seed, []).append(value)
    return {seed: statistics.fmean(blocks[seed]) for seed in sorted(blocks)}


def _by_setting(table: _Table) -> dict[tuple, dict[int, float]]:
    """Return setting → seed → the metric of a single run; a setting is a level and a block."""
    settings: dict[tuple, dict[int, float]] = {}
    for level, of_level in table.items():
        for key, value in of_level.items():
            settings.setdefault((level, key.block), {})[key.seed] = value
    return settings


def _why_no_pairs(runs: list[Run], table: _Table, levels: list[Any], question: _Question) -> str:
    """Say why no two runs can be paired: a level without a value, fields that move along, or missing runs."""
    by, along, metric, at = question
    for level in levels:
        if not table[level]:
            why = why_missing([run for run in runs if run.experiment.resolved()[by] == level], metric, at)
            return (
                f"no run with {by}={level!r} has {metric} at {at!r}: {why}; filter the runs to the "
                "other levels, and say so"
            )
    moving = _fields_that_move(runs, levels, by, along)
    if moving:
        names, verb = (*along, *moving), "moves" if len(moving) == 1 else "move"
        return (
            f"{' and '.join(moving.values())} {verb} together with {by}, so the cause of a difference can't be told; "
            f"train runs that differ in {by} alone, or name what moves: along={names!r}"
        )
    return (
        f"no two runs at all levels of {by} ({_listed(levels)}) agree in the seed and all else; train the missing ones"
    )


def _fields_that_move(runs: list[Run], levels: list[Any], by: str, along: tuple[str, ...]) -> dict[str, str]:
    """Return field → its values at each level, in words, for the fields that have no value at every level."""
    settings = [run.experiment.resolved() for run in runs]
    moving = {}
    for name in FIELDS:
        values = {level: {each[name] for each in settings if each[by] == level} for level in levels}
        if name not in (by, "seed", *along) and not set.intersection(*values.values()):
            words = (f"{level}: {_listed(sorted(at_level, key=in_order))}" for level, at_level in values.items())
            moving[name] = f"{name} ({'; '.join(words)})"
    return moving


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _join_once(reasons: Iterable[str]) -> str:
    """Return the reasons as one text, each once; a text may join several with "; "."""
    return "; ".join(dict.fromkeys(reason for text in reasons for reason in text.split("; ")))
