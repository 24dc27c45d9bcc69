"""Make the tables of a lab report that describe its runs: what was varied, all settings, the exam."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cnnlab.course.lab_report.blocks import Block, Table, Words
from cnnlab.course.lab_report.design import Design, setting_words
from cnnlab.course.sentences import language_of_report, say
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.plots.style import axis_label
from cnnlab.plots.summary import plus_minus
from cnnlab.training.curve_metrics import split_metric

MOST_FIELDS = 5  # with a column each
METRICS = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


def number(value: Any, form: str = ".4g") -> str:
    """Return a number as the report writes it; a dash where there is none.

    >>> number(-0.25), number(float("nan"))
    ('−0.25', '–')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return format(value, form).replace("-", "−")


def fields_table(design: Design) -> Table:
    """Return what was varied, and what moved along with it."""
    rows = []
    for name in [*(["dataset"] if len(design.groups) > 1 else []), *design.compared]:
        levels = list(design.groups) if name == "dataset" else design.levels(name)
        rows.append([name, ", ".join(map(str, levels)), ", ".join(design.along.get(name, ())) or say("nothing")])
    seeds = design.seeds
    rows.append(["seed", ", ".join(map(str, seeds)), ", ".join(design.along.get("seed", ())) or say("nothing")])
    notes = []
    if language_of_report() != "en":  # in English the names say it
        notes = [f"{name}: {say(FIELDS[name].description)}." for name, *_ in rows]
    return Table(say("What was varied"), [say("field"), say("values"), say("what moved along with it")], rows, notes)


def held_table(design: Design) -> Table:
    """Return what all runs have in common, as far as it is set."""
    held = {name: str(value) for name, value in design.held.items() if value is not None}
    rows = [[name, value, say(FIELDS[name].description)] for name, value in held.items()]
    return Table(say("What was held"), [say("field"), say("value"), say("what it means")], rows)


def setting_headings(fields: list[str]) -> list[str]:
    """Return the headings of the columns that name a setting: one for each field, or one for all of many fields."""
    return fields if 0 < len(fields) <= MOST_FIELDS else [say("setting")]


def setting_cells(row: Mapping[Any, Any], fields: list[str]) -> list[str]:
    """Return the cells that name a setting; row: field → value, in which pandas has NaN for None, and 3.0 for 3."""
    words = []
    for name in fields:
        value: Any = row[name]
        is_missing = value is None or (isinstance(value, float) and math.isnan(value))
        words.append("–" if is_missing else f"{value:.0f}" if FIELDS[name].kind is int else str(value))
    if 0 < len(fields) <= MOST_FIELDS:
        return words
    named = [f"{name} {word}" for name, word in zip(fields, words, strict=True) if word != "–"]
    return [" · ".join(named) or say("the setting")]


def settings_table(design: Design) -> Table:
    """Return a table of all settings: mean ± standard deviation over the seeds, after the last epoch."""
    summary = design.runs.summary(METRICS)
    columns = list(summary.columns)
    fields = columns[: columns.index("seeds")]
    rows = []
    for row in summary.to_dict("records"):
        pairs = [_with_spread(row, name) for name in METRICS]
        ended = [f"{row['trained_epochs']:g}", number(float(row["seconds"]), ".0f")]
        diverged = [str(row["diverged"])] if "diverged" in columns else []
        rows.append([*setting_cells(row, fields), str(row["seeds"]), *pairs, *ended, *diverged])
    headings = [
        *setting_headings(fields),
        say("seeds"),
        *(say(name.replace("_", " ")) for name in METRICS),
        say("epochs trained"),
        say("seconds"),
    ]
    headings += [say("diverged")] if "diverged" in columns else []
    note = say(
        "Mean over the seeds ± their standard deviation, after the last epoch that a run finished. The seconds are "
        "those of all seeds together."
    )
    caption = say("All {count} settings", count=len(rows)) if len(rows) > 1 else say("The setting")
    return Table(caption, headings, rows, [note])


