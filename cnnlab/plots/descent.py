"""Surfaces and paths in, matplotlib Axes out: a map with the paths on it, and the loss over their steps.

SGD, momentum, RMSprop and Adam have the same colour, mark and dash in every picture.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cnnlab.errors import ConfigError
from cnnlab.plots.images import MARKS, PALETTE, log_scale, new_axes
from cnnlab.plots.runs import DASHES
from cnnlab.training.descent import Descent, Surface, find_surface

NAMES = ("SGD", "momentum", "RMSprop", "Adam")
SHARES = (1e-6, 1e3)  # of the loss at the start: what the plot over the steps shows
LEVELS = 14


def look_of(name: str, names: Collection[str] = ()) -> dict:
    """Return colour, mark, dash and label of a path: one of NAMES has its own, any other of `names` one beyond those.

    >>> look_of("Adam")["marker"]
    'D'
    """
    place = [*NAMES, *(other for other in (*names, name) if other not in NAMES)].index(name)
    look = {"color": PALETTE[place % 10], "marker": MARKS[place % 8], "linestyle": DASHES[place % len(DASHES)]}
    return {**look, "label": name}


def plot_surface(surface: Surface | str, *, ax: Axes | None = None) -> Axes:
    """Draw a surface as a map: lines of equal loss, close together where it is steep; a white star is a minimum.

    >>> plot_surface("saddle")
    """
    surface = find_surface(surface)
    ax = new_axes(ax, (5.0, 4.0))
    x, y = np.meshgrid(np.linspace(*surface.x_range, 121), np.linspace(*surface.y_range, 121))
    loss = surface.loss(x, y)
    levels = np.linspace(0, np.sqrt(loss.max()), LEVELS) ** 2  # closer together near the minimum
    ax.contourf(x, y, loss, levels, cmap="Greys", alpha=0.35)
    ax.contour(x, y, loss, levels, colors="0.65", linewidths=0.6)
    ax.plot(*zip(*surface.minima, strict=True), "*", color="white", markeredgecolor="black", markersize=13)
    ax.set(xlabel="x (☆ minimum)", ylabel="y", xlim=surface.x_range, ylim=surface.y_range)
    ax.set_title(f"{surface.name}: loss = {surface.formula}", fontsize=10)
    return ax


def add_path(ax: Axes, look: dict) -> tuple[Line2D, Line2D]:
    """Add a path without places to a map, and return its line (one mark a step) and the larger mark of its end."""
    (line,) = ax.plot([], [], markersize=3, linewidth=1.2, **look)
    end = {"color": look["color"], "marker": look["marker"], "markersize": 9, "markeredgecolor": "black"}
    return line, *ax.plot([], [], **end)


def add_start(ax: Axes) -> Line2D:
    """Add the mark of the start to a map, a black cross, tell it below, and return it."""
    ax.set_xlabel("x (☆ minimum, × start)")
    return ax.plot([], [], "x", color="black", markersize=9, markeredgewidth=2.5)[0]


def plot_paths(descents: Mapping[str, Descent], surface: Surface | str, *, ax: Axes | None = None) -> Axes:
    """Draw paths on the map of their surface, one mark a step: from the black cross to the large mark.

    descents: name → what `descend` gives.

    >>> plot_paths({"SGD": descend("bowl", learning_rate=0.1)}, "bowl")
    """
    _check(descents, "plot_paths")
    ax = plot_surface(surface, ax=ax)
    lines = []
    for name, descent in descents.items():
        line, end = add_path(ax, look_of(name, descents))
        line.set_data(*descent.places.T)
        end.set_data(*descent.places[-1:].T)
        add_start(ax).set_data(*descent.places[:1].T)
        lines.append(line)
    for text in ax.legend(handles=lines, fontsize=9).get_texts():
        text.set_parse_math(False)
    return ax


def add_losses(ax: Axes, look: dict) -> Line2D:
    """Add a loss without steps to a plot over the steps, and return its line."""
    return ax.plot([], [], markersize=4, linewidth=1.4, markevery=10, **look)[0]


def style_losses(ax: Axes, steps: int) -> Axes:
    """Give Axes what a plot of the loss over so many steps needs."""
    ax.axhline(1, color="0.8", linewidth=0.8, zorder=0)
    ax.set(xlabel="step", ylabel="loss / loss at the start", xlim=(0, max(1, steps)), ylim=SHARES)
    log_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    seaborn.despine(ax=ax)
    return ax


def plot_losses(descents: Mapping[str, Descent], *, ax: Axes | None = None) -> Axes:
    """Draw the loss along paths over the steps, as a share of the loss at the start, on a logarithmic scale.

    A line that leaves the picture below has fallen to less than a millionth.

    >>> plot_losses({"SGD": descend("bowl", learning_rate=0.1)})
    """
    _check(descents, "plot_losses")
    ax = new_axes(ax, (5.0, 4.0))
    for name, descent in descents.items():
        add_losses(ax, look_of(name, descents)).set_data(np.arange(len(descent.losses)), descent.shares)
    style_losses(ax, max(len(descent.losses) for descent in descents.values()) - 1)
    for text in ax.legend(frameon=False, fontsize=9, ncols=2, loc="upper right").get_texts():
        text.set_parse_math(False)
    return ax


def _check(descents: object, what: str) -> None:
    if isinstance(descents, Mapping) and descents and all(isinstance(one, Descent) for one in descents.values()):
        return
    raise ConfigError(f"{what} wants a dict of name: what descend gives, got {type(descents).__name__}")
