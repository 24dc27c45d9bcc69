"""Write the names of classes, runs and data sets on plots: as they are, readable, and without overlap.

A name is never read as a formula or as markup. Letters that the usual font lacks come from another font of this
computer; where none has them, a code such as \\u732b stands for the letter, and a warning says so.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Sequence
from typing import Any, cast

import matplotlib
import numpy as np
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter

from cnnlab.plots.fonts import code_of, families_of, other_families, warn_of_missing
from cnnlab.plots.right_to_left import drawn_order

LONGEST = 30  # columns of a name; a Chinese, Japanese or Korean letter takes two
SMALLEST_FONT = 6.0  # points
SHARE = 0.42  # of the figure's width or height, for the names of an axis
LETTER = 0.56  # the mean width of a letter, in font sizes
DRAWS_RIGHT_TO_LEFT = matplotlib.__version_info__ >= (3, 11)


def label_text(name: object, longest: int = LONGEST) -> str:
    """Return a name as it stands on a plot: on one line, with visible letters only, its middle left out if it is long.

    A letter that no font of this computer has becomes its code, such as \\u732b; a warning says so once.

    >>> label_text("a name\\nof two lines"), label_text("a_very_long_name_of_a_class_of_dogs", longest=16)
    ('a name of two lines', 'a_very_l…of_dogs')
    """
    visible = " ".join(_visible(str(name)).split())
    visible = visible or repr(str(name)) * bool(str(name))  # of a name that is nothing but spaces
    return shorten(_drawable(visible), longest)


def _drawable(line: str) -> list[str]:
    """Return the letters of a line, a code in place of each that no font has; warn of those, once for each."""
    families = families_of(line)
    warn_of_missing([letter for letter, family in families.items() if family is None])
    return [letter if families[letter] is not None else code_of(letter) for letter in line]


def _visible(text: str) -> str:
    """Return the text with a space for each letter that nobody sees, such as a line break or a mark of direction."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def legend_text(name: object, longest: int = 2 * LONGEST) -> str:
    """Return a name as it stands in a legend: matplotlib leaves out names that begin with "_", but for a space before.

    >>> legend_text("_hidden")
    ' _hidden'
    """
    text = label_text(name, longest)
    return f" {text}" if text.startswith("_") else text


def shorten(text: Sequence[str], longest: int) -> str:
    """Return the text with its middle left out, so that it takes at most this many columns, and 3 at least.

    >>> shorten("chocolate cake", 9)
    'choc…cake'
    """
    if columns("".join(text)) <= longest:
        return "".join(text)
    room = max(longest, 3) - 1
    head, tail = text, text
    while columns("".join(head)) > math.ceil(room / 2):
        head = head[:-1]
    while columns("".join(tail)) > room // 2:
        tail = tail[1:]
    return f"{''.join(head)}…{''.join(tail)}"


def columns(text: str) -> int:
    """Return how many columns a text takes: a wide letter takes two, and an accent on another letter none.

    >>> columns("猫 cat")
    6
    """
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def write_plainly(text: Text) -> None:
    """Let a text show each letter as it is: never as part of a formula, in a font that has it, Arabic from the right.

    A letter that no font has becomes its code, as in `label_text`. Call it for every text that holds a name.
    """
    text.set_parse_math(False)
    text.set_usetex(False)  # which a notebook may have set for all texts
    text.set_text("\n".join("".join(_drawable(_visible(line))) for line in text.get_text().split("\n")))
    letters = text.get_text() if DRAWS_RIGHT_TO_LEFT else drawn_order(text.get_text())
    if others := other_families(letters):
        text.set_fontfamily([*matplotlib.rcParams["font.family"], *others])
    if not DRAWS_RIGHT_TO_LEFT:
        # In matplotlib 3.8 to 3.10 a text lays out what this method returns. What it says of itself stays as it is.
        lay_out = functools.partial(_lines_in_drawn_order, text)
        text._get_wrapped_text = lay_out  # pyright: ignore[reportAttributeAccessIssue]


def _lines_in_drawn_order(text: Text) -> str:
    lines = Text._get_wrapped_text(text)  # pyright: ignore[reportAttributeAccessIssue] (matplotlib's own method)
    return "\n".join(map(drawn_order, lines.split("\n")))


