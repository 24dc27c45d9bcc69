"""Draw comparisons as estimation plots: the settings with their seeds, and beside them the differences.

The form is from Gardner and Altman (British Medical Journal 292, 1986) and Ho et al. (Nature Methods 16, 2019). Each
setting is a row, so that its name has room.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cnnlab.checks import check_whole, is_iterable, listed
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.metrics import possible_range
from cnnlab.comparison.verdicts import Level
from cnnlab.errors import ConfigError
from cnnlab.plots.alt_text import describe
from cnnlab.plots.comparison_words import (
    font_sizes,
    height_around,
    height_of,
    in_words,
    name_lines,
    number_lines,
    unpaired_seeds,
    words_below,
)
from cnnlab.plots.names import LONGEST, label_text, write_plainly
from cnnlab.plots.style import (
    LETTERS,
    NOISE_BAND,
    PAGE,
    limits_within,
    look_of_level,
    new_axes,
    whole_figure,
    wrapped,
)
from cnnlab.plots.ticks import few_ticks, plain_number

HALVES = (1, 1.2)  # the widths of the left and the right Axes, for words beside them


def plot_comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw a comparison: left each setting with its seeds and their mean, right its difference from the reference.

    A row is a setting. Left, a dot is a seed and the thick line below the dots their mean. Right, a pale dot is the
    difference of one seed, and the bar below is the interval of the mean difference: if it crosses the zero line, the
    comparison cannot tell. From zero to an edge of the grey band is the noise floor: two single runs of one setting
    differ by less than this 95 times in 100, while a dot may be an average of several runs of its seed. A hollow dot is
    a seed that the reference lacks; it is in no mean. All intervals of a picture together hold the true differences
    with 95 % confidence. An interval that reaches beyond the possible is cut there.

    Parameters
    ----------
    comparison : Comparison
        What `compare` or `compare_settings` returns.
    ax : Axes
        Axes that `plt.subplots` made: they keep the settings, and give their right half to the differences. At least
        4.5 inches wide, words are easy to read. None makes a new figure.

    Returns
    -------
    Axes
        The Axes of the settings.

    >>> plot_comparison(compare(runs, by="kernel_size"))
    """
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"plot_comparison wants what compare() returns, got {type(comparison).__name__}")
    if ax is None:
        return plot_comparisons([comparison])[0]
    left, right = split(new_axes(ax))
    draw_comparison(comparison, left, right)
    return left


def plot_comparisons(comparisons: Mapping[str, Comparison] | Iterable[Comparison], *, columns: int = 1) -> list[Axes]:
    """Draw several comparisons in one new figure, each as in `plot_comparison`.

    Comparisons by the same metric share their scales.

    Parameters
    ----------
    comparisons : mapping or iterable
        Title → comparison; or comparisons, which then have no titles.
    columns : int
        How many stand side by side.

    Returns
    -------
    list of Axes
        The Axes of the settings of each comparison.

    >>> plot_comparisons({"coarse": on_coarse, "fine": on_fine})
    """
    columns = check_whole("columns", columns, 1)
    titles, shown = _titles_and_comparisons(comparisons)
    columns = min(columns, len(shown))
    width = PAGE if columns == 1 else 5.5 * columns
    last = len(shown) - columns  # from here on, nothing stands below
    heights = [height_of(comparison, width / columns, place >= last) for place, comparison in enumerate(shown)]
    lines = [max(heights[start : start + columns]) for start in range(0, len(shown), columns)]
    figure = plt.figure(figsize=(width, sum(lines)), layout="constrained")
    # One grid, so that the same place is the same number in all comparisons of a column.
    grid = figure.add_gridspec(len(lines), 2 * columns, height_ratios=lines, width_ratios=HALVES * columns)
    cells = [divmod(place, columns) for place in range(len(shown))]
    lefts = [figure.add_subplot(grid[line, 2 * column]) for line, column in cells]
    rights = [figure.add_subplot(grid[line, 2 * column + 1]) for line, column in cells]
    halves = [*zip(lefts, rights, strict=True)]
    for (left, _), title in zip(halves, titles, strict=False):  # first, since the alt text names it
        words = wrapped(label_text(title, 3 * LONGEST), 72 * width / columns / 7)
        write_plainly(left.set_title(words, loc="left", fontsize=LETTERS, fontweight="bold"))
    for place, (comparison, (left, right)) in enumerate(zip(shown, halves, strict=True)):
        draw_comparison(comparison, left, right, font=LETTERS, explained=place >= last)
    _share_scales(shown, halves)
    return lefts


