"""Find out which experiments a store holds already, and which trainings are missing.

Experiments that differ in nothing but `epochs` are one trajectory: one task trains the longest of them, and the shorter
ones are read off its history.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cnnlab.checks import is_iterable, shown
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import UNKNOWN, Experiment
from cnnlab.experiments.records import add_asked, has_insides, read_record, run_from_record
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Failure
from cnnlab.experiments.store import Claim, Store
from cnnlab.files import NoLock

MOST_EXPERIMENTS = 100_000  # of a grid, and of a sweep


@dataclass
class Task:
    """One trajectory that has to be trained.

    Parameters
    ----------
    experiment : Experiment
        The longest of the trajectory; this is what is trained.
    asked : list of Experiment
        All experiments that were asked for, the shorter ones included.
    snapshots : list of int
        The epochs whose weights are kept.
    insides : bool
        Record the numbers of `Recorder`.
    attempts : int
        How often a worker died on it.
    claim : Claim
        The right to train it, while this process has it.
    """

    experiment: Experiment
    asked: list[Experiment]
    snapshots: list[int]
    insides: bool = False
    attempts: int = 0
    claim: Claim = field(default_factory=lambda: Claim(NoLock()), repr=False)

    @property
    def name(self) -> str:
        """The name of its record."""
        return self.experiment.trajectory

    @property
    def cost(self) -> int:
        """About how long it takes: images times epochs."""
        return max(1, self.experiment.epochs) * (self.experiment.train_size or 50_000)

    def cost_until(self, epochs: int) -> int:
        """Return about how much of the cost is over after this many epochs."""
        return min(self.cost, epochs * (self.experiment.train_size or 50_000))

    @property
    def payload(self) -> dict[str, Any]:
        """What a worker needs to train it, as plain values."""
        return {"experiment": self.experiment.to_dict(), "snapshots": self.snapshots, "insides": self.insides}

    def claim_from(self, store: Store) -> bool:
        """Try to claim the task; return False if another process is training it."""
        claim = store.claim(self.name)
        self.claim = claim or Claim(NoLock())
        return claim is not None

    def is_done(self, store: Store) -> bool:
        """Return whether another process has trained it in the meantime; if so, close the claim.

        If not, extend the task by what the store's record holds, so that the new record loses nothing.
        """
        if len(find_stored(self.asked, store, self.snapshots, self.insides, note=True)) == len(self.asked):
            self.claim.close()
            return True
        record = read_record(store, self.name)
        if record is not None:
            epochs = max(self.experiment.epochs, record["experiment"].epochs)
            self.experiment = self.experiment.replace(epochs=epochs)
            self.snapshots = sorted({*self.snapshots, *record["snapshots"]})
            self.insides = self.insides or has_insides(record)
        return False


def check_experiments(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Return the experiments, each once, with fingerprints; raise ConfigError if one of the values is no Experiment."""
    is_single = isinstance(experiments, (Experiment, str)) or not is_iterable(experiments)
    several: Iterable[Any] = [experiments] if is_single else experiments
    experiments = list(itertools.islice(several, MOST_EXPERIMENTS + 1))
    if len(experiments) > MOST_EXPERIMENTS:
        raise ConfigError(f"sweep: more than {MOST_EXPERIMENTS:,} experiments are too many; give it a part of them")
    for experiment in experiments:
        if not isinstance(experiment, Experiment):
            raise ConfigError(
                f"sweep wants experiments, such as grid(Experiment(), seed=range(5)); got {shown(experiment)}"
            )
    folders = {experiment.folder: experiment.with_fingerprint().fingerprint for experiment in experiments
               if experiment.dataset == "images" and experiment.fingerprint is None}  # fmt: skip
    first: dict[str, Experiment] = {}
    for experiment in experiments:
        if experiment.dataset == "images" and experiment.fingerprint is None:
            experiment = experiment.replace(fingerprint=folders[experiment.folder])
        first.setdefault(experiment.key, experiment)
    return list(first.values())


def group_by_trajectory(experiments: list[Experiment]) -> list[list[Experiment]]:
    """Return the experiments of each trajectory in a list of their own."""
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.trajectory, []).append(experiment)
    return list(groups.values())


