"""Record a training: its settings, one row of numbers an epoch, why it ended, and the environment."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, counted, shown
from cnnlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
# What cnnlab.interpret.recorder records: of the whole network, and of a layer, as in "conv1.update_ratio".
INSIDES = ("update_ratio", "dead_share", "activation_scale", "saliency_concentration")
LAYER_NUMBERS = ("gradient_norm", "gradient_ratio", "update_ratio", "dead_share", "activation_scale", "scale_change")

# `History.diverged` compares the losses of the last epoch with these. Guessing costs ln(classes) nats. No loss that is
# 1,000 times as high comes from learning. A training loss is the mean over an epoch: above 10 nats, which is more than
# guessing among 22,000 classes costs, there was a leap, and a validation loss below that of guessing says that the
# network has recovered from it. Overfitting can't be meant, since its training loss is low.
FAR = 1000
LEAP = 10.0  # nats


@dataclass
class History:
    """The record of one training.

    Parameters
    ----------
    settings : dict
        The settings of `fit`, with the learning rate that was used.
    environment : dict
        Versions, threads, processor and device; see `cnnlab.environment`.
    rows : list of dict
        One dict an epoch: epoch (from 1); train_loss and train_accuracy, means over the batches, in train mode;
        validation_loss and validation_accuracy, after the epoch, in eval mode (absent without validation images);
        seconds; and the numbers that `Recorder`, or an on_epoch of your own, returned. Losses are mean cross-entropies
        in nats, accuracies 0–1.
    best_epoch : int
        The epoch with the lowest validation loss, where a fall of at most min_delta does not count; 0 without one.
    stopped_by : str
        "epochs", "patience", "stop", "interrupt" or "diverged" (the loss became NaN or infinite); "" while it trains.
    stopped_in : int
        The epoch in which the training ended.
    diverged_in_batch : int
        The batch of that epoch, from 1, in which the loss became NaN or infinite; 0 if none did.
    classes : int
        The number of classes of the data; 0 if it is not known.

    >>> history["validation_accuracy"][-1]
    0.95
    """

    settings: dict[str, Any]
    environment: dict[str, Any]
    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    stopped_by: str = ""
    stopped_in: int = 0
    diverged_in_batch: int = 0
    classes: int = 0

    def __post_init__(self) -> None:
        # A long training makes a History after each epoch: checking all rows each time would take long.
        first = self.rows[:1] if isinstance(self.rows, list) else self.rows
        least = {"best_epoch": 0, "stopped_in": 0, "diverged_in_batch": 0, "classes": 0}
        check_arguments(History, vars(self) | {"rows": first}, **least)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, metric: str) -> list[float]:
        """Return the metric of each epoch that has it, in order."""
        values = [row[metric] for row in self.rows if metric in row] if isinstance(metric, str) else []
        if not values or metric == "epoch":
            check_metric(metric, self.metrics)
        return values

    @property
    def metrics(self) -> list[str]:
        """The names that `history[name]` takes: those of every training, and those that were recorded with it."""
        recorded: dict[str, float] = {}
        for row in self.rows:
            recorded.update(row)
        return [*METRICS, *(name for name in recorded if name not in METRICS and name != "epoch")]

    def last(self, metric: str) -> float:
        """Return the metric of the last epoch that has it; raise ConfigError if none has."""
        if not self[metric]:
            raise ConfigError(f"{metric}: no epoch has one ({self.message}); leave this run out, and say so")
        return self[metric][-1]

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights the model has: the best one with patience, else the last finished one."""
        return len(self) if self.settings["patience"] is None else self.best_epoch

    @property
    def diverged(self) -> bool:
        """Whether the training diverged: the loss became NaN or infinite, or ended far above that of guessing.

        Far above: a loss of the last epoch is more than 1,000 times that of guessing, which is ln(classes); or the
        training loss exceeds 10 nats, and the validation loss, if there is one, is no better than guessing. Such a
        training was not cut short (`stopped_by` is not "diverged"), so its numbers can be compared.
        """
        return self.stopped_by == "diverged" or bool(self._far_loss())

    def _far_loss(self) -> str:
        """Return the loss of the last epoch, in words, that is far above that of guessing; "" if none is."""
        if self.stopped_by not in ("epochs", "patience") or not self.rows:
            return ""
        guess = math.log(max(2, self.classes))
        last = self.rows[-1]
        train, validation = last["train_loss"], last.get("validation_loss")
        if train > FAR * guess or (train > LEAP and (validation is None or validation >= guess)):
            return f"training loss of epoch {len(self)} is {train:.3g}"
        if validation is not None and validation > FAR * guess:
            return f"validation loss of epoch {len(self)} is {validation:.3g}"
        return ""

    @property
    def message(self) -> str:
        """How the training ended, and which weights the model has, in one sentence."""
        trained = f"trained {counted(len(self), 'epoch')}"
        kept = f"kept the weights of epoch {self.kept_epoch}" if self.kept_epoch else "the model is untouched"
        if self.stopped_by in ("stop", "interrupt"):
            return f"stopped in epoch {self.stopped_in}: {kept}"
        if self.stopped_by == "diverged":
            return (
                f"diverged in epoch {self.stopped_in}, batch {self.diverged_in_batch}, at learning_rate="
                f"{self.settings['learning_rate']:g}: the loss is no finite number any more; {kept}; "
                "try a smaller learning_rate"
            )
        if self.diverged:
            return (
                f"diverged at learning_rate={self.settings['learning_rate']:g}: the {self._far_loss()}, far worse "
                f"than guessing; {kept}; try a smaller learning_rate"
            )
        if self.settings["epochs"] == 0:
            return f"{trained}: {kept}"
        return trained if self.settings["patience"] is None else f"{trained}: {kept}, the best one"

    def __repr__(self) -> str:
        last = self.rows[-1] if self.rows else {}
        numbers = [
            f"{metric} {last[metric]:{'.3f' if last[metric] < 1e4 else '.3g'}}"
            for metric in METRICS[:4]
            if metric in last
        ]
        return f"History({self.message}{'; last epoch: ' if numbers else ''}{', '.join(numbers)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values for JSON: one list a column, with None where a row lacks the number."""
        columns = [name for name in ("epoch", *self.metrics) if any(name in row for row in self.rows)]
        plain = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "rows"}
        return plain | {"columns": {name: [row.get(name) for row in self.rows] for name in columns}}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> History:
        """Return the History of which `to_dict` returned these plain values; raise DataError for any others."""
        try:
            return cls._from_dict(plain)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"this is no record of a History; give what to_dict() returned, got {shown(plain)}"
            ) from error

    @classmethod
    def _from_dict(cls, plain: dict[str, Any]) -> History:
        columns = plain["columns"]
        names = tuple(columns)
        rows = [dict(zip(names, values)) for values in zip(*columns.values(), strict=True)]  # noqa: B905 (same lengths)
        for name in [name for name, values in columns.items() if None in values]:
            for row in rows:
                if row[name] is None:
                    del row[name]
        return cls(**{name: value for name, value in plain.items() if name != "columns"}, rows=rows)

    def to_json(self) -> str:
        """Return the record as JSON text; `History.from_json` reads it."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """Return the History that `to_json` wrote; raise DataError for any other text."""
        try:
            plain = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise DataError(f"this is no JSON; give what to_json() returned, got {shown(text)}") from error
        return cls.from_dict(plain)

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame with one row an epoch."""
        from cnnlab.table import Table

        return Table(self.rows, columns=["epoch", *self.metrics])


