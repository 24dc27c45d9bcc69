"""Look up a metric of each run at an epoch, and say why a run has none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

from cnnlab.experiments.run import Run
from cnnlab.training.curve_metrics import DERIVED, OF_WHOLE_CURVE, curve_value, split_metric
from cnnlab.training.history import INSIDES, LAYER_NUMBERS, METRICS

OF_WHOLE_RUN = ("seconds", *OF_WHOLE_CURVE)
SHARES = ("train_accuracy", "validation_accuracy", "dead_share", "saliency_concentration")  # 0–1
WHEN = {"last": "after the last epoch", "stopped": "at the epoch whose weights were kept", "best": "at the best epoch"}


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
    return join_once(_why_missing(run, metric, at) for run in runs)


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


def warn_of_missing(missing: int, count: int, metric: str, at: str | int, reasons: Iterable[str]) -> None:
    """Warn the caller of a public function if some of its runs have no value of the metric.

    Parameters
    ----------
    missing, count : int
        How many runs have no value, and how many runs there are.
    metric, at
        As in `value_at`.
    reasons : iterable of str
        Why they have none.
    """
    if missing:
        warnings.warn(
            f"{missing} of {count} runs have no {metric} at {at!r} ({join_once(reasons)}) and are left out: "
            "what remains may look better than it is",
            stacklevel=3,
        )


def join_once(reasons: Iterable[str]) -> str:
    """Return the reasons as one text, each once; a text may itself be several reasons, joined with "; ".

    >>> join_once(["diverged", "diverged; not recorded"])
    'diverged; not recorded'
    """
    return "; ".join(dict.fromkeys(reason for text in reasons for reason in text.split("; ")))


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
