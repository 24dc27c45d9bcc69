"""Draw the words of a figure again from their pixels: matplotlib 3.11 takes 0.1 ms for each letter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

MOST = 300  # texts that are remembered; each takes some 20 kB
MARGIN = 2  # pixels around a text; smoothed edges reach beyond its measured extent


class _Drawing(NamedTuple):
    """The pixels of a text's rectangle, before and after it was drawn: uint8 (H, W, 4)."""

    place: tuple[slice, slice]
    before: np.ndarray
    after: np.ndarray


class DrawnWords:
    """Remember the pixels of texts that were drawn on one canvas, and put them there again.

    The pixels are those that matplotlib would draw: they are used only where the same text with the same look stands at
    the same place on the same pixels.

    >>> words = DrawnWords(canvas)
    >>> words.draw(ax.title)
    """

    def __init__(self, canvas: FigureCanvasAgg) -> None:
        self._canvas = canvas
        self._drawings: OrderedDict[Hashable, _Drawing] = OrderedDict()

    def draw(self, text: Text) -> None:
        """Draw a text on the canvas, from its pixels where they are known."""
        figure = self._canvas.figure
        is_clipped = text.get_clip_on() and (text.get_clip_box() or text.get_clip_path())
        if not text.get_visible() or not text.get_text() or text.get_bbox_patch() or is_clipped:
            figure.draw_artist(text)
            return
        pixels = np.asarray(self._canvas.buffer_rgba())  # (H, W, 4)
        key = _look(text)
        known = self._drawings.get(key)
        if known is not None and np.array_equal(pixels[known.place], known.before):
            self._drawings.move_to_end(key)
            pixels[known.place] = known.after
            return
        place = _rectangle(text, pixels.shape)
        before = pixels[place].copy()
        figure.draw_artist(text)
        self._drawings[key] = _Drawing(place, before, pixels[place].copy())
        if len(self._drawings) > MOST:
            self._drawings.popitem(last=False)


def _look(text: Text) -> Hashable:
    """Return all that decides how a text is drawn, and where."""
    place = tuple(text.get_transform().transform(text.get_unitless_position()))
    look = (str(text.get_color()), text.get_alpha(), hash(text.get_fontproperties()), text.get_parse_math())
    return (
        text.get_text(),
        place,
        text.get_rotation(),
        text.get_horizontalalignment(),
        text.get_verticalalignment(),
        *look,
    )


def _rectangle(text: Text, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of the canvas that a text can change."""
    height, width = shape[:2]
    box = text.get_window_extent().padded(MARGIN)
    rows = slice(max(0, int(height - box.y1)), min(height, int(height - box.y0) + 1))
    return rows, slice(max(0, int(box.x0)), min(width, int(box.x1) + 1))
