"""Say in words what is drawn on Axes: curves, heat maps, images, histograms, bars or dots; for `alt_text`."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, StepPatch
from matplotlib.ticker import ScalarFormatter

MANY = 24  # words on pictures: more than these are numbers in a table
NOTE = "\ngrey, the noise floor"  # begins a note below a label; `style.FLOOR_WORDS` has all of it
NO_MARKER = ("None", "none", " ", "")


def between(values: list[float]) -> str:
    low, high = number(min(values)), number(max(values))
    return f"at {low}" if low == high else f"between {low} and {high}"


def title_of(ax: Axes) -> str:
    """Return the title of the Axes, which may stand in the middle or at the left."""
    return plain(ax.get_title() or ax.get_title(loc="left"))


def _axis(ax: Axes) -> str:
    """Return "accuracy over epoch", from the labels of both axes, without a note below them."""
    return " over ".join(filter(None, [plain(ax.get_ylabel()), plain(_xlabel(ax).partition(NOTE)[0])]))


def _xlabel(ax: Axes) -> str:
    """Return the label of the horizontal axis; where Axes share it, it stands below the lowest of their column."""
    left = ax.get_position(original=True).x0
    column = [other for other in ax.get_shared_x_axes().get_siblings(ax) if isinstance(other, Axes)]
    labels = [other.get_xlabel() for other in column if other.get_position(original=True).x0 == left]
    return ax.get_xlabel() or next(filter(None, labels), "")


def curves_of(ax: Axes) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return the name, x and y of each curve from the left to the right edge; the name is "" without one in the legend.

    Lines of two or fewer places are marks, and so is an unnamed level line. Places without a line are dots.
    """
    curves = []
    left, right = sorted(ax.get_xlim())
    for line in _lines_of_data(ax):
        (xs, ys), name = _places(line), _name(line)
        is_shown = (left <= xs) & (xs <= right)
        xs, ys = xs[is_shown], ys[is_shown]
        if line.get_linestyle() != "None" and len(xs) > 2 and (name or np.ptp(ys) > 0):
            curves.append((name, xs, ys))
    return curves


def _lines_of_data(ax: Axes) -> list[Line2D]:
    """Return the lines that are drawn in the units of both axes: no line from edge to edge, as of `axhline`."""
    return [line for line in ax.lines if line.get_visible() and line.get_transform() == ax.transData]


def _name(drawn: Artist | BarContainer) -> str:
    """Return the name that a legend shows; "" if it shows none."""
    name = plain(str(drawn.get_label()))
    return "" if name.startswith("_") else name


def _lines(ax: Axes) -> str:
    """Describe the curves: each by its name, its first and last value, and a lowest or highest value between them."""
    curves = curves_of(ax)
    if not curves:
        return ""
    lowest, highest = min(xs.min() for _, xs, _ in curves), max(xs.max() for _, xs, _ in curves)
    where = f"{_axis(ax) or 'curves'} {number(lowest)} to {number(highest)}"
    named = [(name, ys) for name, _, ys in curves if name]
    if len(curves) == 1 and not named:
        return f"{where}: {_course(curves[0][2])}"
    if not named or len(named) > 6:
        return f"{where}: {len(curves)} curves that end {between([ys[-1] for _, _, ys in curves])}"
    return f"{where}: {'; '.join(f'{name} {_course(ys)}' for name, ys in named)}"


def _course(values: np.ndarray) -> str:
    """Describe how values go from the first to the last, and name an extreme between them."""
    first, last, low, high = values[0], values[-1], values.min(), values.max()
    words = f"from {number(first)} to {number(last)}"
    if low < min(first, last) - 0.05 * (high - low):
        words += f", lowest {number(low)}"
    if high > max(first, last) + 0.05 * (high - low):
        words += f", highest {number(high)}"
    return words


def _images(ax: Axes) -> str:
    """Describe the images: their number or size, the titles on them, and the range of their colours."""
    if not ax.images:
        return ""
    titles = [plain(text.get_text()) for text in ax.texts if text.get_text().strip()]
    scale = next((getattr(image, "colorbar", None) for image in ax.images), None)
    label = plain(scale.ax.get_ylabel() or scale.ax.get_xlabel()) if scale else ""
    low, high = ax.images[0].get_clim()
    grey = ax.images[0].get_cmap().name.startswith(("gr", "Gr")) or _array(ax.images[0]).ndim == 3
    colours = "" if grey else f"{label or 'values'} from {number(low)} to {number(high)}"
    if titles:
        if len(titles) > MANY:
            return f"{_axis(ax) or 'table'}: {len(titles)} cells, the first {titles[0]}, the last {titles[-1]}"
        return ", ".join(filter(None, [_axis(ax), colours, f"pictures with the labels {', '.join(titles)}"]))
    values = _array(ax.images[0])
    size = f"picture of {values.shape[0]}×{values.shape[1]} pixels, mean {number(float(np.nanmean(values)))}"
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
        words.append(f"{extreme} {number(values[row, column])} at {', '.join(filter(None, names))}")
    return f"{_axis(ax) or 'heat map'}, {rows}×{columns} values: {'; '.join(words)}"


def _tick(axis: Axis, place: float) -> str:
    """Return the label nearest to a place of an axis with one name for each unit; "" if there is none."""
    if _is_scale(axis):
        return ""
    labels = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    near = [(abs(tick - place), plain(label.get_text())) for tick, label in labels if abs(tick - place) < 0.45]
    return min(near)[1] if near else ""