def metrics_of(histories: Iterable[History]) -> list[str]:
    """Return the names of the metrics that at least one of the histories has."""
    return list(dict.fromkeys([*METRICS, *(metric for history in histories for metric in history.metrics)]))


def check_metric(metric: object, known: Iterable[str]) -> None:
    """Raise ConfigError unless metric is one of the known names; say how to record it if `Recorder` can."""
    known = list(known)
    if isinstance(metric, str) and metric not in known:
        layer, _, number = metric.rpartition(".")
        if number in (LAYER_NUMBERS if layer else INSIDES):
            raise ConfigError(
                f"{metric} was not recorded in these runs; train with on_epoch=Recorder(…), or run and sweep with "
                "insides=True (dead_share and activation_scale are those of nn.ReLU layers)"
            )
    check_choice("metric", metric, known)


# If two runs differ in these, only the last bits of their numbers differ: much less than another seed changes.
PROCESSOR = ("processor", "onednn", "cpu_capability")


def warn_if_environments_differ(
    histories: Iterable[History], *, paired: Iterable[list[History]] | None = None, stacklevel: int = 3
) -> None:
    """Warn if runs that are compared differ in versions, threads, processor or device: then their bits differ, too.

    Parameters
    ----------
    histories : iterable of History
        All runs of the comparison.
    paired : iterable of lists of History, optional
        The runs whose differences are taken, one list a pair or group. A difference of processors is warned of only
        within a list: between lists it is a part of the noise, as the seed is. None: all histories are one list.
    stacklevel : int
        As in `warnings.warn`.
    """
    histories = list(histories)
    for name in dict.fromkeys(name for history in histories for name in history.environment):
        groups = paired if name in PROCESSOR and paired is not None else [histories]
        values = {value for group in groups for value in _different_values(group, name)}
        if values:
            warnings.warn(
                f"these runs differ in {name} ({', '.join(sorted(values))}): the same seed gives other bits",
                stacklevel=stacklevel,
            )


def _different_values(histories: Iterable[History], name: str) -> set[str]:
    """Return the values that the environments have under this name; the empty set if all have the same."""
    values = {str(history.environment.get(name, "unknown")) for history in histories if history.environment}
    return values if len(values) > 1 else set()
