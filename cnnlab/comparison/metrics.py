"""Runs and a question in, one number a run out: which metric, at which epoch, and whether that is a fair question."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnnlab.checks import check_choice, check_whole
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.training.history import METRICS, History, check_metric, metrics_of, warn_if_environments_differ

WHEN = {"last": "after the last epoch", "stopped": "where training stopped", "best": "at the best epoch"}


def distinct(runs: Iterable[Run]) -> list[Run]:
    """Return each run once, however often it was given; ConfigError if something is no Run."""
    if not isinstance(runs, Iterable):
        raise ConfigError(f"wanted runs, such as sweep() or load_runs() returns, got {runs!r:.60}")
    runs = list(runs)
    for run in runs:
        if not isinstance(run, Run):
            raise ConfigError(f"wanted runs, such as sweep() or load_runs() returns, got {type(run).__name__}")
    return list({run.experiment.key: run for run in runs}.values())


def check_reading(runs: list[Run], metric: str, at: str | int, *, compared: Iterable[str]) -> None:
    """Raise ConfigError unless this number can be read off runs that differ in these fields."""
    check_metric(metric, metrics_of(run.history for run in runs))
    if isinstance(at, str):
        check_choice("at", at, WHEN)
    else:
        check_whole("at", at, 1)
    if metric == "seconds" and at not in ("last", "stopped"):
        raise ConfigError(f"seconds are those of the whole run, so that at={at!r} has none; take at='last'")
    keeps_best = at == "stopped" and any(run.experiment.patience is not None for run in runs)
    chosen = ("epochs", "patience") if metric == "validation_loss" else ("epochs",)  # what patience looks at itself
    longer = {"best": ("epochs", "patience"), "stopped": chosen if keeps_best else ()}.get(at, ())
    for name in longer:
        if name in compared:
            why = "with patience the best weights are kept, and " if keeps_best else ""
            raise ConfigError(
                f"at={at!r} can't compare {name}: {why}the best of more epochs is never worse, whatever training does; "
                "take at='last'"
            )


def readable(
    runs: Iterable[Run],
    metric: str,
    at: str | int,
    *,
    compared: Iterable[str] = (),
    moving: Iterable[str] | None = None,
) -> list[Run]:
    """Return each run once; ConfigError unless the number can be read off them, a warning where environments differ.

    Parameters
    ----------
    runs, metric, at
        As in `compare`.
    compared : iterable of str
        The fields whose values are compared.
    moving : iterable of str, optional
        The fields in which runs may differ whose difference is taken (None: those that are compared).
    """
    runs = distinct(runs)
    check_reading(runs, metric, at, compared=compared)
    paired = paired_histories(runs, compared if moving is None else moving)
    warn_if_environments_differ((run.history for run in runs), paired=paired, stacklevel=4)
    return runs


def paired_histories(runs: Iterable[Run], moving: Iterable[str]) -> list[list[History]]:
    """Return the histories of the runs that agree in every field, the seed included, but in those that move."""
    groups: dict[tuple, list[History]] = {}
    for run in runs:
        others = tuple(value for name, value in run.experiment.resolved().items() if name not in moving)
        groups.setdefault(others, []).append(run.history)
    return list(groups.values())


def read_off(
    named: Iterable[tuple[Any, Run]], metric: str, at: str | int
) -> tuple[dict[Any, dict[int, float]], dict[Any, str], int]:
    """Return name → seed → the number; name → why runs of that name lack it; and how many runs lack it."""
    values: dict[Any, dict[int, float]] = {}
    without: dict[Any, list[Run]] = {}
    for name, run in named:
        value, of_name = value_at(run, metric, at), values.setdefault(name, {})
        if value is None:
            without.setdefault(name, []).append(run)
        else:
            of_name[run.experiment.seed] = value
    why = {name: why_missing(some, metric, at) for name, some in without.items()}
    return values, why, sum(map(len, without.values()))


def why_missing(runs: Iterable[Run], metric: str, at: str | int) -> str:
    """Return why these runs lack a number, each reason once.

    >>> why_missing([run], "validation_accuracy", "last")
    'no validation images: train with a larger validation_size'
    """
    return "; ".join(dict.fromkeys(_why_missing(run, metric, at) for run in runs))


def _why_missing(run: Run, metric: str, at: str | int) -> str:
    rows = run.history.rows
    was_validated = run.experiment.validation_size != 0 and (not rows or any("validation_loss" in row for row in rows))
    if not was_validated and (metric.startswith("validation_") or at == "best"):
        return "no validation images: train with a larger validation_size"
    if metric not in METRICS and rows and not any(metric in row for row in rows):
        return "not recorded: sweep(…, insides=True)" + (", or no such layer" if "." in metric else "")
    return "diverged, interrupted or too short"


def value_at(run: Run, metric: str, at: str | int) -> float | None:
    """Return the metric of a run at that epoch; None if it has none there."""
    history = run.history
    if at == "stopped" and run.experiment.patience is None:
        at = "last"
    # An interrupted run is not finished; one that diverged has no last epoch, but what it was before it did.
    unfinished = ("stop", "interrupt", "diverged") if at == "last" else ("stop", "interrupt")
    if isinstance(at, str) and history.stopped_by in unfinished:
        return None
    if metric == "seconds":
        return run.seconds
    epoch = {"last": len(history), "stopped": history.best_epoch, "best": history.best_epoch}.get(at, at)
    return history.rows[epoch - 1].get(metric) if 1 <= epoch <= len(history) else None


def higher_is_better(metric: str) -> bool | None:
    """Return the metric's direction: an accuracy shall rise, a loss and the seconds fall; None: neither is better."""
    if metric in METRICS:
        return metric.endswith("accuracy")
    return None
