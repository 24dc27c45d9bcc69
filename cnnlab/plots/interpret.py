"""Draw measurements from inside a network: distributions of activations and weights, and gradients by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import LayerActivity
from cnnlab.interpret.capture import ByLayer, Captured
from cnnlab.interpret.gradients import LayerGradient
from cnnlab.interpret.weight_distributions import LayerWeights
from cnnlab.plots.style import PALETTE, RECORDER_LABELS, bin_edges, line_look, log_scale, new_axes, plain_legend
from cnnlab.training.history import LAYER_NUMBERS, History, check_metric

FILLED = {"color": PALETTE[0], "alpha": 0.6, "fill": True}
OUTLINE = {"color": "0.2", "fill": False}
FLOW_LABELS = {
    "gradient_norm": RECORDER_LABELS["gradient_norm"],
    "gradient_mean": "mean |gradient|",
    "gradient_maximum": "largest |gradient|",
    "gradient_ratio": RECORDER_LABELS["gradient_ratio"],
    "update_ratio": RECORDER_LABELS["update_ratio"],
}


class _Histogram(NamedTuple):
    """A histogram to draw.

    Parameters
    ----------
    values : np.ndarray
        All numbers (N,). The bars show shares of them.
    look : dict
        Options of `Axes.stairs`.
    note : str
        What stands at the right.
    nonzero : bool
        Leave out the values that are exactly zero.
    """

    values: np.ndarray
    look: dict[str, Any]
    note: str = ""
    nonzero: bool = False

    @property
    def drawn(self) -> np.ndarray:
        """The values that the bars count."""
        return self.values[self.values != 0] if self.nonzero else self.values

    @property
    def shown(self) -> np.ndarray:
        """The values that the axis must reach: 0, too, if only the bar of the zeros is left out."""
        return np.append(self.drawn, 0.0) if self.nonzero else self.drawn


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
    rows = {str(name): [_histogram(_numbers(numbers), FILLED, zeros)] for name, numbers in values.items()}
    return _draw_histograms(ax, rows, xlabel, own_scales)


def plot_activations(
    seen: Captured | Mapping[str, Any] | Tensor,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of the activations of each layer on an axis of its own; zeros are counted at the right.

    Parameters
    ----------
    seen : Captured, ByLayer, Tensor, or dict of name: one of these
        What `capture` or `activation_statistics` returns, or a tensor of one layer. With `activation_statistics`, the
        plot shows the sample of each layer, and says how many units are dead. Several networks, or one after several
        epochs, come as a dict with their names: then each layer has one axis for all of them.
    ax : Axes
        Where to draw; None makes a new figure. The histograms are its `child_axes`.

    >>> plot_activations(activation_statistics(model, data.validation, layers=nn.ReLU))
    >>> plot_activations({"3×3": small, "5×5": large})
    """
    if isinstance(seen, Tensor):
        seen = {"": seen}
    if not isinstance(seen, Mapping) or not seen:
        got = type(seen).__name__
        raise ConfigError(f"plot_activations wants what capture or activation_statistics gives, got {got}")
    rows: dict[str, list[_Histogram]] = {}
    for look, layers in _looks_and_layers(seen):
        for name, layer in layers.items():
            rows.setdefault(name, []).append(_activation_histogram(layer, look))
    return _draw_histograms(ax, rows, "activation", own_scales=True)


def plot_weights(weights: ByLayer | Mapping[str, ByLayer], *, ax: Axes | None = None) -> Axes:
    """Draw the weights of each layer on an axis of its own, and write how far they have changed at the right.

    Parameters
    ----------
    weights : ByLayer or dict of name: ByLayer
        What `weight_distributions` returns: the weights now are filled, those before training a line. Several
        networks, or one after several epochs, come as a dict with their names: then each layer has one axis for all of
        them, without the weights before training.
    ax : Axes
        Where to draw; None makes a new figure. The histograms are its `child_axes`.

    >>> plot_weights(weight_distributions(model, initial=build_cnn(seed=0)))
    >>> plot_weights({epoch: weight_distributions(run.model(epoch), run.model(0)) for epoch in (5, 100)})
    """
    is_single = isinstance(weights, ByLayer) or not isinstance(weights, Mapping)
    rows: dict[str, list[_Histogram]] = {}
    for look, layers in [(FILLED | {"label": "now"}, weights)] if is_single else _looks_and_layers(weights):
        for name, layer in _check_rows(layers, LayerWeights, "plot_weights", "weight_distributions").items():
            note = f"changed by {layer.change:.0%}" if len(layer.initial) else ""
            rows.setdefault(name, []).append(_Histogram(layer.values, look, note))
            if is_single and len(layer.initial):
                rows[name].append(_Histogram(layer.initial, OUTLINE | {"label": "before training"}))
    if not rows:
        raise ConfigError("plot_weights wants what weight_distributions gives, got an empty dict")
    return _draw_histograms(ax, rows, "weight", own_scales=True)


