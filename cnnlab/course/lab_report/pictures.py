"""Turn figures into images for the page: in a style of their own, with alt texts, and with notes where one refuses."""

from __future__ import annotations

import base64
import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image as Pixels

from cnnlab.course.lab_report.announcements import announce
from cnnlab.course.lab_report.blocks import Image, Picture
from cnnlab.course.sentences import say
from cnnlab.errors import ConfigError, DataError
from cnnlab.plots.alt_text import alt_text
from cnnlab.plots.names import label_text, write_plainly
from cnnlab.plots.style import whole_figure, wrapped

DPI = 150
SCREEN = 96  # pixels to an inch, in a browser
LONGEST_TITLE = 120  # letters
COLOURS = 128  # of an image, which makes it a third as large
Drawing = Callable[[], Axes]


@contextlib.contextmanager
def plain_style() -> Iterator[None]:
    """Within the block, draw with matplotlib's own settings, and open no window."""
    with plt.style.context("default", after_reset=True), plt.ioff():
        yield


@contextlib.contextmanager
def noted(notes: list[str]) -> Iterator[None]:
    """Within the block, keep each warning of the course as a note, once, in place of writing it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = (str(warning.message) for warning in caught if issubclass(warning.category, UserWarning))
    notes += [message for message in dict.fromkeys(messages) if message not in notes]


def picture(caption: str, drawings: Sequence[Drawing]) -> Picture:
    """Return a picture with an image of each drawing; one that refuses leaves a note with its reason.

    Parameters
    ----------
    caption : str
        What is shown, and how to read it.
    drawings : sequence of function
        Each makes a new figure, and returns Axes of it.
    """
    result = Picture(caption, [])
    for number, draw in enumerate(drawings, start=1):
        announce(f"picture {number} of {len(drawings)}")
        before = set(plt.get_fignums())
        with noted(result.notes):
            try:
                result.images.append(to_image(whole_figure(draw())))
            except (ConfigError, DataError) as error:
                result.notes.append(say("Not drawn: {error}.", error=error))
            finally:
                for figure in set(plt.get_fignums()) - before:
                    plt.close(figure)
    return result


def to_image(figure: Figure) -> Image:
    """Return a figure as an image with its alt text, to be shown at the size that the figure has in inches."""
    figure.set_dpi(DPI)
    canvas, small = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()
    drawn = Pixels.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    pixels = drawn.quantize(COLOURS, dither=Pixels.Dither.NONE)
    pixels.save(small, format="PNG", optimize=True)
    return Image(base64.b64encode(small.getvalue()).decode(), alt_text(figure) or "a plot", *_shown_size(pixels))


def plain_title(ax: Axes, name: str, *, fontsize: float = 10) -> None:
    """Give Axes a title that is a setting or a data set: as it is, in lines no wider than the Axes."""
    width = 72 * whole_figure(ax).get_figwidth() * ax.get_position().width  # points
    words = wrapped(label_text(name, LONGEST_TITLE), width / (0.6 * fontsize))
    write_plainly(ax.set_title(words, fontsize=fontsize))


def _shown_size(pixels: Pixels.Image) -> tuple[int, int]:
    return round(pixels.width * SCREEN / DPI), round(pixels.height * SCREEN / DPI)
