"""Plots in the browser that follow a control: a matplotlib figure of our own → what moves on it → a PNG."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_HERE = Path(__file__).parent  # its files are given as text: anywidget would keep a widget with paths for ever
DPI = 100


class LivePlot(anywidget.AnyWidget):
    """One matplotlib figure in the page. What stands still is drawn once; `show` draws what moves, in milliseconds.

    width and height: inches, at 100 dots an inch. label: what a screen reader says; the panel keeps it true.
    The figure is private, never pyplot's: draw on `plot.figure.subplots()`, by our own plot functions, too.

    >>> plot = LivePlot(6, 3, label="loss over the epochs")
    >>> (cursor,) = plot.figure.subplots().plot([1], [0.5], "o")
    >>> plot.freeze([cursor])
    >>> cursor.set_data([2], [0.4])
    >>> plot.show()
    """

    _esm = (_HERE / "live_plot.js").read_text("utf-8")
    _css = (_HERE / "panel.css").read_text("utf-8")
    png = traitlets.CBytes().tag(sync=True)
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
        with self.hold_sync():
            self.png = to_png(np.asarray(canvas.buffer_rgba()))
            for name, value in traits.items():
                self.set_trait(name, value)

    def __repr__(self) -> str:
        return "<LivePlot: a live plot>"


def to_png(pixels: np.ndarray) -> bytes:
    """Return RGBA pixels, uint8 (H, W, 4), as a PNG (W3C, Portable Network Graphics, 2003), for the time of a glance.

    Pillow weighs five filters for each row, which helps photos and not plots: it takes 2.5 times as long, and its files
    are larger (benchmarks/panels.py).
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 4 * width), dtype=np.uint8)  # each begins with the number of its filter: 0, none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits a channel; 6: red, green, blue, alpha
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows, level=1), b"IEND": b""}
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
