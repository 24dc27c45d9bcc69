"""Draw the noise floor: the runs of one setting, their mean, and the band within which chance alone moves them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import seaborn
from matplotlib.axes import Axes

from cnnlab.comparison.comparable_runs import distinct
from cnnlab.comparison.metrics import possible_range, value_at
from cnnlab.comparison.noise_floor import noise_floor
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.plots.names import write_plainly
from cnnlab.plots.style import FLOOR_WORDS, MARKS, NOISE_BAND, PALETTE, axis_label, limits_within, new_axes, wrapped


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
    at : str or int
        The epoch whose value is drawn, as in `compare`: "last", "stopped", "best", or its number.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_noise_floor(sweep(grid(Experiment(), seed=range(5))))
    """
    runs = distinct(runs)
    if len({run.experiment.setting for run in runs}) != 1:
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
