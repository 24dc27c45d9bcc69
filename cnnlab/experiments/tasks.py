"""Experiments and a store in; what is there, and what has yet to be trained, out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import as_run, read_record
from cnnlab.experiments.store import Claim, Store


@dataclass
class Task:
    """One trajectory to be trained: its longest experiment, and all that were asked for."""

    experiment: Experiment
    asked: list[Experiment]
    snapshots: list[int]
    insides: bool = False
    attempts: int = 0
    claim: Claim = field(default_factory=lambda: Claim(None), repr=False)

    @property
    def name(self) -> str:
        return self.experiment.trajectory

    @property
    def cost(self) -> int:
        """About how long it takes, in images."""
        return max(1, self.experiment.epochs) * (self.experiment.train_size or 50_000)

    def cost_until(self, epochs: int) -> int:
        """About how much of the cost is over after so many epochs."""
        return min(self.cost, epochs * (self.experiment.train_size or 50_000))

    @property
    def payload(self) -> dict[str, Any]:
        return {"experiment": self.experiment.to_dict(), "snapshots": self.snapshots, "insides": self.insides}

    def claim_from(self, shelf: Store) -> bool:
        """Return whether the task is ours to train: no other process is at it."""
        claim = shelf.claim(self.name)
        self.claim = claim or Claim(None)
        return claim is not None

    def is_done(self, shelf: Store) -> bool:
        """Return whether another process has done it meanwhile. If not, what is stored already will be in it, too."""
        if len(find(self.asked, shelf, self.snapshots, self.insides, note=True)) == len(self.asked):
            self.claim.close()
            return True
        record = read_record(shelf, self.name)
        if record is not None:
            epochs = max(self.experiment.epochs, record["experiment"].epochs)
            self.experiment = self.experiment.replace(epochs=epochs)
            self.snapshots = sorted({*self.snapshots, *record["snapshots"]})
            self.insides = self.insides or has_insides(record)
        return False


def checked(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Return the experiments, each once."""
    experiments = [experiments] if isinstance(experiments, Experiment) else list(experiments)
    for one in experiments:
        if not isinstance(one, Experiment):
            raise ConfigError(f"sweep wants experiments, such as grid(Experiment(), seed=range(5)); got {one!r:.80}")
    first: dict[str, Experiment] = {}
    for one in experiments:
        first.setdefault(one.key, one)
    return list(first.values())


def groups(experiments: list[Experiment]) -> list[list[Experiment]]:
    """Return the experiments of each trajectory: they differ in nothing but `epochs`."""
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.trajectory, []).append(experiment)
    return list(groups.values())


def missing(experiments: list[Experiment], shelf: Store, snapshots: list[int], insides: bool = False) -> list[Task]:
    """Return one task for each trajectory that the store does not hold, long ones first."""
    tasks = []
    for group in groups(experiments):
        found = find(group, shelf, snapshots, insides, note=True)
        group = [experiment for experiment in group if experiment.key not in found]
        if group:
            tasks.append(Task(max(group, key=lambda experiment: experiment.epochs), group, snapshots, insides))
    return sorted(tasks, key=lambda task: -task.cost)


def find(
    group: list[Experiment], shelf: Store, snapshots: list[int], insides: bool = False, *, note: bool = False
) -> dict[str, Run]:
    """Return the group's runs that the store holds, perhaps as parts of longer ones, by the experiments' keys.

    Those that lack the weights or the insides asked for are not found. note: write into the records that these lengths
    are wanted too, so that loading the store gives them.
    """
    names = [group[0].trajectory]
    if group[0].patience is not None:
        names.insert(0, group[0].replace(patience=None).trajectory)
    found: dict[str, Run] = {}
    for name in names:
        record = read_record(shelf, name)
        if record is None or (insides and not has_insides(record)):
            continue
        sound = not snapshots or not record["snapshots"] or shelf.has_weights(name)
        here = []
        for experiment in group:
            part = as_run(experiment, shelf, name, record)
            if part is None or experiment.key in found:
                continue
            if sound and {epoch for epoch in snapshots if epoch <= len(part.history)} <= set(part.snapshots):
                found[experiment.key] = part
                here.append(experiment)
        if note and not shelf.read_only and asked_for(here, record["asked"]) != record["asked"]:
            with shelf.editing():
                record = shelf.read(name)
                shelf.write(name, record | {"asked": asked_for(here, record["asked"])})
    return found


def has_insides(record: dict[str, Any]) -> bool:
    """Whether a record was trained with insides=True."""
    return record.get("insides", False)


def asked_for(experiments: list[Experiment], earlier: list) -> list:
    """Return the lengths and patiences that were asked for, these experiments' included."""
    own = [[one.epochs, one.patience, 0.0 if one.patience is None else one.min_delta] for one in experiments]
    return [*earlier, *(one for one in own if one not in earlier)]
