"""Draw the paths of optimizers on the map of a surface, and the loss over their steps.

SGD, momentum, RMSprop and Adam have the same colour, marker and dash style in every figure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cnnlab.arguments import check_arguments
from cnnlab.errors import ConfigError
from cnnlab.plots.names import LONGEST, label_text, legend_text, write_plainly
from cnnlab.plots.style import legend_below, line_look, new_axes, plain_legend, wrapped
from cnnlab.plots.ticks import log_scale
from cnnlab.training.descent import Descent, Surface, find_surface

NAMES = ("SGD", "momentum", "RMSprop", "Adam")
SHARES = (1e-6, 1e3)  # limits of the vertical axis, as shares of the loss at the start
LEVELS = 14  # lines of equal loss on a map


def look_of(name: str, names: Collection[str] = ()) -> dict:
    """Return the colour, marker, dash style and label of a path.

    Each of NAMES has a look of its own. Any other name of `names` has a look that none of NAMES has.

    >>> look_of("Adam")["marker"]
    '^'
    """
    places = [*NAMES, *(other for other in (*names, name) if other not in NAMES)]
    return line_look(places.index(name)) | {"label": legend_text(name)}


def plot_surface(surface: Surface | str, *, ax: Axes | None = None) -> Axes:
    """Draw a surface as a map of lines of equal loss; a white star marks a minimum.

    Parameters
    ----------
    surface : Surface or str
        The surface, or the name of one of SURFACES.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_surface("saddle")
    """
    surface = find_surface(surface)
    ax = new_axes(ax, (5.0, 4.0))
    x, y = np.meshgrid(np.linspace(*surface.x_range, 121), np.linspace(*surface.y_range, 121))
    loss = surface.loss(x, y)
    levels = np.linspace(0, np.sqrt(loss.max()), LEVELS) ** 2  # more lines near the minimum
    ax.contourf(x, y, loss, levels, cmap="Greys", alpha=0.35)
    ax.contour(x, y, loss, levels, colors="0.65", linewidths=0.6)
    ax.plot(*zip(*surface.minima, strict=True), "*", color="white", markeredgecolor="black", markersize=13)
    ax.set(xlabel="x (☆ minimum)", ylabel="y", xlim=surface.x_range, ylim=surface.y_range)
    ax.set_aspect("equal")  # or a step down the slope would not be at a right angle to the lines
    shape = (surface.x_range[1] - surface.x_range[0]) / (surface.y_range[1] - surface.y_range[0])  # of the map
    words = f"{label_text(surface.name)}: loss = {label_text(surface.formula, 2 * LONGEST)}"
    words = wrapped(words, min(60, 40 * shape))
    write_plainly(ax.set_title(words, fontsize=10))
    return ax


def add_path(ax: Axes, look: dict) -> tuple[Line2D, Line2D]:
    """Add an empty path to a map; return its line, with a marker for each step, and the larger marker of its end."""
    (line,) = ax.plot([], [], markersize=3, linewidth=1.2, **look)
    (end,) = ax.plot([], [], color=look["color"], marker=look["marker"], markersize=9, markeredgecolor="black")
    return line, end


def add_start(ax: Axes) -> Line2D:
    """Add the marker of the start, a black cross, to a map, explain it below the map, and return it."""
    ax.set_xlabel("x (☆ minimum, × start)")
    return ax.plot([], [], "x", color="black", markersize=9, markeredgewidth=2.5)[0]


def plot_paths(descents: Mapping[str, Descent], surface: Surface | str, *, ax: Axes | None = None) -> Axes:
    """Draw paths on the map of their surface, a marker for each step, from the black cross to the large marker.

    Parameters
    ----------
    descents : dict of name: Descent
        What `descend` returns for each path.
    surface : Surface or str
        The surface, or the name of one of SURFACES.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_paths({"SGD": descend("bowl", learning_rate=0.1)}, "bowl")
    """
    _check(descents, "plot_paths")
    check_arguments(plot_paths, {"descents": descents})
    ax = plot_surface(surface, ax=ax)
    lines = []
    for name, descent in descents.items():
        line, end = add_path(ax, look_of(name, descents))
        line.set_data(*descent.places.T)
        end.set_data(*descent.places[-1:].T)
        add_start(ax).set_data(*descent.places[:1].T)
        lines.append(line)
    legend_below(ax, handles=lines)
    return ax


def add_losses(ax: Axes, look: dict) -> Line2D:
    """Add an empty curve to a plot of the loss over the steps, and return its line."""
    return ax.plot([], [], markersize=4, linewidth=1.4, markevery=10, **look)[0]


def style_losses(ax: Axes, steps: int) -> Axes:
    """Set labels, limits and scale of Axes for a plot of the loss over this number of steps; return the Axes."""
    ax.axhline(1, color="0.8", linewidth=0.8, zorder=0)
    ax.set(xlabel="step", ylabel="loss / loss at the start", xlim=(0, max(1, steps)), ylim=SHARES)
    log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    seaborn.despine(ax=ax)
    return ax


def plot_losses(descents: Mapping[str, Descent], *, ax: Axes | None = None) -> Axes:
    """Draw the loss along paths over the steps, as a share of the loss at the start, on a logarithmic scale.

    A line that leaves the figure at the bottom has fallen to less than a millionth of the start.

    Parameters
    ----------
    descents : dict of name: Descent
        What `descend` returns for each path.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_losses({"SGD": descend("bowl", learning_rate=0.1)})
    """
    _check(descents, "plot_losses")
    check_arguments(plot_losses, {"descents": descents})
    ax = new_axes(ax, (5.0, 4.0))
    for name, descent in descents.items():
        add_losses(ax, look_of(name, descents)).set_data(np.arange(len(descent.losses)), descent.shares)
    style_losses(ax, max(len(descent.losses) for descent in descents.values()) - 1)
    lines = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    labels = [legend_text(line.get_label(), 18) for line in lines]
    plain_legend(ax, handles=lines, labels=labels, frameon=False, fontsize=9, ncols=2, loc="upper right")
    return ax


def _check(descents: object, plot: str) -> None:
    """Raise ConfigError, in the name of this plot function, unless descents is a dict of name: Descent."""
    if not isinstance(descents, Mapping) or not descents or not all(isinstance(d, Descent) for d in descents.values()):
        raise ConfigError(f"{plot} wants a dict of name: what descend gives, got {type(descents).__name__}")
