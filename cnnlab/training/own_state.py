"""Keep what the layers of a network hold besides weights and change in a training, so that it can be continued.

These are attributes of a layer: generators (`torch.Generator`), plain numbers, and buffers that are in no state_dict
(`persistent=False`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.errors import ConfigError
from cnnlab.model.cnn import Dropout
from cnnlab.model.networks import device_of, named_layers

OF_EVERY_LAYER = frozenset(vars(nn.Module()))  # attributes of torch's own, such as the mode


class OwnState:
    """What the layers of a network hold besides weights, but for the `Dropout` of `build_cnn`.

    Numbers and buffers that do not change in a training are settings of the network. They are not saved.

    Parameters
    ----------
    model : nn.Module
        The network, before its training.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._settings = {name: _copied(value) for name, value in _attributes(model, Tensor, int, float, bool)}

    def tensors(self) -> dict[str, Tensor]:
        """Return the state of each generator, and each buffer that has changed, by its name."""
        states = {name: value.get_state() for name, value in _attributes(self.model, torch.Generator)}
        return states | self._changed(Tensor)

    def numbers(self) -> dict[str, Any]:
        """Return each number that has changed, by its name."""
        return self._changed(int, float, bool)

    def _changed(self, *kinds: type) -> dict[str, Any]:
        now = dict(_attributes(self.model, *kinds))
        return {name: value for name, value in now.items() if not _are_equal(value, self._settings.get(name))}

    def check(self, tensors: dict[str, Tensor], numbers: dict[str, Any], other: str) -> None:
        """Raise an error, which ends with `other`, unless the network can be given what was saved."""
        layers = {name for name, _ in named_layers(self.model)}
        if missing := [name for name in numbers if name.rpartition(".")[0] not in layers]:
            raise KeyError(missing[0])
        generators = dict(_attributes(self.model, torch.Generator))
        buffers = {f"{name}.{hidden}" for name, layer in named_layers(self.model)
                   for hidden in layer._non_persistent_buffers_set}  # fmt: skip
        if only_here := sorted(generators.keys() - tensors.keys()):
            raise ConfigError(f"checkpoint was made without {only_here[0]}, which the network has{other}")
        if only_there := sorted(tensors.keys() - generators.keys() - buffers):
            raise ConfigError(f"checkpoint has {only_there[0]}; make it in the network's __init__, too{other}")
        for name, generator in generators.items():
            torch.Generator(generator.device).set_state(tensors[name])

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Give the network what was saved, after a check."""
        layers, generators = dict(named_layers(self.model)), dict(_attributes(self.model, torch.Generator))
        for name, value in (tensors | numbers).items():
            layer, _, attribute = name.rpartition(".")
            if name in generators:
                generators[name].set_state(value)
            else:  # a number, or a buffer, whose size may be that of the last batch
                new = value.to(device_of(self.model)) if isinstance(value, Tensor) else value
                setattr(layers[layer], attribute, new)
            self._settings.pop(name, None)  # it changes in this training


def _attributes(model: nn.Module, *kinds: type) -> Iterator[tuple[str, Any]]:
    """Yield each attribute of these kinds that a layer has besides its weights; a Tensor is a hidden buffer."""
    for name, layer in named_layers(model):
        hidden = {attribute: layer._buffers.get(attribute) for attribute in layer._non_persistent_buffers_set}
        own = {attribute: value for attribute, value in vars(layer).items() if not isinstance(value, Tensor)}
        for attribute, value in (own | hidden).items():
            is_kept_elsewhere = isinstance(layer, Dropout) and attribute == "generator"
            if type(value) in kinds and attribute not in OF_EVERY_LAYER and not is_kept_elsewhere:
                yield f"{name}.{attribute}", value


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _are_equal(value: Any, before: Any) -> bool:
    """Return whether two values have the same bits; NaN equals NaN in a number, but not in a tensor."""
    if isinstance(value, Tensor):
        return isinstance(before, Tensor) and value.shape == before.shape and torch.equal(value, before)
    return type(value) is type(before) and repr(value) == repr(before)
