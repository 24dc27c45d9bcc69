"""Judge the runs of a lab report: comparisons of each field, the best settings, and early stopping replayed."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from cnnlab.comparison.compare import Comparison, compare
from cnnlab.comparison.ranking import rank_stability
from cnnlab.course.lab_report.blocks import Block, Table, Words
from cnnlab.course.lab_report.design import Design, longest_runs, setting_words
from cnnlab.course.lab_report.pictures import noted
from cnnlab.course.lab_report.tables import number, setting_cells, setting_headings
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.training.early_stopping import replay, stopping

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
            where = f" on {name}" if len(design.groups) > 1 else ""
            with noted(notes):
                try:
                    comparison = compare(
                        group, by, along=along, metric=metric, at="stopped" if by == "patience" else at
                    )
                except ConfigError as error:
                    notes.append(f"{by} can't be compared by {metric}{where}: {error}.")
                    continue
            judged.append(Judged(by, metric, name, comparison))
            notes += [f"{by} by {metric}{where}: {words}." for words in _left_out(comparison)]
    return judged, list(dict.fromkeys(notes))


def _left_out(comparison: Comparison) -> list[str]:
    """Return what the warnings of `compare` do not say: runs without a partner, and runs that diverged."""
    alone = comparison.left_out - comparison.without_value
    partners = [f"{alone} runs have no partner at every level, and are left out"] if alone else []
    return partners + ([comparison.diverged_sentence] if comparison.diverged else [])


def titles_of(judged: list[Judged]) -> list[str]:
    """Return a title for each comparison: what differs between them.

    >>> titles_of([Judged("pooling", "validation_loss", "mnist", first), Judged("pooling", "seconds", "mnist", second)])
    ['validation_loss', 'seconds']
    """
    names = [(one.data, one.by, one.metric) for one in judged]
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
    several = len({one.data for one in judged}) > 1
    rows = []
    for by, metric, data, comparison in judged:
        reference, *others = comparison.levels
        for level in others:
            interval = "–" if math.isnan(level.low) else f"{number(level.low, '+.3g')} to {number(level.high, '+.3g')}"
            rows.append([
                metric, *([data] if several else []), f"{by} {level.level}", number(level.mean), str(reference.level),
                number(reference.mean), number(level.difference, "+.3g"), interval, str(level.seeds), level.verdict,
            ])  # fmt: skip
    headings = ["number", *(["data"] if several else []), "level", "mean", "against", "its mean", "difference"]
    note = (
        "All intervals of one comparison together hold the true differences with 95 % confidence. A verdict needs an "
        "interval without zero."
    )
    return Table(caption, [*headings, "interval", "seeds", "verdict"], rows, [note])


def best_tables(design: Design, at: str) -> list[Block]:
    """Return the best settings by training loss and by validation loss, on each data set."""
    blocks: list[Block] = []
    for name, group in design.groups.items():
        where = f" on {name}" if len(design.groups) > 1 else ""
        if len({run.experiment.replace(seed=0).key for run in group}) < 2:
            blocks.append(Words(f"There is one setting{where}, so there is nothing to choose."))
            continue
        for metric in ("train_loss", "validation_loss"):
            notes: list[str] = []
            with noted(notes):
                try:
                    ranked = rank_stability(group, metric=metric, at=at)
                except ConfigError as error:
                    blocks.append(Words(f"No best by {metric}{where}: {error}."))
                    continue
            fields = list(ranked.columns[: ranked.columns.get_loc("seeds")])
            rows = [
                [*setting_cells(row, fields), number(float(row["mean"])),
                 f"{row['wins']:.2f}", f"{row['wins_alone']:.2f}"]
                for row in ranked.head(SHOWN_BEST).to_dict("records")
            ]  # fmt: skip
            winners = sum(share > 0 for share in ranked["wins_alone"].tolist())
            notes.append(
                f"With one seed a setting, {winners} of {len(ranked)} settings would have come first in some seed."
            )
            headings = [*setting_headings(fields), "mean", "wins", "wins alone"]
            blocks.append(Table(f"Best by {metric.replace('_', ' ')}{where}", headings, rows, notes))
    return blocks


def patience_for(design: Design) -> int:
    """Return a patience that suits the longest training: 10 epochs, or a fifth of the training if that is less."""
    longest = max((len(run.history) for run in design.runs), default=0)
    return max(1, min(10, longest // 5))


def replayed(design: Design, patience: int) -> tuple[list[Run], list[Run]]:
    """Return recordings without patience, and the same trainings as early stopping would have left them."""
    recordings = [
        run for run in longest_runs(design.runs)
        if run.experiment.patience is None and run.history.stopped_by == "epochs"
        and len(run.history) and all("validation_loss" in row for row in run.history.rows)
    ]  # fmt: skip
    stopped = []
    for run in recordings:
        history = replay(run.history, epochs=len(run.history), patience=patience)
        assert history is not None  # since all of these epochs were recorded
        stopped.append(
            replace(run, experiment=run.experiment.replace(patience=patience), history=history, snapshots=())
        )
    return recordings, stopped


def price(design: Design, recordings: list[Run], stopped: list[Run]) -> tuple[list[Judged], list[str]]:
    """Return the accuracy of stopped trainings compared with that of the recordings, on each data set, and notes."""
    judged: list[Judged] = []
    notes: list[str] = []
    for name, group in design.groups.items():
        own = {id(run) for run in group}
        pairs = [pair for pair in zip(recordings, stopped, strict=True) if id(pair[0]) in own]
        with noted(notes):
            try:
                both = [run for pair in pairs for run in pair]
                comparison = compare(both, by="patience", at="stopped", reference=None)
                judged.append(Judged("patience", "validation_accuracy", name, comparison))
            except ConfigError as error:
                notes.append(f"{error}.")
    return judged, notes


def example_of(recordings: list[Run], patience: int) -> Run:
    """Return the training whose stopping has the median cost."""
    by_cost = sorted(recordings, key=lambda run: stopping(run.history, patience=patience).cost)
    return by_cost[len(by_cost) // 2]


def stopping_table(recordings: list[Run], patience: int, design: Design) -> Table:
    """Return for each setting where early stopping would have ended, what it saves and what it costs."""
    values = design.runs.values()
    fields = [name for name in design.compared if len(values[name]) > 1 and name != "epochs"]
    several = len(design.groups) > 1
    settings: dict[str, list] = {}
    for run in recordings:
        name = (f"{run.experiment.dataset} · " if several else "") + setting_words(run, fields)
        settings.setdefault(name, []).append(stopping(run.history, patience=patience))
    rows = []
    for name, results in settings.items():
        means = [
            statistics.fmean(values)
            for values in zip(
                *((one.stopped_in, one.kept.epoch, one.saved_share, one.cost, one.kept.accuracy - one.last.accuracy)
                  for one in results), strict=True,
            )
        ]  # fmt: skip
        rows.append([name, str(len(results)), f"{means[0]:.1f}", f"{means[1]:.1f}", f"{means[2]:.0%}",
                     number(means[3], ".4f"), number(means[4], "+.4f")])  # fmt: skip
    headings = ("setting", "seeds", "stops in epoch", "keeps epoch", "epochs saved", "cost in loss", "accuracy gained")
    return Table(
        f"Early stopping with patience={patience}, replayed on the recorded curves", headings, rows,
        ["Means over the seeds. Cost in loss: how much higher the kept epoch's validation loss is than the lowest of "
         "the recording. Accuracy gained: of the kept epoch, against the last one."],
    )  # fmt: skip
