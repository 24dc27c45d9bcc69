"""Draw histograms in rows, one row for each layer or epoch, with a note at the right of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch
from matplotlib.ticker import MaxNLocator

from cnnlab.plots.names import label_text, legend_text, write_plainly
from cnnlab.plots.style import LETTERS, PAGE, bin_edges, new_axes, plain_legend, whole_figure, wrapped

LONGEST_NAME = 20  # columns of the name of a row
MOST_NOTES = 4  # histograms of a row up to which each has its note
NARROW = 3.0  # inches; in Axes of less, a note has several lines


class Histogram(NamedTuple):
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

    def heights(self, edges: np.ndarray) -> np.ndarray:
        """Return the heights of the bars between these edges, as shares of all values."""
        return np.histogram(self.drawn, edges)[0] / max(1, len(self.values))


Rows = Mapping[str, list[Histogram]]


def draw_histograms(ax: Axes | None, rows: Rows, xlabel: str, own_scales: bool, beside: Iterable[Rows] = ()) -> Axes:
    """Draw a row of histograms for each name.

    Parameters
    ----------
    ax : Axes
        Where to draw; None makes a new figure.
    rows : dict of name: list of Histogram
        What to draw.
    xlabel : str
        What the numbers are.
    own_scales : bool
        Give each row a horizontal axis of its own; else all rows share one.
    beside : iterable of rows
        What is drawn in other Axes: a row has the scales of all rows with its name there.
    """
    everything = [histogram for row in rows.values() for histogram in row]
    legend = {histogram.look["label"]: histogram.look for histogram in everything if "label" in histogram.look}
    gap, room = (0.5 if own_scales else 0.1), (0.6 if len(legend) > 1 else 0.0)  # in heights of a row
    total = len(rows) + room
    notes = max((len(row) for row in rows.values() if len(row) <= MOST_NOTES), default=1)
    height = max(0.75 if own_scales else 0.5, 0.16 * notes / (1 - gap) if notes > 2 else 0)  # inches
    ax = new_axes(ax, (PAGE, 0.7 + height * total))
    others = list(beside)
    is_narrow = ax.get_position().width * whole_figure(ax).get_figwidth() < NARROW
    for place, (name, row) in enumerate(rows.items()):
        bottom = 1 - (room + place + 1 - gap) / total
        panel = ax.inset_axes((0, bottom, 1, (1 - gap) / total))
        counterparts = [histogram for other in others for histogram in other.get(name, [])]
        compared = [*row, *counterparts] if own_scales else everything
        edges = bin_edges(np.concatenate([histogram.shown for histogram in compared]))
        _draw_row(panel, row, edges, is_narrow=is_narrow)
        if counterparts:
            highest = max(histogram.heights(edges).max() for histogram in compared)
            panel.set_ylim(0, 1.05 * highest or 1)
        panel.set_ylabel(label_text(name, LONGEST_NAME), rotation=0, ha="right", va="center")
        write_plainly(panel.yaxis.label)
        panel.tick_params(labelsize=LETTERS, labelbottom=own_scales or place == len(rows) - 1)
    ax.set(xticks=[], yticks=[], xlabel=xlabel)
    ax.xaxis.labelpad = 0 if own_scales else 16  # below the numbers of the last row
    seaborn.despine(ax=ax, left=True, bottom=True)
    if len(legend) > 1:
        handles, names = _in_one_line(ax, legend)
        plain_legend(
            ax, handles=handles, labels=names, loc="upper center", ncols=len(handles), frameon=False, fontsize=LETTERS,
            borderpad=0,
        )  # fmt: skip
    return ax


def _in_one_line(ax: Axes, legend: Mapping[str, dict[str, Any]]) -> tuple[list[StepPatch], list[str]]:
    """Return the handles and the names of a legend of one line: names are shortened, and the last ones left out."""
    room = 72 * whole_figure(ax).get_figwidth() * 0.8  # points
    shown = [*legend.values()][: max(2, int(room / 75))]
    longest = int(room / len(shown) / 5.6) - 8
    names = [legend_text(look["label"], longest) for look in shown]
    if left_out := len(legend) - len(shown):
        names[-1] += f", {left_out} more"
    return [StepPatch([0], [0, 1], **look) for look in shown], names


def _draw_row(panel: Axes, row: list[Histogram], edges: np.ndarray, *, is_narrow: bool) -> None:
    """Draw histograms with these edges, each with its note at the right."""
    heights = [0.75, 0.25] if len(row) <= 2 else [1 - (place + 0.5) / len(row) for place in range(len(row))]
    for place, histogram in enumerate(row):
        panel.stairs(histogram.heights(edges), edges, **histogram.look)
        outside = int((~np.isfinite(histogram.drawn)).sum())  # no finite value is outside
        notes = [histogram.note] * bool(histogram.note) + [f"{outside} not finite"] * bool(outside)
        colour = "0" if histogram.look["fill"] else histogram.look["color"]
        if len(row) <= MOST_NOTES:
            words = wrapped(", ".join(notes), 11) if is_narrow else ", ".join(notes)
            va = "center" if len(row) > 2 or "\n" in words else "baseline"
            height = 0.5 if "\n" in words and len(row) == 1 else heights[place]
            panel.text(1.01, height, words, transform=panel.transAxes, fontsize=LETTERS, color=colour, va=va)
    panel.set(yticks=[], xlim=(edges[0], edges[-1]))
    if is_narrow:
        panel.xaxis.set_major_locator(MaxNLocator(2))
    seaborn.despine(ax=panel, left=True)
