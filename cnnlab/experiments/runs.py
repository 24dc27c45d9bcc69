"""Finished runs, together: filtered, as tables, and loaded from where a sweep has stored them."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS, Experiment, in_order
from cnnlab.experiments.run import Run
from cnnlab.experiments.store import Store
from cnnlab.files import data_folder
from cnnlab.training.early_stopping import replay
from cnnlab.training.history import METRICS, History, check_metric, metrics_of

if TYPE_CHECKING:
    import pandas


ENDED = ("trained_epochs", "stopped_by", "best_epoch", "kept_epoch")


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
        failures = {failure.experiment.key: failure for failure in [*self.failures, *others.failures]}
        return Runs([*self, *others], failures.values())

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

        >>> runs.filter(optimizer="adam", seed=range(3), channels=(16, 32))
        """
        for name in fields:
            check_choice("field of Experiment", name, FIELDS)
        wanted = {name: _alternatives(name, value) for name, value in fields.items()}

        def has_them(one: Run | Failure) -> bool:
            settings = one.experiment.resolved()
            return all(settings[name] in values for name, values in wanted.items())

        return Runs(filter(has_them, self), filter(has_them, self.failures))

    def one(self, **fields: object) -> Run:
        """Return the one run with these fields; ConfigError if there are none or several.

        >>> runs.one(kernel_size=3, seed=0).history
        """
        found = self.filter(**fields)
        if len(found) != 1:
            told = ", ".join(f"{name}={value!r}" for name, value in fields.items()) or "no fields named"
            remedy = "name more fields" if len(found) else "values() shows what there is"
            raise ConfigError(f"one({told}): {len(found)} runs are like that, not one; {remedy}")
        return found[0]

    def to_frame(self) -> pandas.DataFrame:
        """Return a table with one row a run: every field, how it ended, the last epoch's numbers, where it ran.

        The numbers from inside the network are there, too, for runs that have them.
        """
        import pandas

        with _collector_at_rest():
            rows = [_row(run) for run in self]
        return pandas.DataFrame(rows, columns=None if rows else [*FIELDS, *ENDED, *METRICS, "key"])

    def summary(self, metric: str = "validation_accuracy") -> pandas.DataFrame:
        """Return what was tried: one row a setting, with the fields that vary, the seeds, the metric's mean and spread.

        mean and std (over the seeds, of the last epoch's numbers), epochs trained on average, seconds in all.
        """
        import pandas

        frame = self.to_frame()
        known = metrics_of(run.history for run in self)
        check_metric(metric, [name for name in known if name != "seconds"])
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


def _row(run: Run) -> dict[str, Any]:
    """Return one run's row of `to_frame`."""
    history, last = run.history, run.history.rows[-1] if run.history.rows else {}
    ended = (len(history), history.stopped_by, history.best_epoch, history.kept_epoch)
    row = run.experiment.resolved() | dict(zip(ENDED, ended, strict=True))
    row |= {metric: last.get(metric) for metric in METRICS[:4]} | last | {"seconds": run.seconds}
    row.pop("epoch", None)
    return row | history.environment | {"key": run.experiment.key}


def _alternatives(name: str, value: object) -> list:
    """Return the values that a filter lets through: those of a list, or the one value."""
    if name == "channels" and isinstance(value, Iterable):  # one value is itself several numbers
        several = list(value)
        return [tuple(one) for one in several] if several and isinstance(several[0], Iterable) else [tuple(several)]
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def bank(part: str) -> Path:
    """Return the file of a part of the results bank: runs that come trained, for `load_runs` and as a store of `sweep`.

    >>> load_runs(bank("experiment_b"))
    >>> sweep(grid(Experiment(…), seed=range(5)), store=bank("kernel_size"))   # what is in it is not trained again
    """
    folder = data_folder() / "bank"
    parts = {path.stem: path for path in sorted(folder.glob("*.zip"))}
    if not parts:
        raise DataError(f"{folder} holds no results bank; bring it back with `git checkout -- data`, or install again")
    check_choice("part of the bank", part, parts)
    return parts[part]


def load_runs(store: str | os.PathLike) -> Runs:
    """Return every run of a store: a folder that `sweep` has filled (or is filling), or a .zip of one.

    >>> load_runs("runs/kernel")
    """
    shelf = Store(store)
    if not shelf.path.exists():
        raise ConfigError(f"{store} does not exist; sweep(…, store={str(store)!r}) makes it")
    with _collector_at_rest():
        runs = _each_once(run for name in shelf.names() for run in _runs_of(shelf, name))
    failed = filter(None, map(shelf.failure, shelf.names("failed")))
    return Runs(runs, [Failure(Experiment(**one["experiment"]), one["reason"]) for one in failed])


def _each_once(runs: Iterable[Run]) -> list[Run]:
    """Return each run once: one with patience may be there twice, trained by itself and as a part of a longer one."""
    once = {id(one) if one.experiment.patience is None else one.experiment.key: one for one in list(runs)}
    return list(once.values())


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Pause the garbage collector: it would search all that was loaded so far, again and again, and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_record(store: Store, name: str) -> dict[str, Any] | None:
    """Return a record whose "experiment" and "history" are read, too; None if there is none that is sound."""
    record = store.read(name)
    if record is None:
        return None
    try:
        record["experiment"] = Experiment(**record["experiment"])
    except ConfigError as error:
        raise DataError(
            f"{store.path}: {name}.json is of another version of cnnlab: {error}; take that version, or another folder"
        ) from error
    if record["experiment"].trajectory != name:
        store.set_aside(f"{name}.json", None, "it is the record of another run, renamed")
        return None
    record["history"] = History.from_dict(record["history"])
    return record


def _runs_of(store: Store, name: str) -> list[Run]:
    """Return a run for each length, or patience, that was asked of this record's trajectory."""
    record = read_record(store, name)
    if record is None:
        return []
    longest = record["experiment"]
    found, seen = [], set()
    for epochs, patience, min_delta in record["asked"]:
        asked = epochs, patience, 0.0 if patience is None else min_delta  # without patience it means nothing
        if asked in seen:
            continue
        seen.add(asked)
        changes = {"epochs": epochs, "patience": patience, "min_delta": min_delta}
        same = all(getattr(longest, field) == value for field, value in changes.items())  # checked already
        found.append(as_run(longest if same else longest.replace(**changes), store, name, record))
    return [run for run in found if run is not None]


def as_run(experiment: Experiment, store: Store, name: str, record: dict[str, Any]) -> Run | None:
    """Return experiment's run as a part of a record that `read_record` gave; None if the recording is too short."""
    history = record["history"]
    part = replay(history, epochs=experiment.epochs, patience=experiment.patience, min_delta=experiment.min_delta)
    if part is None:
        return None
    share = len(part) / len(history) if len(history) else 1.0
    return Run(
        experiment, part, record["seconds"] * share, tuple(record["input_shape"]), tuple(record["class_names"]),
        tuple(epoch for epoch in record["snapshots"] if epoch <= len(part)), lambda: store.weights(name),
    )  # fmt: skip
