"""Compute metrics from the curves of a run: its gap, its speed and its fluctuation."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable

from cnnlab.errors import ConfigError
from cnnlab.training.history import History, check_metric

OF_WHOLE_CURVE = ("epochs_to_reach", "fluctuation", "fluctuation_validation")  # they have no value at one epoch
DERIVED = ("generalization_gap", *OF_WHOLE_CURVE)


def split_metric(metric: str) -> tuple[str, float | None]:
    """Return the name of a metric, and the validation accuracy to reach that stands after it; None if none does.

    >>> split_metric("epochs_to_reach:0.9")
    ('epochs_to_reach', 0.9)
    """
    name, colon, words = metric.partition(":") if isinstance(metric, str) else ("", "", "")
    try:
        target = float(words)
    except ValueError:
        target = math.nan
    return (name, target) if colon and 0 < target <= 1 else (metric, None)


def check_curve_metric(metric: str, recorded: Iterable[str]) -> str:
    """Return the name of the metric, without a target; raise ConfigError unless it is recorded or one of DERIVED."""
    name, target = split_metric(metric)
    if target is None and isinstance(metric, str) and metric.partition(":")[0] == "epochs_to_reach":
        raise ConfigError(
            f"{metric!r}: say which validation accuracy is to be reached, above 0 and at most 1: 'epochs_to_reach:0.9'"
        )
    if target is not None and name != "epochs_to_reach":
        raise ConfigError(f"{metric!r}: {name} has no number after it; take {name!r}")
    check_metric(name, [*recorded, *DERIVED])
    return name


def curve_value(history: History, metric: str, epoch: int) -> float | None:
    """Return a metric, recorded or one of DERIVED, at an epoch from 1; None if there is none.

    >>> curve_value(run.history, "epochs_to_reach:0.9", len(run.history))
    9
    """
    name, target = split_metric(metric)
    if target is not None:
        return epochs_to_reach(history, target)
    if name in ("fluctuation", "fluctuation_validation"):
        return fluctuation(history, "train_loss" if name == "fluctuation" else "validation_loss")
    row = history.rows[epoch - 1] if 1 <= epoch <= len(history) else {}
    if name == "generalization_gap":
        return row["validation_loss"] - row["train_loss"] if {"validation_loss", "train_loss"} <= row.keys() else None
    return row.get(name)


def epochs_to_reach(history: History, target: float) -> int | None:
    """Return the first epoch whose validation accuracy is the target or more; None if no epoch gets there.

    The target is the same for all runs. (A run whose own best is low would be fast at reaching its own best.)

    >>> epochs_to_reach(run.history, 0.9)
    9
    """
    accuracies = enumerate(history["validation_accuracy"], start=1)
    return next((epoch for epoch, accuracy in accuracies if accuracy >= target), None)


def fluctuation(history: History, losses: str = "train_loss") -> float | None:
    """Return how much a loss changes from an epoch to the next, in the second half of the run.

    It is the median of |ln(lossₜ / lossₜ₋₁)|: 0.01 means that a typical change is 1 % of the loss. The training loss of
    an epoch is the mean over its batches in train mode, each before its step. Changes from or to a loss of 0 are left
    out. None if no change is left.

    Parameters
    ----------
    history : History
        Of the run.
    losses : str
        "train_loss" or "validation_loss".

    >>> fluctuation(run.history)
    0.0031
    """
    half = history[losses][len(history) // 2 :]
    changes = [abs(math.log(after / before)) for before, after in itertools.pairwise(half) if before > 0 < after]
    return statistics.median(changes) if changes else None
