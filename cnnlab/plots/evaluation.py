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
from cnnlab.plots.style import PALETTE, new_axes


def plot_confusion(mistakes: Mistakes, *, ax: Axes | None = None) -> Axes:
    """Draw the confusion matrix: a row for each true class, a column for each answer, counts in the cells.

    The colour is the share of the row, so that a rare class is as visible as a frequent one.

    >>> plot_confusion(mistakes(model, data.validation))
    """
    if not isinstance(mistakes, Mistakes):
        raise ConfigError(f"plot_confusion wants what mistakes() gives, got {type(mistakes).__name__}")
    counts = mistakes.confusion.numpy()
    classes = mistakes.images.classes
    names = [*classes, *map(str, range(len(classes), len(counts)))]  # a network may have more outputs than classes
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = 1.5 + 0.42 * len(counts)
    ax = new_axes(ax, (size + 0.8, size))
    seaborn.heatmap(
        shares, annot=np.where(counts > 0, counts.astype(str), ""), fmt="", cmap="viridis", vmin=0, vmax=1, square=True,
        xticklabels=False, yticklabels=False, cbar_kws={"label": "share of the true class (0–1)"}, ax=ax,
        annot_kws={"fontsize": 8},
    )  # fmt: skip
    are_long = max(map(len, names)) > 3
    ax.set_xticks(np.arange(len(names)) + 0.5, names, parse_math=False, rotation=90 if are_long else 0)
    ax.set_yticks(np.arange(len(names)) + 0.5, names, parse_math=False)
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
    check_whole("count", count, 1, most=10_000)
    images, names = mistakes.images[:count], mistakes.images.classes
    rows = zip(images.labels.tolist(), mistakes.answers.tolist(), mistakes.confidence.tolist(), strict=False)
    titles = [
        f"{names[label]} → {names[answer] if answer < len(names) else answer}, {_rounded_down(confidence)}"
        for label, answer, confidence in rows
    ]
    return plot_images(images, titles=titles, ax=ax)


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
    ax = new_axes(ax, (3.0, 2.0))
    ax.bar(range(len(names)), 0.0, color=PALETTE[0])
    ax.plot([], [], "v", color="black", markersize=6)
    are_crowded = len(names) > 10 or max(map(len, names)) > 2
    ax.set_xticks(range(len(names)), names, parse_math=False, rotation=90 if are_crowded else 0)
    ax.set(ylim=(0, 1.13), yticks=(0, 0.5, 1), ylabel="probability (0–1)")
    ax.set_title(title, parse_math=False, fontsize=10)
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
