"""What the probes measured in, matplotlib Axes out: distributions, gradient flow, weights then and now, the insides."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

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
from cnnlab.plots.images import MARKS, PALETTE, log_scale, new_axes
from cnnlab.plots.runs import DASHES, INSIDE
from cnnlab.training.history import LAYER_NUMBERS, History, check_metric

BINS = 40
FLOWS = {
    "norm": "gradient norm",
    "mean": "mean |gradient|",
    "maximum": "largest |gradient|",
    "ratio": "gradient / weights",
    "update_ratio": "update / weights",
}


def plot_distributions(
    values: Mapping[object, Tensor | np.ndarray], *, xlabel: str = "value", zeros: bool = False, ax: Axes | None = None
) -> Axes:
    """Draw one distribution below the other on one scale, each as high as it is at its peak: of layers, or of epochs.

    values: name → numbers of any shape. zeros=True leaves out values that are exactly zero, and writes their share
    beside: after a ReLU they would be all that one sees.

    >>> plot_distributions({epoch: run.model(epoch).conv1.weight for epoch in run.snapshots}, xlabel="weight")
    """
    if not isinstance(values, Mapping) or not values:
        raise ConfigError(f"plot_distributions wants a dict of name: numbers, got {type(values).__name__}")
    rows = {str(name): _numbers(some) for name, some in values.items()}
    ax = new_axes(ax, (6.0, 0.9 + 0.5 * len(rows)))
    edges = _edges(np.concatenate([some[some != 0] if zeros else some for some in rows.values()]))
    for place, some in enumerate(rows.values()):
        _ridge(ax, -place, some[some != 0] if zeros else some, edges, {"color": PALETTE[0]})
        if zeros and len(some):
            ax.text(1.01, -place, f"{np.mean(some == 0):.0%} zeros", transform=ax.get_yaxis_transform(), fontsize=9)
    return _finish_ridges(ax, list(rows), xlabel)


def plot_activations(seen: Captured | Mapping[str, object] | Tensor, *, ax: Axes | None = None) -> Axes:
    """Draw how a layer's activations are distributed, or those of several layers; zeros are told beside, not drawn.

    seen: what `capture` gives, or `activation_statistics`, or a tensor of one layer. Dead units are told, too, where
    they are known.

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
        if isinstance(layer, LayerActivity) and layer.zeros:  # in front of a ReLU nothing is dead
            told = f"{layer.dead} of {layer.units} dead"
            ax.text(1.01, -place + 0.35, told, transform=ax.get_yaxis_transform(), fontsize=9)
    return ax


def plot_weights(weights: ByLayer, *, ax: Axes | None = None) -> Axes:
    """Draw the weights of each layer now, filled, over the line of what they were at the start; and their change.

    >>> plot_weights(weight_distributions(model, initial=build_cnn(seed=0)))
    """
    rows = _checked(weights, LayerWeights, "plot_weights", "weight_distributions")
    ax = new_axes(ax, (6.0, 0.9 + 0.6 * len(rows)))
    edges = _edges(np.concatenate([values for row in rows.values() for values in (row.values, row.initial)]))
    for place, row in enumerate(rows.values()):
        _ridge(ax, -place, row.values, edges, {"color": PALETTE[0]}, label="now" if place == 0 else None)
        if len(row.initial):
            label = "before training" if place == 0 else None
            _ridge(ax, -place, row.initial, edges, {"color": "0.2"}, filled=False, label=label)
            told = f"changed by {row.change:.0%}"
            ax.text(1.01, -place, told, transform=ax.get_yaxis_transform(), fontsize=9)
    ax.legend(frameon=False, loc="upper right", ncols=2, fontsize=9, borderpad=0)
    return _finish_ridges(ax, list(rows), "weight", room=0.5)


