"""Draw saliency maps below their images, and the images that most activate a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from torch import Tensor

from cnnlab.arguments import check_arguments
from cnnlab.checks import describe_tensor, is_float_tensor
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.top_images import TopImages
from cnnlab.plots.images import check_titles, montage, tile_side, write_titles
from cnnlab.plots.names import columns, label_text, write_plainly
from cnnlab.plots.style import LETTERS, PAGE, PALETTE, letters_of, new_axes, wrapped

BESIDE = 14  # letters of a line left of a row
OVERLAY = np.array(to_rgb("#e60026"))  # a red about as far from black as from white, so that it is seen on both


def plot_saliency(
    images: Split | Tensor,
    maps: Tensor | Mapping[str, Tensor],
    *,
    overlay: bool = False,
    titles: Sequence[object] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw images in a row, and below them their saliency maps: one row for each method or network.

    A map shows the magnitude |map|, summed over the channels and divided by its own maximum: it is bright where it is
    largest. As an overlay it is red instead, and the less transparent, the larger.

    Parameters
    ----------
    images : Split or Tensor
        A Split, or float (N, C, H, W) with one or three channels, stretched to the full range of grey.
    maps : Tensor or dict of name: Tensor
        What `saliency` returns for these images, float (N, C, H, W), or several of them with their names.
    overlay : bool
        Draw the maps over the images.
    titles : sequence
        A title above each image.
    ax : Axes
        Where to draw; None makes a new figure.

    >>> plot_saliency(data.validation[:8], saliency(model, data.validation.images[:8]), overlay=True)
    """
    pictures = _in_colour(images)  # (N, H, W, 3)
    named_maps = _check_maps(maps, pictures)
    check_arguments(plot_saliency, {"overlay": overlay})
    check_titles(titles, len(pictures))
    rows = [pictures] + [_heat_map(values, pictures if overlay else None) for values in named_maps.values()]
    count, height = pictures.shape[:2]
    gap = max(1, round(0.08 * height))
    picture, corners = montage(np.concatenate(rows), count, gap=gap)
    side = tile_side(count, len(rows))
    height_of_a_line = 1.4 * LETTERS * max(1.0, (side * count + 1.5) / PAGE) / 72  # inches
    lines = max(1, int(side / height_of_a_line))  # that have room beside a row
    names = [_in_lines(name, lines) for name in ("image", *named_maps)]
    width = _width(1.08 * side * count, max(columns(line) for name in names for line in name.split("\n")))
    shown_titles = [str(title) for title in titles or ()]
    above = max((title.count("\n") + 1 for title in shown_titles), default=0) * LETTERS * max(1.0, width / PAGE) / 55
    ax = new_axes(ax, (max(2.0, width), 1.08 * side * len(rows) + above))
    ax.imshow(picture, interpolation="nearest")
    write_titles(ax, shown_titles, corners, pictures.shape[2])
    for name, (top, _) in zip(names, corners[::count], strict=True):
        write_plainly(ax.text(-gap, top + height / 2, name, ha="right", va="center", fontsize=letters_of(ax)))
    ax.set_anchor("E")  # what room is left is the names'
    ax.set_axis_off()
    return ax


def _width(tiles: float, letters: int) -> float:
    """Return the width of a figure, in inches, that has room for names beside the tiles; letters: of the longest line.

    In a figure that is wider than PAGE the letters are larger in the same proportion.
    """
    room = 0.0092 * letters * LETTERS  # inches
    width = tiles + 0.3 + room
    return width if width <= PAGE else (tiles + 0.3) / (1 - min(0.7, room / PAGE))


def _in_lines(name: str, most: int) -> str:
    """Return a name in at most so many lines, which end at an underscore or a space where there is one."""
    if most == 1:
        return label_text(name)
    parts = label_text(name, most * BESIDE).replace("_", "_\n").split("\n")
    lines = "\n".join(wrapped(part, BESIDE) for part in parts)
    return lines if lines.count("\n") < most else label_text(name)


