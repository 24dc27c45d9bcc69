"""Draw a table of several metrics, in which the colours of a column show where its metric is high."""

from __future__ import annotations

import math
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from cnnlab.errors import ConfigError
from cnnlab.plots.colours import low_is_light
from cnnlab.plots.names import columns as columns_of
from cnnlab.plots.names import label_text, name_ticks, write_plainly
from cnnlab.plots.style import LETTERS, PAGE, axis_label, new_axes

if TYPE_CHECKING:
    import pandas

ONE_LINE, TWO_LINES = 1.25, 0.52  # inches, the width of a column whose cells have one line, or two
LOG_RANGE = 100  # the colours of a metric that varies by more than this factor follow its logarithm


def plot_summary(table: pandas.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the table of `Runs.summary` as a picture: a row for each setting, a column for each metric.

    A cell says the mean over the seeds ± their standard deviation, in two lines where there are many columns. Each
    column has colours of its own: light is better, as in `plot_grid`, or higher if neither end of the metric is
    better. If a metric varies by more than a factor of 100, its colours follow its logarithm.

    Parameters
    ----------
    table : DataFrame
        What `Runs.summary` returns; sort it as you like.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> table = runs.summary(["train_loss", "validation_loss", "dead_share"])
    >>> plot_summary(table.sort_values("validation_loss"))
    """
    columns: list[str] = list(getattr(table, "columns", ()))
    metrics = [name for name, spread in pairwise(columns) if spread in ("std", f"{name}_std")]
    if not metrics or "seeds" not in columns or not len(table):
        raise ConfigError(f"plot_summary wants the table that runs.summary(…) returns, got {type(table).__name__}")
    fields = columns[: columns.index("seeds")]
    names = [label_text(" · ".join(map(str, row)), 50) for row in table[fields].itertuples(index=False)]
    if "diverged" in columns:
        names = [
            f"{name} ({count} diverged)" if count else name
            for name, count in zip(names, table["diverged"], strict=True)
        ]
    beside = 0.35 + 0.072 * max(map(columns_of, names))  # inches, for the names
    is_narrow = beside + ONE_LINE * len(metrics) > PAGE
    column, row = (TWO_LINES, 0.37) if is_narrow else (ONE_LINE, 0.25)
    ax = new_axes(ax, (max(2.5, beside + column * len(metrics)), (1.5 if is_narrow else 0.8) + row * len(table)))
    shades = np.column_stack([_shades(metric, table[metric].to_numpy(float)) for metric in metrics])  # 0 dark, 1 light
    ax.imshow(plt.get_cmap("viridis")(shades), aspect="auto")
    for column, metric in enumerate(metrics):
        for row, (mean, spread) in enumerate(
            table[[metric, columns[columns.index(metric) + 1]]].itertuples(index=False)
        ):
            colour = "white" if shades[row, column] <= 0.6 else "black"  # black, too, where no number has no colour
            words = plus_minus(mean, spread, short=is_narrow).replace(" ± ", "\n±" if is_narrow else " ± ")
            ax.text(column, row, words, ha="center", va="center", fontsize=LETTERS, color=colour, linespacing=1)
    titles = [textwrap.fill(axis_label(metric), 15) for metric in metrics]
    ax.set_xticks(range(len(metrics)), titles, fontsize=LETTERS, rotation=90 if is_narrow else 0)
    name_ticks(ax.yaxis, range(len(names)), names, size=LETTERS, longest=60)
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    for label in ax.get_xticklabels():
        write_plainly(label)
    ax.set(ylabel=" · ".join(fields))
    ax.spines[:].set_visible(False)
    return ax


def _shades(metric: str, means: np.ndarray) -> np.ndarray:
    """Return the place of each mean between the darkest (0) and the lightest (1); 0.5 where all are equal.

    What is no number has no place: NaN.
    """
    if np.isnan(means).all():
        return means
    low, high = np.nanmin(means), np.nanmax(means)
    if low > 0 and high > LOG_RANGE * low:
        means, low, high = np.log(means), np.log(low), np.log(high)
    shades = (means - low) / (high - low) if high > low else np.where(np.isnan(means), np.nan, 0.5)
    return 1 - shades if low_is_light(metric) else shades


def plus_minus(mean: float, spread: float, *, short: bool = False) -> str:
    """Return mean ± spread, both to the first digit of the spread, or to its second if the first is 1 and not short.

    Of one seed, or of seeds that agree, return the mean alone.

    >>> plus_minus(0.97312, 0.00214), plus_minus(0.0595, 0.0114), plus_minus(2.94e-06, 5.1e-07)
    ('0.973 ± 0.002', '0.060 ± 0.011', '2.9e-06 ± 5e-07')
    """
    if math.isnan(mean):
        return "–"
    if not spread > 0:
        return f"{mean:.4g}"
    if 0 < abs(mean) < 1e-3:
        return f"{mean:.1e} ± {spread:.0e}"
    first_digit, _, power = f"{spread:.1e}".partition(".")
    digits = max(0, (first_digit == "1" and not short) - int(power.partition("e")[2]))
    return f"{mean:.{digits}f} ± {spread:.{digits}f}"