def plot_gradient_flow(flow: ByLayer | Mapping[str, ByLayer], number: str = "norm", *, ax: Axes | None = None) -> Axes:
    """Draw a number of the gradient by layer, from input to output, on a logarithmic scale: of one network or several.

    number: "norm", "mean", "maximum", "ratio" or "update_ratio", as in `gradient_flow`. Thin dots are single batches.

    >>> plot_gradient_flow({"healthy": flow, "sick": other}, "ratio")
    """
    check_choice("number", number, FLOWS)
    several = {"": flow} if isinstance(flow, ByLayer) else flow
    if not isinstance(several, Mapping) or not several:
        raise ConfigError(f"plot_gradient_flow wants what gradient_flow gives, got {type(flow).__name__}")
    ax = new_axes(ax)
    for place, (name, one) in enumerate(several.items()):
        rows = _checked(one, LayerGradient, "plot_gradient_flow", "gradient_flow")
        means = np.array([getattr(row, number) for row in rows.values()])
        if np.isnan(means).all():
            raise ConfigError("plot_gradient_flow: no update_ratio here; give gradient_flow the optimizer")
        look = {"color": PALETTE[place % 10], "marker": MARKS[place % len(MARKS)]}
        for column, row in enumerate(rows.values()):
            each = row.each.get(number, np.empty(0))
            ax.plot([column] * len(each), _positive(each), linestyle="none", alpha=0.3, markersize=3, **look)
        ax.plot(list(rows), _positive(means), linestyle=DASHES[place % len(DASHES)], label=str(name), **look)
    log_scale(ax)
    ax.set(xlabel="layer, from input to output", ylabel=FLOWS[number])
    if len(several) > 1:
        ax.legend(frameon=False)
    seaborn.despine(ax=ax)
    return ax


def plot_insides(history: History, number: str = "update_ratio", *, ax: Axes | None = None) -> Axes:
    """Draw a number from inside the network over the epochs, one line a layer.

    number: one that `Recorder` has recorded, such as "gradient_norm", "update_ratio", "dead_share" or
    "activation_scale". Ratios and norms are drawn on a logarithmic scale.

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
        look = {"color": PALETTE[place % 10], "linestyle": DASHES[place % len(DASHES)]}
        marks = {"marker": MARKS[place % len(MARKS)], "markersize": 4, "markevery": max(1, len(epochs) // 10)}
        ax.plot(epochs, values, label=name.removesuffix(f".{number}"), **look, **marks)
    ax.set(xlabel="epoch", ylabel=INSIDE[number])
    if number != "dead_share" and number != "activation_scale":
        log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, ncols=2, fontsize=9)
    seaborn.despine(ax=ax)
    return ax


def _checked(rows: object, kind: type, what: str, source: str) -> dict:
    if not isinstance(rows, ByLayer) or not rows or not all(isinstance(row, kind) for row in rows.values()):
        raise ConfigError(f"{what} wants what {source} gives, got {type(rows).__name__}")
    return rows


def _numbers(values: Tensor | np.ndarray) -> np.ndarray:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return array.astype(float).ravel()


def _positive(values: np.ndarray) -> np.ndarray:
    """Return values as a logarithmic axis can draw them: zero is left out."""
    return np.where(np.asarray(values) > 0, values, np.nan)


def _edges(values: np.ndarray) -> np.ndarray:
    """Return the bins' edges, for all but the outermost thousandth of the values."""
    low, high = np.quantile(values, [0.0005, 0.9995]) if len(values) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _ridge(ax: Axes, base: float, values: np.ndarray, edges: np.ndarray, look: dict, filled=True, label=None) -> None:
    """Draw a histogram that stands on `base` and is 0.8 high."""
    counts, _ = np.histogram(values, edges)
    heights = base + 0.8 * counts / max(1, counts.max())
    middles = np.array([(low + high) / 2 for low, high in pairwise(edges)])
    if filled:
        ax.fill_between(middles, base, heights, alpha=0.5, linewidth=0.8, step="mid", label=label, **look)
    else:
        ax.step(middles, heights, where="mid", linewidth=1, label=label, **look)


def _finish_ridges(ax: Axes, names: list[str], xlabel: str, room: float = 0.0) -> Axes:
    ax.set_yticks([-place for place in range(len(names))], names, parse_math=False)
    ax.set(xlabel=xlabel, ylim=(-len(names) + 0.8, 1.0 + room))
    ax.tick_params(axis="y", length=0)
    seaborn.despine(ax=ax, left=True)
    return ax