def _titles_and_comparisons(
    comparisons: Mapping[str, Comparison] | Iterable[Comparison],
) -> tuple[list[str], list[Comparison]]:
    """Return the titles, if there are any, and the comparisons; raise ConfigError for anything else, and for none."""
    titles = [str(title) for title in comparisons] if isinstance(comparisons, Mapping) else []
    if isinstance(comparisons, Mapping):
        comparisons = comparisons.values()
    if isinstance(comparisons, Comparison):
        comparisons = [comparisons]
    if not is_iterable(comparisons):
        raise ConfigError(f"plot_comparisons wants comparisons of compare(), got {type(comparisons).__name__}")
    shown = listed("comparisons", comparisons)
    for comparison in shown:
        if not isinstance(comparison, Comparison):
            raise ConfigError(f"plot_comparisons wants comparisons of compare(), got {type(comparison).__name__}")
    if not shown:
        raise ConfigError("plot_comparisons wants one comparison or more, got none")
    return titles, shown


def split(ax: Axes) -> tuple[Axes, Axes]:
    """Give the right half of these Axes to new ones; return both."""
    cell = ax.get_subplotspec()
    if cell is None or ax.figure is None:
        raise ConfigError("ax has no place in a grid, which could be split; make it with plt.subplots")
    left, right = cell.subgridspec(1, 2, width_ratios=HALVES)
    ax.set_subplotspec(left)
    return ax, ax.figure.add_subplot(right)


def draw_comparison(
    comparison: Comparison, left: Axes, right: Axes, *, font: float | None = None, explained: bool = True
) -> None:
    """Draw the settings in the left Axes and their differences from the reference in the right ones.

    Parameters
    ----------
    comparison : Comparison
        What is drawn.
    left, right : Axes
        What `split` returns.
    font : float
        The size of all words, in points; None takes the largest that fits.
    explained : bool
        Say below the right Axes what the grey band is.
    """
    width, height = _size(left, right)
    names = [name_lines(comparison, level, width) for level in comparison.levels]
    numbers = [number_lines(comparison, level) for level in comparison.levels]
    below = words_below(comparison, width, explained=explained)
    words_font, label_font = font_sizes(names, below, width, height) if font is None else (font, font)
    for place, level in enumerate(comparison.levels):
        if comparison.values[level.level]:  # else all runs of this setting diverged
            _draw_seeds(comparison, level, place, left)
            _draw_difference(comparison, level, place, right)
    right.axvline(0, color="0.25", linewidth=1)
    if math.isfinite(comparison.noise_floor):
        right.axvspan(-comparison.noise_floor, comparison.noise_floor, **NOISE_BAND)
    left.set_xlim(level_limits(comparison))
    right.set_xlim(difference_limits(comparison))
    right.yaxis.tick_right()
    for ax, words, inner in ((left, names, "right"), (right, numbers, "left")):
        ax.set_yticks(range(len(words)), ["\n".join(lines) for lines in words])
        for label in ax.get_yticklabels():
            write_plainly(label)
        ax.set_ylim(len(words) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0, labelsize=words_font)
        ax.tick_params(axis="x", labelsize=label_font)
        ax.xaxis.set_major_locator(few_ticks(ax.get_xlim(), width, label_font, inner))
        ax.xaxis.set_major_formatter(plain_number)
        seaborn.despine(ax=ax, left=True)
    # Right-aligned on the left and left-aligned on the right, so that long labels never meet.
    left.set_xlabel("\n".join(below[0]), loc="right", fontsize=label_font)
    right.set_xlabel("\n".join(below[1]), loc="left", fontsize=label_font)
    for ax in (left, right):
        write_plainly(ax.xaxis.label)
    left.set_ylabel(
        wrapped(comparison.what, max(16, (height - height_around(below, label_font)) / 6)),
        fontsize=min(LETTERS, label_font + 1),
    )
    describe(left, in_words(comparison, left.get_title(loc="left") or left.get_title()))
    describe(right, "")


def _draw_seeds(comparison: Comparison, level: Level, place: int, ax: Axes) -> None:
    """Draw a dot for each seed of a setting, hollow for seeds that the reference lacks, and below them the mean."""
    values, paired = comparison.values[level.level], comparison.paired(level.level)
    unpaired = unpaired_seeds(comparison, level)
    down = _heights(comparison, place)
    look = look_of_level(comparison.by, level.level, place) | {"linestyle": "none", "markersize": 5, "clip_on": False}
    _line(ax, list(paired.values()), [down[seed] for seed in paired], alpha=0.8, **look)
    if unpaired:
        _line(ax, [values[seed] for seed in unpaired], [down[seed] for seed in unpaired], fillstyle="none", **look)
    mean = {"color": look["color"], "linewidth": 2.5, "solid_capstyle": "butt", "clip_on": False}
    _line(ax, [level.mean] * 2, [place + 0.1, place + 0.38], **mean)


