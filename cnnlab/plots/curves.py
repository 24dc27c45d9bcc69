"""Draw the curves of runs over the epochs, one line for each value of a field, with a band over the seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice
from cnnlab.comparison.comparable_runs import distinct, paired_histories
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs, longest_runs
from cnnlab.plots.names import legend_text, write_plainly
from cnnlab.plots.style import axis_label, legend_below, look_of_level, new_axes
from cnnlab.plots.ticks import log_scale
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
    runs = _drawn_runs(runs, metric, by)
    ax = new_axes(ax)
    for place, level in enumerate(runs.values()[by]):
        level_runs = runs.filter(**{by: [level]})
        notes = [f"{count} of {len(level_runs)} runs {what}" for what, count in count_early_ends(level_runs).items()]
        label = legend_text(f"{by} {level}", 45) + (f" ({', '.join(notes)})" if notes else "")
        curves = level_runs.curves().reindex(columns=["epoch", "seed", metric]).astype(float).dropna()
        seeds = curves.pivot_table(index="epoch", columns="seed", values=metric)  # means (epochs, seeds)
        look = look_of_level(by, level, place)
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


def _drawn_runs(runs: Iterable[Run], metric: str, by: str) -> Runs:
    """Return the runs whose curves are drawn; raise ConfigError if none has the metric in any epoch."""
    runs = distinct(runs)
    check_metric(metric, metrics_of(run.history for run in runs))
    if by == "epochs":
        raise ConfigError("plot_curves: epochs is the horizontal axis; name another field, such as by='optimizer'")
    runs = longest_runs(runs)
    if not any(run.history[metric] for run in runs):
        raise ConfigError(f"plot_curves: none of these {len(runs)} runs has {metric} in any epoch")
    histories = (run.history for run in runs)
    warn_if_environments_differ(histories, paired=paired_histories(runs, (by, "epochs")), stacklevel=4)
    return runs


def count_early_ends(runs: Iterable[Run]) -> dict[str, int]:
    """Return "end early" → how many of these runs end before the others, and "diverged" → how many diverged.

    What no run does is left out.
    """
    histories = [run.history for run in runs]
    longest = max(map(len, histories), default=0)
    early = sum(len(history) < max(1, longest) for history in histories)
    counts = {"end early": early, "diverged": sum(history.diverged for history in histories)}
    return {what: count for what, count in counts.items() if count}
