"""Show pictures and tables of numbers in the browser, one colour for each value."""

from __future__ import annotations

import matplotlib
import numpy as np
import traitlets
from torch import Tensor

from cnnlab.model.convolution import format_number
from cnnlab.widgets.web.widget import WebWidget, read_asset

# Blue below zero, white at zero, red above: RdBu of C. Brewer's ColorBrewer 2.0, safe for colour-blind readers;
# matplotlib calls it "RdBu_r".
_BLUE_TO_RED = [
    "053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7", "fddbc7", "f4a582", "d6604d", "b2182b", "67001f",
]  # fmt: skip
_VIRIDIS = matplotlib.colormaps["viridis"]  # looked up once: each look-up makes a new copy and its table
_ANCHORS = np.array([list(bytes.fromhex(colour)) for colour in _BLUE_TO_RED])  # (11, 3)


def grey_pixels(values: Tensor) -> np.ndarray:
    """Return RGBA pixels, uint8 (H, W, 4), for values (H, W) in 0–1: black at 0, white at 1.

    >>> grey_pixels(torch.ones(1, 1))[0, 0].tolist()
    [255, 255, 255, 255]
    """
    grey = np.rint(values.numpy(force=True).clip(0, 1) * 255)
    return _with_alpha(np.repeat(grey[..., None], 3, axis=-1))


def diverging_pixels(values: Tensor, limit: float) -> np.ndarray:
    """Return RGBA pixels, uint8 (H, W, 4), for signed values (H, W): blue at -limit, white at 0, red at limit.

    Values beyond the limit have the limit's colour. If limit is 0, all pixels are white.

    >>> diverging_pixels(torch.zeros(1, 1), limit=1)[0, 0].tolist()
    [247, 247, 247, 255]
    """
    share = values.numpy(force=True) / limit if limit > 0 else np.zeros(values.shape)
    place = (share.clip(-1, 1) + 1) / 2 * (len(_ANCHORS) - 1)  # 0 to 10
    channels = [np.interp(place, np.arange(len(_ANCHORS)), channel) for channel in _ANCHORS.T]
    return _with_alpha(np.rint(np.stack(channels, axis=-1)))


def blue_to_red(limit: float) -> str:
    """Describe the colours of `diverging_pixels` in words.

    >>> blue_to_red(0.5)
    'blue −0.50, white 0, red 0.50'
    """
    number = format_number(limit) if limit >= 0.01 else f"{limit:.1g}"  # never "0.00"
    return f"blue −{number}, white 0, red {number}" if limit else "all zero"


def sequential_pixels(values: Tensor, limit: float) -> np.ndarray:
    """Return RGBA pixels, uint8 (H, W, 4), for magnitudes (H, W): dark at 0, yellow at limit.

    The colours are those of every plot of feature maps.

    >>> sequential_pixels(torch.zeros(1, 1), limit=1)[0, 0].tolist()
    [68, 1, 84, 255]
    """
    share = values.numpy(force=True) / limit if limit > 0 else np.zeros(values.shape)
    return _VIRIDIS(share.clip(0, 1), bytes=True)


def _with_alpha(colours: np.ndarray) -> np.ndarray:
    """Return colours (H, W, 3) in 0–255 as opaque RGBA, uint8 (H, W, 4)."""
    rgba = np.full((*colours.shape[:2], 4), 255, dtype=np.uint8)
    rgba[..., :3] = colours
    return rgba


class PixelCanvas(WebWidget):
    """Show a picture, with a cursor and a marked rectangle.

    Attributes
    ----------
    pixels : bytes
        RGBA, row by row, height × width × 4.
    width, height : int
        The size of the picture in pixels.
    display_width : int
        The width in the page, in CSS pixels; less on a narrow page.
    interactive : bool
        Let the pointer and the arrow keys move the cursor.
    cursor : list
        [row, column], or [] for no cursor.
    rectangle : list
        [top, left, height, width] of a marked area, which may reach beyond the picture, or [] for none.
    title, caption : str
        The words above and below the picture.
    label : str
        The words that a screen reader says.

    >>> canvas = PixelCanvas(title="Input", label="input")
    >>> canvas.show(grey_pixels(torch.rand(28, 28)))
    """

    summary = "a live picture"
    _esm = read_asset("canvas.js")
    pixels = traitlets.CBytes().tag(sync=True)
    width = traitlets.Int(0).tag(sync=True)
    height = traitlets.Int(0).tag(sync=True)
    display_width = traitlets.Int(252).tag(sync=True)
    interactive = traitlets.Bool(False).tag(sync=True)
    cursor = traitlets.List(traitlets.Int()).tag(sync=True)
    rectangle = traitlets.List(traitlets.Int()).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def show(self, picture: np.ndarray, **traits: object) -> None:
        """Show the picture, uint8 (H, W, 4), and set further traits, all in one message."""
        height, width, _ = picture.shape
        self.send_together(width=width, height=height, pixels=picture.tobytes(), **traits)


class NumberGrid(WebWidget):
    """Show a table of numbers, each on a colour of its own.

    Attributes
    ----------
    values : list
        Row by row: numbers from Python, and the text that a person has typed from the browser.
    columns : int
        The number of values in a row.
    pixels : bytes
        RGBA of the background of each number.
    display_width : int
        The width in the page, in CSS pixels; less on a narrow page.
    editable : bool
        Let a person type other numbers.
    title : str
        The words above the table.
    label : str
        The words that a screen reader says.

    >>> grid = NumberGrid(title="Kernel", label="kernel", editable=True)
    >>> grid.show(kernel, diverging_pixels(kernel, limit=1))
    """

    summary = "a live table of numbers"
    _esm = read_asset("number_grid.js")
    values = traitlets.List().tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    pixels = traitlets.CBytes().tag(sync=True)
    display_width = traitlets.Int(252).tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def show(self, numbers: Tensor, picture: np.ndarray, **traits: object) -> None:
        """Show numbers (H, W) on the colours of picture, uint8 (H, W, 4), and set further traits, in one message."""
        values, pixels = numbers.flatten().tolist(), picture.tobytes()
        self.send_together(columns=numbers.shape[1], values=values, pixels=pixels, **traits)