class FittedText(Text):
    """A text that becomes smaller, and then shorter, until it is no wider than its room.

    Parameters
    ----------
    x, y : float
        Its place, in data units.
    text : str
        The words, of one line or more.
    room : float
        Its room, in data units of the horizontal axis.
    **look
        As of matplotlib's Text.
    """

    def __init__(self, x: float, y: float, text: str, *, room: float, **look: Any) -> None:
        super().__init__(x, y, text, **look)
        write_plainly(self)
        self.whole, self.room = self.get_text(), room
        self.largest = float(self.get_fontsize())
        self._fitted_to: float | None = None

    def draw(self, renderer: Any) -> None:
        """Draw the text as it fits."""
        self._fit()
        super().draw(renderer)

    def get_window_extent(self, renderer: Any = None, dpi: float | None = None) -> Any:
        """Return the box of the text as it fits."""
        self._fit()
        return super().get_window_extent(renderer, dpi)

    def _fit(self) -> None:
        """Choose the size and the letters for the room as it is now."""
        if self.axes is None or self.figure is None:
            return
        (left, _), (right, _) = self.axes.transData.transform([(0, 0), (self.room, 0)])
        room = abs(right - left)
        if self._fitted_to is not None and math.isclose(room, self._fitted_to):
            return
        self._fitted_to = room
        self.set_text(self.whole)
        self.set_fontsize(self.largest)
        width = self._measured()
        if width > room:
            self.set_fontsize(max(SMALLEST_FONT, 0.98 * self.largest * room / width))
        longest = max(map(columns, self.whole.split("\n")))
        while self._measured() > room and longest > 3:
            longest -= 1
            self.set_text("\n".join(shorten(line, longest) for line in self.whole.split("\n")))

    def _measured(self) -> float:
        return super().get_window_extent().width


class _Thinned(FixedLocator):
    """Put a tick on every place, or on every second, third …, so that the labels do not overlap.

    Parameters
    ----------
    places : sequence of float
        Where the labels stand.
    size : float
        The room that a label needs, in points.
    upright : float, optional
        The room that it needs once it stands upright, in points: labels turn when they are drawn and have no room. Only
        then is the width of the Axes known, which a colour bar or a layout makes smaller. None: they stay as they are.
    """

    def __init__(self, places: Sequence[float] | np.ndarray, size: float, upright: float | None = None) -> None:
        super().__init__(list(places))
        self.places, self.size, self.upright = np.asarray(places, float), size, upright

    def __call__(self) -> np.ndarray:
        axis = cast(XAxis, self.axis)
        ax = axis.axes
        box = ax.get_window_extent()
        length = (box.width if axis.axis_name == "x" else box.height) * 72 / cast(Figure, ax.figure).dpi  # points
        low, high = sorted(axis.get_view_interval())
        each = length / max(high - low, 1e-9) * abs(self.places[1] - self.places[0]) if len(self.places) > 1 else np.inf
        if self.upright is not None and self.size > each:
            axis.set_tick_params(labelrotation=90)
            self.size, self.upright = self.upright, None
        return self.places[:: max(1, math.ceil(self.size / max(each, 1e-9)))]


def name_ticks(
    axis: XAxis | YAxis,
    places: Sequence[float] | np.ndarray,
    names: Sequence[object],
    *,
    size: float = 9.0,
    upright: bool | None = None,
    turn: bool = False,
    longest: int = LONGEST,
) -> None:
    """Write names at evenly spaced places of an axis: all, or every second, third … where there is no room for all.

    A name takes at most two fifths of the figure.

    Parameters
    ----------
    axis : XAxis or YAxis
        `ax.xaxis` or `ax.yaxis`.
    places : sequence of float
        Where the names stand.
    names : sequence
        A name for each place.
    size : float
        Of the letters, in points.
    upright : bool, optional
        Whether names below a horizontal axis stand upright; None: where they would overlap.
    turn : bool
        Let them turn upright while they are drawn, if a layout leaves too little room for all.
    longest : int
        The most columns of a name.
    """
    figure = axis.axes.figure
    figure = cast(Figure, figure.figure if isinstance(figure, SubFigure) else figure)
    is_x = axis.axis_name == "x"
    wide, high = figure.get_figwidth(), figure.get_figheight()  # inches
    longest = int(min(longest, max(6, (high if is_x else wide) * 72 * SHARE / (LETTER * size))))
    texts = [label_text(name, longest) for name in names]
    across = max(map(columns, texts), default=1) * LETTER * size
    step = axis.axes.get_position().width * wide * 72 / max(1, len(texts))  # points between two names, roughly
    is_upright = is_x and (across + 4 > step if upright is None else upright)
    axis.set_ticks(list(places), texts, rotation=90 if is_upright else 0, fontsize=size)
    for label in axis.get_ticklabels():
        write_plainly(label)
    stacked = 1.25 * size  # points from one name to the next
    needed = across + 4 if is_x and not is_upright else stacked
    axis.set_major_locator(_Thinned(places, needed, stacked if turn else None))
    at = {float(place): text for place, text in zip(places, texts, strict=True)}
    axis.set_major_formatter(FuncFormatter(lambda value, _: at.get(float(value), "")))
    if others := other_families("".join(texts if DRAWS_RIGHT_TO_LEFT else map(drawn_order, texts))):
        for label in axis.get_ticklabels():
            label.set_fontfamily([*matplotlib.rcParams["font.family"], *others])
