"""Keep the runs of the training panels in the course folder, so that they outlive the kernel."""

from __future__ import annotations

import base64
import dataclasses
import warnings
from collections.abc import Iterable

from cnnlab.experiments.garbage_collector import garbage_collector_off
from cnnlab.experiments.records import add_asked, make_record, read_runs
from cnnlab.experiments.run import Run
from cnnlab.experiments.store import Store
from cnnlab.files import course_folder
from cnnlab.model.weights import pack_tensors, unpack_tensors
from cnnlab.training.history import METRICS

NEWEST = 100  # runs that are loaded: more would delay the panel, and nobody can compare them


class KeptRuns:
    """The store of all training panels: a folder that several panels and kernels may read and change at once.

    It has the format of `sweep`'s stores, so that `load_runs` reads it, but each run has a record of its own, with the
    weights of the first and the last epoch.

    Attributes
    ----------
    folder : Path
        The folder; it is made when the first run is kept.
    faults : list of str
        What is wrong with files of the folder, in words; `load` finds it out.
    left_out : int
        How many runs `load` left out, because only the newest are loaded.

    >>> KeptRuns().load()
    []
    """

    def __init__(self) -> None:
        self.folder = course_folder() / "panel_runs"
        self.faults: list[str] = []
        self.left_out = 0

    def load(self) -> list[Run]:
        """Return the newest runs, the oldest of them first; a damaged file is renamed, and named in `faults`."""
        runs: list[Run] = []
        self.faults, self.left_out = [], 0
        try:
            store = Store(self.folder)
            names = sorted(store.names(), key=self._changed)
        except (OSError, ValueError) as error:
            self.faults.append(str(error))
            return []
        self.left_out = max(0, len(names) - NEWEST)
        with warnings.catch_warnings(record=True) as caught, garbage_collector_off():
            warnings.simplefilter("always")
            for name in names[-NEWEST:]:
                try:
                    runs += read_runs(store, name)
                except Exception as error:  # whatever is wrong with one file, the others are shown
                    self.faults.append(f"{name}.json cannot be read ({error})")
        self.faults += [str(warning.message) for warning in caught]
        return runs

    def keep(self, run: Run) -> None:
        """Write a finished run; raise OSError or ConfigError if that cannot be."""
        store, key = Store(self.folder), run.experiment.key
        store.prepare()
        insides = not set(run.history.metrics) <= set(METRICS)
        record = make_record(_only_ends(run), insides=insides)
        weights = base64.b64decode(record.pop("weights"))
        store.write(key, record | {"trajectory": key, "asked": add_asked([run.experiment], [])}, weights)

    def forget(self, keys: Iterable[str]) -> None:
        """Delete the runs of these keys; one that is not there is ignored."""
        if self.folder.is_dir():
            Store(self.folder).remove(keys)

    def _changed(self, name: str) -> tuple[int, str]:
        """Return what sorts the records by age: the time of a file's last change, in nanoseconds."""
        try:
            return (self.folder / f"{name}.json").stat().st_mtime_ns, name
        except FileNotFoundError:  # another panel has just deleted it
            return 0, name


def _only_ends(run: Run) -> Run:
    """Return the run with the weights of its first and last epoch only: all of them would fill the disk."""
    ends = sorted({*run.snapshots[:1], *run.snapshots[-1:]})
    tensors, _ = unpack_tensors(run.read_weights(), "the weights of the run") if ends else ({}, {})
    kept = {name: values for name, values in tensors.items() if int(name.partition(".")[0]) in ends}
    packed = pack_tensors(kept, {}) if kept else b""
    return dataclasses.replace(run, snapshots=tuple(ends), read_weights=lambda: packed)
