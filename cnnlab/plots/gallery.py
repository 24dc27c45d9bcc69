"""Draw many trainings as small pictures on one scale, each with its training and its validation curve."""

from __future__ import annotations

import math
from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice
from cnnlab.comparison.comparable_runs import distinct
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import longest_runs
from cnnlab.plots.cells import Cell, Fields, cell_of, cell_words, check_fields, rows_and_columns
from cnnlab.plots.curves import count_early_ends
from cnnlab.plots.names import label_text, write_plainly
from cnnlab.plots.style import LETTERS, LOOK_OF_SPLIT, PAGE, UNITS, letters_of, whole_figure, wrapped
from cnnlab.plots.ticks import log_scale
from cnnlab.training.history import warn_if_environments_differ

ABOVE, BESIDE = 18, 15  # letters of a line above a panel and beside it, in a figure as wide as a page
ABREAST = 4  # panels; the columns of more stand below each other
LENGTH_LINES = {"color": "0.85", "linewidth": 0.8, "zorder": 0}
LABELS = [look["label"] for look in LOOK_OF_SPLIT.values()]


def plot_gallery(
    runs: Iterable[Run],
    *,
    rows: str | tuple[str, ...] = (),
    columns: str | tuple[str, ...] = (),
    metric: str = "loss",
    log: bool = False,
) -> np.ndarray:
    """Draw training and validation over the epochs for every setting: one panel each, all on one scale.

    Of more than four columns, the first ones stand above the others, so that every panel can be read in a small window.

    A line is the mean over the seeds, and its band goes from the lowest to the highest seed. Runs that differ in
    `epochs` alone are points of one training: the longest is drawn, with a tick, a thin line and two markers at each of
    the lengths. The training loss is the running mean over an epoch, in train mode, as `fit` records it. Where some of
    a panel's runs end before the others, the panel says so; from there on the line is the mean of the others. It says
    how many of its runs diverged, too.

    Parameters
    ----------
    runs : iterable of Run
        What `sweep` or `load_runs` returns.
    rows, columns : str or tuple of str
        The field of Experiment, or several fields, that the rows and the columns of panels differ in. None are needed
        for runs of one setting.
    metric : str
        "loss" (nats) or "accuracy" (0–1).
    log : bool
        Draw the metric on a logarithmic scale.

    Returns
    -------
    array of Axes
        (rows, columns). The figure is `axes[0, 0].figure`.

    Raises
    ------
    ConfigError
        If a field or the metric is unknown, if there is no run with a finished epoch, or if the runs of a panel differ
        in more than `epochs` and the seed.

    >>> plot_gallery(runs, rows="kernel_size", columns="pooling", metric="accuracy")
    >>> plot_gallery(runs.filter(kernel_size=3, pooling="max", epochs=5))   # one setting, at its own length
    """
    check_arguments(plot_gallery, {"rows": rows, "columns": columns, "log": log})
    rows, columns = check_fields(rows, columns)
    check_choice("metric", metric, UNITS)
    panels = _runs_by_panel(runs, rows, columns)
    down, across = rows_and_columns(panels)
    axes = _panel_axes(len(down), len(across))
    lengths = sorted({run.experiment.epochs for panel in panels.values() for run in panel})
    if log:
        log_scale(axes[0, 0])  # the others share it
    for row, row_axes in zip(down, axes, strict=True):
        for column, ax in zip(across, row_axes, strict=True):
            _draw_panel(ax, panels.get((row, column), []), metric, lengths)
    _name_panels(axes, [cell_words(rows, key) for key in down], [cell_words(columns, key) for key in across])
    if len(lengths) > 1:
        axes[0, 0].set_xticks(lengths, _labels_with_room(lengths, axes[0, 0]))
    else:
        axes[0, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_xlim(0, 1.03 * lengths[-1])
    _name_figure(axes, metric, seeds=sorted({_seeds(panel) for panel in panels.values()}))
    return axes


def _panel_axes(rows: int, columns: int) -> np.ndarray:
    """Return the Axes (rows, columns) of a new figure, on one scale; the columns in blocks of at most ABREAST."""
    abreast = math.ceil(columns / math.ceil(columns / ABREAST))
    lines = rows * math.ceil(columns / abreast)
    width = max(PAGE, 0.75 + 1.55 * abreast)  # inches
    size = width, 1.6 * width / PAGE + 1.3 * lines
    look = {"sharex": True, "sharey": True, "squeeze": False, "layout": "constrained"}
    grid = plt.subplots(lines, abreast, figsize=size, **look)[1]
    places = [[(column // abreast * rows + row, column % abreast) for column in range(columns)] for row in range(rows)]
    axes = np.array([[grid[place] for place in of_row] for of_row in places])
    for empty in {*grid.flat} - {*axes.flat}:
        empty.remove()
    for ax in axes[-1]:
        ax.tick_params(labelbottom=True)  # below every block
    return axes


def _labels_with_room(lengths: list[int], ax: Axes) -> list[str]:
    """Return the label of each length, or "" where it would touch the one before, in a panel of a new figure."""
    figure, place = whole_figure(ax), ax.get_subplotspec()
    assert place is not None  # it is in the grid of the gallery
    width, letter = (figure.get_figwidth() - 1.2) / place.get_gridspec().ncols, 0.0084 * letters_of(ax)  # inches
    labels, free_from = [], -1.0  # inches from the left
    for length in lengths:
        label, middle = str(length), width * length / lengths[-1]
        half = letter / 2 * len(label)
        has_room = middle - half > free_from
        labels.append(label if has_room else "")
        free_from = middle + half + 0.1 if has_room else free_from
    return labels


def _runs_by_panel(runs: Iterable[Run], rows: Fields, columns: Fields) -> dict[Cell, list[Run]]:
    """Return cell → the runs in its panel; raise ConfigError where a panel has two settings."""
    panels: dict[Cell, list[Run]] = {}
    for run in distinct(runs):
        if len(run.history):
            panels.setdefault(cell_of(run, rows, columns), []).append(run)
    if not panels:
        raise ConfigError("plot_gallery: no run has a finished epoch; give it runs that were trained")
    for panel in panels.values():
        settings = [run.experiment.resolved() for run in panel]
        varied = [name for name in FIELDS if len({each[name] for each in settings}) > 1]
        if mixed := [name for name in varied if name not in ("epochs", "seed")]:
            raise ConfigError(
                f"plot_gallery: a panel would mix runs that differ in {', '.join(mixed)}; name {mixed[0]} in rows or "
                f"columns, or filter the runs, as in runs.filter({mixed[0]}={settings[0][mixed[0]]!r})"
            )
    everything = [run.history for panel in panels.values() for run in panel]
    warn_if_environments_differ(everything, paired=[], stacklevel=4)
    return panels


def _draw_panel(ax: Axes, runs: list[Run], metric: str, lengths: list[int]) -> None:
    """Draw the training and the validation curve of runs that differ in `epochs` and the seed alone."""
    for length in lengths:
        ax.axvline(length, **LENGTH_LINES)
    longest, own_lengths = longest_runs(runs), {run.experiment.epochs for run in runs}
    for split, look in LOOK_OF_SPLIT.items():
        values = _values(longest, f"{split}_{metric}")  # (seeds, epochs)
        if not values.size:
            continue
        epochs = np.arange(1, values.shape[1] + 1)
        marked = [length - 1 for length in own_lengths if length <= len(epochs)]
        band = {"color": look["color"], "alpha": 0.25, "linewidth": 0}
        ax.fill_between(epochs, np.nanmin(values, 0), np.nanmax(values, 0), **band)
        ax.plot(epochs, np.nanmean(values, 0), markevery=marked, markersize=3.5, linewidth=1.2, **look)
    notes = [f"{count} of {len(longest)} {what}" for what, count in count_early_ends(longest).items()]
    size = letters_of(ax)
    note = "\n".join(wrapped(words, ABOVE * LETTERS / size) for words in notes) if runs else "no run"
    ax.text(0.97, 0.95, note, transform=ax.transAxes, fontsize=size, ha="right", va="top")
    seaborn.despine(ax=ax)


def _values(runs: Iterable[Run], metric: str) -> np.ndarray:
    """Return the metric of runs after each epoch, (seeds, epochs), NaN where a run has none; empty if none has any."""
    curves = [[row.get(metric, np.nan) for row in run.history.rows] for run in runs]
    longest = max(map(len, curves), default=0)
    values = np.array([[*curve, *[np.nan] * (longest - len(curve))] for curve in curves])
    recorded = np.flatnonzero(~np.isnan(values).all(0))  # the epochs, from 0, in which a run has a value
    return values[:, : recorded[-1] + 1] if len(recorded) else np.empty((0, 0))


def _name_panels(axes: np.ndarray, rows: list[str], columns: list[str]) -> None:
    """Write the settings of the columns above the first row, and those of the rows at the left."""
    size = letters_of(axes[0, 0])
    above, beside = round(ABOVE * LETTERS / size), round(BESIDE * LETTERS / size)
    for ax, words in zip(axes[0], columns, strict=True):
        write_plainly(ax.set_title(wrapped(label_text(words, 2 * above), above), fontsize=size))
    for row_axes, words in zip(axes, rows, strict=True):
        for ax in row_axes:
            if ax.get_subplotspec().is_first_col():
                ax.set_ylabel(wrapped(label_text(words, 2 * beside), beside), fontsize=size)
                write_plainly(ax.yaxis.label)
            ax.tick_params(labelsize=size)


def _seeds(runs: list[Run]) -> int:
    """Return how many seeds these runs have."""
    return len({run.experiment.seed for run in runs})


def _name_figure(axes: np.ndarray, metric: str, seeds: list[int]) -> None:
    """Give the figure one title, one legend, and one label for each axis; seeds: the numbers of seeds in the panels."""
    figure, size = axes[0, 0].figure, letters_of(axes[0, 0])
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    spread = f", mean and range of {count} seeds" if seeds[-1] > 1 else ""
    figure.suptitle(f"{metric}: training beside validation{spread}", fontsize=size)
    figure.supxlabel("epoch", fontsize=size)
    figure.supylabel(UNITS[metric], fontsize=size)
    handles = {line.get_label(): line for ax in axes.flat for line in ax.lines if line.get_label() in LABELS}
    figure.legend(handles.values(), handles.keys(), loc="outside lower right", ncols=2, frameon=False, fontsize=size)
