"""Runs and comparisons in, matplotlib Axes out: curves with bands, verdicts with intervals, heat maps of grids."""

from __future__ import annotations

from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.comparison import BETTER, WORSE, Comparison, value_at
from cnnlab.errors import ConfigError, check_choice
from cnnlab.experiment import FIELDS, Run, in_order
from cnnlab.history import METRICS, warn_if_environments_differ
from cnnlab.plots import MARKS, PALETTE, UNITS, new_axes
from cnnlab.runs import Runs

DASHES = ["-", "--", ":", "-.", (0, (5, 1)), (0, (3, 1, 1, 1))]


def plot_curves(
    runs: Iterable[Run],
    by: str,
    metric: str = "validation_loss",
    *,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw a metric over the epochs, one line a level of `by`: the mean over the seeds in a band, lowest to highest.

    Other fields that vary are averaged within a seed first. Of runs that differ in length only, the longest is drawn.
    log: a logarithmic scale for the metric.

    >>> plot_curves(runs, by="kernel_size", metric="validation_accuracy")
    """
    check_choice("field of Experiment", by, FIELDS)
    check_choice("metric", metric, METRICS)
    longest = {run.experiment.trajectory: run for run in sorted(runs, key=lambda run: len(run.history))}
    if by == "epochs":
        raise ConfigError("plot_curves: epochs is the horizontal axis; name another field, such as by='optimizer'")
    runs = Runs(longest.values())
    warn_if_environments_differ(run.history for run in runs)
    ax = new_axes(ax)
    levels = sorted({run.experiment.resolved()[by] for run in runs}, key=in_order)
    for place, level in enumerate(levels):
        curves = runs.filter(**{by: level}).curves()
        seeds = curves.groupby(["epoch", "seed"])[metric].mean().unstack()  # (epochs, seeds)
        look = {"color": PALETTE[place % 10], "linestyle": DASHES[place % len(DASHES)]}
        marks = {"marker": MARKS[place % len(MARKS)], "markersize": 4, "markevery": max(1, len(seeds) // 8)}
        ax.fill_between(seeds.index, seeds.min(axis=1), seeds.max(axis=1), color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(seeds.index, seeds.mean(axis=1), label=f"{by} {level}", **look, **marks)
    ax.set(xlabel="epoch", ylabel=_label(metric))
    if log:
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False)
    seaborn.despine(ax=ax)
    return ax


def plot_comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw a comparison: a dot a seed, each level's mean with the interval of its difference, and the verdict above.

    The line is the reference's mean: an interval that crosses it cannot tell. Inside the grey band two single runs
    differ by chance alone: this is how little one run a setting can tell.

    >>> plot_comparison(compare(runs, by="kernel_size"))
    """
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"plot_comparison wants what compare() returns, got {type(comparison).__name__}")
    ax = new_axes(ax)
    base = comparison.levels[0].mean
    ax.axhline(base, color="0.4", linewidth=1)
    if np.isfinite(comparison.noise_floor):
        band = base - comparison.noise_floor, base + comparison.noise_floor
        ax.axhspan(*band, color="0.92", zorder=0, label="one run alone: chance")
    for place, level in enumerate(comparison.levels):
        colour = PALETTE[place % 10]
        values = list(comparison.values[level.level].values())
        spread = np.linspace(-0.25, -0.1, len(values)) if len(values) > 1 else [-0.15]
        ax.plot(place + np.asarray(spread), values, MARKS[place % len(MARKS)], color=colour, alpha=0.8, markersize=5)
        ax.hlines(level.mean, place - 0.05, place + 0.25, color=colour, linewidth=2.5)
        if np.isfinite(level.low):
            reach = [[level.difference - level.low], [level.high - level.difference]]
            ax.errorbar(place + 0.1, level.mean, yerr=reach, color=colour, capsize=5, linewidth=1.5)
    signs = {BETTER: "▲ ", WORSE: "▼ "}
    names = [f"{level.level}\n{signs.get(level.verdict, '')}{level.verdict}" for level in comparison.levels]
    ax.set_xticks(range(len(names)), names, parse_math=False)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set(xlabel=comparison.by, ylabel=_label(comparison.metric))
    ax.legend(frameon=False, loc="best")
    seaborn.despine(ax=ax)
    return ax


def plot_grid(
    runs: Iterable[Run],
    rows: str | tuple[str, ...],
    columns: str | tuple[str, ...],
    *,
    metric: str = "validation_accuracy",
    at: str | int = "last",
    ax: Axes | None = None,
) -> Axes:
    """Draw a heat map of a metric's mean over all runs of a cell; rows and columns are fields, or several fields.

    >>> plot_grid(runs, rows=("optimizer", "pooling"), columns="kernel_size")
    """
    rows, columns = ((names,) if isinstance(names, str) else tuple(names) for names in (rows, columns))
    for name in (*rows, *columns):
        check_choice("field of Experiment", name, FIELDS)
    check_choice("metric", metric, METRICS)
    cells: dict[tuple, list[float]] = {}
    for run in runs:
        settings, value = run.experiment.resolved(), value_at(run, metric, at)
        key = tuple(settings[name] for name in rows), tuple(settings[name] for name in columns)
        if value is not None:
            cells.setdefault(key, []).append(value)
    if not cells:
        raise ConfigError(f"plot_grid: no run has {metric} at {at!r}")
    down, across = (sorted({key[side] for key in cells}, key=lambda key: [*map(in_order, key)]) for side in (0, 1))
    means = np.array([[np.mean(cells.get((row, column), [np.nan])) for column in across] for row in down])
    if ax is None:
        size = (1.6 + 0.8 * len(across), 1.2 + 0.45 * len(down))
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    names = [[" · ".join(map(str, key)) for key in keys] for keys in (across, down)]
    seaborn.heatmap(
        means, annot=True, fmt=".3f", cmap="viridis", xticklabels=names[0], yticklabels=names[1],
        cbar_kws={"label": _label(metric)}, ax=ax, annot_kws={"fontsize": 8},
    )  # fmt: skip
    ax.set(xlabel=" · ".join(columns), ylabel=" · ".join(rows))
    ax.tick_params(axis="y", rotation=0)
    return ax


def _label(metric: str) -> str:
    which, _, what = metric.partition("_")
    return f"{which} {UNITS[what]}" if what in UNITS else "seconds"
