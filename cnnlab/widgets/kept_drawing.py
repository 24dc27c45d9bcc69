"""Keep the last drawing of DrawDigit in the course folder, so that it outlives the cell and the kernel."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from PIL import Image

from cnnlab.files import atomic_write, course_folder
from cnnlab.widgets.web.drawing_canvas import EMPTY, SIDE


class KeptDrawing:
    """The file of the last drawing, a grey PNG that all sheets share.

    Attributes
    ----------
    path : Path
        The file; it is there as long as something is drawn.

    >>> KeptDrawing().read()   # as `DrawingCanvas.ink`; None if nothing is kept
    """

    def __init__(self) -> None:
        self.path = course_folder() / "drawing.png"

    def read(self) -> bytes | None:
        """Return the ink of the last drawing; None if there is none, or if the file is no drawing of a sheet."""
        # Whatever is wrong with the file, the sheet is empty then.
        with contextlib.suppress(Exception), Image.open(self.path) as picture:
            return picture.convert("L").tobytes() if picture.size == (SIDE, SIDE) else None
        return None

    def keep(self, ink: bytes) -> None:
        """Write the ink of a sheet, or remove the file if the sheet is empty; raise OSError if that cannot be."""
        if ink == EMPTY:
            self.path.unlink(missing_ok=True)
            return
        file = io.BytesIO()
        Image.fromarray(np.frombuffer(ink, np.uint8).reshape(SIDE, SIDE)).save(file, "PNG")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.path, file.getvalue())
