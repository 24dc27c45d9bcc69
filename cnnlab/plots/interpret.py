"""Draw measurements from inside a network: distributions of activations and weights, and gradients by layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import LayerActivity
from cnnlab.interpret.capture import ByLayer, Captured
from cnnlab.interpret.gradients import LayerGradient, LayerWeights
from cnnlab.plots.style import PALETTE, RECORDER_LABELS, bin_edges, line_look, log_scale, new_axes, plain_legend
from cnnlab.training.history import LAYER_NUMBERS, History, check_metric

FLOW_LABELS = {
    "norm": "gradient norm",
    "mean": "mean |gradient|",
    "maximum": "largest |gradient|",
    "ratio": "gradient / weights",
    "update_ratio": "update / weights",
}


def plot_distributions(
    values: Mapping[Any, Tensor | np.ndarray], *, xlabel: str = "value", zeros: bool = False, ax: Axes | None = None
) -> Axes:
    """Draw distributions of layers or of epochs, one below the other on one scale; every peak has the same height.

    Parameters
    ----------
    values : dict of name: Tensor or array
        Numbers of any shape.
    xlabel : str
        What the numbers are.
    zeros : bool
        Leave out the values that are exactly zero, and write their share at the right. After a ReLU, zeros would hide
        all other values.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_distributions({epoch: run.model(epoch).conv1.weight for epoch in run.snapshots}, xlabel="weight")
    """
    if not isinstance(values, Mapping) or not values:
        raise ConfigError(f"plot_distributions wants a dict of name: numbers, got {type(values).__name__}")
    rows = {str(name): _numbers(numbers) for name, numbers in values.items()}
    drawn = [numbers[numbers != 0] if zeros else numbers for numbers in rows.values()]
    ax = new_axes(ax, (6.0, 0.9 + 0.5 * len(rows)))
    edges = bin_edges(np.concatenate(drawn))
    for place, numbers in enumerate(rows.values()):
        _ridge(ax, -place, drawn[place], edges, {"color": PALETTE[0]})
        if zeros and len(numbers):
            _note(ax, -place, f"{np.mean(numbers == 0):.0%} zeros")
    return _finish_ridges(ax, list(rows), xlabel)


def plot_activations(
    seen: Captured | Mapping[str, LayerActivity | Tensor | np.ndarray] | Tensor, *, ax: Axes | None = None
) -> Axes:
    """Draw the distribution of the activations of one layer or of several; the share of zeros stands at the right.

    Parameters
    ----------
    seen : Captured, ByLayer or Tensor
        What `capture` or `activation_statistics` returns, or a tensor of one layer. With `activation_statistics`, the
        plot says how many units are dead.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_activations(activation_statistics(model, data.validation, layers=nn.ReLU))
    """
    if isinstance(seen, Tensor):
        seen = {"": seen}
    if not isinstance(seen, Mapping) or not seen:
        got = type(seen).__name__
        raise ConfigError(f"plot_activations wants what capture or activation_statistics gives, got {got}")
    values = {name: layer.sample if isinstance(layer, LayerActivity) else layer for name, layer in seen.items()}
    ax = plot_distributions(values, xlabel="activation", zeros=True, ax=ax)
    for place, layer in enumerate(seen.values()):
        if isinstance(layer, LayerActivity) and layer.zeros:  # before a ReLU no unit is dead
            _note(ax, -place + 0.35, f"{layer.dead} of {layer.units} dead")
    return ax


def plot_weights(weights: ByLayer, *, ax: Axes | None = None) -> Axes:
    """Draw the weights of each layer now (filled) and before training (a line), and write their change at the right.

    >>> plot_weights(weight_distributions(model, initial=build_cnn(seed=0)))
    """
    rows = _check_rows(weights, LayerWeights, "plot_weights", "weight_distributions")
    ax = new_axes(ax, (6.0, 0.9 + 0.6 * len(rows)))
    edges = bin_edges(np.concatenate([values for row in rows.values() for values in (row.values, row.initial)]))
    for place, row in enumerate(rows.values()):
        _ridge(ax, -place, row.values, edges, {"color": PALETTE[0]}, label="now" if place == 0 else None)
        if len(row.initial):
            label = "before training" if place == 0 else None
            _ridge(ax, -place, row.initial, edges, {"color": "0.2"}, filled=False, label=label)
            _note(ax, -place, f"changed by {row.change:.0%}")
    ax.legend(frameon=False, loc="upper right", ncols=2, fontsize=9, borderpad=0)
    return _finish_ridges(ax, list(rows), "weight", room=0.5)


def plot_gradient_flow(flow: ByLayer | Mapping[str, ByLayer], number: str = "norm", *, ax: Axes | None = None) -> Axes:
    """Draw a number of the gradient by layer, from input to output, on a logarithmic scale.

    Parameters
    ----------
    flow : ByLayer or dict of name: ByLayer
        What `gradient_flow` returns for one network, or for several with their names.
    number : str
        "norm", "mean", "maximum", "ratio" or "update_ratio", as in `gradient_flow`. The line is the mean of the
        batches; for the norm and the ratios, thin dots are single batches.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_gradient_flow({"healthy": flow, "sick": other}, "ratio")
    """
    check_choice("number", number, FLOW_LABELS)
    flows = {"": flow} if isinstance(flow, ByLayer) else flow
    if not isinstance(flows, Mapping) or not flows:
        raise ConfigError(f"plot_gradient_flow wants what gradient_flow gives, got {type(flow).__name__}")
    ax = new_axes(ax)
    for place, (name, layers) in enumerate(flows.items()):
        rows = _check_rows(layers, LayerGradient, "plot_gradient_flow", "gradient_flow")
        means = np.array([getattr(row, number) for row in rows.values()])
        if np.isnan(means).all():
            raise ConfigError("plot_gradient_flow: no update_ratio here; give gradient_flow the optimizer")
        look = line_look(place)
        dots = look | {"linestyle": "none", "alpha": 0.3, "markersize": 3}
        for column, row in enumerate(rows.values()):
            batches = row.each.get(number, np.empty(0))
            ax.plot([column] * len(batches), _positive(batches), **dots)
        ax.plot(list(rows), _positive(means), label=str(name), **look)
    log_scale(ax)
    ax.set(xlabel="layer, from input to output", ylabel=FLOW_LABELS[number])
    if len(flows) > 1:
        plain_legend(ax, frameon=False)
    seaborn.despine(ax=ax)
    return ax


def plot_insides(history: History, number: str = "update_ratio", *, ax: Axes | None = None) -> Axes:
    """Draw a number from inside the network over the epochs, one line for each layer.

    Parameters
    ----------
    history : History
        The history of a training with `Recorder`.
    number : str
        A number that `Recorder` has recorded for each layer, such as "gradient_norm", "update_ratio", "dead_share" or
        "activation_scale". Ratios and norms are drawn on a logarithmic scale.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_insides(fit(model, data, epochs=10, on_epoch=Recorder()), "gradient_norm")
    """
    if not isinstance(history, History):
        raise ConfigError(f"plot_insides wants a History, got {type(history).__name__}")
    check_choice("number", number, LAYER_NUMBERS)
    recorded = [name for name in history.metrics if name.endswith(f".{number}")]
    check_metric(f"conv1.{number}", [*recorded, f"conv1.{number}"] if recorded else [])
    ax = new_axes(ax)
    for place, name in enumerate(recorded):
        epochs, values = zip(*((row["epoch"], row[name]) for row in history.rows if name in row), strict=True)
        marks: dict[str, Any] = {"markersize": 4, "markevery": max(1, len(epochs) // 10)}
        ax.plot(epochs, values, label=name.removesuffix(f".{number}"), **line_look(place), **marks)
    ax.set(xlabel="epoch", ylabel=RECORDER_LABELS[number])
    if number not in ("dead_share", "activation_scale"):
        log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, ncols=2, fontsize=9)
    seaborn.despine(ax=ax)
    return ax


def _check_rows(rows: object, kind: type, plot: str, source: str) -> ByLayer:
    """Return rows; raise ConfigError unless they are a ByLayer of this kind, as the function `source` returns."""
    if not isinstance(rows, ByLayer) or not rows or not all(isinstance(row, kind) for row in rows.values()):
        raise ConfigError(f"{plot} wants what {source} gives, got {type(rows).__name__}")
    return rows


def _numbers(values: Tensor | np.ndarray) -> np.ndarray:
    """Return values of any shape as a flat array of floats."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return array.astype(float).ravel()


