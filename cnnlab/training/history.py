"""What a training run leaves behind: one row an epoch, why it ended, its settings, where it ran. JSON in and out."""

from __future__ import annotations

import json
import math
import platform
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import torch

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.training.environment import onednn_choice, processor

if TYPE_CHECKING:
    import pandas

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
# What cnnlab.interpret.recorder records: of the whole network, or of a layer, as in "conv1.update_ratio".
INSIDES = ("update_ratio", "dead_share", "activation_scale", "saliency_concentration")
LAYER_NUMBERS = ("gradient_norm", "gradient_ratio", "update_ratio", "dead_share", "activation_scale", "scale_change")


@dataclass
class History:
    """The record of one training run.

    rows: one dict an epoch, with epoch (from 1), train_loss and train_accuracy (running means over the epoch, in train
    mode), validation_loss and validation_accuracy (after the epoch, in eval mode; absent without validation images) and
    seconds. Losses are mean cross-entropies in nats, accuracies 0–1. A row may hold more: what `Recorder`, or an
    on_epoch of your own, has put into it. stopped_by: "epochs", "patience", "stop", "interrupt" or "diverged", in
    epoch stopped_in. best_epoch: that of the lowest validation loss, or 0.

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

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, metric: str) -> list[float]:
        """Return one number an epoch, of the epochs that have one."""
        check_metric(metric, self.metrics)
        return [row[metric] for row in self.rows if metric in row]

    @property
    def metrics(self) -> list[str]:
        """What can be asked of this history: the numbers of every training, and those that were recorded with it."""
        recorded = dict.fromkeys(name for row in self.rows for name in row)
        return [*METRICS, *(name for name in recorded if name not in METRICS and name != "epoch")]

    def last(self, metric: str) -> float:
        """Return the metric after the last epoch; ConfigError if no epoch was finished."""
        if not self[metric]:
            raise ConfigError(f"{metric}: no epoch has one ({self.message}); leave this run out, and say so")
        return self[metric][-1]

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights the model has: the best one with patience, else the last finished one."""
        return len(self) if self.settings["patience"] is None else self.best_epoch

    @property
    def message(self) -> str:
        """One sentence: how it ended, and which weights the model has."""
        trained = f"trained {len(self)} epoch{'' if len(self) == 1 else 's'}"
        kept = f"kept the weights of epoch {self.kept_epoch}" if self.kept_epoch else "the model is untouched"
        if self.stopped_by in ("stop", "interrupt"):
            return f"stopped in epoch {self.stopped_in}: {kept}"
        if self.stopped_by == "diverged":
            return (
                f"diverged in epoch {self.stopped_in}, batch {self.diverged_in_batch}, at learning_rate="
                f"{self.settings['learning_rate']:g}: the loss is no finite number any more; {kept}; "
                "try a smaller learning_rate"
            )
        if self.settings["epochs"] == 0:
            return f"{trained}: {kept}"
        return trained if self.settings["patience"] is None else f"{trained}: {kept}, the best one"

    def __repr__(self) -> str:
        last = self.rows[-1] if self.rows else {}
        numbers = [f"{metric} {last[metric]:.3f}" for metric in METRICS[:4] if metric in last]
        return f"History({self.message}{'; last epoch: ' if numbers else ''}{', '.join(numbers)})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain values, the rows as one list a column; None where a row lacks a number."""
        columns = [name for name in ("epoch", *self.metrics) if any(name in row for row in self.rows)]
        plain = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "rows"}
        return plain | {"columns": {name: [row.get(name) for row in self.rows] for name in columns}}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> History:
        """Return the History that `to_dict` took apart."""
        columns = plain["columns"]
        names = tuple(columns)
        rows = [dict(zip(names, values)) for values in zip(*columns.values(), strict=True)]  # noqa: B905 (it is, here)
        for name in [name for name, values in columns.items() if None in values]:
            for row in rows:
                if row[name] is None:
                    del row[name]
        return cls(**{name: value for name, value in plain.items() if name != "columns"}, rows=rows)

    def to_json(self) -> str:
        """Return everything as JSON text; `History.from_json` reads it back."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """Return the History that `to_json` wrote."""
        return cls.from_dict(json.loads(text))

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame with one row an epoch."""
        import pandas

        return pandas.DataFrame(self.rows, columns=["epoch", *self.metrics])


def metrics_of(histories: Iterable[History]) -> list[str]:
    """Return every metric that some of them have."""
    return list(dict.fromkeys([*METRICS, *(metric for history in histories for metric in history.metrics)]))


def check_metric(metric: object, known: Iterable[str]) -> None:
    """Raise ConfigError unless these runs have such a number; say how to record it if it can be."""
    known = list(known)
    if isinstance(metric, str) and metric not in known:
        layer, _, number = metric.rpartition(".")
        if number in (LAYER_NUMBERS if layer else INSIDES):
            raise ConfigError(
                f"{metric} was not recorded in these runs; train with on_epoch=Recorder(…), or run and sweep with "
                "insides=True (dead_share and activation_scale are those of nn.ReLU layers)"
            )
    check_choice("metric", metric, known)


def replay(history: History, *, epochs: int, patience: int | None = None, min_delta: float = 0.0) -> History | None:
    """Return what the same training would have left, had it been told to end after `epochs`, or by patience.

    A shorter training is the beginning of a longer one, bit for bit, so nothing is trained. None if the recording is
    too short to tell.

    >>> replay(history, epochs=350, patience=10).best_epoch
    41
    """
    settings = history.settings | {"epochs": epochs, "patience": patience, "min_delta": min_delta}
    if settings == history.settings and history.stopped_by in ("epochs", "patience"):
        return history
    rows, best_loss, best_epoch, ended = [], math.inf, 0, ""
    for row in history.rows[:epochs]:
        rows.append(row)
        loss = row.get("validation_loss", math.inf)
        if loss < best_loss - min_delta:
            best_loss, best_epoch = loss, row["epoch"]
        if patience is not None and row["epoch"] - best_epoch > patience:
            ended = "patience"
            break
    if not ended and len(rows) == epochs:
        ended = "epochs"
    if ended:
        return History(settings, history.environment, rows, best_epoch, ended, len(rows))
    if history.stopped_by == "diverged":
        return replace(history, settings=settings, rows=rows, best_epoch=best_epoch)
    return None


# Where two runs differ in these, their last bits do, and nothing else: much less than another seed changes.
PROCESSOR = ("processor", "onednn", "cpu_capability")


def environment(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return what else decides the bits of a result: versions, threads, processor and device.

    The same settings and seed give the same bits where all of these are equal. "processor" names the model; "onednn"
    and "cpu_capability" say what torch's libraries choose their code by.
    """
    from cnnlab import __version__

    device = torch.device(device)
    return {
        "cnnlab": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "processor": processor(),
        "onednn": onednn_choice(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def warn_if_environments_differ(
    histories: Iterable[History], *, paired: Iterable[list[History]] | None = None, stacklevel: int = 3
) -> None:
    """Warn when runs that are compared were trained with other versions, threads or devices: their bits differ, too.

    Parameters
    ----------
    histories : iterable of History
        All that are looked at together.
    paired : iterable of lists of History, optional
        Those whose differences are taken. Another processor is worth a warning within such a list only; between
        lists it is a part of the noise, as the seed is. None: all histories are one list.
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
    """Return what the environments say under this name, or nothing where all say the same."""
    values = {str(history.environment.get(name, "unknown")) for history in histories if history.environment}
    return values if len(values) > 1 else set()
