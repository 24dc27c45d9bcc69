"""Draw the training histories of one run or of several."""

from __future__ import annotations

from collections.abc import Mapping

import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.plots.names import legend_text
from cnnlab.plots.style import TRAIN, UNITS, VALIDATION, legend_below, line_look, new_axes
from cnnlab.training.history import History, warn_if_environments_differ


def plot_history(history: History | Mapping[str, History], metric: str = "loss", *, ax: Axes | None = None) -> Axes:
    """Draw a metric over the epochs: training and validation of one run, or validation of several runs.

    Parameters
    ----------
    history : History or dict of name: History
        What `fit` returns, or several of them under the names that the legend shows.
    metric : str
        "loss" (nats) or "accuracy" (0–1).
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_history(history, "accuracy")
    >>> plot_history({"sgd": first, "adam": second})
    """
    check_choice("metric", metric, UNITS)
    if not isinstance(history, (History, Mapping)):
        raise ConfigError(f"plot_history wants one History, or a dict of name: History; got {type(history).__name__}")
    check_arguments(plot_history, locals())
    ax = new_axes(ax)
    if isinstance(history, History):
        _draw_curve(ax, history[f"train_{metric}"], TRAIN)
        _draw_curve(ax, history[f"validation_{metric}"], VALIDATION)
        if history.diverged:
            ax.set_title("this training diverged", fontsize=10)
    else:
        warn_if_environments_differ(history.values())
        for place, (name, run_history) in enumerate(history.items()):
            label = legend_text(name, 45) + " (diverged)" * run_history.diverged
            look = line_look(place) | {"linestyle": VALIDATION["linestyle"], "label": label}
            _draw_curve(ax, run_history[f"validation_{metric}"], look)
    split = "" if isinstance(history, History) else "validation "
    ax.set(xlabel="epoch", ylabel=f"{split}{UNITS[metric]}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(ax)
    seaborn.despine(ax=ax)
    return ax


def _draw_curve(ax: Axes, values: list[float], look: dict) -> None:
    """Draw one value for each epoch, with about ten markers however long the run is."""
    if not values:  # trained without validation images
        return
    ax.plot(range(1, len(values) + 1), values, markevery=max(1, len(values) // 10), markersize=4, **look)
