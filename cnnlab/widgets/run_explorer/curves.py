"""The plots of RunExplorer: axes that are drawn once for two runs and a layer, and lines that follow the epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from cnnlab.plots.names import name_ticks, write_plainly
from cnnlab.plots.style import PALETTE, RECORDER_LABELS, UNITS, bin_edges, plain_legend
from cnnlab.plots.ticks import log_scale
from cnnlab.training.history import History
from cnnlab.widgets.run_explorer.side import Side
from cnnlab.widgets.web.live_plot import LivePlot

FLOW = "gradient_norm"
NOT_RECORDED = "not recorded:\ntrain with\ninsides=True\n(TrainingPanel:\ntick “record\nthe insides”)"
WHICH = ("first", "second")  # what the plots and the pictures call the two runs
PLOT = (3.9, 2.15)  # inches, the size of a plot
SMALL = 8.5  # points
MOST_NAMES = 4  # of layers; of more, every second or third has its name
LONG_AXIS = 100  # a longer axis has labels at powers of ten only, and is drawn faster
# The position of the axes, with room for their labels. To let matplotlib find it takes as long as all the rest.
PLACES = {"left": 0.115, "right": 0.985, "bottom": 0.2, "top": 0.88, "wspace": 0.34}
LOOKS = (
    {"color": PALETTE[2], "linestyle": "-", "marker": "o", "markersize": 4},
    {"color": PALETTE[4], "linestyle": "--", "marker": "s", "markersize": 4},
)


class RunCurves:
    """Draw the losses over the epochs with a cursor; after one epoch, the gradient flow and a layer's distributions.

    Parameters
    ----------
    plot, distributions : LivePlot
        Where to draw the curves and the histograms; their figures are cleared.
    pair : sequence of two Side
        The runs.
    layer : str
        The layer whose activations and weights are drawn.
    """

    def __init__(self, plot: LivePlot, distributions: LivePlot, pair: Sequence[Side], layer: str) -> None:
        self.plots, self.pair, self.layer = (plot, distributions), pair, layer
        self._counts: dict[tuple[str, int], tuple[np.ndarray, str]] = {}
        for each in self.plots:
            each.figure.clear()
        losses, flow = plot.figure.subplots(1, 2, gridspec_kw=PLACES)
        activations, weights = distributions.figure.subplots(1, 2, gridspec_kw=PLACES)
        self._draw_losses(losses)
        self._flow = self._draw_flow(flow)
        first_and_last = [(side, side.run.snapshots[end]) for side in pair for end in (0, -1)]
        self._edges = _edges_of([side.activations(epoch, layer) for side, epoch in first_and_last])
        self._activations = self._distribution(activations, f"activations of {layer}", self._edges)
        self._activation_notes = [_note(activations, place) for place in range(2)]
        self._weight_edges = _edges_of([side.weights(epoch, layer) for side, epoch in first_and_last])
        self._weights = self._distribution(weights, f"weights before {layer}", self._weight_edges)
        self._weight_notes = [_note(weights, place) for place in range(2)]
        for ax in (losses, flow, activations, weights):
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=SMALL)
        flow.tick_params(axis="x", labelsize=SMALL - 1)  # so that MOST_NAMES fit
        plot.freeze([self._cursor, *self._dots, *self._flow], solve=False)
        notes = self._activation_notes + self._weight_notes
        distributions.freeze([*self._activations, *self._weights, *notes], solve=False)

    def move_to(self, epoch: int) -> None:
        """Show both runs after this epoch."""
        self._cursor.set_xdata([epoch, epoch])
        for place, side in enumerate(self.pair):
            losses = side.run.history["validation_loss"]
            has_loss = 1 <= epoch <= len(losses)
            self._dots[place].set_data(([epoch], [losses[epoch - 1]]) if has_loss else ([], []))
            self._flow[place].set_data(*_flow_at(side.run.history, epoch, self._layers))
            heights, note = self._activation_heights(side, epoch)
            self._activations[place].set_ydata(heights)
            self._activation_notes[place].set_text(f"{WHICH[place]}: {note}")
            heights, outside = _heights(side.weights(epoch, self.layer), self._weight_edges)
            self._weights[place].set_ydata(heights)
            self._weight_notes[place].set_text(f"{WHICH[place]}: {outside:,} outside" if outside else "")
        words = self._in_words(epoch)
        self.plots[0].show(label=f"loss and gradient flow {words}")
        self.plots[1].show(label=f"activations and weights {words}")

    def _activation_heights(self, side: Side, epoch: int) -> tuple[np.ndarray, str]:
        """Return the histogram of the layer's activations without zeros; and in words, what the bars do not count."""
        key = side.run.experiment.key, epoch
        if key not in self._counts:  # keep the histograms: the activations are large
            values = side.activations(epoch, self.layer)
            heights, outside = _heights(values[values != 0], self._edges)
            note = f"{float((values == 0).float().mean()):.0%} zeros"
            self._counts[key] = heights, note + (f", {outside:,} outside" if outside else "")
        return self._counts[key]

    def _depth(self, name: str) -> int:
        """Return the layer's place between input and output."""
        return max(side.depth(name) for side in self.pair)

    def _draw_losses(self, ax: Axes) -> None:
        """Draw the validation losses of both runs, and make the cursor and the dots of the epoch."""
        for side, look, which in zip(self.pair, LOOKS, WHICH, strict=True):
            losses = side.run.history["validation_loss"]
            line = {name: look[name] for name in ("color", "linestyle")}
            label = f"{which}: diverged" if side.run.history.diverged else f"{which} run"
            ax.plot(range(1, len(losses) + 1), losses, label=label, **line)
        self._cursor = ax.axvline(0, color="0.4", linewidth=1)
        self._dots = [ax.plot([], [], **look)[0] for look in LOOKS]
        _name(ax, f"validation {UNITS['loss']}", "epoch")
        ax.set_ylim(0, None)
        ax.set_xlim(-0.5, 1.03 * max(len(side.run.history) for side in self.pair))
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        plain_legend(ax, frameon=False, fontsize=SMALL, loc="best")

    def _draw_flow(self, ax: Axes) -> list[Line2D]:
        """Draw the axes of the gradient flow, and return an empty line for each run."""
        flows = [_flow_of(side.run.history) for side in self.pair]
        norms = [norm for flow in flows for values in flow.values() for norm in values if norm > 0]
        lines = [ax.plot([], [], **look)[0] for look in LOOKS]
        names = sorted({name: 0 for flow in flows for name in flow}, key=self._depth)
        self._layers = names  # a network that lacks a layer has no marker there
        if len(names) <= MOST_NAMES:
            ax.set_xticks(range(len(names)), names)
        else:
            name_ticks(ax.xaxis, range(len(names)), names, size=SMALL - 1, upright=False)
        _name(ax, RECORDER_LABELS[FLOW], "layer, input to output")
        ax.set_xlim(-0.3, max(1, len(names)) - 0.7)
        if norms:
            log_scale(ax)
            ax.set_ylim(min(norms) / 1.5, max(norms) * 1.5)
            if max(norms) > LONG_AXIS * min(norms):
                ax.minorticks_off()
        else:
            ax.set_yticks([])
            look = {"ha": "center", "va": "center", "transform": ax.transAxes, "color": "0.4", "fontsize": SMALL}
            ax.text(0.5, 0.5, NOT_RECORDED, **look)
        return lines

    def _distribution(self, ax: Axes, title: str, edges: np.ndarray) -> list[Line2D]:
        """Draw the axes of a distribution, and return an empty outline for each run."""
        middles = (edges[:-1] + edges[1:]) / 2
        _name(ax, title, "value (tallest bar = 1)")
        ax.set(ylim=(0, 1.45), xlim=(edges[0], edges[-1]), yticks=(0, 0.5, 1))
        looks = [{name: look[name] for name in ("color", "linestyle")} for look in LOOKS]
        return [ax.step(middles, np.zeros(len(middles)), where="mid", **look)[0] for look in looks]

    def _in_words(self, epoch: int) -> str:
        """Describe the plot for a screen reader."""
        facts = [] if epoch else ["untrained"]
        for side in self.pair:
            losses = side.run.history["validation_loss"]
            if 1 <= epoch <= len(losses):
                facts.append(f"{side.name} validation loss {losses[epoch - 1]:.3f}")
        return f"after epoch {epoch}: {', '.join(facts) or 'no losses'}"


