"""Draw runs: curves with bands, the noise floor, heat maps of grids."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.ticker import MaxNLocator

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice
from cnnlab.comparison.compare import noise_floor
from cnnlab.comparison.metrics import (
    comparable_runs,
    distinct,
    diverged_with_value,
    paired_histories,
    possible_range,
    value_at,
)
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.plots.names import columns as columns_of
from cnnlab.plots.names import label_text, legend_text, name_ticks, write_plainly
from cnnlab.plots.style import (
    FLOOR_WORDS,
    MARKS,
    NOISE_BAND,
    PALETTE,
    axis_label,
    colour_map,
    inner_limits,
    legend_below,
    limits_within,
    line_look,
    log_scale,
    new_axes,
    wrapped,
)
from cnnlab.training.history import check_metric, metrics_of, warn_if_environments_differ


def plot_curves(
    runs: Iterable[Run],
    by: str,
    metric: str = "validation_loss",
    *,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw a metric over the epochs, one line for each value of a field, in a band from the lowest to the highest seed.

    The line is the mean over the seeds; other fields that vary are averaged within a seed first. Of runs that differ in
    length only, the longest is drawn. If runs of a line end before the others, the label says so: from there on the
    line is the mean of the other runs.

    Parameters
    ----------
    runs : iterable of Run
        What `sweep` or `load_runs` returns.
    by : str
        The field of Experiment that the lines differ in.
    metric : str
        A metric that the histories hold.
    log : bool
        Draw the metric on a logarithmic scale.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_curves(runs, by="kernel_size", metric="validation_accuracy")
    """
    check_choice("field of Experiment", by, FIELDS)
    check_arguments(plot_curves, {"log": log})
    runs = _longest_runs(runs, metric, by)
    ax = new_axes(ax)
    for place, level in enumerate(runs.values()[by]):
        level_runs = runs.filter(**{by: [level]})
        lengths = [len(run.history) for run in level_runs]
        early = sum(length < max(1, *lengths) for length in lengths)
        counts = {"end early": early, "diverged": sum(run.history.diverged for run in level_runs)}
        notes = [f"{count} of {len(level_runs)} runs {what}" for what, count in counts.items() if count]
        label = legend_text(f"{by} {level}", 45) + (f" ({', '.join(notes)})" if notes else "")
        curves = level_runs.curves().reindex(columns=["epoch", "seed", metric]).astype(float).dropna()
        seeds = curves.pivot_table(index="epoch", columns="seed", values=metric)  # means (epochs, seeds)
        look = line_look(place)
        marks: dict[str, Any] = {"markersize": 4, "markevery": max(1, len(seeds) // 8)}
        ax.fill_between(seeds.index, seeds.min(axis=1), seeds.max(axis=1), color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(seeds.index, seeds.mean(axis=1), label=label, **look, **marks)
    ax.set(xlabel="epoch", ylabel=axis_label(metric))
    write_plainly(ax.yaxis.label)
    if log:
        log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(ax)
    seaborn.despine(ax=ax)
    return ax


def _longest_runs(runs: Iterable[Run], metric: str, by: str) -> Runs:
    """Return the longest run of each trajectory; raise ConfigError where none has the metric in any epoch."""
    runs = distinct(runs)
    check_metric(metric, metrics_of(run.history for run in runs))
    if by == "epochs":
        raise ConfigError("plot_curves: epochs is the horizontal axis; name another field, such as by='optimizer'")
    longest = {run.experiment.trajectory: run for run in sorted(runs, key=lambda run: len(run.history))}
    if not any(run.history[metric] for run in longest.values()):
        raise ConfigError(f"plot_curves: none of these {len(longest)} runs has {metric} in any epoch")
    runs = Runs(longest.values())
    histories = (run.history for run in runs)
    warn_if_environments_differ(histories, paired=paired_histories(runs, (by, "epochs")), stacklevel=4)
    return runs


def plot_noise_floor(
    runs: Iterable[Run], *, metric: str = "validation_accuracy", at: str | int = "last", ax: Axes | None = None
) -> Axes:
    """Draw the runs of one setting, a dot for each seed, their mean, and the noise floor around it as a grey band.

    From the line to the edge of the band is the noise floor: two single runs of one setting differ by less than this 95
    times in 100. The same band stands in every comparison. The vertical axis ends where the metric must, such as at an
    accuracy of 1.

    Parameters
    ----------
    runs : iterable of Run
        Runs that differ in the seed alone.
    metric : str
        The metric of the vertical axis.
    at : "last", "best", "stopped" or int
        The epoch whose value is drawn: the last one, the best one, the one where training stopped, or its number.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_noise_floor(sweep(grid(Experiment(), seed=range(5))))
    """
    runs = distinct(runs)
    if len({run.experiment.replace(seed=0).key for run in runs}) != 1:
        raise ConfigError("plot_noise_floor wants runs that differ in the seed alone; filter them to one setting")
    floor = noise_floor(runs, metric=metric, at=at)
    by_seed = {run.experiment.seed: value_at(run, metric, at) for run in runs}
    values = {seed: value for seed, value in sorted(by_seed.items()) if value is not None}
    if not values:
        raise ConfigError(f"plot_noise_floor: no run has {metric} at {at!r}")
    diverged = sorted(run.experiment.seed for run in runs if run.history.diverged and run.experiment.seed in values)
    mean = float(np.mean(list(values.values())))
    ax = new_axes(ax, (5.0, 3.0))
    if diverged:
        ax.set_title(f"diverged: seed {', '.join(map(str, diverged))}", fontsize=10)
    ax.axhline(mean, color="0.4", linewidth=1)
    words, reach = "seed", list(values.values())
    if np.isfinite(floor):
        ax.axhspan(mean - floor, mean + floor, **NOISE_BAND)
        words, reach = f"seed\n{wrapped(FLOOR_WORDS, 60)}", [*reach, mean - floor, mean + floor]
    ax.plot(range(len(values)), list(values.values()), MARKS[0], color=PALETTE[0], linestyle="none", clip_on=False)
    ax.set_xticks(range(len(values)), [str(seed) for seed in values])
    ax.set(xlabel=words, ylabel=axis_label(metric), ylim=limits_within(reach, *possible_range(metric)))
    write_plainly(ax.yaxis.label)
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
    """Draw a heat map whose cells are a metric's mean over all runs with the same settings.

    Light is better; for a metric of which neither end is better, light is higher. A value far from all others has the
    colour of the end of the scale, so that the others can be told apart. A run without the number (diverged,
    interrupted or too short) is in no cell. A cell without runs stays empty.

    Parameters
    ----------
    runs : iterable of Run
        What `sweep` or `load_runs` returns.
    rows, columns : str or tuple of str
        The field of Experiment, or several fields, that the rows and the columns differ in.
    metric : str
        The metric in the cells.
    at : "last", "best", "stopped" or int
        The epoch whose value is drawn: the last one, the best one, the one where training stopped, or its number.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_grid(runs, rows=("optimizer", "pooling"), columns="kernel_size")
    """
    check_arguments(plot_grid, {"rows": rows, "columns": columns})
    rows, columns = ((names,) if isinstance(names, str) else tuple(names) for names in (rows, columns))
    for name in (*rows, *columns):
        check_choice("field of Experiment", name, FIELDS)
    runs = comparable_runs(runs, metric, at, compared=(*rows, *columns))
    cells = _cell_values(runs, rows, columns, metric, at)
    if not cells:
        raise ConfigError(f"plot_grid: no run has {metric} at {at!r}")
    down, across = (sorted({key[side] for key in cells}, key=lambda key: [*map(in_order, key)]) for side in (0, 1))
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
        yticklabels=False, cbar_kws={"extend": beyond}, ax=ax, annot_kws={"fontsize": 8},
    )  # fmt: skip
    bar = cast(Colorbar, ax.collections[0].colorbar)
    bar.set_label(axis_label(metric))
    write_plainly(bar.ax.yaxis.label)
    name_ticks(ax.xaxis, np.arange(len(across)) + 0.5, column_names, size=10, upright=is_wide)
    name_ticks(ax.yaxis, np.arange(len(down)) + 0.5, row_names, size=10)
    diverged = sum(diverged_with_value(((metric, run) for run in runs), metric, at).values())
    note = f"\n{diverged} of {len(runs)} runs diverged" if diverged else ""
    ax.set(xlabel=f"{' · '.join(columns)}{note}", ylabel=" · ".join(rows))
    return ax


def _number_format(values: np.ndarray) -> str:
    """Return the format of the numbers in a heat map: three decimals, or three digits where all are small or large."""
    return ".3f" if 0.01 <= np.nanmax(np.abs(values)) < 10 else ".3g"


def _cell_values(
    runs: Iterable[Run], rows: tuple[str, ...], columns: tuple[str, ...], metric: str, at: str | int
) -> dict[tuple, list[float]]:
    """Return (row settings, column settings) → the values of all runs there; warn if the cells differ in number."""
    cells: dict[tuple, list[float]] = {}
    for run in runs:
        settings, value = run.experiment.resolved(), value_at(run, metric, at)
        key = tuple(settings[name] for name in rows), tuple(settings[name] for name in columns)
        if value is not None:
            cells.setdefault(key, []).append(value)
    counts = {len(values) for values in cells.values()}
    if len(counts) > 1:
        warnings.warn(
            f"the cells are means of {min(counts)} to {max(counts)} runs: a mean of few is less sure", stacklevel=3
        )
    return cells
