"""Draw how a network classifies images: the confusion matrix, its mistakes, and the probability of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import seaborn
from matplotlib.axes import Axes
from torch import Tensor

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_whole, describe_tensor, is_float_tensor
from cnnlab.errors import ConfigError
from cnnlab.model.evaluation import Mistakes
from cnnlab.plots.images import plot_images
from cnnlab.plots.names import columns, label_text, name_ticks, write_plainly
from cnnlab.plots.style import LETTERS, PALETTE, new_axes, whole_figure, wrapped

LARGEST = 12.0  # inches
MOST_COUNTS = 25  # classes up to which the counts are written into the cells


def plot_confusion(mistakes: Mistakes, *, ax: Axes | None = None) -> Axes:
    """Draw the confusion matrix: a row for each true class, a column for each answer, counts in the cells.

    The colour is the share of the row, so that a rare class is as visible as a frequent one. Of more than 25 classes
    the colours alone are drawn, and a name at every second class or third, where there is no room for all.

    >>> plot_confusion(mistakes(model, data.validation))
    """
    if not isinstance(mistakes, Mistakes):
        raise ConfigError(f"plot_confusion wants what mistakes() gives, got {type(mistakes).__name__}")
    counts = mistakes.confusion.numpy()
    classes = mistakes.images.classes
    names = [*classes, *map(str, range(len(classes), len(counts)))]  # a network may have more outputs than classes
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    room = 0.05 * max(columns(label_text(name)) for name in names)  # inches, for the names at both sides
    size = min(1.2 + 0.34 * len(counts) + room * 1.5, LARGEST)
    ax = new_axes(ax, (size + 0.8, size))
    annotation = np.where(counts > 0, counts.astype(str), "") if len(counts) <= MOST_COUNTS else False
    seaborn.heatmap(
        shares, annot=annotation, fmt="", cmap="viridis", vmin=0, vmax=1, square=True,
        xticklabels=False, yticklabels=False, cbar_kws={"label": "share of the true class (0–1)"}, ax=ax,
        annot_kws={"fontsize": LETTERS},
    )  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        name_ticks(axis, np.arange(len(names)) + 0.5, names, size=10 if len(names) <= MOST_COUNTS else 7)
    ax.set(xlabel="answer", ylabel="true class")
    return ax


def plot_mistakes(mistakes: Mistakes, *, count: int = 8, ax: Axes | None = None) -> Axes:
    """Draw the images with a wrong answer of high confidence; the title says true class → answer, confidence.

    The confidence is rounded down; from 99% on it is ">99%", since no answer of a softmax is certain.

    Parameters
    ----------
    mistakes : Mistakes
        What `mistakes` returns.
    count : int
        The number of images; those with the highest confidence come first.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_mistakes(mistakes(model, data.validation))
    """
    if not isinstance(mistakes, Mistakes):
        raise ConfigError(f"plot_mistakes wants what mistakes() gives, got {type(mistakes).__name__}")
    if len(mistakes.answers) == 0:
        raise ConfigError("plot_mistakes: this network made no mistake on these images; show it more of them")
    count = check_whole("count", count, 1, most=10_000)
    images, names = mistakes.images[:count], mistakes.images.classes
    rows = zip(images.labels.tolist(), mistakes.answers.tolist(), mistakes.confidence.tolist(), strict=False)
    titles = [
        (label_text(names[label]), label_text(names[answer] if answer < len(names) else answer), confidence)
        for label, answer, confidence in rows
    ]
    are_long = any(columns(true) + columns(answer) > 8 for true, answer, _ in titles)
    between = "\n→ " if are_long else " → "
    words = [f"{true}{between}{answer}, {_rounded_down(confidence)}" for true, answer, confidence in titles]
    return plot_images(images, titles=words, columns=4, ax=ax)


def _rounded_down(confidence: float) -> str:
    """Return a confidence (0–1) in whole percent, rounded down.

    >>> _rounded_down(0.429), _rounded_down(0.9997)
    ('42%', '>99%')
    """
    percent = int(100 * confidence)
    return f"{percent}%" if percent < 99 else ">99%"


def plot_probabilities(
    probabilities: Tensor, *, classes: Sequence[str] | None = None, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw one bar for each class; the highest bar is dark, with a triangle above it.

    Parameters
    ----------
    probabilities : Tensor
        Float (classes,), 0–1: those of one image.
    classes : sequence of str
        The name of each class; None counts from 0.
    title : str
        The words above the plot, such as the name of the network.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_probabilities(predict(model, data.validation.images[:1])[0], title="model A")
    """
    if not is_float_tensor(probabilities) or probabilities.ndim != 1 or len(probabilities) == 0:
        got = tuple(probabilities.shape) if is_float_tensor(probabilities) else describe_tensor(probabilities)
        raise ConfigError(
            f"plot_probabilities wants the probabilities of one image, float (classes,), got {got}; try predict(…)[0]"
        )
    check_arguments(plot_probabilities, {"classes": classes, "title": title})
    names = [str(place) for place in range(len(probabilities))] if classes is None else list(classes)
    if len(names) != len(probabilities):
        raise ConfigError(f"classes has {len(names)} names for {len(probabilities)} probabilities; give one for each")
    longest = max(columns(label_text(name)) for name in names)
    are_crowded = len(names) > 10 or longest > 2
    ax = new_axes(ax, (min(LARGEST, max(3.0, 0.6 + 0.24 * len(names))), 2.0 + 0.09 * longest * are_crowded))
    ax.bar(range(len(names)), 0.0, color=PALETTE[0])
    ax.plot([], [], "v", color="black", markersize=6)
    name_ticks(ax.xaxis, range(len(names)), names, size=10, upright=are_crowded)
    ax.set(ylim=(0, 1.13), yticks=(0, 0.5, 1), ylabel="probability (0–1)")
    words = wrapped(label_text(title, 60), 72 * whole_figure(ax).get_figwidth() / 8)
    write_plainly(ax.set_title(words, fontsize=10))
    seaborn.despine(ax=ax)
    set_probabilities(ax, probabilities)
    return ax


def set_probabilities(ax: Axes, probabilities: Tensor) -> None:
    """Show other probabilities (classes,) on Axes of `plot_probabilities`; if all are 0, no bar is the highest."""
    values = probabilities.tolist()
    highest = max(values)
    for bar, value in zip(ax.patches, values, strict=True):
        is_visible = value > 0.001  # below a tenth of a pixel nothing needs drawing, and most bars are below it
        bar.set(height=value, alpha=1.0 if value == highest else 0.45, visible=is_visible)
    ax.lines[0].set_data(*(([values.index(highest)], [highest + 0.07]) if highest > 0 else ([], [])))
