"""Draw how gradients and steps flow through the layers of a network, and numbers from inside it over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer, check_rows
from cnnlab.interpret.gradients import LayerGradient
from cnnlab.plots.names import legend_text, name_ticks
from cnnlab.plots.style import RECORDER_LABELS, legend_below, line_look, new_axes
from cnnlab.plots.ticks import log_scale
from cnnlab.training.history import LAYER_NUMBERS, History, check_metric

FLOW_LABELS = {
    "gradient_norm": RECORDER_LABELS["gradient_norm"],
    "gradient_mean": "mean |gradient|",
    "gradient_maximum": "largest |gradient|",
    "gradient_ratio": RECORDER_LABELS["gradient_ratio"],
    "update_ratio": RECORDER_LABELS["update_ratio"],
}


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
    names: dict[str, None] = {}  # of the layers, each once, in order
    for place, (name, layers) in enumerate(flows.items()):
        rows = check_rows(layers, LayerGradient, "plot_gradient_flow", "gradient_flow")
        means = np.array([getattr(row, number) for row in rows.values()])
        if np.isnan(means).all():
            raise ConfigError("plot_gradient_flow: no update_ratio here; give gradient_flow the optimizer")
        look = line_look(place)
        dots = look | {"linestyle": "none", "alpha": 0.3, "markersize": 3}
        for column, row in enumerate(rows.values()):
            batches = row.each_batch.get(number, np.empty(0))
            ax.plot([column] * len(batches), _positive(batches), **dots)
        names |= dict.fromkeys(rows)
        ax.plot(list(rows), _positive(means), label=legend_text(name), **look)
    name_ticks(ax.xaxis, range(len(names)), list(names), size=10)
    log_scale(ax)
    ax.set(xlabel="layer, from input to output", ylabel=FLOW_LABELS[number])
    if len(flows) > 1:
        legend_below(ax)
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
    if not recorded:
        check_metric(f"conv1.{number}", [])  # raises, and says how to record it
    ax = new_axes(ax)
    for place, name in enumerate(recorded):
        epochs, values = zip(*((row["epoch"], row[name]) for row in history.rows if name in row), strict=True)
        marks: dict[str, Any] = {"markersize": 4, "markevery": max(1, len(epochs) // 10)}
        ax.plot(epochs, values, label=legend_text(name.removesuffix(f".{number}")), **line_look(place), **marks)
    ax.set(xlabel="epoch", ylabel=RECORDER_LABELS[number])
    if history.diverged:
        ax.set_title("this training diverged", fontsize=10)
    if number not in ("dead_share", "activation_scale"):
        log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(ax)
    seaborn.despine(ax=ax)
    return ax


def _positive(values: np.ndarray) -> np.ndarray:
    """Return values with NaN in place of zero, which a logarithmic axis cannot show."""
    return np.where(np.asarray(values) > 0, values, np.nan)