def _is_scale(axis: Axis) -> bool:
    """Return whether the numbers at the ticks are those of the axis, and no names of its places."""
    return isinstance(axis.get_major_formatter(), ScalarFormatter)


def _outlines(ax: Axes) -> str:
    """Describe histograms that `hist(…, histtype="step")` drew: the range, and where each is highest."""
    outlines = [patch for patch in ax.patches if isinstance(patch, Polygon)]
    outlines = [patch for patch in outlines if patch.get_data_transform() == ax.transData]
    if not outlines:
        return ""
    words, ends = [], []
    for outline in outlines:
        xs, ys = np.asarray(outline.get_xy(), dtype=float).T
        place = int(ys.argmax())  # the left end of the highest bar
        middle = (xs[place] + xs[place + 1]) / 2
        words.append(" ".join(filter(None, [_name(outline), f"highest {number(ys[place])} near {number(middle)}"])))
        ends += [xs.min(), xs.max()]
    return f"{_axis(ax) or 'values'} {number(min(ends))} to {number(max(ends))}: {'; '.join(words)}"


def _bars(ax: Axes) -> str:
    """Describe bars: of each group the lowest and the highest, by the labels below them."""
    groups = [group for group in ax.containers if isinstance(group, BarContainer) and len(group.patches)]
    words = []
    for group in groups:
        sideways = group.orientation == "horizontal"
        sizes = np.array([bar.get_width() if sideways else bar.get_height() for bar in group.patches])
        if not np.isfinite(sizes).any():
            continue
        place = int(np.nanargmax(sizes))
        x, y, width, height = group.patches[place].get_bbox().bounds
        middle = y + height / 2 if sideways else x + width / 2
        at = _tick(ax.yaxis if sideways else ax.xaxis, middle) or number(middle)
        name = _name(group) or _name(group.patches[0])  # `hist` names the first bar, `bar` names all
        range_ = f"lowest {number(np.nanmin(sizes))}, highest {number(sizes[place])} at {at}"
        words.append(" ".join(filter(None, [name, f"{len(sizes)} bars, {range_}"])))
    return f"{_axis(ax) or 'values'}: {'; '.join(words)}" if words else ""


def _histograms(ax: Axes) -> str:
    """Describe histograms: the range of the values of each, where its highest bar is, and the words beside it."""
    outlines = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    notes = [*(plain(text.get_text()) for text in ax.texts), *[""] * len(outlines)]  # one for each, or none
    words = []
    for outline, note in zip(outlines, notes, strict=False):
        name = _name(outline) if len(outlines) > 1 else ""
        words.append(" ".join(filter(None, [name, _range(outline), note and f"({note})"])))
    name = plain(ax.get_ylabel()) or plain(ax.get_xlabel()) or "values"
    return f"{name} {'; '.join(words)}" if words else ""


def _range(outline: StepPatch) -> str:
    """Return from where to where bars stand and where the highest is: the edges may be those of other Axes, too."""
    heights, edges = (np.asarray(part, dtype=float) for part in outline.get_data()[:2])
    (drawn,) = np.nonzero(heights > 0)
    if not len(drawn):
        return "no values"
    place = int(np.nanargmax(heights))
    middle = (edges[place] + edges[place + 1]) / 2
    low, high = float(edges[drawn[0]]), float(edges[drawn[-1] + 1])
    return f"from {number(low)} to {number(high)}, most near {number(middle)}"


def _dots(ax: Axes) -> str:
    """Describe dots: their number, both ranges, and the names on the axes. If there is no dot, return the words there.

    A line of one or two places is its markers.
    """
    scattered = [dots for dots in ax.collections if isinstance(dots, PathCollection)]
    scattered = [dots for dots in scattered if dots.get_offset_transform() == ax.transData]
    places = [np.ma.getdata(dots.get_offsets()) for dots in scattered]
    places += [np.stack(_places(line), axis=1) for line in _lines_of_data(ax) if line.get_marker() not in NO_MARKER]
    every = np.concatenate(places or [np.empty((0, 2))])
    xs, ys = every[np.isfinite(every).all(axis=1)].T
    if not len(ys):
        return ": ".join(filter(None, [_axis(ax), " ".join(plain(text.get_text()) for text in ax.texts)]))
    names = [plain(text.get_text()) for text in ax.get_xticklabels() if re.search("[a-zA-Z]", text.get_text())]
    levels = f" for {', '.join(names)}" if names else ""
    count = "1 dot at" if len(ys) == 1 else f"{len(ys)} dots from {number(ys.min())} to"
    where = f" {number(xs.min())} to {number(xs.max())}" if _is_scale(ax.xaxis) and np.ptp(xs) > 0 else ""
    return f"{_axis(ax) or 'values'}{where}: {count} {number(ys.max())}{levels}"


# The first of these that finds something describes the Axes.
LOOKS = (_lines, _table, _images, _histograms, _outlines, _bars, _dots)


def _places(line: Line2D) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a line as floats, without the places that have no number; a name on an axis is its place."""
    xs, ys = np.asarray(line.get_xdata(orig=False), dtype=float), np.asarray(line.get_ydata(orig=False), dtype=float)
    kept = np.isfinite(xs) & np.isfinite(ys)
    return xs[kept], ys[kept]


def number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def plain(words: str) -> str:
    return " ".join(words.replace("_\n", "_").split())  # a long name is broken after its underscores
