"""For `fit(on_epoch=…)`: after an epoch, numbers from inside the network join the history's row.

They are stored, drawn and compared like a loss or an accuracy. `LAYER_NUMBERS` of each layer are named like
"conv1.update_ratio"; those of the whole network like "update_ratio".
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from torch import nn

from cnnlab.checks import check_whole
from cnnlab.interpret.activations import POOLS, activation_statistics
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.saliency import concentration, saliency
from cnnlab.training.fit import EpochState

SALIENCY_IMAGES = 100


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Records after every `every`-th epoch what goes on inside, into the row of the history.

    gradients: of the first `batches` training batches, for each layer gradient_norm, gradient_ratio and update_ratio
    (see `gradient_flow`), and for the network update_ratio, the geometric mean over the layers. activations: over all
    validation images, for each ReLU dead_share and activation_scale, for each pool scale_change (its scale behind / in
    front), and for the network dead_share, of all units, and activation_scale, the mean over the ReLUs. saliency: of
    the first 100 validation images, saliency_concentration, the mean Gini index of |gradient|.
    The training is not touched: same seed, same weights, recorded or not.

    >>> history = fit(model, data, epochs=5, on_epoch=Recorder())
    >>> history["conv1.update_ratio"]
    """

    gradients: bool = True
    activations: bool = False
    saliency: bool = False
    batches: int = 2
    every: int = 1

    def __post_init__(self) -> None:
        check_whole("batches", self.batches, 1)
        check_whole("every", self.every, 1)

    def __call__(self, state: EpochState) -> None:
        """Add the numbers to the last row of state.history."""
        if state.epoch % self.every:
            return
        found: dict[str, float] = {}
        if self.gradients:
            found |= self._of_gradients(state)
        looked_at = state.data.validation if len(state.data.validation) else state.data.train
        if self.activations:
            found |= _of_activations(state.model, looked_at)
        if self.saliency:
            maps = saliency(state.model, looked_at.images[:SALIENCY_IMAGES])
            found["saliency_concentration"] = float(concentration(maps).mean())
        # six digits: enough to compare and to draw, and a third of the bytes
        finite = {name: float(f"{value:.6g}") for name, value in found.items() if math.isfinite(value)}
        state.history.rows[-1].update(finite)

    def _of_gradients(self, state: EpochState) -> dict[str, float]:
        if not any(value.ndim > 1 and value.requires_grad for value in state.model.parameters()):
            return {}
        batch_size = state.history.settings["batch_size"]
        some = state.data.train[: self.batches * batch_size]
        flow = gradient_flow(state.model, some, optimizer=state.optimizer, batch_size=batch_size)
        found = {}
        for name, layer in flow.items():
            found |= {
                f"{name}.gradient_norm": layer.norm,
                f"{name}.gradient_ratio": layer.ratio,
                f"{name}.update_ratio": layer.update_ratio,
            }
        steps = [layer.update_ratio for layer in flow.values()]
        return found | {"update_ratio": statistics.geometric_mean(steps) if all(steps) else 0.0}


def _of_activations(model: nn.Module, looked_at) -> dict[str, float]:
    layers = tuple(kind for kind in (nn.ReLU, *POOLS) if any(isinstance(layer, kind) for layer in model.modules()))
    if not layers:
        return {}
    found, units, dead, scales = {}, 0, 0, []
    for name, layer in activation_statistics(model, looked_at, layers=layers).items():
        if math.isnan(layer.scale_before):
            found |= {f"{name}.dead_share": layer.dead_share, f"{name}.activation_scale": layer.scale}
            units, dead, scales = units + layer.units, dead + layer.dead, [*scales, layer.scale]
        else:
            found[f"{name}.scale_change"] = layer.scale / layer.scale_before if layer.scale_before else 0.0
    whole = {"dead_share": dead / units, "activation_scale": statistics.fmean(scales)} if units else {}
    return found | whole