def plot_top_images(top: TopImages, *, ax: Axes | None = None) -> Axes:
    """Draw the images that most activate a unit, with a frame around the pixels that it sees; these pixels again below.

    >>> plot_top_images(top_images(model, data.validation, "relu2", unit=3))
    """
    if not isinstance(top, TopImages):
        raise ConfigError(f"plot_top_images wants what top_images gives, got {type(top).__name__}")
    pictures = _in_colour(top.images)
    count, height = pictures.shape[:2]
    crops = np.ones_like(pictures)
    for index, (first, left, last, right) in enumerate(top.boxes):
        crops[index, : last - first, : right - left] = pictures[index, first:last, left:right]
    gap = max(1, round(0.08 * height))
    picture, corners = montage(np.concatenate([pictures, crops]), count, gap=gap)
    picture = picture[: corners[-1][0] + max(last - first for first, _, last, _ in top.boxes)]  # no white below them
    side = tile_side(count, 2)
    ax = new_axes(ax, (max(2.0, side * count), 0.4 + side * len(picture) / height))
    ax.imshow(picture, interpolation="nearest")
    for (first, left, last, right), (down, across) in zip(top.boxes, corners, strict=False):
        corner = across + left - 0.5, down + first - 0.5
        frame = {"fill": False, "edgecolor": PALETTE[1], "linewidth": 1.5}
        ax.add_patch(Rectangle(corner, right - left, last - first, **frame))
    ax.set_axis_off()
    words = f"{label_text(top.layer)}, unit {top.unit}: what excites it most"
    write_plainly(ax.set_title(words, fontsize=letters_of(ax)))
    return ax


def _check_maps(maps: object, pictures: np.ndarray) -> Mapping[str, Tensor]:
    """Return the saliency maps with their names; raise ConfigError unless each belongs to these pictures."""
    named_maps = {"": maps} if isinstance(maps, Tensor) else maps
    if not isinstance(named_maps, Mapping) or not named_maps:
        raise ConfigError(f"plot_saliency wants maps from saliency(), or a dict of them, got {type(maps).__name__}")
    for name, values in named_maps.items():
        if not is_float_tensor(values):
            raise ConfigError(
                f"plot_saliency wants maps from saliency(), or a dict of them, got {type(values).__name__}"
            )
        if values.ndim != 4 or len(values) != len(pictures) or values.shape[2:] != pictures.shape[1:3]:
            raise ConfigError(
                f"plot_saliency: maps {name or ''} are {tuple(values.shape)}, for {len(pictures)} images of "
                f"{pictures.shape[1]}×{pictures.shape[2]}; take those of the same images"
            )
    return named_maps


def _in_colour(images: Split | Tensor) -> np.ndarray:
    """Return images as (N, H, W, 3) in 0–1; a tensor is stretched from its lowest to its highest value."""
    if isinstance(images, Split):
        pixels = images.pixels
    elif is_float_tensor(images) and images.ndim == 4 and images.shape[1] in (1, 3) and 0 not in images.shape[2:]:
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        pixels = (images - low) / (high - low).clamp_min(1e-12)
    else:
        got = describe_tensor(images)
        raise ConfigError(f"images must be a Split or a tensor (N, C, H, W) with one or three channels, got {got}")
    return pixels.detach().cpu().float().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def _heat_map(maps: Tensor, under: np.ndarray | None) -> np.ndarray:
    """Return |maps| as colours (N, H, W, 3); laid over the images `under`, unless that is None."""
    size = maps.detach().abs().sum(1).cpu().double()  # (N, H, W)
    share = (size / size.amax((1, 2), keepdim=True).clamp_min(1e-300)).numpy()
    if under is None:
        return matplotlib.colormaps["viridis"](share)[..., :3]
    opacity = (share**0.7)[..., None]  # half of the maximum is already six tenths opaque
    return (1 - opacity) * under + opacity * OVERLAY
