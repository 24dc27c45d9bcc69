"""Say in words what a figure shows: the alt text of every picture in a notebook, from the data that it draws.

Jupyter stores the words with the picture, in the metadata of the output: `{"image/png": {"alt": "…"}}`.
"""

from __future__ import annotations

import re
import weakref

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import QuadMesh
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import StepPatch

LONGEST = 300  # letters
NAMES = 170  # letters of them for the names of many plots
MANY = 24  # words on pictures: more than these are numbers in a table
MOST = 4  # plots in a figure that are described one by one
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
    axes = [ax for ax in axes if isinstance(ax, Axes) and not hasattr(ax, "_colorbar")]
    title = _plain(figure.get_suptitle())
    words = _SAID.get(figure) or (_overview(axes) if len(axes) > MOST else " ".join(map(_describe_axes, axes)))
    return _cut(f"{title}. {words}" if title else words.strip(), LONGEST)


def for_jupyter(figure: Figure) -> tuple[dict, dict]:
    """Return no data, and the metadata of the PNG that Jupyter makes. `import cnnlab` gives it to Jupyter."""
    return {}, {"image/png": {"alt": alt_text(figure)}}


def _describe_axes(ax: Axes) -> str:
    """Return a sentence on the Axes: their title, and what is drawn on them; "" for empty ones."""
    if ax in _SAID:
        return _SAID[ax]
    title, drawn = _title(ax), next(filter(None, (look(ax) for look in LOOKS)), "")
    return f"{': '.join(filter(None, [title, drawn]))}." if title or drawn else ""


def _overview(axes: list[Axes]) -> str:
    """Describe many Axes together: their names, and between which values each curve ends on all of them."""
    shown = [ax for ax in axes if _describe_axes(ax)]
    names = dict.fromkeys(_title(ax) or _plain(ax.get_ylabel() or ax.get_xlabel()) for ax in shown)
    ends: dict[str, list[float]] = {}
    for ax in shown:
        for name, _, ys in _curves(ax):
            if name:
                ends.setdefault(" ".join(filter(None, [_plain(ax.get_ylabel()), name])), []).append(ys[-1])
    between = "; ".join(f"{name} ends {_between(values)}" for name, values in ends.items())
    words = _cut(f"{len(shown)} plots: {', '.join(filter(None, names))}", NAMES)
    return f"{words}. {between or ' '.join(map(_describe_axes, shown))}"


def _between(values: list[float]) -> str:
    low, high = _number(min(values)), _number(max(values))
    return f"at {low}" if low == high else f"between {low} and {high}"


def _title(ax: Axes) -> str:
    """Return the title of the Axes, which may stand in the middle or at the left."""
    return _plain(ax.get_title() or ax.get_title(loc="left"))


def _axis(ax: Axes) -> str:
    """Return "accuracy over epoch", from the labels of both axes."""
    return " over ".join(filter(None, [_plain(ax.get_ylabel()), _plain(ax.get_xlabel())]))


def _curves(ax: Axes) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return the name, x and y of each curve; the name is "" if the legend does not show it.

    Lines of two or fewer places are marks, and so is an unnamed level line.
    """
    curves = []
    for line in ax.lines:
        xs, ys = _finite(line.get_xdata(), line.get_ydata())
        name = _plain(str(line.get_label()))
        name = "" if name.startswith("_") else name
        if line.get_visible() and line.get_transform() == ax.transData and len(xs) > 2 and (name or np.ptp(ys) > 0):
            curves.append((name, xs, ys))
    return curves


def _lines(ax: Axes) -> str:
    """Describe the curves: each by its name, its first and last value, and a lowest or highest value between them."""
    curves = _curves(ax)
    if not curves:
        return ""
    lowest, highest = min(xs.min() for _, xs, _ in curves), max(xs.max() for _, xs, _ in curves)
    where = f"{_axis(ax) or 'curves'} {_number(lowest)} to {_number(highest)}"
    named = [(name, ys) for name, _, ys in curves if name]
    if not named or len(named) > 6:
        count = "1 curve that ends" if len(curves) == 1 else f"{len(curves)} curves that end"
        return f"{where}: {count} {_between([ys[-1] for _, _, ys in curves])}"
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
    grey = ax.images[0].get_cmap().name.startswith(("gr", "Gr")) or _array(ax.images[0]).ndim == 3
    colours = "" if grey else f"{label or 'values'} from {_number(low)} to {_number(high)}"
    if titles:
        if len(titles) > MANY:
            return f"{_axis(ax) or 'table'}: {len(titles)} cells, the first {titles[0]}, the last {titles[-1]}"
        return ", ".join(filter(None, [_axis(ax), colours, f"pictures with the labels {', '.join(titles)}"]))
    values = _array(ax.images[0])
    size = f"picture of {values.shape[0]}×{values.shape[1]} pixels, mean {_number(float(np.nanmean(values)))}"
    return ", ".join(filter(None, [size, _axis(ax), colours]))


def _array(drawn: AxesImage | QuadMesh) -> np.ndarray:
    """Return the numbers of a picture or of a heat map as floats; NaN where there is none."""
    numbers: np.ndarray = np.ma.MaskedArray(drawn.get_array(), dtype=float).filled(np.nan)
    return numbers


def _table(ax: Axes) -> str:
    """Describe a heat map: its size, and its lowest and highest value with the names of their row and column."""
    meshes = [mesh for mesh in ax.collections if isinstance(mesh, QuadMesh)]
    if not meshes:
        return ""
    values = _array(meshes[0])
    rows, columns = (size - 1 for size in np.asarray(meshes[0].get_coordinates()).shape[:2])
    values = values.reshape(rows, columns)
    if np.isnan(values).all():
        return _axis(ax)
    words = []
    for extreme, place in (("lowest", np.nanargmin(values)), ("highest", np.nanargmax(values))):
        row, column = divmod(int(place), columns)
        names = (_tick(ax.yaxis, row + 0.5), _tick(ax.xaxis, column + 0.5))
        words.append(f"{extreme} {_number(values[row, column])} at {', '.join(filter(None, names))}")
    return f"{_axis(ax) or 'heat map'}, {rows}×{columns} values: {'; '.join(words)}"


def _tick(axis: Axis, place: float) -> str:
    """Return the label at a place of the axis; "" if there is none."""
    labels = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    return next((_plain(label.get_text()) for tick, label in labels if abs(tick - place) < 0.45), "")


def _bars(ax: Axes) -> str:
    """Describe bars: the lowest and the highest of them, by the labels below them."""
    groups = [group for group in ax.containers if isinstance(group, BarContainer) and len(group.patches)]
    bars = [bar for group in groups for bar in group.patches]
    if not bars:
        return ""
    sideways = getattr(groups[0], "orientation", "vertical") == "horizontal"
    sizes = np.array([bar.get_width() if sideways else bar.get_height() for bar in bars])
    place = int(np.nanargmax(sizes))
    x, y, width, height = bars[place].get_bbox().bounds
    middle = y + height / 2 if sideways else x + width / 2
    at = _tick(ax.yaxis if sideways else ax.xaxis, middle)
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


LOOKS = (_lines, _table, _images, _histograms, _bars, _dots)  # the first that finds something describes the Axes


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
    return " ".join(words.replace("_\n", "_").split())  # a long name is broken after its underscores


def _cut(words: str, length: int) -> str:
    """Return at most so many letters of the words, cut between two of them."""
    return words if len(words) <= length else words[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
