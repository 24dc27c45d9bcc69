"""Draw what a panel shows into one figure, for notebooks that are read where no panel can run."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Iterator

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, HIGHER, LOWER, WORSE
from cnnlab.model.convolution import format_number
from cnnlab.plots.alt_text import LONGEST as LONGEST_ALT
from cnnlab.plots.alt_text import cut_to
from cnnlab.plots.names import label_text, write_plainly
from cnnlab.plots.style import PAGE, wrapped
from cnnlab.widgets.web.canvas import NumberGrid, PixelCanvas
from cnnlab.widgets.web.drawing_canvas import SIDE, DrawingCanvas
from cnnlab.widgets.web.live_plot import LivePlot

Picture = PixelCanvas | NumberGrid | DrawingCanvas | LivePlot
DPI = 100
# A reader's cell may be 365 pixels wide, as in plots/style.py: a narrow picture keeps its letters large there.
NARROWEST, WIDEST = 420, round(PAGE * DPI)  # pixels; a picture is no wider than its plots
GAP = 14  # pixels between two pictures
SIZE = 10  # points of the words
LINE = 19  # pixels of a line of words
LETTER = 8.3  # pixels of a letter, about
MOST = 3  # pictures in a line; a plot has a line of its own
LONGEST = 2000  # letters of a paragraph
VERDICTS = (BETTER, WORSE, HIGHER, LOWER, CANNOT_TELL)
COLOURS = 96  # of the PNG, so that a notebook stays small; as many as tools/execute_notebooks.py leaves


def draw_panel(panel: ipywidgets.VBox, words: str) -> Figure:
    """Return a figure with the pictures of a panel as they are now, the values of its controls, and these words.

    >>> draw_panel(ConvolutionExplorer(), "row 14, column 14: 9 products, sum −0.33")
    """
    rows = _rows_of(panel)
    page = _page_width(rows)
    rows = [line for row in rows for line in _lines(row, page)]
    lines = _in_lines(_settings(panel), page)[:8] + _in_lines(words, page)
    titles = [LINE * max(len(_words_of(part, width)[0]) for part, width in row) for row in rows]
    heights = [max(_height(part, width) for part, width in row) for row in rows]
    total = sum(titles) + sum(heights) + GAP * (len(rows) + 1) + LINE * len(lines)
    figure = Figure((page / DPI, total / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    top = GAP
    for row, title, height in zip(rows, titles, heights, strict=True):
        left = GAP
        for part, width in row:
            _draw(figure, part, left, top + title, width)
            left += width + GAP
        top += title + height + GAP
    for place, line in enumerate(lines):
        y = 1 - (top + LINE * place) / total
        write_plainly(figure.text(GAP / page, y, line, va="top", fontsize=SIZE, color="0.2"))
    return figure


def alt_text_of(panel: ipywidgets.VBox, words: str) -> str:
    """Return these words and the labels of a panel's pictures, in at most LONGEST_ALT letters; verdicts come first.

    >>> alt_text_of(ConvolutionExplorer(), "row 14, column 14: 9 products, sum −0.33")
    """
    words = " ".join(words.split())
    labels = [_without_repetition(part, words) for row in _rows_of(panel) for part in row]
    verdicts = [label for label in labels if any(verdict in label for verdict in VERDICTS)]
    others = [label for label in labels if label not in verdicts]
    sentences = dict.fromkeys([*verdicts, words, *others])  # each once
    return cut_to(f"{type(panel).__name__}: " + ". ".join(text.rstrip(".") for text in sentences if text), LONGEST_ALT)


def _without_repetition(part: Picture, words: str) -> str:
    """Return the label of a picture without what these words say already, and without what the keys do."""
    if isinstance(part, DrawingCanvas):  # its label says no more than how to draw
        return part.title
    if isinstance(part, PixelCanvas):
        return part.label.partition("; the arrow keys")[0]
    label = " ".join(part.label.split())
    first, *rest = re.split(r"[:;] ", label, maxsplit=1)
    return first if rest and rest[0] in words else label


def png_of(figure: Figure) -> bytes:
    """Return the figure as a PNG of few colours: a third of the bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    file = io.BytesIO()
    method = Image.Quantize.MAXCOVERAGE  # the usual one loses rare colours, such as the yellow of a cursor
    small = pixels.quantize(COLOURS, method, kmeans=1, dither=Image.Dither.NONE)  # without kmeans, grey is brown
    small.save(file, format="png", optimize=True)
    return file.getvalue()


def plain_words(status: str) -> str:
    """Return the words of a status line, whose value is HTML.

    >>> plain_words('<span class="cnnlab-error">3 &lt; 5</span>')
    '3 < 5'
    """
    return html.unescape(re.sub(r"<[^>]*>", "", status))


def _is_shown(widget: ipywidgets.Widget) -> bool:
    layout = getattr(widget, "layout", None)
    return layout is None or (layout.display != "none" and layout.visibility != "hidden")


def _rows_of(widget: ipywidgets.Widget) -> list[list[Picture]]:
    """Return the pictures in the widget, row by row: a VBox stacks its children, any other box has them in one row."""
    if not _is_shown(widget):
        return []
    if isinstance(widget, Picture):
        return [[widget]]
    inside = [row for child in getattr(widget, "children", ()) for row in _rows_of(child)]
    if isinstance(widget, ipywidgets.VBox) or not inside:
        return inside
    return [[part for row in inside for part in row]]