def ended_table(runs: Iterable[Run]) -> Table:
    """Return how the trainings ended, with the number of runs."""
    words = {
        "epochs": say("trained all epochs"), "patience": say("stopped early: out of patience"),
        "stop": say("stopped by hand"), "interrupt": say("interrupted"),
        "diverged": say("diverged: the loss was no number any more"),
    }  # fmt: skip
    high = say(", with a loss far above that of guessing")
    ended = Counter(
        words.get(run.history.stopped_by, say("not finished"))
        + (high if run.history.diverged and run.history.stopped_by != "diverged" else "")
        for run in runs
    )
    rows = [[how, str(count)] for how, count in ended.items()]
    return Table(say("How the trainings ended"), [say("how"), say("runs")], rows)


def patience_table(runs: Iterable[Run], design: Design) -> Table:
    """Return where the trainings with patience stopped: means over the seeds of each setting."""
    settings: dict[str, list[Run]] = {}
    for run in runs:
        settings.setdefault(setting_words(run, design.compared), []).append(run)
    rows = [
        [name, str(len(seeds)), f"{statistics.fmean(len(run.history) for run in seeds):.1f}",
         f"{statistics.fmean(run.history.kept_epoch for run in seeds):.1f}",
         say("{part} of {count}", part=sum(run.history.stopped_by == "patience" for run in seeds), count=len(seeds))]
        for name, seeds in settings.items()
    ]  # fmt: skip
    headings = [say("setting"), say("seeds"), say("epochs trained"), say("epoch kept"), say("ran out of patience")]
    return Table(say("Trained with patience (means over the seeds)"), headings, rows)


def metrics_table(metrics: list[str], runs: Iterable[Run], caption: str) -> Table:
    """Return the means of metrics of the curves, where there is nothing to compare."""
    summary = Runs(runs).summary(metrics)
    fields = list(summary.columns[: summary.columns.get_loc("seeds")])
    rows = [
        [*setting_cells(row, fields), str(row["seeds"]), *(_with_spread(row, name) for name in metrics)]
        for row in summary.to_dict("records")
    ]
    return Table(caption, [*setting_headings(fields), say("seeds"), *map(_metric_words, metrics)], rows)


def _with_spread(row: Mapping[Any, Any], metric: str) -> str:
    """Return the mean of a metric over the seeds ± their standard deviation; row: what `summary` has of a setting."""
    return plus_minus(row[metric], row[f"{metric}_std"]).replace("-", "−")


def _metric_words(metric: str) -> str:
    """Return a metric of the curves with its unit, as an axis says it, in the language of the report."""
    _, target = split_metric(metric)
    return say(axis_label(metric)) if target is None else say("epochs to reach accuracy {target:g}", target=target)


def failures_table(runs: Runs) -> Table:
    """Return the experiments that could not be trained, and why."""
    rows = [[failure.experiment.to_json(), failure.reason] for failure in runs.failures]
    return Table(say("What could not be trained"), [say("experiment"), say("why")], rows)


def exam_table(exams: Mapping[str, Exam]) -> Table:
    """Return the scores on the validation images and on the test images."""
    rows = []
    for name, exam in exams.items():
        for images, score in ((say("validation"), exam.validation), (say("test"), exam.test)):
            rows.append([name, images, str(score.images), f"{score.loss:.3f} ± {score.loss_error:.3f}",
                         f"{score.accuracy:.4f} ± {score.accuracy_error:.4f}"])  # fmt: skip
    stored = [name for name, exam in exams.items() if exam.is_stored]
    notes = [say("± is the standard error: other images of the same kind would move the number by about that much.")]
    notes += [say("Stored with the results bank: {names}.", names=", ".join(stored))] if stored else []
    headings = [say("networks"), say("images"), say("number of images"), say("loss"), say("accuracy")]
    return Table(say("The exam"), headings, rows, notes)


def environment_table(runs: Runs) -> Block:
    """Return the versions and the machine on which the runs were trained, with the number of runs where they differ."""
    names = dict.fromkeys(name for run in runs for name in run.history.environment)
    rows = []
    for name in names:
        counts = Counter(str(run.history.environment.get(name, say("unknown"))) for run in runs)
        values = [say("{value} ({count} runs)", value=value, count=count) for value, count in counts.items()]
        rows.append([name, "; ".join(values if len(counts) > 1 else counts)])
    if not rows:
        return Words(say("Where these networks were trained is not recorded."))
    return Table(say("Where the networks were trained"), [say("what"), say("value")], rows)
