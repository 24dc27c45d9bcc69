"""The plot of RunExplorer: axes drawn once for two runs and a layer, and what an epoch moves on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from cnnlab.plots.images import PALETTE, UNITS, log_scale
from cnnlab.plots.runs import INSIDE
from cnnlab.training.history import History
from cnnlab.widgets.run_explorer.side import Side
from cnnlab.widgets.web.live_plot import LivePlot

BINS = 40
FLOW = "gradient_norm"
NOT_RECORDED = "not recorded: train with insides=True\n(in TrainingPanel: tick “record the insides”)"
DECADES = 100  # an axis that spans more shows enough with its powers of ten, and is drawn sooner
# Of the axes in the figure, with room for numbers and names: to solve for them takes as long as all the rest.
PLACES = {"left": 0.085, "right": 0.985, "bottom": 0.115, "top": 0.975, "wspace": 0.24, "hspace": 0.42}
LOOKS = (
    {"color": PALETTE[2], "linestyle": "-", "marker": "o", "markersize": 4},
    {"color": PALETTE[4], "linestyle": "--", "marker": "s", "markersize": 4},
)


class RunCurves:
    """Loss over the epochs with a cursor; and at one epoch gradient flow, a layer's activations and weights."""

    def __init__(self, plot: LivePlot, pair: Sequence[Side], layer: str) -> None:
        self.plot, self.pair, self.layer = plot, pair, layer
        self._counts: dict[tuple[str, int], tuple[np.ndarray, float]] = {}
        plot.figure.clear()
        losses, flow, activations, weights = plot.figure.subplots(2, 2, gridspec_kw=PLACES).flat
        self._draw_losses(losses)
        self._flow = self._draw_flow(flow)
        last = [side.run.snapshots[-1] for side in pair]
        finals = [side.activations(epoch, layer) for side, epoch in zip(pair, last, strict=True)]
        self._edges = _edges([some[some != 0] for some in finals])
        self._activations = self._distribution(activations, f"activation, {layer}", self._edges)
        self._zeros = [_note(activations, place) for place in range(2)]
        every = [
            side.weights(epoch, layer) for side in pair for epoch in (side.run.snapshots[0], side.run.snapshots[-1])
        ]
        self._weight_edges = _edges(every)
        self._weights = self._distribution(weights, f"weight in front of {layer}", self._weight_edges)
        moving = [self._cursor, *self._dots, *self._flow, *self._activations, *self._zeros, *self._weights]
        for ax in plot.figure.axes:
            ax.spines[["top", "right"]].set_visible(False)
        plot.freeze(moving, solve=False)

    def move_to(self, epoch: int) -> None:
        """Show both runs as they were after that epoch."""
        self._cursor.set_xdata([epoch, epoch])
        for place, side in enumerate(self.pair):
            losses = side.run.history["validation_loss"]
            seen = 1 <= epoch <= len(losses)
            self._dots[place].set_data(([epoch], [losses[epoch - 1]]) if seen else ([], []))
            self._flow[place].set_data(*_flow_at(side.run.history, epoch, self._layers))
            heights, zeros = self._counted(side, epoch)
            self._activations[place].set_ydata(heights)
            self._zeros[place].set_text(f"{side.name}: {zeros:.0%} zeros")
            self._weights[place].set_ydata(_heights(side.weights(epoch, self.layer), self._weight_edges))
        self.plot.show(label=self._in_words(epoch))

    def _counted(self, side: Side, epoch: int) -> tuple[np.ndarray, float]:
        """Return the heights of the layer's activations that are not zero, and the share of those that are."""
        key = side.run.experiment.key, epoch
        if key not in self._counts:  # the counts are kept, not the activations, which are large
            values = side.activations(epoch, self.layer)
            self._counts[key] = _heights(values[values != 0], self._edges), float((values == 0).float().mean())
        return self._counts[key]

    def _depth(self, name: str) -> int:
        """Return how deep a layer lies, from input to output."""
        return max(side.depth(name) for side in self.pair)

    def _draw_losses(self, ax: Axes) -> None:
        for side, look in zip(self.pair, LOOKS, strict=True):
            losses = side.run.history["validation_loss"]
            line = {name: look[name] for name in ("color", "linestyle")}
            ax.plot(range(1, len(losses) + 1), losses, label=side.name, **line)
        self._cursor = ax.axvline(0, color="0.4", linewidth=1)
        self._dots = [ax.plot([], [], **look)[0] for look in LOOKS]
        ax.set(xlabel="epoch", ylabel=f"validation {UNITS['loss']}", ylim=(0, None))
        ax.set_xlim(-0.5, 1.03 * max(len(side.run.history) for side in self.pair))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        for text in ax.legend(frameon=False, fontsize=9).get_texts():
            text.set_parse_math(False)

    def _draw_flow(self, ax: Axes) -> list[Line2D]:
        flows = [_flow_of(side.run.history) for side in self.pair]
        found = [value for flow in flows for values in flow.values() for value in values if value > 0]
        lines = [ax.plot([], [], **look)[0] for look in LOOKS]
        names = sorted({name: 0 for flow in flows for name in flow}, key=self._depth)
        self._layers = names  # a network that lacks one of them has no mark there
        ax.set_xticks(range(len(names)), names)
        ax.set(xlabel="layer, from input to output", ylabel=INSIDE[FLOW], xlim=(-0.3, max(1, len(names)) - 0.7))
        if found:
            log_scale(ax)
            ax.set_ylim(min(found) / 1.5, max(found) * 1.5)
            if max(found) > DECADES * min(found):
                ax.minorticks_off()
        else:
            ax.set_yticks([])
            look = {"ha": "center", "va": "center", "transform": ax.transAxes, "color": "0.4"}
            ax.text(0.5, 0.5, NOT_RECORDED, **look)
        return lines

    def _distribution(self, ax: Axes, xlabel: str, edges: np.ndarray) -> list[Line2D]:
        middles = (edges[:-1] + edges[1:]) / 2
        ax.set(xlabel=xlabel, ylabel="share of the peak", ylim=(0, 1.3), xlim=(edges[0], edges[-1]))
        looks = [{name: look[name] for name in ("color", "linestyle")} for look in LOOKS]
        return [ax.step(middles, np.zeros(len(middles)), where="mid", **look)[0] for look in looks]

    def _in_words(self, epoch: int) -> str:
        told = [] if epoch else ["untrained"]
        for side in self.pair:
            losses = side.run.history["validation_loss"]
            if 1 <= epoch <= len(losses):
                told.append(f"{side.name} validation loss {losses[epoch - 1]:.3f}")
        return f"loss, gradient flow, activations and weights after epoch {epoch}: {', '.join(told) or 'no losses'}"


