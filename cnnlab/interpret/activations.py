"""Measure the outputs of each layer over many images: distribution, zeros, dead units, scale.

Images pass in batches. Of each layer only a few sums and a sample of its values are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.checks import check_batch_size, check_not_empty, check_whole
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.hooks import Layers, hooked
from cnnlab.model.compatibility import check_takes
from cnnlab.model.forward_pass import as_in_fit
from cnnlab.model.networks import device_of, evaluating
from cnnlab.torch_state import usual_torch_state

POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, nn.LPPool2d)
# Given its output y, is an activation function nearly flat there: is its slope under 1 % of the steepest one?
FLAT: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: lambda y: y <= 0,
    nn.ReLU6: lambda y: (y <= 0) | (y >= 6),
    nn.Sigmoid: lambda y: y * (1 - y) < 0.01 * 0.25,  # σ' = σ(1 − σ), at most 1/4
    nn.Tanh: lambda y: 1 - y**2 < 0.01,  # tanh' = 1 − tanh², at most 1
}


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """The outputs of one layer for all images.

    Parameters
    ----------
    kind : str
        The layer's class.
    units : int
        Channels of maps (N, C, H, W), or neurons of (N, F).
    mean, std, minimum, maximum : float
        Of all values.
    scale : float
        The root mean square of all values.
    zeros : float
        The share of values that are exactly zero, 0–1.
    dead : int
        How many units are zero for every image, at every place.
    dead_share : float
        dead as a share of all units, 0–1.
    saturated : float
        The share of values, 0–1, where the activation function is nearly flat: its slope is under 1 % of the steepest
        one. For ReLU, ReLU6, sigmoid and tanh; NaN for other layers.
    scale_before : float
        The root mean square of a pooling layer's inputs; NaN for other layers.
    sample : np.ndarray
        Values drawn at random, float32 (sample,).
    """

    kind: str
    units: int
    mean: float
    std: float
    minimum: float
    maximum: float
    scale: float
    zeros: float
    dead: int
    dead_share: float
    saturated: float
    scale_before: float
    sample: np.ndarray


@usual_torch_state
def activation_statistics(
    model: nn.Module,
    images: Split | Tensor,
    *,
    layers: Layers = None,
    batch_size: int = 250,
    sample: int = 10_000,
    seed: int = 0,
) -> ByLayer:
    """Return a `LayerActivity` for each layer, measured over all images.

    The model is in eval mode meanwhile, and afterwards as it was.

    Parameters
    ----------
    model : nn.Module
        Any network, but TorchScript. A compiled one runs uncompiled meanwhile.
    images : Split or Tensor
        Float (N, C, H, W), normalized as in training; as many as you like.
    layers
        As in `capture`.
    batch_size : int
        How many images go through the network at once.
    sample : int
        How many values of a layer to draw.
    seed : int
        For the draw.

    >>> activation_statistics(model, data.validation)["relu1"].dead
    0
    """
    images = images.images if isinstance(images, Split) else images
    check_takes(model, images)
    check_not_empty(images)
    batch_size = check_batch_size(batch_size)
    sample = check_whole("sample", sample, 1, most=10_000_000)
    seed = check_whole("seed", seed, 0)
    device = device_of(model)
    tallies: dict[str, _Tally] = {}

    def see(name: str, layer: nn.Module, entering: tuple, values: Tensor) -> None:
        if values.is_floating_point() and values.ndim > 1:
            if name not in tallies:
                tallies[name] = _Tally(layer, sample / len(images), seed)
            tallies[name].add(entering, values.detach())

    with evaluating(model), torch.no_grad(), as_in_fit(model), hooked(model, layers, see):
        for batch in images.split(batch_size):
            model(batch.to(device))
    if not tallies:
        raise ConfigError("none of these layers ran, or none gives numbers with units; capture(model) shows which do")
    return ByLayer({name: tally.result() for name, tally in tallies.items()})


class _Tally:
    """Add up the values of one layer over the batches.

    Parameters
    ----------
    layer : nn.Module
        The layer.
    per_image : float
        How many values to draw for the sample, on average over the images.
    seed : int
        For the draw.
    """

    def __init__(self, layer: nn.Module, per_image: float, seed: int) -> None:
        self.layer, self.per_image = layer, per_image
        self.generator = torch.Generator().manual_seed(seed)
        self.count = self.count_before = self.images = 0
        self.total = self.squares = self.squares_before = self.zeros = self.flat = 0.0
        self.lowest, self.highest = np.inf, -np.inf
        self.alive = torch.tensor(False)  # (units,) from the first batch on
        self.drawn: list[Tensor] = []

    def add(self, entering: tuple, values: Tensor) -> None:
        """Add the layer's inputs and its output, (N, units, …), for one batch."""
        if values.device.type not in ("cpu", "cuda"):  # Apple's GPUs have no float64
            values = values.cpu()
            entering = tuple(value.cpu() if isinstance(value, Tensor) else value for value in entering)
        self.count += values.numel()
        self.total += float(values.sum(dtype=torch.float64))
        self.squares += _sum_of_squares(values)
        active = values != 0
        self.zeros += values.numel() - int(active.sum())
        lowest, highest = values.aminmax()
        self.lowest = float(np.minimum(self.lowest, float(lowest)))  # numpy's minimum keeps a NaN
        self.highest = float(np.maximum(self.highest, float(highest)))
        self.alive = self.alive | active.transpose(0, 1).flatten(1).any(1)
        flat = FLAT.get(type(self.layer))
        self.flat += float("nan") if flat is None else int(flat(values).sum())
        if isinstance(self.layer, POOLS):
            self.squares_before += _sum_of_squares(entering[0])
            self.count_before += entering[0].numel()
        before, self.images = self.images, self.images + len(values)
        chosen = round(self.per_image * self.images) - round(self.per_image * before)
        places = torch.randint(values.numel(), (chosen,), generator=self.generator)
        self.drawn.append(values.flatten()[places.to(values.device)].cpu())

    def result(self) -> LayerActivity:
        """Return the measurements over all batches."""
        mean, mean_square = self.total / self.count, self.squares / self.count
        units, dead = len(self.alive), len(self.alive) - int(self.alive.sum())
        variance = max(mean_square - mean**2, 0.0)  # NaN stays NaN in this order
        before = (self.squares_before / self.count_before) ** 0.5 if self.count_before else float("nan")
        return LayerActivity(
            type(self.layer).__name__, units, mean, variance**0.5, self.lowest, self.highest,
            mean_square**0.5, self.zeros / self.count, dead, dead / units, self.flat / self.count, before,
            torch.cat(self.drawn).float().numpy(),
        )  # fmt: skip


def _sum_of_squares(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values, dtype=torch.float64)) ** 2
