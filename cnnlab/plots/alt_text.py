"""Say in words what a figure shows: the alt text of every picture in a notebook, from the data that it draws.

Jupyter stores the words with the picture, in the metadata of the output: `{"image/png": {"alt": "…"}}`.
"""

from __future__ import annotations

import re
import sys
import weakref

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

LONGEST = 300  # letters
_SAID: weakref.WeakKeyDictionary[Axes | Figure, str] = weakref.WeakKeyDictionary()


def describe(shown: Axes | Figure, words: str) -> None:
    """Set the alt text of Axes or of a whole figure, in place of the one that `alt_text` makes.

    >>> describe(ax, f"Saliency of a {name}: {share:.0%} of it lies on the digit.")
    """
    _SAID[shown] = words


def alt_text(figure: Figure) -> str:
    """Return what the figure shows, in at most 300 letters: what `describe` was given, else titles, labels and ranges.

    >>> alt_text(plot_history(history).figure)
    'loss (nats) over epoch 1 to 5: training from 1.9 to 0.42; validation from 1.2 to 0.51.'
    """
    axes = [part for ax in figure.axes if ax.get_visible() for part in (ax, *ax.child_axes)]
    axes = [ax for ax in axes if not hasattr(ax, "_colorbar")]
    title = _plain(figure.get_suptitle())
    parts = [_SAID[figure]] if figure in _SAID else list(filter(None, map(_describe_axes, axes)))
    count = f"{len(parts)} plots. " if len(parts) > 1 else ""
    words = f"{title}. " if title else ""
    room = LONGEST - len(words) - len(count)
    each = max(40, room // max(1, len(parts)) - 2)
    return _cut(words + count + " ".join(_cut(part, each if len(parts) > 1 else room) for part in parts), LONGEST)


def show_in_jupyter() -> None:
    """Let Jupyter store the alt text with every figure that it shows; in plain Python do nothing.

    A formatter of whole bundles, unlike one of PNGs, stays when the
    inline backend starts or `%config InlineBackend` chooses another format.
    """
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()) is not None:
        shell.display_formatter.mimebundle_formatter.for_type(Figure, _metadata_alone)


def _metadata_alone(figure: Figure, **_options: object) -> tuple[dict, dict]:
    """Return no data, and the metadata of the PNG that Jupyter makes."""
    return {}, {"image/png": {"alt": alt_text(figure)}}


def _describe_axes(ax: Axes) -> str:
    """Return a sentence on the Axes: their title, and what is drawn on them; "" for empty ones."""
    if ax in _SAID:
        return _SAID[ax]
    title, drawn = _plain(ax.get_title()), next(filter(None, (look(ax) for look in LOOKS)), "")
    return f"{': '.join(filter(None, [title, drawn]))}." if title or drawn else ""


def _axis(ax: Axes) -> str:
    """Return "accuracy over epoch", from the labels of both axes."""
    return " over ".join(filter(None, [_plain(ax.get_ylabel()), _plain(ax.get_xlabel())]))


def _lines(ax: Axes) -> str:
    """Describe the curves: each by its name, its first and last value, and a lowest or highest value between them."""
    curves = [(line, *_finite(line.get_xdata(), line.get_ydata())) for line in ax.lines if line.get_visible()]
    curves = [curve for curve in curves if len(curve[1]) > 2 or (len(curve[1]) == 2 and curve[1][0] != curve[1][1])]
    curves = [curve for curve in curves if curve[0].get_transform() == ax.transData]
    if not curves:
        return ""
    lowest, highest = min(xs.min() for _, xs, _ in curves), max(xs.max() for _, xs, _ in curves)
    where = f"{_axis(ax) or 'curves'} {_number(lowest)} to {_number(highest)}"
    names = [_plain(str(line.get_label())) for line, *_ in curves]
    named = [(name, ys) for name, (_, _, ys) in zip(names, curves, strict=True) if name and not name.startswith("_")]
    if not named or len(named) > 6:
        ends = [ys[-1] for _, _, ys in curves]
        return f"{where}: {len(curves)} curves that end between {_number(min(ends))} and {_number(max(ends))}"
    return f"{where}: {'; '.join(f'{name} {_course(ys)}' for name, ys in named)}"


def _course(values: np.ndarray) -> str:
    """Describe how values go from the first to the last, and name an extreme between them."""
    first, last, low, high = values[0], values[-1], values.min(), values.max()
    words = f"from {_number(first)} to {_number(last)}"
    if low < min(first, last) - 0.05 * (high - low):
        words += f", lowest {_number(low)}"
    if high > max(first, last) + 0.05 * (high - low):
        words += f", highest {_number(high)}"
    return words


