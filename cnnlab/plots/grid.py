"""Draw a heat map of a grid of settings: a metric's mean over the runs of each cell."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import cast

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar

from cnnlab.arguments import check_arguments
from cnnlab.comparison.comparable_runs import comparable_runs
from cnnlab.comparison.metrics import diverged_with_value, value_at
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.plots.cells import Cell, Fields, cell_of, check_fields, rows_and_columns
from cnnlab.plots.colours import colour_map, inner_limits
from cnnlab.plots.names import columns as columns_of
from cnnlab.plots.names import label_text, name_ticks, write_plainly
from cnnlab.plots.style import LETTERS, axis_label, new_axes


def plot_grid(
    runs: Iterable[Run],
    rows: str | tuple[str, ...],
    columns: str | tuple[str, ...],
    *,
    metric: str = "validation_accuracy",
    at: str | int = "last",
    ax: Axes | None = None,
) -> Axes:
    """Draw a heat map whose cells are a metric's mean over all runs with the same settings.

    Light is better: a high accuracy, a low loss, a small gap between the curves, a small fluctuation, few epochs to a
    target. For a number from inside the network, light is higher. A value far from all others has the colour of the end
    of the scale, so that the others can be told apart. A run without the number (diverged,
    interrupted or too short) is in no cell. A cell without runs stays empty.

    Parameters
    ----------
    runs : iterable of Run
        What `sweep` or `load_runs` returns.
    rows, columns : str or tuple of str
        The field of Experiment, or several fields, that the rows and the columns differ in.
    metric : str
        The metric in the cells.
    at : str or int
        The epoch whose value is drawn, as in `compare`: "last", "stopped", "best", or its number.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_grid(runs, rows=("optimizer", "pooling"), columns="kernel_size")
    """
    check_arguments(plot_grid, {"rows": rows, "columns": columns})
    rows, columns = check_fields(rows, columns)
    runs = comparable_runs(runs, metric, at, compared=(*rows, *columns))
    cells = _cell_values(runs, rows, columns, metric, at)
    if not cells:
        raise ConfigError(f"plot_grid: no run has {metric} at {at!r}")
    down, across = rows_and_columns(cells)
    means = np.array([[np.mean(cells.get((row, column), [np.nan])) for column in across] for row in down])
    row_names, column_names = ([label_text(" · ".join(map(str, key))) for key in keys] for keys in (down, across))
    longest_row, longest_column = (max(map(columns_of, names)) for names in (row_names, column_names))
    is_wide = longest_column > 8  # wider than a cell
    room = 0.08 * longest_row, 0.08 * longest_column if is_wide else 0.0  # inches
    ax = new_axes(ax, (1.6 + 0.8 * len(across) + room[0], max(2.4, 1.2 + 0.45 * len(down)) + room[1]))
    low, high = inner_limits(means)
    arrows = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    beyond = arrows[bool(np.nanmin(means) < low), bool(np.nanmax(means) > high)]
    seaborn.heatmap(
        means, annot=True, fmt=_number_format(means), cmap=colour_map(metric), vmin=low, vmax=high, xticklabels=False,
        yticklabels=False, cbar_kws={"extend": beyond}, ax=ax, annot_kws={"fontsize": LETTERS},
    )  # fmt: skip
    bar = cast(Colorbar, ax.collections[0].colorbar)
    bar.set_label(axis_label(metric))
    write_plainly(bar.ax.yaxis.label)
    upright = True if is_wide else None
    name_ticks(ax.xaxis, np.arange(len(across)) + 0.5, column_names, size=LETTERS, upright=upright, turn=True)
    name_ticks(ax.yaxis, np.arange(len(down)) + 0.5, row_names, size=LETTERS)
    diverged = sum(diverged_with_value(((metric, run) for run in runs), metric, at).values())
    note = f"\n{diverged} of {len(runs)} runs diverged" if diverged else ""
    ax.set(xlabel=f"{' · '.join(columns)}{note}", ylabel=" · ".join(rows))
    return ax


def _number_format(values: np.ndarray) -> str:
    """Return the format of the numbers in a heat map: three decimals, or three digits where all are small or large."""
    return ".3f" if 0.01 <= np.nanmax(np.abs(values)) < 10 else ".3g"


def _cell_values(
    runs: Iterable[Run], rows: Fields, columns: Fields, metric: str, at: str | int
) -> dict[Cell, list[float]]:
    """Return cell → the values of all runs there; warn if the cells differ in number."""
    cells: dict[Cell, list[float]] = {}
    for run in runs:
        value = value_at(run, metric, at)
        if value is not None:
            cells.setdefault(cell_of(run, rows, columns), []).append(value)
    counts = {len(values) for values in cells.values()}
    if len(counts) > 1:
        warnings.warn(
            f"the cells are means of {min(counts)} to {max(counts)} runs: a mean of few is less sure", stacklevel=3
        )
    return cells
