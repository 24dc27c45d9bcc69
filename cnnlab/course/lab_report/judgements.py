"""Judge the runs of a lab report: comparisons of each field, and the best settings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

from cnnlab.comparison.compare import Comparison, compare
from cnnlab.comparison.ranking import rank_stability
from cnnlab.course.lab_report.blocks import Block, Table, Words
from cnnlab.course.lab_report.design import Design
from cnnlab.course.lab_report.pictures import noted
from cnnlab.course.lab_report.tables import number, setting_cells, setting_headings
from cnnlab.course.sentences import say
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs

TARGETS = (0.99, 0.98, 0.97, 0.96, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3)
REACHED_BY = 0.9  # the share of the runs that must reach a target
SHOWN_BEST = 5


class Judged(NamedTuple):
    """The comparison of a field's levels by one metric on one data set."""

    by: str
    metric: str
    data: str
    comparison: Comparison


def judge(
    design: Design, fields: Iterable[str], metrics: Iterable[str], at: str, runs: Iterable[Run] | None = None
) -> tuple[list[Judged], list[str]]:
    """Return comparisons of each field by each metric on each data set, and notes: what is left out, and why.

    Parameters
    ----------
    design : Design
        It says which fields move along.
    fields, metrics, at
        What `compare` is asked.
    runs : iterable of Run, optional
        Those that take part. None: all of the design.
    """
    part = None if runs is None else {id(run) for run in runs}
    judged: list[Judged] = []
    notes: list[str] = []
    for name, group in design.groups.items():
        group = Runs(run for run in group if part is None or id(run) in part)
        values = group.values()
        for by, metric in itertools.product(fields, metrics):
            if len(values[by]) < 2:
                continue
            along = [other for other in design.along.get(by, ()) if len(values[other]) > 1]
            where = f" {say('on {data}', data=name)}" if len(design.groups) > 1 else ""
            with noted(notes):
                try:
                    comparison = compare(
                        group, by, along=along, metric=metric, at="stopped" if by == "patience" else at
                    )
                except ConfigError as error:
                    notes.append(say(
                        "{by} can't be compared by {metric}{where}: {error}.",
                        by=by, metric=metric, where=where, error=error,
                    ))  # fmt: skip
                    continue
            judged.append(Judged(by, metric, name, comparison))
            notes += [
                say("{by} by {metric}{where}: {words}.", by=by, metric=metric, where=where, words=words)
                for words in _left_out(comparison)
            ]
    return judged, list(dict.fromkeys(notes))


def _left_out(comparison: Comparison) -> list[str]:
    """Return what the warnings of `compare` do not say: runs without a partner, and runs that diverged."""
    alone = comparison.left_out - comparison.without_value
    words = [say("{count} runs have no partner at every level, and are left out", count=alone)] if alone else []
    if comparison.diverged:
        levels = ", ".join(f"{level} ({count})" for level, count in comparison.diverged.items())
        words.append(say("runs that diverged, with their finite numbers in the means: {levels}", levels=levels))
    return words


def titles_of(judged: list[Judged]) -> list[str]:
    """Return a title for each comparison: what differs between them.

    >>> titles_of([Judged("pooling", "validation_loss", "mnist", first), Judged("pooling", "seconds", "mnist", second)])
    ['validation_loss', 'seconds']
    """
    names = [(data, by, metric) for by, metric, data, _ in judged]
    parts = [place for place in range(3) if len({name[place] for name in names}) > 1]
    return [": ".join(name[place] for place in parts) for name in names]


def target_of(runs: Runs) -> float | None:
    """Return the highest of some round accuracies that nine in ten runs reach; None if there is none."""
    best = [max(run.history["validation_accuracy"], default=0.0) for run in runs]
    return next(
        (target for target in TARGETS if sum(value >= target for value in best) >= REACHED_BY * len(best)), None
    )


def verdict_table(caption: str, judged: list[Judged]) -> Table:
    """Return a line for each level of the comparisons, with the numbers behind its verdict."""
    several = len({data for _, _, data, _ in judged}) > 1
    rows = []
    for by, metric, data, comparison in judged:
        reference, *others = comparison.levels
        for level in others:
            interval = (
                "–"
                if math.isnan(level.low)
                else say("{low} to {high}", low=number(level.low, "+.3g"), high=number(level.high, "+.3g"))
            )
            rows.append([
                metric, *([data] if several else []), f"{by} {level.level}", number(level.mean), str(reference.level),
                number(reference.mean), number(level.difference, "+.3g"), interval, str(level.seeds), level.verdict,
            ])  # fmt: skip
    headings = [
        say("number"), *([say("data")] if several else []), say("level"), say("mean"), say("against"), say("its mean"),
        say("difference"), say("interval"), say("seeds"), say("verdict"),
    ]  # fmt: skip
    note = say(
        "All intervals of one comparison together hold the true differences with 95 % confidence. A verdict needs an "
        "interval without zero."
    )
    return Table(caption, headings, rows, [note])


def best_tables(design: Design, at: str) -> list[Block]:
    """Return the best settings by training loss and by validation loss, on each data set."""
    blocks: list[Block] = []
    for name, group in design.groups.items():
        where = f" {say('on {data}', data=name)}" if len(design.groups) > 1 else ""
        if len({run.experiment.setting for run in group}) < 2:
            blocks.append(Words(say("There is one setting{where}, so there is nothing to choose.", where=where)))
            continue
        for metric in ("train_loss", "validation_loss"):
            notes: list[str] = []
            with noted(notes):
                try:
                    ranked = rank_stability(group, metric=metric, at=at)
                except ConfigError as error:
                    words = say("No best by {metric}{where}: {error}.", metric=metric, where=where, error=error)
                    blocks.append(Words(words))
                    continue
            fields = list(ranked.columns[: ranked.columns.get_loc("seeds")])
            rows = [
                [*setting_cells(row, fields), number(float(row["mean"])),
                 f"{row['wins']:.2f}", f"{row['wins_alone']:.2f}"]
                for row in ranked.head(SHOWN_BEST).to_dict("records")
            ]  # fmt: skip
            winners = sum(share > 0 for share in ranked["wins_alone"].tolist())
            notes.append(say(
                "With one seed a setting, {winners} of {count} settings would have come first in some seed.",
                winners=winners, count=len(ranked),
            ))  # fmt: skip
            headings = [*setting_headings(fields), say("mean"), say("wins"), say("wins alone")]
            caption = say("Best by {metric}{where}", metric=say(metric.replace("_", " ")), where=where)
            blocks.append(Table(caption, headings, rows, notes))
    return blocks
