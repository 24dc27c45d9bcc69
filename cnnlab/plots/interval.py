"""Draw the differences of the seeds and the interval of their mean, without the verdict: a student finds it herself."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.right_answer import check_comparison
from cnnlab.errors import ConfigError
from cnnlab.plots.alt_text import describe
from cnnlab.plots.style import PAGE, axis_label, new_axes


def plot_interval(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the second level of a comparison: each seed's difference from the first, and the interval of their mean.

    Parameters
    ----------
    comparison : Comparison
        What `compare` returns, with an interval for its second level.
    ax : Axes, optional
        Where to draw; None makes a new figure.

    Raises ConfigError if there is no interval: with fewer than three shared seeds, for example.

    >>> plot_interval(compare(runs, by="pooling"))
    """
    reference, level, *_ = check_comparison(comparison).levels
    if math.isnan(level.low):
        raise ConfigError(f"plot_interval: {level.level} and {reference.level} have no interval ({level.why})")
    ax = new_axes(ax, (PAGE, 1.9))
    first, second = comparison.values[reference.level], comparison.values[level.level]
    differences = [second[seed] - first[seed] for seed in second if seed in first]
    reach = 1.4 * float(np.abs([*differences, level.low, level.high]).max())
    ax.axvline(0, color="0.4", linewidth=1)
    ax.plot(differences, [1] * len(differences), "o", color="0.6")
    ax.plot([level.low, level.high], [0, 0], color="0.1", linewidth=4, solid_capstyle="butt")
    label = f"{axis_label(comparison.metric)}:\n{level.level} minus {reference.level}"
    count = sum(comparison.diverged.get(row.level, 0) for row in (reference, level))
    label += f"\n{count} run{'s' * (count != 1)} diverged" if count else ""
    ax.set(xlabel=label, yticks=[0, 1], yticklabels=["interval", "seeds"], xlim=(-reach, reach), ylim=(-0.7, 1.7))
    ax.spines[["top", "right"]].set_visible(False)
    seeds = ", ".join(f"{difference:+.3f}" for difference in differences)
    describe(ax, f"{label}: interval from {level.low:+.3f} to {level.high:+.3f}; seeds {seeds}.".replace("\n", " "))
    return ax
