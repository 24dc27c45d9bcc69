"""The look that all figures share: colours, markers, dash styles, units, and small helpers for axes.

Training is always blue, solid and round; validation is always orange, dashed and square. The palette is seaborn's
"colorblind" palette.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from cnnlab.checks import shown
from cnnlab.errors import ConfigError
from cnnlab.plots.names import LETTER, LONGEST, columns, label_text, legend_text, write_plainly
from cnnlab.training.curve_metrics import split_metric

PALETTE = seaborn.color_palette("colorblind").as_hex()
MARKS = "osD^vPX*"
DASHES = ["-", "--", ":", "-.", (0, (5, 1)), (0, (3, 1, 1, 1))]
TRAIN = {"color": PALETTE[0], "linestyle": "-", "marker": "o", "label": "training"}
VALIDATION = {"color": PALETTE[1], "linestyle": "--", "marker": "s", "label": "validation"}
LOOK_OF_SPLIT: dict[str, dict[str, Any]] = {"train": TRAIN, "validation": VALIDATION}
# Grey is the noise floor and nothing else: it reaches from the line to an edge of the band.
FLOOR_WORDS = "grey, the noise floor: two single runs of one setting differ by less than this 95 times in 100"
NOISE_BAND = {"facecolor": "0.92", "edgecolor": "0.6", "linewidth": 0.8, "zorder": 0}

UNITS = {"loss": "loss (nats)", "accuracy": "accuracy (0–1)"}
RECORDER_LABELS = {  # the axis label of each number that cnnlab.Recorder records
    "gradient_norm": "gradient norm",
    "gradient_ratio": "gradient / weights",
    "update_ratio": "update / weights",
    "dead_share": "dead units (share, 0–1)",
    "activation_scale": "activation scale (rms)",
    "scale_change": "scale after the pool / before it",
    "saliency_concentration": "saliency concentration",
}
DERIVED_LABELS = {  # of the metrics that training/curve_metrics.py computes from the curves
    "generalization_gap": "generalization gap (nats)",
    "fluctuation": "fluctuation (share per epoch)",
    "fluctuation_validation": "fluctuation, validation (share)",
}
# A picture is scaled to the width of its cell: 365 CSS pixels in a window of 800 with the list of files beside it.
# There, letters of this size in a figure of this width are 9 pixels high. tests/notebooks/test_runs.py measures them.
PAGE, LETTERS = 5.4, 10.0  # inches, points
BINS = 40  # of every histogram
MOST_NAMES = 24  # in a legend
MOST_LINES = 6  # of a legend below a plot
SHORT = 22  # columns of a name in a legend of more names than that
OPTIMIZERS = {"sgd": 0, "rmsprop": 2, "adam": 3}  # → place of its look; 1 is SGD with momentum (plots/descent.py)


def line_look(place: int) -> dict:
    """Return the colour, marker and dash style of the line at this place in a figure with several lines.

    >>> line_look(0)
    {'color': '#0173b2', 'marker': 'o', 'linestyle': '-'}
    """
    return {
        "color": PALETTE[place % len(PALETTE)],
        "marker": MARKS[place % len(MARKS)],
        "linestyle": DASHES[place % len(DASHES)],
    }


def look_of_level(field: str, level: object, place: int) -> dict:
    """Return the look of a level at this place of a comparison; an optimizer has the same one in every figure.

    >>> look_of_level("optimizer", "adam", 1)["marker"], look_of_level("kernel_size", 5, 1)["marker"]
    ('^', 's')
    """
    return line_look(OPTIMIZERS.get(str(level), place) if field == "optimizer" else place)


def axis_label(metric: str) -> str:
    """Return the label of an axis that shows this metric, with its unit.

    >>> axis_label("validation_loss")
    'validation loss (nats)'
    """
    if metric in DERIVED_LABELS:
        return DERIVED_LABELS[metric]
    name, target = split_metric(metric)
    if target is not None:
        return f"{name.replace('_', ' ')} accuracy {target:g}"
    layer, _, number = metric.rpartition(".")
    if number in RECORDER_LABELS:
        return f"{label_text(layer, SHORT)}: {RECORDER_LABELS[number]}" if layer else RECORDER_LABELS[number]
    split, _, quantity = metric.partition("_")
    return f"{split} {UNITS[quantity]}" if quantity in UNITS else label_text(metric, SHORT)


def new_axes(ax: Axes | None, size: tuple[float, float] = (PAGE, 3.3)) -> Axes:
    """Return `ax`, or the Axes of a new figure of this size (width, height) in inches if `ax` is None."""
    if ax is not None and not isinstance(ax, Axes):
        raise ConfigError(f"ax wants Axes, such as plt.subplots()[1], got {shown(ax)}; leave it out for a new figure")
    return ax if ax is not None else plt.subplots(figsize=size, layout="constrained")[1]


def wrapped(text: str, width: float) -> str:
    """Return the text in lines of at most this many letters, or 8 if that is more; of wide letters, half as many."""
    share = len(text) / max(1, columns(text))
    return textwrap.fill(text, max(4, round(max(8, round(width)) * min(1, share))), break_on_hyphens=False)


def limits_within(values: Iterable[float], lowest: float, highest: float) -> tuple[float, float]:
    """Return the limits of an axis that holds these values with some room, and nothing outside lowest to highest.

    >>> limits_within([0.5, 1.0], 0.0, 1.0)
    (0.46, 1.0)
    """
    low, high = min(values := [*values]), max(values)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    return max(low - room, lowest), min(high + room, highest)


def plain_legend(ax: Axes, **options: Any) -> Legend:
    """Add a legend that shows every name as it is: matplotlib would read a name with $ signs as a formula.

    Of very many names it shows the first, and says how many more there are.
    """
    handles, labels = options.pop("handles", None), options.pop("labels", None)
    handles = [*(ax.get_legend_handles_labels()[0] if handles is None else handles)]
    labels = [str(handle.get_label()) for handle in handles] if labels is None else labels
    handles, labels = _first(handles, [legend_text(label) for label in labels], MOST_NAMES)
    legend = ax.legend(handles, labels, **options)
    for text in legend.get_texts():
        write_plainly(text)
    return legend


def whole_figure(ax: Axes) -> Figure:
    """Return the figure of these Axes, also if they lie in a part of it."""
    figure = ax.figure
    return cast(Figure, figure.figure if isinstance(figure, SubFigure) else figure)


def letters_of(ax: Axes) -> float:
    """Return the size of letters, in points, that can be read in a narrow cell, too: larger in a wide figure."""
    return LETTERS * max(1.0, whole_figure(ax).get_figwidth() / PAGE)


def legend_below(ax: Axes, **options: Any) -> Legend:
    """Add a legend below the label of the horizontal axis, where it covers no data; a long one has several lines."""
    handles = [*(options.pop("handles", None) or ax.get_legend_handles_labels()[0])]
    width = ax.get_position().width * whole_figure(ax).get_figwidth()  # inches
    labels = [str(handle.get_label()) for handle in handles]
    labels = [legend_text(label, SHORT if len(labels) > MOST_LINES else 2 * LONGEST) for label in labels]
    at_most = max(1, int(width / (0.45 + 0.078 * max(map(columns, labels), default=1))))
    handles, labels = _first(handles, labels, min(MOST_NAMES, MOST_LINES * at_most))
    lines = math.ceil(max(1, len(labels)) / at_most)
    under_the_label = ax.transAxes + ScaledTranslation(0, -_depth_of_label(ax) / 72, ax.figure.dpi_scale_trans)
    look = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": under_the_label, "fontsize": LETTERS}
    look |= {"ncols": math.ceil(max(1, len(labels)) / lines), "frameon": False, "borderaxespad": 0.2}
    return plain_legend(ax, handles=handles, labels=labels, **(look | options))


def _depth_of_label(ax: Axes) -> float:
    """Return how far the label of the horizontal axis reaches below the Axes, in points; names may stand upright."""
    upright = [columns(label.get_text()) for label in ax.get_xticklabels() if label.get_rotation() == 90]
    return 32 + max(0.0, LETTER * LETTERS * max(upright, default=0) - LETTERS)


def _first(handles: list, labels: list[str], most: int) -> tuple[list, list[str]]:
    """Return the first handles and labels, and instead of the others one that says how many more there are."""
    if len(labels) <= most:
        return handles, labels
    kept = most - 1
    return [*handles[:kept], Line2D([], [], linestyle="none")], [*labels[:kept], f"and {len(labels) - kept} more"]


def bin_edges(values: np.ndarray) -> np.ndarray:
    """Return the BINS + 1 edges of equal bins from the lowest to the highest finite value: no finite value is outside.

    >>> bin_edges(np.array([1.0, 5.0, 2.0]))[[0, -1]].tolist()
    [1.0, 5.0]
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)
