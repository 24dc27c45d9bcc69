"""A sheet to draw on, with mouse, finger, pen or keys: strokes in the browser → ink in Python, and back."""

from __future__ import annotations

import numpy as np
import torch
import traitlets
from torch import Tensor

from cnnlab.errors import ConfigError
from cnnlab.widgets.web.widget import Live, file

SIDE = 112  # pixels: four for each of an MNIST picture
PEN = 11  # pixels wide; a digit as high as the sheet then has strokes of two MNIST pixels, a smaller one thicker ones
EMPTY = bytes(SIDE * SIDE)


class DrawingCanvas(Live):
    """A sheet to draw on; each stroke is sent while it is drawn, and every view of the sheet shows it.

    ink: grey bytes, row by row, 112 × 112: 0 is empty, 255 full ink. title stands above, caption below; label is what
    a screen reader says. display_width: CSS pixels, less where there is less room.

    >>> sheet = DrawingCanvas(title="Draw a digit", label="drawing")
    >>> sheet.show(torch.rand(112, 112))
    """

    what = "a live sheet to draw on"
    _esm = file("drawing_canvas.js")
    ink = traitlets.CBytes(EMPTY).tag(sync=True, echo_update=False)  # the browser knows what it has drawn
    side = traitlets.Int(SIDE, read_only=True).tag(sync=True)
    pen = traitlets.Int(PEN).tag(sync=True)
    display_width = traitlets.Int(350).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def show(self, ink: Tensor) -> None:
        """Put ink (112, 112), 0–1, on the sheet, in place of what was drawn."""
        self.ink = np.rint(ink.numpy(force=True).clip(0, 1) * 255).astype(np.uint8).tobytes()

    def clear(self) -> None:
        """Take all ink off the sheet."""
        self.ink = EMPTY

    def read(self) -> Tensor:
        """Return what is drawn, float (112, 112), 0–1."""
        if len(self.ink) != len(EMPTY):
            raise ConfigError(f"the drawing must be {SIDE}×{SIDE} bytes, got {len(self.ink)}; clear it and draw again")
        return torch.from_numpy(np.frombuffer(self.ink, dtype=np.uint8).reshape(SIDE, SIDE).astype(np.float32) / 255)