def _page_width(rows: list[list[Picture]]) -> int:
    """Return the width of the picture of a panel with these rows, in pixels."""
    plots = [_natural_width(part) + 2 * GAP for row in rows for part in row if isinstance(part, LivePlot)]
    return min(WIDEST, max([NARROWEST, *plots])) if plots else WIDEST


def _lines(row: list[Picture], page: int) -> Iterator[list[tuple[Picture, int]]]:
    """Yield the pictures of a row in short lines, each with its width in pixels; all have one scale."""
    most = 1 if any(isinstance(part, LivePlot) for part in row) else MOST
    size = math.ceil(len(row) / math.ceil(len(row) / most))
    lines = [row[start : start + size] for start in range(0, len(row), size)]
    scales = [(page - GAP * (len(line) + 1)) / sum(map(_natural_width, line)) for line in lines]
    for line in lines:
        yield [(part, round(min(1, *scales) * _natural_width(part))) for part in line]


def _settings(panel: ipywidgets.Widget) -> str:
    """Return the controls of the panel with their values, such as "image 0 · kernel size 3"."""
    parts = []
    for widget in _shown_in(panel):
        name, value = getattr(widget, "description", ""), getattr(widget, "value", None)
        if name and isinstance(value, str | int | float | bool) and not isinstance(widget, ipywidgets.FloatProgress):
            label = getattr(widget, "label", None)  # of a choice: what the person sees
            number = f"{value:.4g}" if isinstance(value, float) else value
            shown = ("yes" if value else "no") if isinstance(value, bool) else label or number
            parts.append(f"{name}: {shown}")
    return " · ".join(parts)


def _shown_in(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    if _is_shown(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from _shown_in(child)


def _natural_width(part: Picture) -> int:
    return _pixels(part).shape[1] if isinstance(part, LivePlot) else part.display_width


def _pixels(part: Picture) -> np.ndarray:
    """Return what the picture shows, uint8 (H, W, 4)."""
    if isinstance(part, LivePlot):
        return _stacked(part) if part.width > WIDEST else part.pixels()
    if isinstance(part, DrawingCanvas):
        grey = np.frombuffer(part.ink, np.uint8).reshape(SIDE, SIDE, 1)
        return np.concatenate([grey, grey, grey, np.full_like(grey, 255)], axis=-1)
    width = part.columns if isinstance(part, NumberGrid) else part.width
    return np.frombuffer(part.pixels, np.uint8).reshape(-1, width, 4)


def _stacked(plot: LivePlot) -> np.ndarray:
    """Return the parts of a plot below each other, as a narrow page shows them; uint8 (H, W, 4)."""
    parts = np.split(plot.pixels(), plot.cuts, axis=1)
    width = max(part.shape[1] for part in parts)
    filled = [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=255) for part in parts]
    return np.concatenate(filled)


def _words_of(part: Picture, width: int) -> tuple[list[str], list[str]]:
    """Return the lines above and below a picture of this width; how to draw with keys is no word for a reader."""
    above = getattr(part, "title", "")
    below = "" if isinstance(part, DrawingCanvas) else getattr(part, "caption", "").split("\n")[0]
    return _in_lines(above, width), _in_lines(below, width)


def _in_lines(words: str, width: int) -> list[str]:
    """Return words as the lines in which they stand on a picture of this width, in pixels."""
    paragraphs = [label_text(paragraph, LONGEST) for paragraph in words.split("\n")]
    return [line for words in paragraphs if words for line in wrapped(words, max(12, int(width / LETTER))).split("\n")]


def _height(part: Picture, width: int) -> int:
    """Return the height of a picture of this width with the words below it, in pixels."""
    rows, columns, _ = _pixels(part).shape
    return round(width * rows / columns) + LINE * len(_words_of(part, width)[1])


def _draw(figure: Figure, part: Picture, left: int, top: int, width: int) -> None:
    """Draw a picture with its words; left, top and width are in pixels of the figure."""
    pixels, (above, below) = _pixels(part), _words_of(part, width)
    page, total = (round(inches * DPI) for inches in figure.get_size_inches())
    height = round(width * pixels.shape[0] / pixels.shape[1])
    ax = figure.add_axes((left / page, 1 - (top + height) / total, width / page, height / total))
    ax.imshow(pixels, interpolation="antialiased" if isinstance(part, LivePlot) else "nearest", aspect="auto")
    ax.set_axis_off()
    _draw_marks(ax, part)
    for words, y, look in ((above, top - 3, ("bottom", "black")), (below, top + height + 2, ("top", "0.3"))):
        place = {"va": look[0], "color": look[1], "fontsize": SIZE}
        write_plainly(figure.text(left / page, 1 - y / total, "\n".join(words), **place))


def _draw_marks(ax: Axes, part: Picture) -> None:
    """Draw the cursor and the marked rectangle of a canvas, or the numbers of a table."""
    if isinstance(part, PixelCanvas):
        marks = [part.rectangle, [*part.cursor, 1, 1] if part.cursor else []]
        for row, column, rows, columns in filter(None, marks):
            frame = {"fill": False, "edgecolor": "#e69f00", "linewidth": 1.5}
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), columns, rows, **frame))
    if isinstance(part, NumberGrid):
        size = min(SIZE, 36 / part.columns)  # points
        for place, value in enumerate(part.values):
            row, column = divmod(place, part.columns)
            red, green, blue, _ = part.pixels[4 * place : 4 * place + 4]
            ink = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"  # as in number_grid.js
            text = value if isinstance(value, str) else format_number(value)
            write_plainly(ax.text(column, row, text, ha="center", va="center", fontsize=size, color=ink))