def _flow_of(history: History) -> dict[str, list[float]]:
    """Return layer → its gradient norm after each epoch; empty if none was recorded."""
    ending = f".{FLOW}"
    return {name.removesuffix(ending): history[name] for name in history.metrics if name.endswith(ending)}


def _flow_at(history: History, epoch: int, layers: list[str]) -> tuple[list[int], list[float]]:
    """Return the places of the layers with a gradient norm after this epoch, and the norms; none for epoch 0."""
    row = history.rows[epoch - 1] if 1 <= epoch <= len(history) else {}
    norms = {place: row[f"{name}.{FLOW}"] for place, name in enumerate(layers) if f"{name}.{FLOW}" in row}
    return list(norms), list(norms.values())


def _name(ax: Axes, title: str, xlabel: str) -> None:
    """Name what small axes show, above them, and what their horizontal axis is."""
    write_plainly(ax.set_title(title, fontsize=SMALL + 0.5))
    ax.set_xlabel(xlabel, fontsize=SMALL)


def _note(ax: Axes, place: int) -> Text:
    """Return an empty text at the upper right, in the colour of the run at this place."""
    look = {"color": LOOKS[place]["color"], "fontsize": SMALL, "ha": "right", "va": "top"}
    text = ax.text(0.99, 1 - 0.13 * place, "", transform=ax.transAxes, **look)
    write_plainly(text)
    return text


def _edges_of(tensors: list[Tensor]) -> np.ndarray:
    """Return the edges of the bins over the values of all tensors."""
    return bin_edges(np.concatenate([values.numpy() for values in tensors]))


def _heights(values: Tensor, edges: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the histogram of the values in these equal bins, its tallest bar 1, and how many values are outside."""
    counts, _ = np.histogram(values.numpy(), len(edges) - 1, (edges[0], edges[-1]))  # faster than with the edges
    return counts / max(1, counts.max()), values.numel() - int(counts.sum())
