"""Measure the weights of each layer, and how far training has moved them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.model.in_training import check_not_in_training
from cnnlab.model.networks import check_model, copied, named_layers, original, plain_name
from cnnlab.torch_state import usual_torch_state


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """The weights of one layer, and how far they are from their initial values.

    Parameters
    ----------
    kind : str
        The layer's class.
    count : int
        How many weights the layer has.
    mean, std : float
        Of the weights.
    change : float
        Norm of (weights − initial weights) / norm of the initial weights. NaN without initial weights, or if they are
        all zero; so is similarity.
    similarity : float
        The cosine of the angle between weights and initial weights; 1 before training.
    values, initial : np.ndarray
        The weights, and the initial ones, float64 (count,); initial is (0,) without initial weights.
    """

    kind: str
    count: int
    mean: float
    std: float
    change: float
    similarity: float
    values: np.ndarray
    initial: np.ndarray


@usual_torch_state
def weight_distributions(model: nn.Module, initial: nn.Module | Mapping[str, Tensor] | None = None) -> ByLayer:
    """Return a `LayerWeights` for each weight of two or more dimensions, by the names that `gradient_flow` uses.

    Biases and normalization layers are left out. A histogram of weights mostly shows how they were initialized. The
    change since then shows what was learnt.

    Parameters
    ----------
    model : nn.Module
        Any network.
    initial : nn.Module or state_dict, optional
        The network before training: build_cnn with the same seed, or `run.model(epoch=0)`.

    Raises
    ------
    ConfigError
        If the model has no such weight, if initial is of another architecture, or neither a network nor a state_dict,
        or if another thread trains one of the networks.

    >>> weight_distributions(model, initial=build_cnn(seed=0))["conv1"].change
    0.3
    """
    for network in (check_model(model), initial):
        if isinstance(network, nn.Module):
            check_not_in_training(network)  # its layers would be of different steps
    before = _initial_weights(initial)
    kinds = {name: type(layer).__name__ for name, layer in named_layers(model)}
    measured = ByLayer()
    for name, weight in _weights(model):
        if before is not None and (name not in before or before[name].shape != weight.shape):
            there = tuple(before[name].shape) if name in before else "missing"
            raise ConfigError(
                f"initial is another architecture: {name} is {tuple(weight.shape)} here and {there} there; "
                "build it with the same settings"
            )
        layer, values = name.removesuffix(".weight"), _flat(weight)
        start = np.empty(0) if before is None else _flat(before[name])
        measured[layer] = LayerWeights(
            kinds.get(layer, "weight"), len(values), float(values.mean()), float(values.std()),
            *_changed(values, start), values, start,
        )  # fmt: skip
    if not measured:
        raise ConfigError("the model has no weights of two or more dimensions; those of a frozen network can't be seen")
    return measured


def _initial_weights(initial: object) -> Mapping[str, Tensor] | None:
    """Return the name of a weight → its value, for a network or a state_dict; None for None."""
    if isinstance(initial, nn.Module):
        return dict(_weights(initial))
    if initial is not None and not isinstance(initial, Mapping):
        raise ConfigError(f"initial wants a network or its state_dict(), got {type(initial).__name__}")
    return None if initial is None else {plain_name(str(name)): value for name, value in initial.items()}


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and the value of each weight of two or more dimensions.

    A weight that is computed from parameters (as by weight_norm) takes their place.
    """
    for name, layer in named_layers(_computed_anew(original(model))):
        if "parametrizations" not in name.split("."):  # in there are the parameters from which a weight is computed
            own = [*dict(layer.named_parameters(recurse=False)), *getattr(layer, "parametrizations", ())]
            by_hook = [weight for weight, _ in _computed_by_a_hook(layer)]
            own = [
                *by_hook,
                *(weight for weight in own if not weight.startswith(tuple(f"{each}_" for each in by_hook))),
            ]
            weights = ((f"{name}.{weight}".removeprefix("."), getattr(layer, weight)) for weight in own)
            yield from ((weight, value) for weight, value in weights if value.ndim > 1)


def _computed_by_a_hook(layer: nn.Module) -> list[tuple[str, Callable]]:
    """Return (name, hook) of each weight that a hook computes before each pass, as `nn.utils.weight_norm` does.

    So do spectral_norm and the methods of nn.utils.prune. Their parameters are named weight_g, weight_v, weight_orig.
    """
    named = (
        (getattr(hook, "name", getattr(hook, "_tensor_name", "")), hook) for hook in layer._forward_pre_hooks.values()
    )
    return [(name, hook) for name, hook in named if name and isinstance(vars(layer).get(name), Tensor)]


def _computed_anew(model: nn.Module) -> nn.Module:
    """Return the network; if hooks compute weights, a copy in which these are up to date with their parameters."""
    if not any(_computed_by_a_hook(layer) for layer in model.modules()):
        return model
    twin = copied(model)[0].eval()
    for layer in twin.modules():
        for _, hook in _computed_by_a_hook(layer):
            hook(layer, ())
    return twin


def _flat(weights: Tensor) -> np.ndarray:
    """Return the weights as float64 (count,)."""
    return weights.detach().flatten().cpu().double().numpy()  # Apple's GPUs have no float64


def _changed(values: np.ndarray, start: np.ndarray) -> tuple[float, float]:
    """Return the relative change of the weights, and the cosine between them and the initial ones."""
    if not start.any():
        return float("nan"), float("nan")
    size, now = np.linalg.norm(start), np.linalg.norm(values)
    return float(np.linalg.norm(values - start) / size), float(values @ start / (now * size)) if now else float("nan")
