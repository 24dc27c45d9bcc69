"""What was recorded of a network of the clinic in every epoch, and the file that keeps it."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from cnnlab.errors import DataError
from cnnlab.files import atomic_write, data_folder
from cnnlab.interpret.activations import LayerActivity
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.gradients import LayerGradient
from cnnlab.interpret.weight_distributions import LayerWeights
from cnnlab.model.weights import pack_tensors, unpack_tensors
from cnnlab.training.history import METRICS, History

LAYERS = ("conv1", "conv2", "conv3", "conv4", "fc1", "logits")
ACTIVATIONS = ("act1", "act2", "act3", "act4", "act_fc1")  # the activation function after each layer but the last
FILE = "clinic.safetensors.gz"


class Recording:
    """The numbers of one training, epoch by epoch.

    Parameters
    ----------
    arrays : mapping of str to array
        Name → (epochs, …), such as "curve.train_loss", "activation.act1.dead" and "weight.conv1.values".
    diverged : bool
        Whether the training ended early, because a loss or a weight was no finite number any more.

    >>> train_network(HEALTHY).history["train_loss"]
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], *, diverged: bool = False) -> None:
        self.arrays, self.diverged = dict(arrays), diverged

    @classmethod
    def of_epochs(cls, epochs: list[dict[str, np.ndarray]], *, diverged: bool) -> Recording:
        """Return the recording of which this is one dict of numbers for each epoch."""
        names = epochs[0] if epochs else {}
        arrays = {name: np.stack([epoch[name] for epoch in epochs]) for name in names}
        with np.errstate(over="ignore"):  # of a training that explodes: infinite
            return cls({name: values.astype(_kind(name)) for name, values in arrays.items()}, diverged=diverged)

    @property
    def epochs(self) -> int:
        """The number of epochs that were finished."""
        return len(self.arrays.get("curve.train_loss", ()))

    @property
    def history(self) -> History:
        """The curves, as `fit` would return them; without the settings, which are the secret."""
        names = [name for name in METRICS if f"curve.{name}" in self.arrays]
        columns = zip(*(self.arrays[f"curve.{name}"].tolist() for name in names), strict=True)
        rows = [{"epoch": epoch, **dict(zip(names, row, strict=True))} for epoch, row in enumerate(columns, start=1)]
        settings = {"epochs": self.epochs, "patience": None}
        return History(settings, {}, rows, stopped_by="epochs", stopped_in=self.epochs, classes=10)

    def activations(self, epoch: int) -> ByLayer:
        """Return a `LayerActivity` for each activation function after this epoch, as `activation_statistics` does."""
        layers = ByLayer()
        for name in ACTIVATIONS:
            part = self._parts(f"activation.{name}", epoch)
            units, dead = int(part["units"]), int(part["dead"])
            numbers = {key: float(part[key]) for key in ("mean", "std", "minimum", "maximum", "scale", "zeros")}
            layers[name] = LayerActivity(
                "activation", units, **numbers, dead=dead, dead_share=dead / units, saturated=float("nan"),
                scale_before=float("nan"),
                sample=part["sample"].astype(np.float32) * largest(numbers["minimum"], numbers["maximum"]),
            )  # fmt: skip
        return layers

    def gradients(self, epoch: int) -> dict[str, ByLayer]:
        """Return the gradient of one batch, and the one that the steps of the epoch used: a `ByLayer` for each."""
        flows = {"of one batch": ByLayer(), "that the step uses": ByLayer()}
        nan = float("nan")
        for name in LAYERS:
            part = {key: float(value) for key, value in self._parts(f"gradient.{name}", epoch).items()}
            kind = "Conv2d" if name.startswith("conv") else "Linear"
            flows["of one batch"][name] = LayerGradient(kind, nan, nan, part["of_batch"], nan, nan, {})
            flows["that the step uses"][name] = LayerGradient(kind, nan, nan, part["used"], nan, part["step_ratio"], {})
        return flows

    def weights(self, epoch: int) -> ByLayer:
        """Return a `LayerWeights` for each layer after this epoch; its values are the first hundred weights."""
        layers = ByLayer()
        for name in LAYERS:
            part = self._parts(f"weight.{name}", epoch)
            kind = "Conv2d" if name.startswith("conv") else "Linear"
            numbers = {key: float(part[key]) for key in ("mean", "std", "change", "similarity")}
            values, initial = (part[key].astype(float) for key in ("values", "initial"))
            layers[name] = LayerWeights(kind, int(part["count"]), **numbers, values=values, initial=initial)
        return layers

    def kernels(self, epoch: int) -> torch.Tensor:
        """Return the kernels of conv1 after this epoch, (8, 1, 3, 3)."""
        return torch.from_numpy(self._parts("weight.conv1", epoch)["values"].astype(np.float32)).reshape(8, 1, 3, 3)

    def number(self, name: str, part: str, layers: tuple[str, ...], epoch: int) -> np.ndarray:
        """Return a number of these layers after an epoch, (layers,), such as number("weight", "change", LAYERS, 12)."""
        return np.array([float(self.arrays[f"{name}.{layer}.{part}"][epoch - 1]) for layer in layers])

    def _parts(self, prefix: str, epoch: int) -> dict[str, np.ndarray]:
        start = f"{prefix}."
        return {
            name.removeprefix(start): values[epoch - 1]
            for name, values in self.arrays.items()
            if name.startswith(start)
        }


def largest(minimum: float, maximum: float) -> float:
    """Return the unit in which a layer's sample is kept, so that it lies in −1 to 1: its largest magnitude, or 1."""
    return max(abs(minimum), abs(maximum)) or 1.0


def _kind(name: str) -> type:
    """Return the dtype in which an array is kept: samples need less precision than single numbers."""
    return np.float16 if name.endswith((".sample", ".values", ".initial")) else np.float32


def write_recordings(recordings: Mapping[str, Recording], path: Path) -> None:
    """Write recordings into one compressed file, by the keys of their settings; `read_recording` reads one of them."""
    tensors = {
        f"{key}/{name}": torch.from_numpy(values)
        for key, recording in sorted(recordings.items())
        for name, values in recording.arrays.items()
    }
    atomic_write(path, gzip.compress(pack_tensors(tensors, {}), mtime=0))


def read_recording(key: str) -> Recording:
    """Return the recording of the setting with this key from the results bank; raise DataError if it is not there."""
    arrays = _read(data_folder() / "bank" / FILE)
    own = {name.partition("/")[2]: values for name, values in arrays.items() if name.startswith(f"{key}/")}
    if not own:
        raise DataError(f"{FILE} lacks a recording; train the patients again with tools/make_clinic.py")
    return Recording(own)


@functools.lru_cache(maxsize=1)
def _read(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of the file; raise DataError if it is missing or damaged."""
    if not path.is_file():
        raise DataError(f"{path} is missing; get the course again")
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{path} is damaged ({error}); get the file again") from error
    return {name: values.numpy() for name, values in unpack_tensors(content, str(path))[0].items()}
