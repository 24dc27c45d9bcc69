"""Show a sheet on which a person draws with mouse, finger, pen or keys; Python reads the ink."""

from __future__ import annotations

import numpy as np
import torch
import traitlets
from torch import Tensor

from cnnlab.data.digits import check_ink
from cnnlab.errors import ConfigError
from cnnlab.widgets.web.widget import WebWidget, read_asset

SIDE = 112  # pixels of the sheet: four times the 28 of an MNIST image
PEN = 11  # pixels; a digit as high as the sheet has strokes two MNIST pixels wide, a smaller digit wider ones
EMPTY = bytes(SIDE * SIDE)


class DrawingCanvas(WebWidget):
    """Show a sheet to draw on. Each stroke is sent while it is drawn, and every view of the sheet shows it.

    Attributes
    ----------
    ink : bytes
        Grey, row by row, 112 × 112: 0 is empty, 255 is full ink.
    pen : int
        The width of the pen, in pixels of the sheet.
    display_width : int
        The width in the page, in CSS pixels; less on a narrow page.
    title, caption : str
        The words above and below the sheet.
    label : str
        The words that a screen reader says.

    >>> sheet = DrawingCanvas(title="Draw a digit", label="drawing")
    >>> sheet.show(torch.rand(112, 112))
    """

    summary = "a live sheet to draw on"
    _esm = read_asset("drawing_canvas.js")
    ink = traitlets.CBytes(EMPTY).tag(sync=True, echo_update=False)  # the browser has it already
    side = traitlets.Int(SIDE, read_only=True).tag(sync=True)
    pen = traitlets.Int(PEN).tag(sync=True)
    display_width = traitlets.Int(350).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def show(self, ink: Tensor) -> None:
        """Replace the drawing by ink, float (112, 112) in 0–1; raise ConfigError for other ink."""
        check_ink(ink)
        if ink.shape != (SIDE, SIDE):
            got = f"got {tuple(ink.shape)}; as_mnist(ink, scale=4) resizes it"
            raise ConfigError(f"ink must have the shape ({SIDE}, {SIDE}), {got}")
        self.ink = np.rint(ink.float().numpy(force=True) * 255).astype(np.uint8).tobytes()

    def clear(self) -> None:
        """Remove all ink from the sheet."""
        self.ink = EMPTY

    def read(self) -> Tensor:
        """Return the drawing, float (112, 112) in 0–1; raise ConfigError if the browser sent another size."""
        if len(self.ink) != len(EMPTY):
            raise ConfigError(f"the drawing must be {SIDE}×{SIDE} bytes, got {len(self.ink)}; clear it and draw again")
        return torch.from_numpy(np.frombuffer(self.ink, dtype=np.uint8).reshape(SIDE, SIDE).astype(np.float32) / 255)