def _flow_of(history: History) -> dict[str, list[float]]:
    """Return each layer's gradient norm, epoch by epoch, where it was recorded."""
    ending = f".{FLOW}"
    return {name.removesuffix(ending): history[name] for name in history.metrics if name.endswith(ending)}


def _flow_at(history: History, epoch: int, layers: list[str]) -> tuple[list[int], list[float]]:
    """Return the places of the layers that have a gradient norm after that epoch, and the norms; before it, nothing."""
    row = history.rows[epoch - 1] if 1 <= epoch <= len(history) else {}
    found = {place: row[f"{name}.{FLOW}"] for place, name in enumerate(layers) if f"{name}.{FLOW}" in row}
    return list(found), list(found.values())


def _note(ax: Axes, place: int) -> Text:
    """Return a text at the upper right, in the run's colour."""
    look = {"color": LOOKS[place]["color"], "fontsize": 9, "ha": "right", "va": "top"}
    text = ax.text(0.99, 0.98 - 0.13 * place, "", transform=ax.transAxes, **look)
    text.set_parse_math(False)
    return text


def _edges(several: list[Tensor]) -> np.ndarray:
    """Return the edges of the bins, for all but the outermost thousandth of the values."""
    values = np.concatenate([some.numpy() for some in several])
    low, high = np.quantile(values, [0.0005, 0.9995]) if len(values) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _heights(values: Tensor, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values.numpy(), len(edges) - 1, (edges[0], edges[-1]))  # equal bins: no sorting
    return counts / max(1, counts.max())
