"""Draw distributions as histograms: of any numbers, of the activations of layers, and of their weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from cnnlab.arguments import check_arguments
from cnnlab.checks import shown
from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import LayerActivity
from cnnlab.interpret.by_layer import ByLayer, check_rows
from cnnlab.interpret.capture import Captured
from cnnlab.interpret.weight_distributions import LayerWeights
from cnnlab.plots.histogram_rows import Histogram, draw_histograms
from cnnlab.plots.style import PALETTE, line_look

FILLED = {"color": PALETTE[0], "alpha": 0.6, "fill": True}
OUTLINE = {"color": "0.2", "fill": False}


def plot_distributions(
    values: Mapping[Any, Tensor | np.ndarray],
    *,
    xlabel: str = "value",
    zeros: bool = False,
    own_scales: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw distributions of layers or of epochs, one below the other.

    The bars go from the lowest to the highest value, so that none is left out. Their heights are shares of all values.

    Parameters
    ----------
    values : dict of name: Tensor or array
        Numbers of any shape.
    xlabel : str
        What the numbers are.
    zeros : bool
        Leave out the values that are exactly zero, and write their share at the right. After a ReLU, zeros would hide
        all other values.
    own_scales : bool
        Give each distribution a horizontal axis of its own, as for layers; by default they share one, as for epochs.
    ax : Axes
        Where to draw; None makes a new figure. The histograms are its `child_axes`.

    >>> plot_distributions({epoch: run.model(epoch).conv1.weight for epoch in run.snapshots}, xlabel="weight")
    """
    if not isinstance(values, Mapping) or not values:
        raise ConfigError(f"plot_distributions wants a dict of name: numbers, got {type(values).__name__}")
    check_arguments(plot_distributions, {"xlabel": xlabel, "zeros": zeros, "own_scales": own_scales})
    rows = {str(name): [_histogram(_numbers(numbers), FILLED, zeros)] for name, numbers in values.items()}
    return draw_histograms(ax, rows, xlabel, own_scales)


def plot_activations(
    seen: Captured | Mapping[str, Any] | Tensor,
    *,
    beside: Iterable[Captured | Mapping[str, Any] | Tensor] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of the activations of each layer on an axis of its own; zeros are counted at the right.

    Parameters
    ----------
    seen : Captured, ByLayer, Tensor, or dict of name: one of these
        What `capture` or `activation_statistics` returns, or a tensor of one layer. With `activation_statistics`, the
        plot shows the sample of each layer, and says how many units are dead. Several networks, or one after several
        epochs, come as a dict with their names: then each layer has one axis for all of them.
    beside : iterable of these
        What other Axes show: a layer has the same scales there and here.
    ax : Axes
        Where to draw; None makes a new figure. The histograms are its `child_axes`.

    >>> plot_activations(activation_statistics(model, data.validation, layers=nn.ReLU))
    >>> plot_activations({"3×3": small, "5×5": large})
    """
    check_arguments(plot_activations, {"beside": beside})
    return draw_histograms(
        ax, _activation_rows(seen), "activation", own_scales=True, beside=map(_activation_rows, beside)
    )


def plot_weights(
    weights: ByLayer | Mapping[str, ByLayer],
    *,
    beside: Iterable[ByLayer | Mapping[str, ByLayer]] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw the weights of each layer on an axis of its own, and write how far they have changed at the right.

    Parameters
    ----------
    weights : ByLayer or dict of name: ByLayer
        What `weight_distributions` returns: the weights now are filled, those before training a line. Several
        networks, or one after several epochs, come as a dict with their names: then each layer has one axis for all of
        them, without the weights before training.
    beside : iterable of these
        What other Axes show: a layer has the same scales there and here.
    ax : Axes
        Where to draw; None makes a new figure. The histograms are its `child_axes`.

    >>> plot_weights(weight_distributions(model, initial=build_cnn(seed=0)))
    >>> plot_weights({epoch: weight_distributions(run.model(epoch), run.model(0)) for epoch in (5, 100)})
    """
    check_arguments(plot_weights, {"beside": beside})
    return draw_histograms(ax, _weight_rows(weights), "weight", own_scales=True, beside=map(_weight_rows, beside))


def _activation_rows(seen: object) -> dict[str, list[Histogram]]:
    """Return the histograms of the activations of each layer, one for each network."""
    if isinstance(seen, Tensor):
        seen = {"": seen}
    if not isinstance(seen, Mapping) or not seen:
        got = type(seen).__name__
        raise ConfigError(f"plot_activations wants what capture or activation_statistics gives, got {got}")
    rows: dict[str, list[Histogram]] = {}
    for look, layers in _looks_and_layers(seen):
        for name, layer in layers.items():
            rows.setdefault(name, []).append(_activation_histogram(layer, look))
    return rows


def _weight_rows(weights: ByLayer | Mapping[str, ByLayer]) -> dict[str, list[Histogram]]:
    """Return the histograms of the weights of each layer, one for each network; of one network, before training too."""
    is_single = isinstance(weights, ByLayer) or not isinstance(weights, Mapping)
    rows: dict[str, list[Histogram]] = {}
    for look, layers in [(FILLED | {"label": "now"}, weights)] if is_single else _looks_and_layers(weights):
        for name, layer in check_rows(layers, LayerWeights, "plot_weights", "weight_distributions").items():
            note = f"changed by {layer.change:.0%}" if len(layer.initial) else ""
            rows.setdefault(name, []).append(Histogram(layer.values, look, note))
            if is_single and len(layer.initial):
                rows[name].append(Histogram(layer.initial, OUTLINE | {"label": "before training"}))
    if not rows:
        raise ConfigError("plot_weights wants what weight_distributions gives, got an empty dict")
    return rows


def _looks_and_layers(networks: Mapping[str, Any]) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Return the look and the layers of each network; networks: layers by name, or a dict of name: layers by name."""
    if not all(isinstance(layers, Mapping) for layers in networks.values()):
        return [(FILLED, networks)]
    result = []
    for place, (name, layers) in enumerate(networks.items()):
        look = {option: line_look(place)[option] for option in ("color", "linestyle")}
        result.append((OUTLINE | look | {"label": str(name)}, layers))
    return result


def _histogram(values: np.ndarray, look: dict[str, Any], nonzero: bool) -> Histogram:
    """Return a histogram of all values, or of those that are not zero; then the note is the share of zeros."""
    return Histogram(values, look, f"{np.mean(values == 0):.0%} zeros" if nonzero and len(values) else "", nonzero)


def _activation_histogram(layer: LayerActivity | Tensor | np.ndarray, look: dict[str, Any]) -> Histogram:
    """Return the histogram of a layer's activations without zeros."""
    if not isinstance(layer, LayerActivity):
        return _histogram(_numbers(layer), look, nonzero=True)
    dead = f", {layer.dead} of {layer.units} dead" if layer.zeros else ""  # before a ReLU no unit is dead
    return Histogram(_numbers(layer.sample), look, f"{layer.zeros:.0%} zeros{dead}", nonzero=True)


def _numbers(values: Tensor | np.ndarray) -> np.ndarray:
    """Return values of any shape as a flat array of floats."""
    if not isinstance(values, (Tensor, np.ndarray, list, tuple)):
        raise ConfigError(f"want numbers, a tensor or an array, got {shown(values)}")
    try:
        array = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else np.asarray(values)
        return array.astype(float).ravel()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ConfigError(f"want numbers, a tensor or an array, got {shown(values)}") from error
