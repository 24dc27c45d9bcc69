"""Replay early stopping on the recorded trainings of a lab report, and judge what it costs."""

from __future__ import annotations

import statistics
from dataclasses import replace

from cnnlab.comparison.compare import compare
from cnnlab.course.lab_report.blocks import Table
from cnnlab.course.lab_report.design import Design, panel_fields, setting_words
from cnnlab.course.lab_report.judgements import Judged
from cnnlab.course.lab_report.pictures import noted
from cnnlab.course.lab_report.tables import number
from cnnlab.course.sentences import say
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import longest_runs
from cnnlab.training.early_stopping import replay, stopping


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
    fields = panel_fields(design.runs, design)
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
                *((stop.stopped_in, stop.kept.epoch, stop.saved_share, stop.cost,
                   stop.kept.accuracy - stop.last.accuracy) for stop in results), strict=True,
            )
        ]  # fmt: skip
        rows.append([name, str(len(results)), f"{means[0]:.1f}", f"{means[1]:.1f}", f"{means[2]:.0%}",
                     number(means[3], ".4f"), number(means[4], "+.4f")])  # fmt: skip
    headings = [say("setting"), say("seeds"), say("stops in epoch"), say("keeps epoch"), say("epochs saved"),
                say("cost in loss"), say("accuracy gained")]  # fmt: skip
    note = say(
        "Means over the seeds. Cost in loss: how much higher the kept epoch's validation loss is than the lowest of "
        "the recording. Accuracy gained: of the kept epoch, against the last one."
    )
    caption = say("Early stopping with patience={patience}, replayed on the recorded curves", patience=patience)
    return Table(caption, headings, rows, [note])