def plot_gradient_flow(
    flow: ByLayer | Mapping[str, ByLayer], number: str = "gradient_norm", *, ax: Axes | None = None
) -> Axes:
    """Draw a number of the gradient by layer, from input to output, on a logarithmic scale.

    Parameters
    ----------
    flow : ByLayer or dict of name: ByLayer
        What `gradient_flow` returns for one network, or for several with their names.
    number : str
        "gradient_norm", "gradient_mean", "gradient_maximum", "gradient_ratio" or "update_ratio", as in `gradient_flow`.
        The line is the mean of the batches; for the norm and the ratios, thin dots are single batches.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_gradient_flow({"healthy": flow, "sick": other}, "gradient_ratio")
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
            batches = row.each_batch.get(number, np.empty(0))
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


def _looks_and_layers(networks: Mapping[str, Any]) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Return the look and the layers of each network; networks: layers by name, or a dict of name: layers by name."""
    if not all(isinstance(layers, Mapping) for layers in networks.values()):
        return [(FILLED, networks)]
    result = []
    for place, (name, layers) in enumerate(networks.items()):
        look = {option: line_look(place)[option] for option in ("color", "linestyle")}
        result.append((OUTLINE | look | {"label": str(name)}, layers))
    return result


def _histogram(values: np.ndarray, look: dict[str, Any], nonzero: bool) -> _Histogram:
    """Return a histogram of all values, or of those that are not zero; then the note is the share of zeros."""
    return _Histogram(values, look, f"{np.mean(values == 0):.0%} zeros" if nonzero and len(values) else "", nonzero)


def _activation_histogram(layer: LayerActivity | Tensor | np.ndarray, look: dict[str, Any]) -> _Histogram:
    """Return the histogram of a layer's activations without zeros."""
    if not isinstance(layer, LayerActivity):
        return _histogram(_numbers(layer), look, nonzero=True)
    dead = f", {layer.dead} of {layer.units} dead" if layer.zeros else ""  # before a ReLU no unit is dead
    return _Histogram(_numbers(layer.sample), look, f"{layer.zeros:.0%} zeros{dead}", nonzero=True)


def _draw_histograms(ax: Axes | None, rows: Mapping[str, list[_Histogram]], xlabel: str, own_scales: bool) -> Axes:
    """Draw a row of histograms for each name, on a horizontal axis of its own or on one that all rows share."""
    everything = [histogram for row in rows.values() for histogram in row]
    legend = {histogram.look["label"]: histogram.look for histogram in everything if "label" in histogram.look}
    gap, room = (0.5 if own_scales else 0.1), (0.6 if len(legend) > 1 else 0.0)  # in heights of a row
    total = len(rows) + room
    ax = new_axes(ax, (6.0, 0.7 + (0.75 if own_scales else 0.5) * total))
    for place, (name, row) in enumerate(rows.items()):
        bottom = 1 - (room + place + 1 - gap) / total
        panel = ax.inset_axes((0, bottom, 1, (1 - gap) / total))
        compared = row if own_scales else everything
        _draw_row(panel, row, bin_edges(np.concatenate([histogram.shown for histogram in compared])))
        panel.set_ylabel(name, rotation=0, ha="right", va="center", parse_math=False)
        panel.tick_params(labelsize=8, labelbottom=own_scales or place == len(rows) - 1)
    ax.set(xticks=[], yticks=[], xlabel=xlabel)
    ax.xaxis.labelpad = 0 if own_scales else 16  # below the numbers of the last row
    seaborn.despine(ax=ax, left=True, bottom=True)
    if len(legend) > 1:
        handles = [StepPatch([0], [0, 1], **look) for look in legend.values()]
        plain_legend(ax, handles=handles, loc="upper right", ncols=len(handles), frameon=False, fontsize=9, borderpad=0)
    return ax


def _draw_row(panel: Axes, row: list[_Histogram], edges: np.ndarray) -> None:
    """Draw histograms with these edges, each with its note at the right."""
    for place, histogram in enumerate(row):
        counts, _ = np.histogram(histogram.drawn, edges)
        panel.stairs(counts / max(1, len(histogram.values)), edges, **histogram.look)
        outside = len(histogram.drawn) - counts.sum()
        notes = [histogram.note] * bool(histogram.note) + [f"{outside} not finite"] * bool(outside)
        colour = "0" if histogram.look["fill"] else histogram.look["color"]
        panel.text(1.01, 0.75 - 0.5 * place, ", ".join(notes), transform=panel.transAxes, fontsize=8, color=colour)
    panel.set(yticks=[], xlim=(edges[0], edges[-1]))
    seaborn.despine(ax=panel, left=True)
