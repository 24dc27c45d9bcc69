"""Images, histories and numbers in, matplotlib Axes out. Nothing here computes a result or shows a figure.

The same thing has the same colour and the same mark in every figure of the course: training is blue, solid and round;
validation is orange, dashed and square. The palette is seaborn's colour-blind-safe one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, MaxNLocator
from torch import Tensor, nn

from cnnlab.checks import check_choice, check_images, check_whole
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.training.history import History, warn_if_environments_differ

PALETTE = seaborn.color_palette("colorblind").as_hex()
TRAIN = {"color": PALETTE[0], "linestyle": "-", "marker": "o", "label": "training"}
VALIDATION = {"color": PALETTE[1], "linestyle": "--", "marker": "s", "label": "validation"}
MARKS = "osD^vPX*"
UNITS = {"loss": "loss (nats)", "accuracy": "accuracy (0–1)"}


def plot_images(
    images: Split | Tensor, *, titles: Sequence[object] | None = None, columns: int = 8, ax: Axes | None = None
) -> Axes:
    """Draw images side by side in one picture, with a word above each: the class for a Split, else `titles`.

    images: a Split, drawn as the pixels were before normalization, or float (N, C, H, W) in 0–1 with one or three
    channels.

    >>> plot_images(data.train[:16])
    """
    if isinstance(images, Split):
        titles = [images.classes[label] for label in images.labels] if titles is None else titles
        images = images.pixels
    check_images(images)
    check_whole("columns", columns, 1)
    if len(images) and not 0 <= images.min() <= images.max() <= 1:
        raise ConfigError(
            f"plot_images wants pixels in 0–1, got {images.min():.3g} to {images.max():.3g}; "
            "for normalized images give the Split itself, such as data.train[:8]"
        )
    if images.shape[1] not in (1, 3):
        raise ConfigError(f"plot_images wants one or three channels, got {images.shape[1]}; plot_maps draws any number")
    tiles = images.detach().cpu().permute(0, 2, 3, 1).numpy()  # (N, H, W, C)
    ax = _montage_axes(tiles, columns, ax, room=0.28 if titles is not None else 0)
    above = _gap(tiles, 0.08 if titles is None else 0.35)
    picture, corners = montage(tiles, columns, gap=_gap(tiles, 0.08 if titles is None else 0.2), above=above)
    ax.imshow(
        picture.squeeze(-1) if tiles.shape[3] == 1 else picture, cmap="grey", vmin=0, vmax=1, interpolation="nearest"
    )
    for title, (top, left) in zip(titles if titles is not None else (), corners, strict=False):
        ax.text(left + tiles.shape[2] / 2, top - 1, str(title), ha="center", va="bottom", fontsize=9, parse_math=False)
    return ax


def plot_maps(maps: Tensor, *, columns: int = 8, ax: Axes | None = None, limit: float | None = None) -> Axes:
    """Draw feature maps (C, H, W) side by side on one scale, from zero (or less) to `limit` (None: their maximum).

    >>> plot_maps(model.conv1(images)[0])
    """
    if not isinstance(maps, Tensor) or maps.ndim != 3:
        got = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ConfigError(f"plot_maps wants feature maps (C, H, W) of one image, got {got}; take one with maps[0]")
    tiles = maps.detach().cpu().numpy()[..., None]
    ax = _montage_axes(tiles, columns, ax)
    picture, _ = montage(tiles, columns, gap=_gap(tiles, 0.08))
    low, high = min(0.0, float(tiles.min())), limit or float(tiles.max()) or 1.0
    drawn = ax.imshow(picture.squeeze(-1), cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    ax.figure.colorbar(drawn, ax=ax, label="activation", shrink=0.8)
    return ax


def plot_filters(model: nn.Module, layer: str = "conv1", *, columns: int = 8, ax: Axes | None = None) -> Axes:
    """Draw the kernels of a convolutional layer, for its first input channel: blue below zero, red above.

    >>> plot_filters(model, "conv1")
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    check_choice("layer", layer, names)
    weights = model.get_submodule(layer).weight[:, 0].detach().cpu()  # (filters, height, width)
    tiles = weights.numpy()[..., None]
    ax = _montage_axes(tiles, columns, ax)
    picture, _ = montage(tiles, columns, gap=1)
    limit = float(weights.abs().max()) or 1.0
    drawn = ax.imshow(picture.squeeze(-1), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.figure.colorbar(drawn, ax=ax, label="weight", shrink=0.8)
    ax.set_title(f"{layer}: {len(tiles)} kernels of {tiles.shape[1]}×{tiles.shape[2]}")
    return ax


def plot_history(history: History | Mapping[str, History], metric: str = "loss", *, ax: Axes | None = None) -> Axes:
    """Draw a metric ("loss" or "accuracy") over the epochs: training and validation, or validation of several runs.

    >>> plot_history(history, "accuracy")
    >>> plot_history({"sgd": first, "adam": second})
    """
    check_choice("metric", metric, UNITS)
    if not isinstance(history, (History, Mapping)):
        raise ConfigError(f"plot_history wants one History, or a dict of name: History; got {type(history).__name__}")
    ax = new_axes(ax)
    if isinstance(history, History):
        for prefix, look in (("train", TRAIN), ("validation", VALIDATION)):
            _curve(ax, history[f"{prefix}_{metric}"], look)
    else:
        warn_if_environments_differ(history.values())
        for index, (name, one) in enumerate(history.items()):
            look = {"color": PALETTE[index % 10], "marker": MARKS[index % 8], "linestyle": "--", "label": str(name)}
            _curve(ax, one[f"validation_{metric}"], look)
    whose = "" if isinstance(history, History) else "validation "
    ax.set(xlabel="epoch", ylabel=f"{whose}{UNITS[metric]}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    for text in ax.legend(frameon=False).get_texts():
        text.set_parse_math(False)  # a run's name may hold a $
    seaborn.despine(ax=ax)
    return ax


def montage(
    tiles: np.ndarray, columns: int, *, gap: int, above: int | None = None
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Put tiles (N, H, W, C) into one picture, `gap` pixels apart; return it and each tile's (top, left).

    above: how many pixels to leave above each tile, for a word; None is the gap.

    The gap is NaN, which matplotlib leaves transparent.
    """
    count, height, width, depth = tiles.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    above = gap if above is None else above
    picture = np.full((rows * (height + above), columns * (width + gap) - gap, depth), np.nan, dtype=np.float32)
    if depth == 3:
        picture[:] = 1.0  # a colour picture has no NaN
    corners = []
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + above) + above, index % columns * (width + gap)
        picture[top : top + height, left : left + width] = tile
        corners.append((top, left))
    return picture, corners


def _gap(tiles: np.ndarray, share: float) -> int:
    """Return that share of a tile's height, in whole pixels."""
    return max(1, round(tiles.shape[1] * share))


def _montage_axes(tiles: np.ndarray, columns: int, ax: Axes | None, room: float = 0.0) -> Axes:
    if len(tiles) == 0:
        raise ConfigError("there is nothing to draw: got 0 pictures; take at least one")
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    ax = new_axes(ax, (max(2.0, columns * 1.0), max(1.0, rows * (1.0 + room))))
    ax.set_axis_off()
    return ax


def new_axes(ax: Axes | None, size: tuple[float, float] = (6.0, 3.5)) -> Axes:
    return ax if ax is not None else plt.subplots(figsize=size, layout="constrained")[1]


def log_scale(ax: Axes) -> None:
    """Give Axes a logarithmic vertical axis, its powers of ten written as text.

    matplotlib's own labels are formulas: to read five of them takes longer than to draw the whole plot.
    """
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(_PowersOfTen())
    ax.yaxis.set_minor_formatter(_PowersOfTen(minor_thresholds=(1, 0.4)))  # matplotlib's own thresholds


class _PowersOfTen(LogFormatter):
    """Powers of ten as 10⁻³, all other numbers as they are; matplotlib says which ticks have one."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        if not super().__call__(x, pos):
            return ""
        power = round(math.log10(x))
        return "10" + str(power).translate(_RAISED) if math.isclose(x, 10.0**power) else f"{x:.3g}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _curve(ax: Axes, values: list[float], look: dict) -> None:
    """Draw one value an epoch, with at most about ten marks however long the run is."""
    if not values:  # trained without validation images
        return
    ax.plot(range(1, len(values) + 1), values, markevery=max(1, len(values) // 10), markersize=4, **look)
