"""Load finished runs from a store, and filter them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, counted, is_iterable, is_whole, listed, shown
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS, Experiment, in_order
from cnnlab.experiments.garbage_collector import garbage_collector_off
from cnnlab.experiments.pooled_runs import find_stores, has_begun, pool_runs
from cnnlab.experiments.records import read_runs
from cnnlab.experiments.run import Run
from cnnlab.experiments.store import Store
from cnnlab.experiments.tables import table_of_epochs, table_of_runs, table_of_settings
from cnnlab.files import data_folder

if TYPE_CHECKING:
    import pandas


class Failure(NamedTuple):
    """An experiment that could not be trained, and why."""

    experiment: Experiment
    reason: str


class Runs:
    """A list of runs, and a list of the experiments that failed.

    Parameters
    ----------
    runs : iterable of Run
        Indexing, slicing, `len` and `+` work as with a list.
    failures : iterable of Failure
        Experiments that could not be trained.

    >>> runs.filter(kernel_size=[3, 5], pooling="max").to_frame()[["kernel_size", "validation_accuracy"]]
    """

    def __init__(self, runs: Iterable[Run], failures: Iterable[Failure] = ()) -> None:
        check_arguments(Runs.__init__, locals())
        self._runs, self.failures = listed("runs", runs), listed("failures", failures)
        check_arguments(Runs.__init__, {"runs": self._runs, "failures": self.failures})

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> Runs: ...

    def __getitem__(self, index: int | slice) -> Run | Runs:
        if not isinstance(index, slice) and not is_whole(index):
            raise ConfigError(f"runs[…] wants a place or a slice, got {shown(index)}; runs.filter(seed=0) takes fields")
        return Runs(self._runs[index], self.failures) if isinstance(index, slice) else self._runs[index]

    def __add__(self, others: Runs) -> Runs:
        if not isinstance(others, Runs):
            raise ConfigError(f"runs + … wants other Runs, got {shown(others)}; write runs + Runs([run])")
        failures = {failure.experiment.key: failure for failure in [*self.failures, *others.failures]}
        return Runs([*self, *others], failures.values())

    def __repr__(self) -> str:
        several = {name: values for name, values in self.values().items() if len(values) > 1}
        lines = [f"  {name}: {', '.join(map(str, values))}" for name, values in several.items()]
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return "\n".join([f"{counted(len(self), 'run')}{failed}", *lines])

    def values(self) -> dict[str, list[Any]]:
        """Return every field of `Experiment`, with a list of the different values that these runs have."""
        resolved = [run.experiment.resolved() for run in self]
        return {name: sorted({settings[name] for settings in resolved}, key=in_order) for name in FIELDS}

    def filter(self, **fields: object) -> Runs:
        """Return the runs whose fields have the given values; a list of values lets each of them through.

        >>> runs.filter(optimizer="adam", seed=range(3), channels=(16, 32))
        """
        for name in fields:
            check_choice("field of Experiment", name, FIELDS)
        allowed = {name: _as_alternatives(name, value) for name, value in fields.items()}

        def matches(run: Run | Failure) -> bool:
            settings = run.experiment.resolved()
            return all(settings[name] in values for name, values in allowed.items())

        return Runs(filter(matches, self), filter(matches, self.failures))

    def one(self, **fields: object) -> Run:
        """Return the only run with these fields; raise ConfigError if there are none or several.

        >>> runs.one(kernel_size=3, seed=0).history
        """
        matching = self.filter(**fields)
        if len(matching) != 1:
            named = ", ".join(f"{name}={shown(value)}" for name, value in fields.items()) or "no fields named"
            remedy = "name more fields" if len(matching) else "values() shows what there is"
            raise ConfigError(f"one({named}): {len(matching)} runs are like that, not one; {remedy}")
        return matching._runs[0]

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame with one row for each run.

        Its columns are every field of `Experiment`, how the training ended, the metrics of the last epoch (those of
        `Recorder`, too, for runs that have them), and the versions and the processor.

        >>> runs.to_frame()[["kernel_size", "seed", "validation_accuracy"]]
        """
        return table_of_runs(self)

    def summary(self, metric: str | Iterable[str] = "validation_accuracy") -> pandas.DataFrame:
        """Return a DataFrame with one row for each setting; runs of one setting differ in the seed alone.

        Its columns are the fields that vary, the number of seeds, the metric's mean and standard deviation (std) over
        the seeds after the last epoch, the mean number of epochs trained, and the seconds of all runs together. Of
        several metrics, each has its own standard deviation, such as "train_loss_std". The metrics that `compare`
        computes from the curves can be asked for, too; where runs have no value, a column such as
        "epochs_to_reach:0.9_missing" counts them: they are not in the mean. If any training diverged, a last column
        counts these; a finite number of theirs is in the mean. `plot_summary` draws the table.

        >>> runs.summary("validation_loss")
        >>> runs.summary(["train_loss", "validation_loss", "dead_share"]).sort_values("validation_loss")
        """
        check_arguments(Runs.summary, locals())
        return table_of_settings(self, metric)

    def curves(self) -> pandas.DataFrame:
        """Return a DataFrame with one row for each epoch of each run: every field, `epoch`, and the epoch's metrics.

        `epochs` is the length of the run, `epoch` counts from 1.

        >>> runs.curves()[["seed", "epoch", "train_loss"]]
        """
        return table_of_epochs(self)


