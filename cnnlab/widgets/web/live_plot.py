"""Show a matplotlib figure in the browser that follows a control without delay."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import traitlets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from cnnlab.widgets.web.drawn_words import DrawnWords
from cnnlab.widgets.web.widget import WebWidget, read_asset

DPI = 100


class LivePlot(WebWidget):
    """Show one matplotlib figure. `freeze` draws the fixed artists once; `show` draws the moving ones, in milliseconds.

    `plot.figure` is a figure of its own, unknown to pyplot. Draw on `plot.figure.subplots()`, also with the functions
    of `cnnlab.plots`.

    Parameters
    ----------
    width, height : float
        Inches, at 100 dots per inch.
    label : str
        The words that a screen reader says; whoever changes the figure changes the label, too.
    cuts : sequence of int, optional
        Where a page that is too narrow cuts the picture, in pixels from its left edge: the parts then stand below each
        other. It may be changed with `show`.

    >>> plot = LivePlot(6, 3, label="loss over the epochs")
    >>> (cursor,) = plot.figure.subplots().plot([1], [0.5], "o")
    >>> plot.freeze([cursor])
    >>> cursor.set_data([2], [0.4])
    >>> plot.show()
    """

    summary = "a live plot"
    _esm = read_asset("live_plot.js")
    picture = traitlets.CBytes().tag(sync=True)  # in the format of run_lengths
    width = traitlets.Int(0).tag(sync=True)  # pixels
    height = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    is_outdated = traitlets.Bool(False).tag(sync=True)  # the next picture is being drawn; the page dims this one
    cuts = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, width: float, height: float, *, label: str, cuts: Sequence[int] = ()) -> None:
        self.figure = Figure((width, height), dpi=DPI, layout="constrained")
        self._canvas = FigureCanvasAgg(self.figure)
        self._words = DrawnWords(self._canvas)
        self._moving: Sequence[Artist] = []
        self._background = self._frozen = None
        super().__init__(width=round(width * DPI), height=round(height * DPI), label=label, cuts=list(cuts))

    def freeze(self, moving: Sequence[Artist], *, solve: bool = True) -> None:
        """Draw all artists but these, once; call it again after a change of the axes or of another fixed artist.

        Parameters
        ----------
        moving : sequence of Artist
            The artists that each `show` draws again.
        solve : bool
            Let matplotlib find room for the axes and their labels. False keeps the axes where they are, which takes
            half the time.
        """
        self.move(moving)
        self.figure.set_layout_engine("constrained" if solve else "none")
        self._canvas.draw()
        self.figure.set_layout_engine("none")  # no axes shift while a slider moves
        self._background = self._frozen = self._canvas.copy_from_bbox(self.figure.bbox)

    def freeze_on_top(self, artists: Sequence[Artist]) -> None:
        """Draw these artists on the frozen ones; they stay until the next call. For words that change now and then."""
        self._canvas.restore_region(self._frozen)
        for artist in artists:
            artist.set_animated(True)
            self.figure.draw_artist(artist)
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)

    def move(self, moving: Sequence[Artist]) -> None:
        """Replace the list of moving artists; the frozen ones stay."""
        self._moving = moving
        for artist in moving:
            artist.set_animated(True)

    def between(self, axes: Sequence[Axes]) -> list[int]:
        """Return the middles between Axes that stand side by side, in pixels from the left edge: places for `cuts`."""
        places = [ax.get_position() for ax in axes]
        return [round(self.width * (left.x1 + right.x0) / 2) for left, right in itertools.pairwise(places)]

    def show(self, **traits: object) -> None:
        """Draw the moving artists on the frozen ones, and send the picture with further traits, all in one message."""
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            if isinstance(artist, Text):
                self._words.draw(artist)
            else:
                self.figure.draw_artist(artist)
        self.send_together(picture=run_lengths(np.asarray(self._canvas.buffer_rgba())), **traits)

    def pixels(self) -> np.ndarray:
        """Return the picture that was sent last, uint8 (height, width, 4)."""
        count = len(self.picture) // 6
        colours = np.frombuffer(self.picture, "<u4", count)
        lengths = np.frombuffer(self.picture, "<u2", count, offset=4 * count)
        return np.repeat(colours, lengths).view(np.uint8).reshape(self.height, self.width, 4)


def run_lengths(pixels: np.ndarray) -> bytes:
    """Return RGBA pixels, uint8 (H, W, 4), run-length encoded: the colours of all runs, then the lengths of all runs.

    A run is a number of neighbours of one colour in a row. A colour has 4 bytes; a length is a uint16, low byte first.
    A plot has large areas of one colour, so that this is less than a quarter of its bytes. A PNG would be half as large
    again, but takes many times longer to encode, and the browser decodes it with a delay (benchmarks/panels.py).

    >>> run_lengths(np.zeros((1, 3, 4), np.uint8))
    b'\x00\x00\x00\x00\x03\x00'
    """
    colours = np.ascontiguousarray(pixels).view("<u4")[..., 0]  # (H, W)
    begins = np.ones(colours.shape, dtype=bool)  # each row begins a run
    begins[:, 1:] = colours[:, 1:] != colours[:, :-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=colours.size).astype("<u2")
    return colours.reshape(-1)[starts].tobytes() + lengths.tobytes()
