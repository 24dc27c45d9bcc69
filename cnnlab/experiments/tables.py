"""Put runs into tables: a row for each run, for each setting, or for each epoch. These are methods of `Runs`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnnlab.checks import listed
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.garbage_collector import garbage_collector_off
from cnnlab.experiments.run import Run
from cnnlab.training.curve_metrics import DERIVED, check_curve_metric, curve_value
from cnnlab.training.history import METRICS, metrics_of

if TYPE_CHECKING:
    import pandas

    from cnnlab.experiments.runs import Runs

ENDED = ("trained_epochs", "stopped_by", "diverged", "best_epoch", "kept_epoch")


def table_of_runs(runs: Iterable[Run]) -> pandas.DataFrame:
    """Return the table of `Runs.to_frame`."""
    from cnnlab.table import Table

    with garbage_collector_off():
        rows = [_row(run) for run in runs]
    return Table(rows, columns=None if rows else [*FIELDS, *ENDED, *METRICS, "key"])


def _row(run: Run) -> dict[str, Any]:
    """Return the row of a run in `table_of_runs`."""
    history, last = run.history, run.history.rows[-1] if run.history.rows else {}
    ended = (len(history), history.stopped_by, history.diverged, history.best_epoch, history.kept_epoch)
    row = run.experiment.resolved() | dict(zip(ENDED, ended, strict=True))
    row |= {metric: last.get(metric) for metric in METRICS[:4]} | last | {"seconds": run.seconds}
    row.pop("epoch", None)
    return row | history.environment | {"key": run.experiment.key}


def table_of_settings(runs: Runs, metric: str | Iterable[str]) -> pandas.DataFrame:
    """Return the table of `Runs.summary`."""
    import pandas

    from cnnlab.table import Table

    metrics = [metric] if isinstance(metric, str) else listed("metric", metric)
    known = [name for name in metrics_of(run.history for run in runs) if name != "seconds"]
    computed = [name for name in metrics if check_curve_metric(name, known) in DERIVED]
    spreads = {name: "std" if isinstance(metric, str) else f"{name}_std" for name in metrics}
    varied = [name for name, values in runs.values().items() if len(values) > 1 and name != "seed"]
    pairs = [column for name in metrics for column in (name, spreads[name])]
    columns = [*varied, "seeds", *pairs, "trained_epochs", "seconds"]
    if not len(runs):
        return Table(columns=columns)
    frame = table_of_runs(runs)
    frame["channels"] = frame["channels"].map(str)
    for name in computed:
        frame[name] = pandas.Series([curve_value(run.history, name, len(run.history)) for run in runs], dtype=float)
        frame[f"{name}_missing"] = frame[name].isna()
    counted = [name for name in (*(f"{name}_missing" for name in computed), "diverged") if frame[name].to_numpy().any()]
    means = {name: (name, "mean") for name in [*metrics, "trained_epochs"]}
    stds = {spreads[name]: (name, "std") for name in metrics}
    counts = {name: (name, "sum") for name in counted}
    groups = frame.groupby(varied or "dataset", dropna=False, sort=False)
    table = groups.agg(seeds=("seed", "nunique"), seconds=("seconds", "sum"), **means, **stds, **counts)
    return Table(table.reset_index().reindex(columns=[*columns, *counted]))


def table_of_epochs(runs: Iterable[Run]) -> pandas.DataFrame:
    """Return the table of `Runs.curves`."""
    from cnnlab.table import Table

    rows = [run.experiment.resolved() | row for run in runs for row in run.history.rows]
    return Table(rows, columns=None if rows else [*FIELDS, "epoch", *METRICS])
