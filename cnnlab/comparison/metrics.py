"""Look up a metric of each run at an epoch, and refuse a metric or an epoch that gives no fair comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from cnnlab.checks import check_choice, check_whole, is_iterable, shown
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.training.curve_metrics import DERIVED, OF_WHOLE_CURVE, check_curve_metric, curve_value, split_metric
from cnnlab.training.history import (
    INSIDES,
    LAYER_NUMBERS,
    METRICS,
    History,
    metrics_of,
    warn_if_environments_differ,
)

OF_WHOLE_RUN = ("seconds", *OF_WHOLE_CURVE)
SHARES = ("train_accuracy", "validation_accuracy", "dead_share", "saliency_concentration")  # 0–1
WHEN = {"last": "after the last epoch", "stopped": "where training stopped", "best": "at the best epoch"}


def distinct(runs: Iterable[Run]) -> list[Run]:
    """Return each run once, however often it was given; raise ConfigError if one of the values is no Run."""
    if not is_iterable(runs):
        raise ConfigError(f"wanted runs, such as sweep() or load_runs() returns, got {shown(runs)}")
    runs = list(runs)
    for run in runs:
        if not isinstance(run, Run):
            raise ConfigError(f"wanted runs, such as sweep() or load_runs() returns, got {type(run).__name__}")
    return list({run.experiment.key: run for run in runs}.values())


def check_metric_at(runs: list[Run], metric: str, at: str | int, *, compared: Iterable[str]) -> None:
    """Raise ConfigError unless the metric at this epoch is a fair way to compare runs that differ in these fields."""
    name = check_curve_metric(metric, metrics_of(run.history for run in runs))
    if isinstance(at, str):
        check_choice("at", at, WHEN)
    else:
        check_whole("at", at, 1)
    if name in OF_WHOLE_RUN and at not in ("last", "stopped"):
        verb = "are those" if name == "seconds" else "is that"
        raise ConfigError(f"{metric} {verb} of the whole run, so that at={at!r} has none; take at='last'")
    keeps_best = at == "stopped" and any(run.experiment.patience is not None for run in runs)
    # Patience keeps the epoch of the lowest validation loss, so that it is no fair judge of that loss.
    unfair_with_patience = ("epochs", "patience", "min_delta") if metric == "validation_loss" else ("epochs",)
    unfair: dict[str | int, tuple[str, ...]] = {"best": ("epochs", "patience", "min_delta")}
    if keeps_best:
        unfair["stopped"] = unfair_with_patience
    for name in unfair.get(at, ()):
        if name in compared:
            why = "with patience the best weights are kept, and " if keeps_best else ""
            raise ConfigError(
                f"at={at!r} can't compare {name}: {why}the best of more epochs is never worse, whatever training does; "
                "take at='last'"
            )


def comparable_runs(
    runs: Iterable[Run],
    metric: str,
    at: str | int,
    *,
    compared: Iterable[str] = (),
    moving: Iterable[str] | None = None,
) -> list[Run]:
    """Return each run once, and warn where their environments differ.

    Parameters
    ----------
    runs, metric, at
        As in `compare`.
    compared : iterable of str
        The fields whose values are compared.
    moving : iterable of str, optional
        The fields that may differ between two runs that are subtracted from each other. None: those in `compared`.

    Raises
    ------
    ConfigError
        If the metric at this epoch gives no fair comparison.
    """
    runs = distinct(runs)
    check_metric_at(runs, metric, at, compared=compared)
    paired = paired_histories(runs, compared if moving is None else moving)
    warn_if_environments_differ((run.history for run in runs), paired=paired, stacklevel=4)
    return runs


def paired_histories(runs: Iterable[Run], moving: Iterable[str]) -> list[list[History]]:
    """Return lists of histories; the runs of a list agree in every field, the seed included, except those that move."""
    groups: dict[tuple, list[History]] = {}
    for run in runs:
        others = tuple(value for name, value in run.experiment.resolved().items() if name not in moving)
        groups.setdefault(others, []).append(run.history)
    return list(groups.values())


class MetricValues(NamedTuple):
    """A metric of the runs of several groups, such as levels or settings.

    Parameters
    ----------
    values : dict
        Group → seed → the metric. A group without any value is there, too, empty.
    why_missing : dict
        Group → why runs of it have no value; only for groups with such runs.
    missing : int
        How many runs have no value.
    """

    values: dict[Any, dict[int, float]]
    why_missing: dict[Any, str]
    missing: int


def metric_values(grouped: Iterable[tuple[Any, Run]], metric: str, at: str | int) -> MetricValues:
    """Return the metric of each run, by group and seed.

    Parameters
    ----------
    grouped : iterable of (group, Run)
        A group has one run for each seed; of two, the later one counts.
    metric, at
        As in `value_at`.
    """
    values: dict[Any, dict[int, float]] = {}
    without: dict[Any, list[Run]] = {}
    for group, run in grouped:
        value, values_of_group = value_at(run, metric, at), values.setdefault(group, {})
        if value is None:
            without.setdefault(group, []).append(run)
        else:
            values_of_group[run.experiment.seed] = value
    why = {group: why_missing(runs, metric, at) for group, runs in without.items()}
    return MetricValues(values, why, sum(map(len, without.values())))


def diverged_with_value(grouped: Iterable[tuple[Any, Run]], metric: str, at: str | int) -> dict[Any, int]:
    """Return group → how many of its runs diverged and have a value of the metric all the same."""
    diverged = [group for group, run in grouped if run.history.diverged and value_at(run, metric, at) is not None]
    return {group: diverged.count(group) for group in dict.fromkeys(diverged)}


def why_missing(runs: Iterable[Run], metric: str, at: str | int) -> str:
    """Return why these runs have no value of a metric, each reason once.

    >>> why_missing([run], "validation_accuracy", "last")
    'no validation images: train with a larger validation_size'
    """
    return "; ".join(dict.fromkeys(_why_missing(run, metric, at) for run in runs))


def _why_missing(run: Run, metric: str, at: str | int) -> str:
    """Return why a run has no value of a metric."""
    rows = run.history.rows
    was_validated = run.experiment.validation_size != 0 and (not rows or any("validation_loss" in row for row in rows))
    name, target = split_metric(metric)
    needs_validation = name.startswith("validation_") or (name in DERIVED and name != "fluctuation")
    if not was_validated and (needs_validation or at == "best"):
        return "no validation images: train with a larger validation_size"
    if target is not None and run.history.stopped_by not in ("stop", "interrupt"):
        return f"never reached a validation accuracy of {target:g}"
    if name not in (*METRICS, *DERIVED) and rows and not any(metric in row for row in rows):
        return "not recorded: sweep(…, insides=True)" + (", or no such layer" if "." in metric else "")
    return "diverged, interrupted or too short"


def value_at(run: Run, metric: str, at: str | int) -> float | None:
    """Return a metric of a run at an epoch; None if it has none there.

    Parameters
    ----------
    run : Run
        A run with patience may have stopped early.
    metric : str
        A metric of the `History`; or "generalization_gap", the validation loss minus the training loss; or one of the
        whole run: "seconds", "epochs_to_reach:0.9" with any validation accuracy, "fluctuation" and
        "fluctuation_validation".
    at : str or int
        An epoch from 1, or a name of `WHEN`: "last", "stopped" (the epoch whose weights patience kept), "best" (the
        epoch of the lowest validation loss; a fall of min_delta or less makes no epoch the best). A run that was
        interrupted has none of these three, and a run that diverged has no "last".

    >>> value_at(run, "validation_accuracy", "last")
    0.86
    """
    history = run.history
    if at == "stopped" and run.experiment.patience is None:
        at = "last"
    # An interrupted run is not finished. A run that diverged has no last epoch, but it has the epochs before.
    unfinished = ("stop", "interrupt", "diverged") if at == "last" else ("stop", "interrupt")
    if isinstance(at, str) and history.stopped_by in unfinished:
        return None
    if metric == "seconds":
        return run.seconds
    named = {"last": len(history), "stopped": history.best_epoch, "best": history.best_epoch}
    epoch = named[at] if isinstance(at, str) else at
    return curve_value(history, metric, epoch)


def higher_is_better(metric: str) -> bool | None:
    """Return True for the accuracies that `fit` records, False for losses and seconds, None for every other number."""
    if metric in METRICS:
        return metric.endswith("accuracy")
    return None


def possible_range(metric: str) -> tuple[float, float]:
    """Return the lowest and the highest value that a metric can have; infinite where nothing bounds it.

    >>> possible_range("validation_accuracy"), possible_range("generalization_gap")
    ((0.0, 1.0), (-inf, inf))
    """
    number = split_metric(metric)[0].rpartition(".")[2]
    if number in SHARES:
        return 0.0, 1.0
    known = {*METRICS, *OF_WHOLE_RUN, *INSIDES, *LAYER_NUMBERS}
    return (0.0 if number in known else -math.inf), math.inf