def _draw_difference(comparison: Comparison, level: Level, place: int, ax: Axes) -> None:
    """Draw the difference of each paired seed, and below them the mean difference with its interval."""
    if math.isnan(level.difference):  # of the reference, or without a seed in common
        return
    reference = comparison.values[comparison.levels[0].level]
    paired, down = comparison.paired(level.level), _heights(comparison, place)
    look = look_of_level(comparison.by, level.level, place) | {"linestyle": "none"}
    differences = [value - reference[seed] for seed, value in paired.items()]
    _line(ax, differences, [down[seed] for seed in paired], alpha=0.4, markersize=4, clip_on=False, **look)
    _line(ax, [level.difference], [place + 0.24], markersize=6, clip_on=False, **look)
    if math.isfinite(level.low):
        _line(ax, *_interval_outline(place + 0.24, level.low, level.high), color=look["color"], linewidth=1.8)


def _interval_outline(y: float, low: float, high: float) -> tuple[list[float], list[float]]:
    """Return the corners (x, y) of a bar with ends, from low to high, as one line.

    `errorbar` would make four artists, which a live panel draws more slowly.
    """
    above, below = y - 0.12, y + 0.12
    return [low, low, low, high, high, high], [above, below, y, y, below, above]


def _heights(comparison: Comparison, place: int) -> dict[int, float]:
    """Return seed → the height of its dot in the row at this place: a seed has the same height in every row."""
    seeds = sorted({seed for values in comparison.values.values() for seed in values})
    offsets = np.linspace(-0.36, -0.04, len(seeds)) if len(seeds) > 1 else [-0.2]
    return {seed: place + float(offset) for seed, offset in zip(seeds, offsets, strict=True)}


def _line(ax: Axes, xs: Sequence[float], ys: Sequence[float], **look: Any) -> None:
    """Add a line. `ax.plot` would also look for limits, which are set anyway: a live panel has no time for it."""
    ax.add_artist(Line2D(xs, ys, **look))


def level_limits(comparison: Comparison) -> tuple[float, float]:
    """Return the limits of the left axis: every seed fits, and nothing that the metric cannot be."""
    values = [value for of_level in comparison.values.values() for value in of_level.values()]
    return limits_within(values, *possible_range(comparison.metric))


def difference_limits(comparison: Comparison) -> tuple[float, float]:
    """Return the limits of the right axis: zero, the noise floor, all intervals and all seeds fit."""
    reference = comparison.values[comparison.levels[0].level]
    values = [0.0, -1.15 * comparison.noise_floor, 1.15 * comparison.noise_floor]  # so that both edges are seen
    for level in comparison.levels:
        values += [level.low, level.high]
        of_level = comparison.values[level.level]
        values += [value - reference[seed] for seed, value in of_level.items() if seed in reference]
    low, high = possible_range(comparison.metric)
    return limits_within([value for value in values if math.isfinite(value)], low - high, high - low)


def _share_scales(comparisons: list[Comparison], halves: list[tuple[Axes, Axes]]) -> None:
    """Give the same limits to all comparisons by one metric."""
    for metric in {comparison.metric for comparison in comparisons}:
        same = [both for comparison, both in zip(comparisons, halves, strict=True) if comparison.metric == metric]
        for axes in zip(*same, strict=True):  # first all left ones, then all right ones
            lows, highs = zip(*(ax.get_xlim() for ax in axes), strict=True)
            for ax in axes:
                ax.set_xlim(min(lows), max(highs))


def _size(left: Axes, right: Axes) -> tuple[float, float]:
    """Return the width and the height of the cell that both Axes share, in points, before a layout is solved."""
    figure = whole_figure(left)
    boxes = [cell.get_position(figure) for ax in (left, right) if (cell := ax.get_subplotspec()) is not None]
    wide, high = figure.get_size_inches() * 72
    # Without a layout, a grid takes 0.775 of the figure's width and 0.77 of its height.
    return float((boxes[1].x1 - boxes[0].x0) * wide / 0.775), float(boxes[0].height * high / 0.77)
