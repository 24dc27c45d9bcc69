"""Measure the weights of each layer, and how far training has moved them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import ByLayer, check_model


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


def weight_distributions(model: nn.Module, initial: nn.Module | Mapping[str, Tensor] | None = None) -> ByLayer:
    """Return a `LayerWeights` for each convolutional and fully connected layer.

    A histogram of weights mostly shows how they were initialized. The change since then shows what was learnt.

    Parameters
    ----------
    model : nn.Module
        Any network.
    initial : nn.Module or state_dict, optional
        The network before training: build_cnn with the same seed, or `run.model(epoch=0)`.

    Raises
    ------
    ConfigError
        If initial is of another architecture, or neither a network nor a state_dict.

    >>> weight_distributions(model, initial=build_cnn(seed=0))["conv1"].change
    0.3
    """
    before = _weights_by_name(initial)
    measured = ByLayer()
    for name, layer in check_model(model).named_modules():
        if isinstance(layer, WEIGHTED):
            values, key = _flat(layer.weight), f"{name}.weight".removeprefix(".")
            if initial is not None and (key not in before or before[key].shape != layer.weight.shape):
                there = tuple(before[key].shape) if key in before else "missing"
                raise ConfigError(
                    f"initial is another architecture: {key} is {tuple(layer.weight.shape)} here and {there} there; "
                    "build it with the same settings"
                )
            start = _flat(before[key]) if initial is not None else np.empty(0)
            measured[name] = LayerWeights(
                type(layer).__name__, len(values), float(values.mean()), float(values.std()),
                *_changed(values, start), values, start,
            )  # fmt: skip
    return measured


WEIGHTED = (nn.modules.conv._ConvNd, nn.Linear)


def _weights_by_name(initial: object) -> Mapping[str, Tensor]:
    """Return name → weight of a network or a state_dict; empty for None."""
    if isinstance(initial, nn.Module):  # not its state_dict(), which lacks computed weights, as with weight_norm
        layers = {name: layer for name, layer in initial.named_modules() if isinstance(layer, WEIGHTED)}
        return {f"{name}.weight".removeprefix("."): layer.weight for name, layer in layers.items()}
    if initial is not None and not isinstance(initial, Mapping):
        raise ConfigError(f"initial wants a network or its state_dict(), got {type(initial).__name__}")
    return initial or {}


def _flat(weights: Tensor) -> np.ndarray:
    """Return the weights as float64 (count,)."""
    return weights.detach().flatten().double().cpu().numpy()


def _changed(values: np.ndarray, start: np.ndarray) -> tuple[float, float]:
    """Return the relative change of the weights, and the cosine between them and the initial ones."""
    if not start.any():
        return float("nan"), float("nan")
    size, now = np.linalg.norm(start), np.linalg.norm(values)
    return float(np.linalg.norm(values - start) / size), float(values @ start / (now * size)) if now else float("nan")
