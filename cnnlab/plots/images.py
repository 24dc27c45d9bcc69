"""Draw images side by side in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from cnnlab.checks import check_images, check_whole, shown
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.plots.names import FittedText, label_text
from cnnlab.plots.style import letters_of, new_axes


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
        One title for each image, of one line or more; None writes the class above each image of a Split, and nothing
        above a tensor's. A title that is wider than its image is written smaller, and shortened.
    columns : int
        The number of images in a row.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_images(data.train[:16])
    """
    if isinstance(images, Split):
        titles = [label_text(images.classes[label]) for label in images.labels] if titles is None else titles
        images = images.pixels
    _check_drawable(images)
    check_titles(titles, len(images))
    tiles = images.detach().cpu().permute(0, 2, 3, 1).numpy()  # (N, H, W, C)
    titles = None if titles is None else [*map(str, titles)][: len(tiles)]
    lines = max((title.count("\n") + 1 for title in titles or ()), default=0)
    ax = montage_axes(tiles, columns, ax, room=0.28 * lines)
    above = gap_of(tiles, 0.35 * lines or 0.08)
    picture, corners = montage(tiles, columns, gap=gap_of(tiles, 0.08 if titles is None else 0.2), above=above)
    picture = picture.squeeze(-1) if tiles.shape[3] == 1 else picture
    ax.imshow(picture, cmap="grey", vmin=0, vmax=1, interpolation="nearest")
    write_titles(ax, titles if titles is not None else (), corners, tiles.shape[2])
    return ax


def write_titles(ax: Axes, titles: Sequence[object], corners: Sequence[tuple[int, int]], width: int) -> None:
    """Write a title above each tile, no wider than the tile; corners: what `montage` returns."""
    for title, (top, left) in zip(titles, corners, strict=False):
        words = "\n".join(label_text(line) for line in str(title).split("\n"))
        # On one line, whether or not a letter reaches below it.
        look = {"ha": "center", "va": "baseline", "fontsize": letters_of(ax), "linespacing": 1.1, "clip_on": False}
        ax.add_artist(FittedText(left + width / 2 - 0.5, top - 0.5 - 0.08 * width, words, room=1.1 * width, **look))


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


def check_titles(titles: object, count: int) -> None:
    """Raise ConfigError unless titles is None, or has one title for each image."""
    if titles is None:
        return
    if isinstance(titles, str) or not isinstance(titles, Sequence) or len(titles) != count:
        got = f"{len(titles)} titles" if isinstance(titles, (list, tuple)) else shown(titles)
        raise ConfigError(f"titles wants one title for each of {count} images, got {got}")


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


def gap_of(tiles: np.ndarray, share: float) -> int:
    """Return this share of a tile's height, in whole pixels."""
    return max(1, round(tiles.shape[1] * share))


def tile_side(columns: int, rows: int) -> float:
    """Return the side of a tile in inches: it fills a picture 8 inches wide and high, but is no larger than 1.8."""
    return min(1.8, 8 / columns, 8 / rows)


def montage_axes(tiles: np.ndarray, columns: int, ax: Axes | None, *, room: float = 0.0, right: float = 0.0) -> Axes:
    """Return Axes without ticks, large enough for the tiles.

    room: the share of a tile's height for its title. right: inches for a colour bar.
    """
    columns = check_whole("columns", columns, 1)
    if len(tiles) == 0:
        raise ConfigError("there is nothing to draw: got 0 pictures; take at least one")
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    side = tile_side(columns, rows)
    ax = new_axes(ax, (max(2.0, columns * side + right), max(1.0, rows * side * (1 + room))))
    ax.set_axis_off()
    return ax
