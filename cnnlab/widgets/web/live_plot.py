"""Plots in the browser that follow a control: a matplotlib figure of our own → what moves on it → its pixels."""

from __future__ import annotations

import numpy as np
import traitlets
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cnnlab.widgets.web.widget import Live, file

DPI = 100


class LivePlot(Live):
    """One matplotlib figure in the page. What stands still is drawn once; `show` draws what moves, in milliseconds.

    width and height: inches, at 100 dots an inch. label: what a screen reader says; the panel keeps it true.
    The figure is private, never pyplot's: draw on `plot.figure.subplots()`, by our own plot functions, too.

    >>> plot = LivePlot(6, 3, label="loss over the epochs")
    >>> (cursor,) = plot.figure.subplots().plot([1], [0.5], "o")
    >>> plot.freeze([cursor])
    >>> cursor.set_data([2], [0.4])
    >>> plot.show()
    """

    what = "a live plot"
    _esm = file("live_plot.js")
    picture = traitlets.CBytes().tag(sync=True)  # see run_lengths
    width = traitlets.Int(0).tag(sync=True)  # pixels
    height = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init__(self, width: float, height: float, *, label: str) -> None:
        self.figure = Figure((width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(self.figure)
        self._moving: list[Artist] = []
        self._background = self._frozen = None
        super().__init__(width=round(width * DPI), height=round(height * DPI), label=label)

    def freeze(self, moving: list[Artist], *, solve: bool = True) -> None:
        """Draw everything but these artists, once. Call it again after the axes, or anything that stands, changed.

        solve=False keeps the places of the axes as they are, which takes half the time.
        """
        self.move(moving)
        self.figure.set_layout_engine("constrained" if solve else "none")
        self.figure.canvas.draw()
        self.figure.set_layout_engine("none")  # nothing shifts while a slider moves
        self._background = self._frozen = self.figure.canvas.copy_from_bbox(self.figure.bbox)

    def freeze_on_top(self, artists: list[Artist]) -> None:
        """Draw these on what `freeze` has drawn. They stand until the next call: words that change now and then."""
        canvas = self.figure.canvas
        canvas.restore_region(self._frozen)
        for artist in artists:
            artist.set_animated(True)
            self.figure.draw_artist(artist)
        self._background = canvas.copy_from_bbox(self.figure.bbox)

    def move(self, moving: list[Artist]) -> None:
        """Let these artists move in place of those that did, on what `freeze` has drawn."""
        self._moving = moving
        for artist in moving:
            artist.set_animated(True)

    def show(self, **traits: object) -> None:
        """Draw what moves on what stands, and send it with further traits, all in one message."""
        canvas = self.figure.canvas
        canvas.restore_region(self._background)
        for artist in self._moving:
            self.figure.draw_artist(artist)
        self.send_together(picture=run_lengths(np.asarray(canvas.buffer_rgba())), **traits)


def run_lengths(pixels: np.ndarray) -> bytes:
    """Return RGBA pixels, uint8 (H, W, 4), run-length encoded: each run's colour, 4 bytes, then each length.

    A run is a row's neighbours of one colour; its length is a uint16, low byte first. A plot is flat: this is less than
    a quarter of its bytes. A PNG would be less than half of that, but takes many times as long to make, and the browser
    decodes it in its own time (benchmarks/panels.py).

    >>> run_lengths(np.zeros((1, 3, 4), np.uint8))
    b'\x00\x00\x00\x00\x03\x00'
    """
    colours = np.ascontiguousarray(pixels).view("<u4")[..., 0]  # (H, W)
    begins = np.ones(colours.shape, dtype=bool)  # each row with a new run
    begins[:, 1:] = colours[:, 1:] != colours[:, :-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=colours.size).astype("<u2")
    return colours.reshape(-1)[starts].tobytes() + lengths.tobytes()