def _positive(values: np.ndarray) -> np.ndarray:
    """Return values with NaN in place of zero, which a logarithmic axis cannot show."""
    return np.where(np.asarray(values) > 0, values, np.nan)


def _note(ax: Axes, height: float, text: str) -> None:
    """Write a text at the right of the Axes, at this height in data units."""
    ax.text(1.01, height, text, transform=ax.get_yaxis_transform(), fontsize=9)


def _ridge(ax: Axes, base: float, values: np.ndarray, edges: np.ndarray, look: dict, filled=True, label=None) -> None:
    """Draw a histogram 0.8 high on the line y = base, filled or as an outline."""
    counts, _ = np.histogram(values, edges)
    heights = base + 0.8 * counts / max(1, counts.max())
    middles = np.array([(low + high) / 2 for low, high in pairwise(edges)])
    if filled:
        ax.fill_between(middles, base, heights, alpha=0.5, linewidth=0.8, step="mid", label=label, **look)
    else:
        ax.step(middles, heights, where="mid", linewidth=1, label=label, **look)


def _finish_ridges(ax: Axes, names: list[str], xlabel: str, room: float = 0.0) -> Axes:
    """Name every ridge at the left, leave this room above the first one for a legend, and return the Axes."""
    ax.set_yticks([-place for place in range(len(names))], names, parse_math=False)
    ax.set(xlabel=xlabel, ylim=(-len(names) + 0.8, 1.0 + room))
    ax.tick_params(axis="y", length=0)
    seaborn.despine(ax=ax, left=True)
    return ax
