"""Finished runs, together: filtered, as tables, and loaded from where a sweep has stored them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnlab.errors import ConfigError, check_choice
from cnnlab.experiment import FIELDS, Experiment, Run, in_order
from cnnlab.history import METRICS, History, replay
from cnnlab.store import Store, each_record

if TYPE_CHECKING:
    import pandas


class Failure(NamedTuple):
    """An experiment that could not be trained, and why."""

    experiment: Experiment
    reason: str


class Runs:
    """Runs in a row, and the failures beside them.

    >>> runs.filter(kernel_size=[3, 5], pooling="max").to_frame()[["kernel_size", "validation_accuracy"]]
    """

    def __init__(self, runs: Iterable[Run], failures: Iterable[Failure] = ()) -> None:
        self._runs, self.failures = list(runs), list(failures)

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self._runs[index], self.failures) if isinstance(index, slice) else self._runs[index]

    def __add__(self, others: Runs) -> Runs:
        return Runs([*self, *others], [*self.failures, *others.failures])

    def __repr__(self) -> str:
        several = {name: values for name, values in self.values().items() if len(values) > 1}
        lines = [f"  {name}: {', '.join(map(str, values))}" for name, values in several.items()]
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return "\n".join([f"{len(self)} run{'' if len(self) == 1 else 's'}{failed}", *lines])

    def values(self) -> dict[str, list[Any]]:
        """Return every field with the different values that it has in these runs."""
        resolved = [run.experiment.resolved() for run in self]
        return {name: sorted({settings[name] for settings in resolved}, key=in_order) for name in FIELDS}

    def filter(self, **fields: object) -> Runs:
        """Return the runs whose fields have this value, or one of these values.

        >>> runs.filter(optimizer="adam", seed=[0, 1, 2])
        """
        for name in fields:
            check_choice("field of Experiment", name, FIELDS)
        wanted = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
        chosen = []
        for run in self:
            settings = run.experiment.resolved()
            if all(settings[name] in values for name, values in wanted.items()):
                chosen.append(run)
        return Runs(chosen, self.failures)

    def one(self, **fields: object) -> Run:
        """Return the one run with these fields; ConfigError if there are none or several.

        >>> runs.one(kernel_size=3, seed=0).history
        """
        found = self.filter(**fields)
        if len(found) != 1:
            raise ConfigError(f"{len(found)} runs have {fields}; name as many fields as single out one")
        return found[0]

    def to_frame(self) -> pandas.DataFrame:
        """Return a table with one row a run: every field, how it ended, the last epoch's numbers, where it ran."""
        import pandas

        rows = []
        for run in self:
            history, last = run.history, run.history.rows[-1] if run.history.rows else {}
            row = run.experiment.resolved() | {
                "trained_epochs": len(history), "stopped_by": history.stopped_by, "best_epoch": history.best_epoch,
                "kept_epoch": history.kept_epoch,
            }  # fmt: skip
            row |= {metric: last.get(metric) for metric in METRICS[:4]} | {"seconds": run.seconds}
            rows.append(row | history.environment | {"key": run.experiment.key})
        columns = None if rows else [*FIELDS, *METRICS, "key"]
        return pandas.DataFrame(rows, columns=columns)

    def summary(self, metric: str = "validation_accuracy") -> pandas.DataFrame:
        """Return what was tried: one row a setting, with the fields that vary, the seeds, the metric's mean and spread.

        mean and std (over the seeds, of the last epoch's numbers), epochs trained on average, seconds in all.
        """
        import pandas

        check_choice("metric", metric, METRICS)
        frame = self.to_frame()
        varied = [name for name, values in self.values().items() if len(values) > 1 and name != "seed"]
        columns = [*varied, "seeds", metric, "std", "trained_epochs", "seconds"]
        if not len(self):
            return pandas.DataFrame(columns=columns)
        frame["channels"] = frame["channels"].map(str)
        groups = frame.groupby(varied or "dataset", dropna=False, sort=False)
        told = groups.agg(
            seeds=("seed", "nunique"), mean=(metric, "mean"), std=(metric, "std"),
            trained_epochs=("trained_epochs", "mean"), seconds=("seconds", "sum"),
        )  # fmt: skip
        return told.rename(columns={"mean": metric}).reset_index()[columns]

    def curves(self) -> pandas.DataFrame:
        """Return a table with one row an epoch of every run: every field, `epoch`, and the epoch's numbers.

        The field `epochs` is the run's length, `epoch` the row's place in it.
        """
        import pandas

        rows = [run.experiment.resolved() | row for run in self for row in run.history.rows]
        return pandas.DataFrame(rows, columns=None if rows else [*FIELDS, "epoch", *METRICS])


def load_runs(store: str | os.PathLike) -> Runs:
    """Return every run of a store: a folder that `sweep` has filled (or is filling), or a .zip of one.

    >>> load_runs("runs/kernel")
    """
    shelf = Store(store)
    if not shelf.path.exists():
        raise ConfigError(f"{store} does not exist; sweep(…, store={str(store)!r}) makes it")
    return Runs(run for name, record in each_record(shelf) for run in runs_of(shelf, name, record))


def runs_of(store: Store, name: str, record: dict[str, Any]) -> list[Run]:
    """Return a run for each length, or patience, that was asked of this record's trajectory."""
    longest = Experiment(**record["experiment"])
    asked = [longest.replace(epochs=epochs, patience=p, min_delta=delta) for epochs, p, delta in record["asked"]]
    history = History.from_dict(record["history"])
    found = [as_run(experiment, history, store, name, record) for experiment in asked]
    return [run for run in found if run is not None]


def as_run(experiment: Experiment, history: History, store: Store, name: str, record: dict[str, Any]) -> Run | None:
    """Return experiment's run as a part of the recorded history; None if the recording is too short."""
    part = replay(history, epochs=experiment.epochs, patience=experiment.patience, min_delta=experiment.min_delta)
    if part is None:
        return None
    share = len(part) / len(history) if len(history) else 1.0
    return Run(
        experiment, part, record["seconds"] * share, tuple(record["input_shape"]), tuple(record["class_names"]),
        tuple(epoch for epoch in record["snapshots"] if epoch <= len(part)), lambda: store.weights(name),
    )  # fmt: skip
