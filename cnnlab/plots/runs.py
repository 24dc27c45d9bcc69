"""Runs and comparisons in, matplotlib Axes out: curves with bands, verdicts with intervals, heat maps of grids."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.checks import check_choice
from cnnlab.comparison.compare import Comparison, noise_floor
from cnnlab.comparison.metrics import comparable_runs, distinct, paired_histories, value_at
from cnnlab.comparison.verdicts import BETTER, HIGHER, LOWER, WORSE
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.plots.images import MARKS, PALETTE, UNITS, log_scale, new_axes
from cnnlab.training.history import check_metric, metrics_of, warn_if_environments_differ

DASHES = ["-", "--", ":", "-.", (0, (5, 1)), (0, (3, 1, 1, 1))]

# What cnnlab.interpret.recorder records, as the axes name it.
INSIDE = {
    "gradient_norm": "gradient norm",
    "gradient_ratio": "gradient / weights",
    "update_ratio": "update / weights",
    "dead_share": "dead units (share, 0–1)",
    "activation_scale": "activation scale (rms)",
    "scale_change": "scale behind the pool / in front",
    "saliency_concentration": "saliency concentration",
}

CHANCE = {"facecolor": "0.92", "edgecolor": "0.6", "linewidth": 0.8, "zorder": 0, "label": "one run alone: chance"}
ALONE = "seed that the first lacks: in no mean"


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
    Where some runs of a level end before the others, the label says so: from there on the mean is that of the others.
    log: a logarithmic scale for the metric.

    >>> plot_curves(runs, by="kernel_size", metric="validation_accuracy")
    """
    check_choice("field of Experiment", by, FIELDS)
    runs = distinct(runs)
    check_metric(metric, metrics_of(run.history for run in runs))
    if by == "epochs":
        raise ConfigError("plot_curves: epochs is the horizontal axis; name another field, such as by='optimizer'")
    longest = {run.experiment.trajectory: run for run in sorted(runs, key=lambda run: len(run.history))}
    if not any(run.history[metric] for run in longest.values()):
        raise ConfigError(f"plot_curves: none of these {len(longest)} runs has {metric} in any epoch")
    runs = Runs(longest.values())
    warn_if_environments_differ((run.history for run in runs), paired=paired_histories(runs, (by, "epochs")))
    ax = new_axes(ax)
    for place, level in enumerate(runs.values()[by]):
        some = runs.filter(**{by: [level]})
        lengths = [len(run.history) for run in some]
        early = sum(length < max(1, *lengths) for length in lengths)
        label = f"{by} {level}" + (f" ({early} of {len(some)} runs end early)" if early else "")
        curves = some.curves().reindex(columns=["epoch", "seed", metric]).astype(float).dropna()
        seeds = curves.groupby(["epoch", "seed"])[metric].mean().unstack()  # (epochs, seeds)
        look = {"color": PALETTE[place % 10], "linestyle": DASHES[place % len(DASHES)]}
        marks = {"marker": MARKS[place % len(MARKS)], "markersize": 4, "markevery": max(1, len(seeds) // 8)}
        ax.fill_between(seeds.index, seeds.min(axis=1), seeds.max(axis=1), color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(seeds.index, seeds.mean(axis=1), label=label, **look, **marks)
    ax.set(xlabel="epoch", ylabel=axis_label(metric))
    if log:
        log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    for text in ax.legend(frameon=False).get_texts():
        text.set_parse_math(False)  # a folder's name may hold a $
    seaborn.despine(ax=ax)
    return ax


def plot_noise_floor(
    runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last", ax: Axes | None = None
) -> Axes:
    """Draw one setting's runs, a dot a seed, their mean, and the noise floor round it as a grey band.

    Inside the band two single runs differ by chance alone: it is the band of every comparison that follows.

    >>> plot_noise_floor(sweep(grid(Experiment(), seed=range(5))))
    """
    runs = distinct(runs)
    if len({run.experiment.replace(seed=0).key for run in runs}) != 1:
        raise ConfigError("plot_noise_floor wants runs that differ in the seed alone; filter them to one setting")
    floor = noise_floor(runs, metric=metric, at=at)
    found = {run.experiment.seed: value_at(run, metric, at) for run in runs}
    values = {seed: value for seed, value in sorted(found.items()) if value is not None}
    if not values:
        raise ConfigError(f"plot_noise_floor: no run has {metric} at {at!r}")
    mean = float(np.mean(list(values.values())))
    ax = new_axes(ax, (5.0, 3.0))
    ax.axhline(mean, color="0.4", linewidth=1)
    if np.isfinite(floor):
        ax.axhspan(mean - floor, mean + floor, **CHANCE)
        ax.legend(frameon=False)
    ax.plot(range(len(values)), list(values.values()), MARKS[0], color=PALETTE[0], linestyle="none")
    ax.set_xticks(range(len(values)), list(values))
    ax.set(xlabel="seed", ylabel=axis_label(metric))
    seaborn.despine(ax=ax)
    return ax


def plot_comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw a comparison: a dot a seed, each level's mean with the interval of its difference, and the verdict below.

    The line is the reference's mean: an interval that crosses it cannot tell. Inside the grey band two single runs
    differ by chance alone: this is how little one run a setting can tell. Where a setting and the first one share only
    some seeds, the line there is the first one's mean over those; a hollow dot is a seed that is in no mean.

    >>> plot_comparison(compare(runs, by="kernel_size"))
    """
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"plot_comparison wants what compare() returns, got {type(comparison).__name__}")
    ax = new_axes(ax)
    _draw_reference(comparison, ax)
    has_alone = False
    for place, level in enumerate(comparison.levels):
        colour = PALETTE[place % 10]
        values = comparison.values[level.level]
        if not values:  # a setting whose runs all diverged
            continue
        spread = np.linspace(-0.25, -0.1, len(values)) if len(values) > 1 else [-0.15]
        across, paired = dict(zip(values, place + np.asarray(spread), strict=True)), comparison.paired(level.level)
        look = {"marker": MARKS[place % len(MARKS)], "linestyle": "none", "color": colour, "markersize": 5}
        ax.plot([across[seed] for seed in paired], list(paired.values()), alpha=0.8, **look)
        alone = [seed for seed in values if seed not in paired]
        if alone:
            ax.plot([across[seed] for seed in alone], [values[seed] for seed in alone], fillstyle="none", **look)
            has_alone = True
        bar = [place - 0.05, place + 0.25], [level.mean] * 2
        ax.plot(*bar, color=colour, linewidth=2.5, solid_capstyle="butt")
        if np.isfinite(level.low):
            ends = level.mean - level.difference + np.array([level.low, level.high])
            ax.plot(*_upright(place + 0.1, *ends), color=colour, linewidth=1.5)
    signs = {BETTER: "▲ ", WORSE: "▼ ", HIGHER: "▲ ", LOWER: "▼ "}
    names = [f"{level.level}\n{signs.get(level.verdict, '')}{level.verdict}" for level in comparison.levels]
    ax.set_xticks(range(len(names)), names, parse_math=False)
    ax.set_xlim(-0.5, len(names) - 0.5)
    left_out = f"\n{comparison.without_value} runs left out" if comparison.without_value else ""
    ax.set(xlabel=f"{comparison.what}{left_out}", ylabel=axis_label(comparison.metric))
    if has_alone:
        ax.plot([], [], "o", color="0.4", fillstyle="none", markersize=5, label=ALONE)
    if has_alone or np.isfinite(comparison.noise_floor):
        ax.legend(frameon=False, loc="best")
    seaborn.despine(ax=ax)
    return ax


def _upright(x: float, low: float, high: float) -> tuple[list[float], list[float]]:
    """Return the corners of a capital I: an interval in one stroke. `errorbar` makes four artists; a panel waits."""
    left, right = x - 0.06, x + 0.06
    return [left, right, x, x, left, right], [low, low, low, high, high, high]


def _draw_reference(comparison: Comparison, ax: Axes) -> None:
    """Draw the reference's mean in its noise floor: in steps, where a level shares only some of its seeds."""
    base, floor = comparison.levels[0].mean, comparison.noise_floor
    means = [base if np.isnan(level.difference) else level.mean - level.difference for level in comparison.levels]
    if np.allclose(means, base, rtol=0, atol=1e-12):
        ax.axhline(base, color="0.4", linewidth=1)
        if np.isfinite(floor):
            ax.axhspan(base - floor, base + floor, **CHANCE)
        return
    edges, means = np.arange(len(means) + 1) - 0.5, np.array(means)
    ax.stairs(means, edges, baseline=None, color="0.4", linewidth=1)
    if np.isfinite(floor):
        ax.stairs(means + floor, edges, baseline=means - floor, fill=True, **CHANCE)


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

    A run without the number (diverged, interrupted or too short) is in no cell; a cell without runs stays empty.

    >>> plot_grid(runs, rows=("optimizer", "pooling"), columns="kernel_size")
    """
    rows, columns = ((names,) if isinstance(names, str) else tuple(names) for names in (rows, columns))
    for name in (*rows, *columns):
        check_choice("field of Experiment", name, FIELDS)
    runs = comparable_runs(runs, metric, at, compared=(*rows, *columns))
    cells: dict[tuple, list[float]] = {}
    for run in runs:
        settings, value = run.experiment.resolved(), value_at(run, metric, at)
        key = tuple(settings[name] for name in rows), tuple(settings[name] for name in columns)
        if value is not None:
            cells.setdefault(key, []).append(value)
    counts = {len(values) for values in cells.values()}
    if len(counts) > 1:
        warnings.warn(
            f"the cells are means of {min(counts)} to {max(counts)} runs: a mean of few is less sure", stacklevel=2
        )
    if not cells:
        raise ConfigError(f"plot_grid: no run has {metric} at {at!r}")
    down, across = (sorted({key[side] for key in cells}, key=lambda key: [*map(in_order, key)]) for side in (0, 1))
    means = np.array([[np.mean(cells.get((row, column), [np.nan])) for column in across] for row in down])
    below, beside = ([" · ".join(map(str, key)) for key in keys] for keys in (across, down))
    long = max(map(len, below)) > 8  # wider than a cell
    if ax is None:
        room = 0.08 * max(map(len, beside)), 0.08 * max(map(len, below)) if long else 0.0
        size = (1.6 + 0.8 * len(across) + room[0], 1.2 + 0.45 * len(down) + room[1])
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    seaborn.heatmap(
        means, annot=True, fmt=".3f", cmap="viridis", xticklabels=False, yticklabels=False,
        cbar_kws={"label": axis_label(metric)}, ax=ax, annot_kws={"fontsize": 8},
    )  # fmt: skip
    ax.set_xticks(np.arange(len(below)) + 0.5, below, parse_math=False, rotation=90 if long else 0)
    ax.set_yticks(np.arange(len(beside)) + 0.5, beside, parse_math=False)
    ax.set(xlabel=" · ".join(columns), ylabel=" · ".join(rows))
    return ax


def axis_label(metric: str) -> str:
    """Return a metric's name with its unit, as the axes of every plot bear it."""
    layer, _, number = metric.rpartition(".")
    if number in INSIDE:
        return f"{layer}: {INSIDE[number]}" if layer else INSIDE[number]
    which, _, what = metric.partition("_")
    return f"{which} {UNITS[what]}" if what in UNITS else metric
