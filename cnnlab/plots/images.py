"""Draw images, feature maps and filters side by side in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor, nn

from cnnlab.checks import check_choice, check_images, check_whole
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.plots.style import new_axes


def plot_images(
    images: Split | Tensor, *, titles: Sequence[object] | None = None, columns: int = 8, ax: Axes | None = None
) -> Axes:
    """Draw images side by side in one picture, with a title above each.

    Parameters
    ----------
    images : Split or Tensor
        A Split is drawn as its pixels were before normalization. A tensor is float (N, C, H, W) in 0–1 with one or
        three channels.
    titles : sequence
        One title for each image; None writes the class above each image of a Split, and nothing above a tensor's.
    columns : int
        The number of images in a row.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_images(data.train[:16])
    """
    if isinstance(images, Split):
        titles = [images.classes[label] for label in images.labels] if titles is None else titles
        images = images.pixels
    _check_drawable(images)
    check_whole("columns", columns, 1)
    tiles = images.detach().cpu().permute(0, 2, 3, 1).numpy()  # (N, H, W, C)
    ax = _montage_axes(tiles, columns, ax, room=0.28 if titles is not None else 0)
    above = _gap(tiles, 0.08 if titles is None else 0.35)
    picture, corners = montage(tiles, columns, gap=_gap(tiles, 0.08 if titles is None else 0.2), above=above)
    picture = picture.squeeze(-1) if tiles.shape[3] == 1 else picture
    ax.imshow(picture, cmap="grey", vmin=0, vmax=1, interpolation="nearest")
    for title, (top, left) in zip(titles if titles is not None else (), corners, strict=False):
        ax.text(left + tiles.shape[2] / 2, top - 1, str(title), ha="center", va="bottom", fontsize=9, parse_math=False)
    return ax


def _check_drawable(images: Tensor) -> None:
    """Raise ConfigError unless images is float (N, C, H, W) in 0–1 with one or three channels."""
    check_images(images)
    if len(images) and not 0 <= images.min() <= images.max() <= 1:
        raise ConfigError(
            f"plot_images wants pixels in 0–1, got {images.min():.3g} to {images.max():.3g}; "
            "for normalized images give the Split itself, such as data.train[:8]"
        )
    if images.shape[1] not in (1, 3):
        raise ConfigError(f"plot_images wants one or three channels, got {images.shape[1]}; plot_maps draws any number")


def plot_maps(maps: Tensor, *, columns: int = 8, ax: Axes | None = None, limit: float | None = None) -> Axes:
    """Draw the feature maps of one image side by side, all on one scale.

    Parameters
    ----------
    maps : Tensor
        Float (C, H, W): what a layer puts out for one image.
    columns : int
        The number of maps in a row.
    ax : Axes
        Where to draw; None makes a new figure.
    limit : float
        The activation at the bright end of the scale; None takes the maximum of the maps. The dark end is zero, or the
        minimum of the maps where that is below zero.

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

    Parameters
    ----------
    model : nn.Module
        The network.
    layer : str
        The name of one of its nn.Conv2d layers.
    columns : int
        The number of kernels in a row.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_filters(model, "conv1")
    """
    convolutions = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    check_choice("layer", layer, convolutions)
    weights = convolutions[layer].weight[:, 0].detach().cpu()  # (filters, height, width)
    tiles = weights.numpy()[..., None]
    ax = _montage_axes(tiles, columns, ax)
    picture, _ = montage(tiles, columns, gap=1)
    limit = float(weights.abs().max()) or 1.0
    drawn = ax.imshow(picture.squeeze(-1), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.figure.colorbar(drawn, ax=ax, label="weight", shrink=0.8)
    ax.set_title(f"{layer}: {len(tiles)} kernels of {tiles.shape[1]}×{tiles.shape[2]}")
    return ax


def montage(
    tiles: np.ndarray, columns: int, *, gap: int, above: int | None = None
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Put tiles into one picture; return the picture (H, W, C) and the corner (top, left) of each tile in it.

    Parameters
    ----------
    tiles : array
        Float (N, H, W, C).
    columns : int
        The number of tiles in a row.
    gap : int
        Pixels between two tiles. They are NaN, which matplotlib leaves transparent; white in a colour picture.
    above : int
        Pixels above each tile, where a title may stand; None is the gap.
    """
    count, height, width, depth = tiles.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    above = gap if above is None else above
    picture = np.full((rows * (height + above), columns * (width + gap) - gap, depth), np.nan, dtype=np.float32)
    if depth == 3:
        picture[:] = 1.0  # matplotlib takes no NaN in a colour picture
    corners = []
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + above) + above, index % columns * (width + gap)
        picture[top : top + height, left : left + width] = tile
        corners.append((top, left))
    return picture, corners


def _gap(tiles: np.ndarray, share: float) -> int:
    """Return this share of a tile's height, in whole pixels."""
    return max(1, round(tiles.shape[1] * share))


def _montage_axes(tiles: np.ndarray, columns: int, ax: Axes | None, room: float = 0.0) -> Axes:
    """Return Axes without ticks, large enough for the tiles; room is the share of a tile's height for its title."""
    if len(tiles) == 0:
        raise ConfigError("there is nothing to draw: got 0 pictures; take at least one")
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    ax = new_axes(ax, (max(2.0, columns * 1.0), max(1.0, rows * (1.0 + room))))
    ax.set_axis_off()
    return ax
