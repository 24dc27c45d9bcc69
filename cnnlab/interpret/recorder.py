"""Record numbers from inside a network while it trains: `fit(on_epoch=Recorder())`.

They are stored, plotted and compared like a loss or an accuracy. The numbers of a layer are named like
"conv1.update_ratio", those of the whole network like "update_ratio".
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from torch import nn

from cnnlab.arguments import check_arguments
from cnnlab.data.dataset import Split
from cnnlab.interpret.activations import POOLS, activation_statistics
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.saliency import concentration, saliency
from cnnlab.torch_state import usual_torch_state
from cnnlab.training.loop import EpochState

SALIENCY_IMAGES = 100


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Measure gradients, activations and saliency after an epoch, for `fit` to add to the epoch's row.

    The training stays the same: with the same seed the weights come out the same, recorded or not. By default only
    gradients are measured. Activations and saliency are measured on the validation images or, if there are none, on the
    training images. Raises ConfigError for `batches` or `every` below 1.

    Parameters
    ----------
    gradients : bool
        For each layer, over the first training batches: gradient_norm, gradient_ratio and update_ratio (see
        `gradient_flow`). For the network: update_ratio, the geometric mean over the layers.
    activations : bool
        Over all validation images, for each ReLU dead_share and activation_scale, for each pooling layer scale_change,
        the scale after it divided by the scale before it (0 where that is 0; see `activation_statistics`). For the
        network: dead_share of all units of the ReLUs, and activation_scale, the mean over the ReLUs.
    saliency : bool
        saliency_concentration: the mean Gini index of |gradient| of the first 100 validation images (see
        `concentration`).
    batches : int
        How many training batches the gradients are measured on.
    every : int
        Measure after every `every`-th epoch; the rows of the others lack these numbers.

    >>> history = fit(model, data, epochs=5, on_epoch=Recorder())
    >>> history["conv1.update_ratio"]
    """

    gradients: bool = True
    activations: bool = False
    saliency: bool = False
    batches: int = 2
    every: int = 1

    def __post_init__(self) -> None:
        check_arguments(Recorder, vars(self), batches=1, every=1)

    @usual_torch_state
    def __call__(self, state: EpochState) -> dict[str, float]:
        """Return name → number of this epoch; empty for an epoch that is not recorded."""
        if state.epoch % self.every:
            return {}
        images = state.data.validation if len(state.data.validation) else state.data.train
        numbers: dict[str, float] = {}
        if self.gradients:
            numbers |= self._gradient_numbers(state)
        if self.activations:
            numbers |= _activation_numbers(state.model, images)
        if self.saliency:
            maps = saliency(state.model, images.images[:SALIENCY_IMAGES])
            numbers["saliency_concentration"] = float(concentration(maps).mean())
        # Six digits are enough to compare and to plot, and take a third of the bytes.
        return {name: float(f"{value:.6g}") for name, value in numbers.items()}

    def _gradient_numbers(self, state: EpochState) -> dict[str, float]:
        """Return the numbers of the gradients; empty for a network without weights to train."""
        if not any(value.ndim > 1 and value.requires_grad for value in state.model.parameters()):
            return {}
        batch_size = state.history.settings["batch_size"]
        images = state.data.train[: self.batches * batch_size]
        flow = gradient_flow(state.model, images, optimizer=state.optimizer, batch_size=batch_size)
        numbers = {}
        for name, layer in flow.items():
            numbers |= {
                f"{name}.gradient_norm": layer.gradient_norm,
                f"{name}.gradient_ratio": layer.gradient_ratio,
                f"{name}.update_ratio": layer.update_ratio,
            }
        steps = [layer.update_ratio for layer in flow.values()]
        return numbers | {"update_ratio": statistics.geometric_mean(steps) if all(steps) else 0.0}


def _activation_numbers(model: nn.Module, images: Split) -> dict[str, float]:
    """Return the numbers of the activations; empty for a network without ReLU and pooling layers."""
    kinds = tuple(kind for kind in (nn.ReLU, *POOLS) if any(isinstance(layer, kind) for layer in model.modules()))
    if not kinds:
        return {}
    numbers, units, dead, scales = {}, 0, 0, []
    for name, layer in activation_statistics(model, images, layers=kinds).items():
        if math.isnan(layer.scale_before):  # no pooling layer, so a ReLU
            numbers |= {f"{name}.dead_share": layer.dead_share, f"{name}.activation_scale": layer.scale}
            units, dead, scales = units + layer.units, dead + layer.dead, [*scales, layer.scale]
        else:
            numbers[f"{name}.scale_change"] = layer.scale / layer.scale_before if layer.scale_before else 0.0
    if units:
        numbers |= {"dead_share": dead / units, "activation_scale": statistics.fmean(scales)}
    return numbers
