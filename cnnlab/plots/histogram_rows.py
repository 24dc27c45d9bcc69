"""Draw histograms in rows, one row for each layer or epoch, with its name at the left and its notes at the right.

In narrow Axes, such as one of two beside each other, name and notes stand above the row, so that the histogram has the
whole width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from cnnlab.plots.names import LETTER, columns, label_text, legend_text, write_plainly
from cnnlab.plots.style import LETTERS, PAGE, bin_edges, new_axes, plain_legend, whole_figure

LONGEST_NAME = 20  # columns of the name of a row
MOST_NOTES = 4  # histograms of a row up to which each has its note
NARROW = 3.0  # inches; in Axes of less, the words of a row stand above it
LINE, NUMBERS = 12.5, 17.0  # points: the height of a line of words, and of the numbers below a row


class Histogram(NamedTuple):
    """A histogram to draw.

    Parameters
    ----------
    values : np.ndarray
        All numbers (N,). The bars show shares of them.
    look : dict
        Options of `Axes.stairs`.
    note : str
        What stands at the right; more than that, if it has values that are not finite.
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

    @property
    def words(self) -> str:
        """The note, and how many values are not finite: no finite value is outside of the bars."""
        outside = int((~np.isfinite(self.drawn)).sum())
        return ", ".join([self.note] * bool(self.note) + [f"{outside} not finite"] * bool(outside))

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
    letters, above = _letters_if_narrow(ax), 0.0
    if letters:
        points = 72 * ax.get_position().height * whole_figure(ax).get_figheight() / total  # the height of a row
        lines = [_lines(_notes(row, name, letters)) for side in (rows, *others) for name, row in side.items()]
        above, gap = LINE * max(1, *lines) / points, (NUMBERS if own_scales else 4) / points
    for place, (name, row) in enumerate(rows.items()):
        bottom = 1 - (room + place + 1 - gap) / total
        panel = ax.inset_axes((0, bottom, 1, max(0.2, 1 - gap - above) / total))
        counterparts = [histogram for other in others for histogram in other.get(name, [])]
        compared = [*row, *counterparts] if own_scales else everything
        edges = bin_edges(np.concatenate([histogram.shown for histogram in compared]))
        _draw_row(panel, row, edges)
        _write_words(panel, name, row, letters)
        if counterparts:
            highest = max(histogram.heights(edges).max() for histogram in compared)
            panel.set_ylim(0, 1.05 * highest or 1)
        panel.tick_params(labelsize=LETTERS, labelbottom=own_scales or place == len(rows) - 1)
    ax.set(xticks=[], yticks=[], xlabel=xlabel)
    ax.xaxis.labelpad = 0 if own_scales else 16  # below the numbers of the last row
    seaborn.despine(ax=ax, left=True, bottom=True)
    if len(legend) > 1:
        handles, names = _in_one_line(ax, legend, letters)
        look = {"loc": "upper center", "ncols": len(handles), "frameon": False, "fontsize": LETTERS, "borderpad": 0}
        tight = {"handlelength": 1.2, "handletextpad": 0.4, "columnspacing": 1} if letters else {}
        plain_legend(ax, handles=handles, labels=names, **look, **tight)
    return ax


def _in_one_line(
    ax: Axes, legend: Mapping[str, dict[str, Any]], letters: int | None
) -> tuple[list[StepPatch], list[str]]:
    """Return the handles and the names of a legend of one line: names are shortened, and the last ones left out.

    letters: the width of narrow Axes.
    """
    room = letters or int(72 * whole_figure(ax).get_figwidth() * 0.8 / (LETTER * LETTERS))  # letters
    shown = [*legend.values()][: max(2, room // 13)]
    room -= (4 if letters else 8) * len(shown)  # for the handles
    sizes = [columns(legend_text(look["label"])) for look in shown]
    longest = next((most for most in range(60, 3, -1) if sum(min(most, size) for size in sizes) <= room), 3)
    names = [legend_text(look["label"], longest) for look in shown]
    if left_out := len(legend) - len(shown):
        names[-1] += f", {left_out} more"
    return [StepPatch([0], [0, 1], **look) for look in shown], names


def _draw_row(panel: Axes, row: list[Histogram], edges: np.ndarray) -> None:
    """Draw histograms with these edges."""
    for histogram in row:
        panel.stairs(histogram.heights(edges), edges, **histogram.look)
    panel.set(yticks=[], xlim=(edges[0], edges[-1]))
    seaborn.despine(ax=panel, left=True)


def _letters_if_narrow(ax: Axes) -> int | None:
    """Return how many letters narrow Axes are wide once a layout has given them the whole width; None if not narrow."""
    width = ax.get_position().width * whole_figure(ax).get_figwidth()  # inches, 0.775 of what a layout gives
    return int(72 * width / 0.775 / (LETTER * LETTERS)) if width < NARROW else None


def _notes(row: list[Histogram], name: str, letters: int) -> list[str]:
    """Return the note of each histogram of a row, in lines that have room beside the row's name; letters: in all."""
    room = letters - columns(label_text(name, LONGEST_NAME)) - 2
    notes = [histogram.words for histogram in row if len(row) <= MOST_NOTES]
    return [words if len(words) <= room else words.replace(", ", ",\n") for words in notes]


def _lines(notes: list[str]) -> int:
    return sum(note.count("\n") + 1 for note in notes if note)


def _write_words(panel: Axes, name: str, row: list[Histogram], letters: int | None) -> None:
    """Write the name and the notes of a row: at its sides, or above it in Axes that are only so many letters wide."""
    look = {"fontsize": LETTERS, "va": "bottom" if letters else "center"}
    panel.set_ylabel(label_text(name, LONGEST_NAME), rotation=0, ha="left" if letters else "right", **look)
    write_plainly(panel.yaxis.label)
    colours = ["0" if histogram.look["fill"] else histogram.look["color"] for histogram in row]
    if letters:
        to_points = panel.transAxes + ScaledTranslation(0, 2 / 72, whole_figure(panel).dpi_scale_trans)
        panel.yaxis.set_label_coords(0, 1, transform=to_points)
        notes = _notes(row, name, letters)
        for place, words in enumerate(notes):
            up = 2 + LINE * _lines(notes[place + 1 :])  # points, above the notes below
            panel.annotate(
                words, (1, 1), (0, up), xycoords="axes fraction", textcoords="offset points", ha="right",
                color=colours[place], **look,
            )  # fmt: skip
        panel.xaxis.set_major_locator(MaxNLocator(4))
    elif len(row) <= MOST_NOTES:
        heights = [0.75, 0.25] if len(row) <= 2 else [1 - (place + 0.5) / len(row) for place in range(len(row))]
        look["va"] = "center" if len(row) > 2 else "baseline"
        for histogram, height, colour in zip(row, heights, colours, strict=False):
            panel.text(1.01, height, histogram.words, transform=panel.transAxes, color=colour, **look)