def longest_runs(runs: Iterable[Run]) -> Runs:
    """Return the longest run of each training: runs that differ in `epochs` alone are points of one training."""
    by_length = sorted(runs, key=lambda run: len(run.history))
    return Runs({run.experiment.trajectory: run for run in by_length}.values())


def _as_alternatives(name: str, value: object) -> list:
    """Return the values that a filter lets through: those of a list, or the single value."""
    if not isinstance(getattr(value, "ndim", 0), int) or getattr(value, "ndim", 0) > 1:
        raise ConfigError(f"{name} wants a value, or a list of values, got {shown(value)}")
    if name == "channels" and isinstance(value, Iterable):  # a single value is itself a sequence of widths
        values = listed(name, value)
        return [tuple(widths) for widths in values] if values and isinstance(values[0], Iterable) else [tuple(values)]
    return listed(name, value) if is_iterable(value) and not isinstance(value, str) else [value]


def bank(part: str) -> Path:
    """Return the path of a part of the results bank: a .zip of runs that come with the course, trained.

    `load_runs` loads it, and `sweep` takes it as a store.

    Raises
    ------
    ConfigError
        If there is no part of that name.
    DataError
        If the bank is missing.

    >>> load_runs(bank("experiment_b"))
    >>> sweep(grid(Experiment(…), seed=range(5)), store=bank("kernel_size"))   # what is in it is not trained again
    """
    folder = data_folder() / "bank"
    parts = {path.stem: path for path in sorted(folder.glob("*.zip"))}
    if not parts:
        raise DataError(f"{folder} holds no results bank; bring it back with `git checkout -- data`, or install again")
    check_choice("part of the bank", part, parts)
    return parts[part]


def load_runs(store: str | os.PathLike | Iterable[str | os.PathLike]) -> Runs:
    """Return every run of a store, or of several together.

    Parameters
    ----------
    store : path or iterable of paths
        A folder that `sweep` has filled, or is filling now, or a .zip of such a folder. Several: a list of these, or a
        folder that holds them, such as one with the stores of a class. Of an experiment that two of them hold, the run
        of the first one counts.

    Raises
    ------
    ConfigError
        If it does not exist, or if a list is empty.
    DataError
        If the .zip as a whole is damaged.

    Warns
    -----
    UserWarning
        Names the files that are damaged, can't be read, or were written by another version of cnnlab; the other runs
        are returned. Names experiments that several stores hold, versions that differ between them, and a folder or a
        .zip without a run, unless a sweep is training its first run there.

    >>> load_runs("runs/kernel")
    >>> load_runs("class")   # class/ada.zip, class/bob/, …
    """
    stores = find_stores(store)
    if len(stores) == 1:
        return _load_store(stores[0])
    parts = dict(zip(stores, map(_load_store, stores), strict=True))
    failures = [failure for runs in parts.values() for failure in runs.failures]
    return Runs(pool_runs({path.name: runs for path, runs in parts.items()}), failures)


def _load_store(store: Path) -> Runs:
    """Return every run of one store, as `load_runs` does."""
    opened = Store(store)
    if opened.path is None or not opened.path.exists():
        raise ConfigError(f"{store} does not exist; sweep(…, store={str(store)!r}) makes it")
    unread: list[str] = []
    with garbage_collector_off():
        runs = [run for name in opened.names() for run in _read_or_note(read_runs, opened, name, unread)]
    failures = [each for name in opened.names("failed") for each in _read_or_note(_read_failure, opened, name, unread)]
    if not runs and not failures and not unread and not has_begun(store):
        warnings.warn(f"{store} holds no run; is it the right folder? sweep(…, store=…) trains runs", stacklevel=3)
    if unread:
        several = f"; {len(unread) - 10} more" if len(unread) > 10 else ""
        warnings.warn(f"left out {len(unread)} of {store}: {'; '.join(unread[:10])}{several}", stacklevel=3)
    return Runs(_without_duplicates(runs), failures)


def _read_or_note(read: Callable[[Store, str], list], store: Store, name: str, unread: list[str]) -> list:
    """Return what can be read of a record; if it can't be read, add the reason to unread, and return nothing."""
    try:
        return read(store, name)
    except DataError as error:
        unread.append(str(error))
        return []


def _read_failure(store: Store, name: str) -> list[Failure]:
    """Return the failure that was noted; nothing if its note is damaged. Raise DataError if it can't be read."""
    note = store.failure(name)
    try:
        return [] if note is None else [Failure(Experiment(**note["experiment"]), note["reason"])]
    except (TypeError, ValueError) as error:
        raise DataError(f"{store.path}: {name}.failed is of another version of cnnlab: {error}") from error


def _without_duplicates(runs: Iterable[Run]) -> list[Run]:
    """Return each run once. With patience it may be there twice: trained by itself, and as a part of a longer run."""
    unique = {id(run) if run.experiment.patience is None else run.experiment.key: run for run in list(runs)}
    return list(unique.values())