def _images(ax: Axes) -> str:
    """Describe the images: their number or size, the titles on them, and the range of their colours."""
    if not ax.images:
        return ""
    titles = [_plain(text.get_text()) for text in ax.texts if text.get_text().strip()]
    scale = next((getattr(image, "colorbar", None) for image in ax.images), None)
    label = _plain(scale.ax.get_ylabel() or scale.ax.get_xlabel()) if scale else ""
    low, high = ax.images[0].get_clim()
    grey = ax.images[0].get_cmap().name.startswith(("gr", "Gr")) or np.ndim(ax.images[0].get_array()) == 3
    colours = "" if grey else f"{label or 'values'} from {_number(low)} to {_number(high)}"
    if titles:
        many = f"{len(titles)} labels: " if len(titles) > 1 else ""
        return ", ".join(filter(None, [_axis(ax), colours, f"{many}{', '.join(titles)}"]))
    rows, columns = np.shape(ax.images[0].get_array())[:2]
    size = f"image of {rows}×{columns} pixels, mean {_number(float(np.nanmean(ax.images[0].get_array())))}"
    return ", ".join(filter(None, [size, _axis(ax), colours]))


def _bars(ax: Axes) -> str:
    """Describe bars: the lowest and the highest of them, by the labels below them."""
    groups = [group for group in ax.containers if hasattr(group, "patches") and len(group.patches)]
    bars = [bar for group in groups for bar in group.patches]
    if not bars:
        return ""
    sideways = getattr(groups[0], "orientation", "vertical") == "horizontal"
    sizes = np.array([bar.get_width() if sideways else bar.get_height() for bar in bars])
    place = int(np.nanargmax(sizes))
    middle = bars[place].get_y() + bars[place].get_height() / 2 if sideways else bars[place].get_x()
    middle += 0 if sideways else bars[place].get_width() / 2
    ticks = (ax.get_yticks(), ax.get_yticklabels()) if sideways else (ax.get_xticks(), ax.get_xticklabels())
    at = next((_plain(text.get_text()) for tick, text in zip(*ticks, strict=True) if abs(tick - middle) < 0.45), "")
    highest = f"highest {_number(sizes[place])} at {at or _number(middle)}"
    return f"{_axis(ax) or 'values'}: {len(bars)} bars, lowest {_number(np.nanmin(sizes))}, {highest}"


def _histograms(ax: Axes) -> str:
    """Describe histograms: the range of the values, where the highest bar is, and the words beside them."""
    outlines = [patch.get_data() for patch in ax.patches if isinstance(patch, StepPatch)]
    if not outlines:
        return ""
    values, edges, _ = outlines[0]
    place = int(np.nanargmax(values))
    notes = ", ".join(_plain(text.get_text()) for text in ax.texts if text.get_text().strip())
    name = _plain(ax.get_ylabel()) or _plain(ax.get_xlabel()) or "values"
    middle = (edges[place] + edges[place + 1]) / 2
    words = f"{name} from {_number(edges[0])} to {_number(edges[-1])}, most near {_number(middle)}"
    return f"{words} ({notes})" if notes else words


def _dots(ax: Axes) -> str:
    """Describe dots: their number, their range, and the names on the axes."""
    places = [np.ma.getdata(dots.get_offsets()) for dots in ax.collections if hasattr(dots, "get_offsets")]
    places = [values for values in places if len(values) and np.isfinite(values).all()]
    places += [np.column_stack(_finite(line.get_xdata(), line.get_ydata())) for line in ax.lines]
    ys = np.concatenate([values[:, 1] for values in places]) if places else np.empty(0)
    if not len(ys):
        return _axis(ax)
    names = [_plain(text.get_text()) for text in ax.get_xticklabels() if re.search("[a-zA-Z]", text.get_text())]
    levels = f" for {', '.join(names)}" if names else ""
    return f"{_axis(ax) or 'values'}: {len(ys)} dots from {_number(ys.min())} to {_number(ys.max())}{levels}"


LOOKS = (_lines, _images, _histograms, _bars, _dots)  # the first that finds something describes the Axes


def _finite(xs: object, ys: object) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y as floats, without the places that have no number."""
    try:
        xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    except (TypeError, ValueError):  # names in place of numbers
        return np.empty(0), np.empty(0)
    kept = np.isfinite(xs) & np.isfinite(ys) if len(xs) == len(ys) else np.zeros(len(xs), dtype=bool)
    return (xs[kept], ys[kept]) if len(xs) == len(ys) else (np.empty(0), np.empty(0))


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _plain(words: str) -> str:
    return " ".join(words.split())


def _cut(words: str, length: int) -> str:
    """Return at most so many letters of the words, cut between two of them."""
    return words if len(words) <= length else words[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
