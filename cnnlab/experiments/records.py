"""Turn a `Run` into the plain record that a `Store` keeps, and a record into the runs that it holds.

A record is one training: its longest experiment, its history, and `asked`, the lengths and patiences that were asked
for. A shorter training is the beginning of a longer one, bit for bit, so each of them is read off the same history.
"""

from __future__ import annotations

import base64
from typing import Any

from cnnlab.checks import check_input_shape, check_number, check_whole
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import UNKNOWN, Experiment
from cnnlab.experiments.run import Run
from cnnlab.experiments.store import Store
from cnnlab.training.early_stopping import replay
from cnnlab.training.history import History


def make_record(run: Run, *, insides: bool) -> dict[str, Any]:
    """Return a run as plain values that JSON can hold: a record without `asked` and `trajectory`.

    Its weights are base64 text. `TaskQueue.store_record` adds what is missing, and keeps the weights in another file.
    """
    return {
        "experiment": run.experiment.resolved(),  # so that a later default can't change what this run was
        "history": run.history.to_dict(),
        "seconds": run.seconds,
        "input_shape": run.input_shape,
        "class_names": run.class_names,
        "snapshots": run.snapshots,
        "insides": insides,
        "weights": base64.b64encode(run.read_weights()).decode(),
    }


def read_record(store: Store, name: str) -> dict[str, Any] | None:
    """Return a record, with an `Experiment` and a `History` in it; None if there is no sound record of this name.

    A record under a wrong name is set aside as .bad, with a warning.

    Raises
    ------
    DataError
        If another version of cnnlab wrote it, and this version can't read it.
    """
    record = store.read(name)
    if record is None:
        return None
    try:
        settings = record["experiment"]
        if settings.get("dataset") == "images":
            settings.setdefault("fingerprint", UNKNOWN)
        record["experiment"] = Experiment(**settings)
        _check_kinds(record)
        record["history"] = History.from_dict(record["history"] | {"classes": len(record["class_names"])})
    except (TypeError, KeyError, AttributeError, IndexError, ValueError, OverflowError) as error:
        words = error if isinstance(error, ConfigError) else f"{type(error).__name__} {error}"
        raise DataError(
            f"{store.path}: {name}.json is of another version of cnnlab: {words}; take that version, or another folder"
        ) from error
    if record.get("trajectory", record["experiment"].trajectory) != name:
        store.set_aside(f"{name}.json", None, "it is the record of another run, renamed")
        return None
    return record


def _check_kinds(record: dict[str, Any]) -> None:
    """Raise TypeError, ValueError or KeyError unless a record's parts are of the kinds that its runs are made of."""
    kinds = {
        "seconds": (int, float), "snapshots": list, "input_shape": list, "class_names": list, "asked": list,
        "history": dict,
    }  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(record[name], kind):
            raise TypeError(f"{name} is {record[name]!r:.60}")
    check_number("seconds", record["seconds"], 0)
    columns = record["history"]["columns"]
    if any(columns.values()) and not {"epoch", "train_loss"} <= set(columns):
        raise KeyError("train_loss")
    for name, values in columns.items():
        if not set(map(type, values)) <= {int, float, type(None)}:
            raise TypeError(f"{name} has something that is no number")
    for epochs, patience, min_delta in record["asked"]:
        check_whole("epochs", epochs, 0)
        check_whole("patience", patience or 0, 0)
        check_number("min_delta", min_delta, 0)
    if not {"patience", "epochs"} <= set(record["history"]["settings"]):
        raise KeyError("settings")
    if not set(map(type, record["snapshots"] + record["input_shape"])) <= {int} or len(record["input_shape"]) != 3:
        raise TypeError("snapshots or input_shape has something that is no whole number")
    check_input_shape(record["input_shape"])
    check_whole("snapshots", min(record["snapshots"], default=0), 0)
    if not set(map(type, record["class_names"])) <= {str}:
        raise TypeError("class_names has something that is no text")


def read_runs(store: Store, name: str) -> list[Run]:
    """Return a run for each length and patience that was asked of a record; an empty list for a record that is damaged.

    The seconds of a shorter run are estimated: the record's, times its share of the epochs. Raises DataError as
    `read_record` does.
    """
    record = read_record(store, name)
    if record is None:
        return []
    longest, runs, seen = record["experiment"], [], set()
    for epochs, patience, min_delta in record["asked"]:
        min_delta = 0.0 if patience is None else min_delta  # without patience it means nothing
        if (epochs, patience, min_delta) in seen:
            continue
        seen.add((epochs, patience, min_delta))
        changes = {"epochs": epochs, "patience": patience, "min_delta": min_delta}
        is_longest = all(getattr(longest, field) == value for field, value in changes.items())
        experiment = longest if is_longest else longest.replace(**changes)  # replace checks every field again: slow
        runs.append(run_from_record(experiment, record, store, name))
    return [run for run in runs if run is not None]


def run_from_record(experiment: Experiment, record: dict[str, Any], store: Store, name: str) -> Run | None:
    """Return the run of an experiment that is a part of a record's training; None if that training is too short.

    Parameters
    ----------
    experiment : Experiment
        It differs from the record's in nothing but epochs, patience and min_delta.
    record : dict
        What `read_record` returned.
    store, name
        Where the record's weights are, read when they are asked for.
    """
    history = record["history"]
    part = replay(history, epochs=experiment.epochs, patience=experiment.patience, min_delta=experiment.min_delta)
    if part is None:
        return None
    share = len(part) / len(history) if len(history) else 1.0
    return Run(
        experiment, part, record["seconds"] * share, tuple(record["input_shape"]), tuple(record["class_names"]),
        tuple(epoch for epoch in record["snapshots"] if epoch <= len(part)), lambda: store.weights(name),
    )  # fmt: skip


def has_insides(record: dict[str, Any]) -> bool:
    """Return whether a record was trained with insides=True."""
    return record.get("insides", False)


def add_asked(experiments: list[Experiment], earlier: list[list]) -> list[list]:
    """Return a record's `asked` with the lengths and patiences of these experiments added, each once."""
    own = [
        [experiment.epochs, experiment.patience, 0.0 if experiment.patience is None else experiment.min_delta]
        for experiment in experiments
    ]
    return [*earlier, *(entry for entry in own if entry not in earlier)]
