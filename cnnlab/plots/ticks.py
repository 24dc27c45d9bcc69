"""Write the numbers at the ticks of an axis: plainly, few where there is little room, and powers of ten as 10⁻³."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogFormatter, MaxNLocator

from cnnlab.plots.names import LETTER


def log_scale(ax: Axes) -> None:
    """Give Axes a logarithmic vertical axis with powers of ten written as plain text, such as 10⁻³.

    matplotlib's own labels are formulas: five of them take longer to lay out than the rest of the plot.
    """
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(_PowersOfTen())
    ax.yaxis.set_minor_formatter(_PowersOfTen(minor_thresholds=(1, 0.4)))  # matplotlib's own thresholds


class _PowersOfTen(LogFormatter):
    """Write powers of ten as 10⁻³; where other numbers are labelled, too, write all as they are, such as 0.1 and 0.2.

    matplotlib chooses the ticks with a label: on an axis of up to a factor of ten, numbers between the powers, too.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        if not super().__call__(x, pos):
            return ""
        assert self.axis is not None  # matplotlib gives a formatter its axis
        low, high = sorted(self.axis.get_view_interval())
        power = round(math.log10(x))
        if high <= 10 * low or not math.isclose(x, 10.0**power):
            return f"{x:.3g}"
        return "10" + str(power).translate(_RAISED)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def few_ticks(limits: tuple[float, float], width: float, size: float, inner: str) -> Locator:
    """Return a locator of ticks whose numbers have room beside each other, and reach into no Axes beside theirs.

    limits: those of the axis. width: that of the whole comparison, in points. size: of the numbers, in points. inner:
    "left" or "right", the edge beyond which the other Axes begin.
    """
    longest = max(len(plain_number(value)) for value in MaxNLocator(2).tick_values(*limits))
    count = int(width / (50 * max(4, longest)))
    return _EvenlySpaced(count, size, inner) if count > 1 else FarApart(size, inner)


class _EvenlySpaced(MaxNLocator):
    """Put ticks at even steps, but none whose number would reach over the inner edge."""

    def __init__(self, count: int, size: float, inner: str) -> None:
        super().__init__(count)
        self._size, self._inner = size, inner

    def __call__(self) -> np.ndarray:
        ticks, axis = np.asarray(super().__call__()), cast(XAxis, self.axis)
        return ticks[_stay_within(ticks, axis.get_view_interval(), _length(axis), self._size, self._inner)]


class FarApart(Locator):
    """Put two ticks of a horizontal axis on numbers as round as the room beside each other allows.

    size: of the numbers at the ticks, in points. inner: the edge over which no number reaches; None for neither.
    """

    def __init__(self, size: float, inner: str | None = None) -> None:
        self.size, self.inner = size, inner

    def __call__(self) -> np.ndarray:
        axis = cast(XAxis, self.axis)
        return self.tick_values(*axis.get_view_interval(), _length(axis))

    def tick_values(self, vmin: float, vmax: float, length: float = math.inf) -> np.ndarray:
        """Return the ticks between these limits on an axis of this length, in points.

        They are multiples of the largest round step with which their numbers stand apart, and within the inner edge. If
        there is no such step, they are those whose numbers are farthest apart.
        """
        power = 10.0 ** math.floor(math.log10(vmax - vmin))
        steps = [share * power for share in (8, 6, 5, 4, 3, 2.5, 2, 1.5, 1, 0.5, 0.25)]
        multiples = [np.arange(math.ceil(vmin / step), math.floor(vmax / step) + 1) * step for step in steps]
        within = [ticks[_stay_within(ticks, (vmin, vmax), length, self.size, self.inner)] for ticks in multiples]
        pairs = [ticks[[0, -1]] for ticks in within if len(ticks) >= 2]
        pairs = pairs or [ticks[[0, -1]] for ticks in multiples if len(ticks) >= 2]

        def room(ticks: np.ndarray) -> float:
            letters = sum(len(plain_number(float(tick))) for tick in ticks) / 2
            return float(np.ptp(ticks)) / (vmax - vmin) * length - letters * LETTER * self.size

        return next((ticks for ticks in pairs if room(ticks) >= self.size), max(pairs, key=room))


def _length(axis: XAxis) -> float:
    """Return the length of the axis, in points."""
    return axis.axes.get_window_extent().width * 72 / cast(Figure, axis.axes.figure).dpi


def _stay_within(
    ticks: np.ndarray, limits: Sequence[float], length: float, size: float, inner: str | None
) -> np.ndarray:
    """Return of each tick whether its number reaches over the inner edge by half a letter at most.

    limits: those of the axis, which is of this length, in points. size: of the numbers, in points.
    """
    if inner is None:
        return np.full(len(ticks), True)
    edge, points = max(limits) if inner == "right" else min(limits), length / abs(limits[1] - limits[0])
    half = [(len(plain_number(float(tick))) - 1) / 2 * LETTER * size for tick in ticks]
    return np.abs(ticks - edge) * points >= np.asarray(half) - 1e-9


def plain_number(value: float, _place: object = None) -> str:
    """Return the number at a tick, without an offset or a power of ten above the axis."""
    return f"{value:.6g}".replace("e-0", "e-").replace("-", "−")