def missing_tasks(
    experiments: list[Experiment], store: Store, snapshots: list[int], insides: bool, failures: list[Failure]
) -> list[Task]:
    """Return one task for each trajectory that the store does not hold, the longest first.

    What has a record that can't be read is added to failures: that of another version must not be written over.
    """
    tasks = []
    for group in group_by_trajectory(experiments):
        try:
            stored = find_stored(group, store, snapshots, insides, note=True)
        except DataError as error:
            failures.extend(Failure(experiment, str(error)) for experiment in group)
            continue
        missing = [experiment for experiment in group if experiment.key not in stored]
        if missing:
            longest = max(missing, key=lambda experiment: experiment.epochs)
            tasks.append(Task(longest, missing, snapshots, insides))
    return sorted(tasks, key=lambda task: -task.cost)


def find_stored(
    group: list[Experiment], store: Store, snapshots: list[int], insides: bool, *, note: bool = False
) -> dict[str, Run]:
    """Return the runs of one trajectory that the store holds, perhaps as parts of longer ones.

    Parameters
    ----------
    group : list of Experiment
        They differ in nothing but `epochs`.
    store : Store
        Where to look.
    snapshots : list of int
        The epochs whose weights a run must have. A run that ended earlier needs none after its end.
    insides : bool
        Whether a run must have the numbers of `Recorder`.
    note : bool
        Write into the records that these lengths were asked for, so that `load_runs` returns them, too.

    Returns
    -------
    dict
        The key of an experiment → its run.

    Raises
    ------
    DataError
        If the trajectory's own record can't be read.
    """
    names = [group[0].trajectory]
    if group[0].patience is not None:  # early stopping can be read off the training without it
        names.insert(0, group[0].replace(patience=None).trajectory)
    stored: dict[str, Run] = {}
    for name in names:
        try:
            record = read_record(store, name)
        except DataError:
            if name == group[0].trajectory:
                raise
            continue  # the training without early stopping can't be read, but this one may be
        if record is None or (insides and not has_insides(record)):
            continue
        missing = [experiment for experiment in group if experiment.key not in stored]
        runs = _complete_runs(missing, record, store, name, snapshots)
        stored |= {run.experiment.key: run for run in runs}
        if note:
            _note_asked([run.experiment for run in runs], record, store, name)
    return stored


def _complete_runs(
    experiments: list[Experiment], record: dict[str, Any], store: Store, name: str, snapshots: list[int]
) -> list[Run]:
    """Return the runs that a record holds of these experiments, if they have the weights of the snapshots."""
    if snapshots and record["snapshots"] and not store.has_weights(name):
        return []
    runs = [run_from_record(experiment, record, store, name) for experiment in experiments]
    return [
        run
        for run in runs
        if run is not None and {epoch for epoch in snapshots if epoch <= len(run.history)} <= set(run.snapshots)
    ]


def _note_asked(experiments: list[Experiment], record: dict[str, Any], store: Store, name: str) -> None:
    """Write into a record that these experiments were asked for."""
    if store.read_only or add_asked(experiments, record["asked"]) == record["asked"]:
        return
    with store.editing():
        now = store.read(name)
        if now is not None:  # nobody has set it aside in the meantime
            store.write(name, now | {"asked": add_asked(experiments, now["asked"])})


def count_of_other_pictures(tasks: list[Task], store: Store) -> int:
    """Return how many records of a store equal one of these tasks but for the contents of the folder's pictures."""
    own = [task.experiment for task in tasks if task.experiment.dataset == "images"]
    wanted = {experiment.replace(fingerprint=UNKNOWN).trajectory for experiment in own}
    names, count = {experiment.trajectory for experiment in own}, 0
    for name in store.names() if wanted else []:
        with contextlib.suppress(DataError):  # of another version, and none of these
            record = read_record(store, name)
            if record is None or record["experiment"].dataset != "images" or name in names:
                continue
            count += record["experiment"].replace(fingerprint=UNKNOWN).trajectory in wanted
    return count
