"""Compare the levels of one field: pair the runs, average, and judge each level.

A level is a value of the compared field. `compare` pairs the runs (pairing.py), keeps the pairs that are there at every
level, averages over the blocks of each seed, and judges by the rule in verdicts.py.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlab.arguments import check_arguments
from cnnlab.checks import listed, shown
from cnnlab.comparison.comparable_runs import check_runs, comparable_runs
from cnnlab.comparison.html_table import decimals, html_table
from cnnlab.comparison.metrics import WHEN, diverged_with_value, join_once, metric_values, warn_of_missing
from cnnlab.comparison.noise_floor import pooled_noise
from cnnlab.comparison.pairing import (
    Compared,
    average_blocks,
    by_setting,
    check_fields,
    complete_pairs,
    levels_in_order,
    pair_runs,
    why_no_pairs,
)
from cnnlab.comparison.verdicts import Level, paired_rows
from cnnlab.errors import ConfigError
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
        low–high. All intervals of the table together hold the true differences with 95 % confidence, if the results
        did not choose the reference. They are NaN with fewer than three shared seeds, or if all differences are equal.
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
            f"no number there ({join_once(self.why_without.values())})": self.without_value,
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
        None can be a level (patience=None). Choose it before you know the results: the verdicts hold together only for
        a reference that the results did not choose. `right_answer` says which level is best.

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
    compared = Compared(by, (along,) if isinstance(along, str) else tuple(listed("along", along)), metric, at)
    runs = check_runs(runs)
    check_fields(compared)
    runs = comparable_runs(runs, metric, at, compared=(by, *compared.along))
    table = pair_runs(runs, compared)
    levels = levels_in_order(table, by)
    with_reference = levels if reference is ... else _reference_first(levels, by, reference)
    pairs = complete_pairs(table)
    if not pairs[levels[0]]:
        raise ConfigError(why_no_pairs(runs, table, with_reference, compared))
    values = {level: average_blocks(pairs[level]) for level in levels}
    by_level = [(run.experiment.resolved()[by], run) for run in runs]
    _, why_without, without_value = metric_values(by_level, metric, at)
    warn_of_missing(without_value, len(runs), metric, at, why_without.values())
    return Comparison(
        by, compared.along, metric, at, paired_rows(with_reference, values, metric, why_without), values,
        noise_floor=pooled_noise(by_setting(pairs)), left_out=len(runs) - sum(map(len, pairs.values())),
        without_value=without_value, why_without=why_without, diverged=diverged_with_value(by_level, metric, at),
    )  # fmt: skip


def _reference_first(levels: list[Any], by: str, reference: Hashable) -> list[Any]:
    """Return the reference, then the other levels; raise ConfigError if it is none of them."""
    _known_level(reference, levels, by, "reference")
    return [reference, *(level for level in levels if level != reference)]


def _known_level(level: Any, levels: Collection[Any], by: str, field: str = "level") -> Any:
    """Return the level; raise ConfigError if it is none of these."""
    if not isinstance(level, (str, int, float, tuple, np.number, type(None))) or level not in levels:
        raise ConfigError(f"{field}={shown(level)} is no level of {by}; choose from {[*levels]}")
    return level
