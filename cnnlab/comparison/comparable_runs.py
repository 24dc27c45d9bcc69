"""Take each run once, and refuse a metric or an epoch at which runs can't be compared fairly."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.checks import check_choice, check_whole, is_iterable, listed, shown
from cnnlab.comparison.metrics import OF_WHOLE_RUN, WHEN
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.training.curve_metrics import check_curve_metric
from cnnlab.training.history import History, metrics_of, warn_if_environments_differ


def distinct(runs: Iterable[Run]) -> list[Run]:
    """Return each run once, however often it was given; raise ConfigError if one of the values is no Run."""
    if not is_iterable(runs):
        raise ConfigError(f"wanted runs, such as sweep() or load_runs() returns, got {shown(runs)}")
    runs = listed("runs", runs)
    for run in runs:
        if not isinstance(run, Run):
            raise ConfigError(f"wanted runs, such as sweep() or load_runs() returns, got {type(run).__name__}")
    return list({run.experiment.key: run for run in runs}.values())


def check_runs(runs: Iterable[Run]) -> list[Run]:
    """Return each run once; raise ConfigError if there are none."""
    runs = distinct(runs)
    if not runs:
        raise ConfigError(
            "there are no runs to compare; a filter may have left none: runs.values() shows what there is"
        )
    return runs


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
    for field in unfair.get(at, ()):
        if field in compared:
            why = "with patience the best weights are kept, and " if keeps_best else ""
            raise ConfigError(
                f"at={at!r} can't compare {field}: {why}the best of more epochs is never worse, whatever training "
                "does; take at='last'"
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
