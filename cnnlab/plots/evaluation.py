"""What a network looks at and gets wrong in, pictures out: saliency, a unit's favourites, confusion, mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.top_images import TopImages
from cnnlab.model.evaluation import Mistakes
from cnnlab.plots.images import PALETTE, montage, new_axes, plot_images


def plot_saliency(
    images: Split | Tensor,
    maps: Tensor | Mapping[str, Tensor],
    *,
    overlay: bool = False,
    titles: Sequence[object] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw images in a row, and below them the magnitude of their saliency maps: a row for each method or network.

    images: a Split, or float (N, C, H, W), stretched to the full range of grey. maps: what `saliency` gives, or a dict
    of name: maps. Each map is bright where it is largest, for itself: |map| summed over the channels, divided by its
    maximum. overlay: draw the maps over the images. titles: a word above each image.

    >>> plot_saliency(data.validation[:8], saliency(model, data.validation.images[:8]), overlay=True)
    """
    maps = {"": maps} if isinstance(maps, Tensor) else maps
    if not isinstance(maps, Mapping) or not maps:
        raise ConfigError(f"plot_saliency wants maps from saliency(), or a dict of them, got {type(maps).__name__}")
    pictures = _colour(images)  # (N, H, W, 3)
    for name, some in maps.items():
        if some.ndim != 4 or len(some) != len(pictures) or some.shape[2:] != pictures.shape[1:3]:
            raise ConfigError(
                f"plot_saliency: maps {name or ''} are {tuple(some.shape)}, for {len(pictures)} images of "
                f"{pictures.shape[1]}×{pictures.shape[2]}; take those of the same images"
            )
    rows = [pictures] + [_heat(some, pictures if overlay else None) for some in maps.values()]
    count, height, width, _ = pictures.shape
    gap = max(1, round(0.08 * height))
    picture, corners = montage(np.concatenate(rows), count, gap=gap)
    ax = new_axes(ax, (max(2.0, 1.0 * count + 1.2), 1.05 * len(rows) + (0.3 if titles is not None else 0)))
    ax.imshow(picture, interpolation="nearest")
    for title, (top, left) in zip(titles if titles is not None else (), corners, strict=False):
        ax.text(left + width / 2, top - 1, str(title), ha="center", va="bottom", fontsize=9, parse_math=False)
    for name, (top, _) in zip(["image", *maps], corners[::count], strict=True):
        ax.text(-gap, top + height / 2, name, ha="right", va="center", fontsize=9, parse_math=False)
    ax.set_axis_off()
    return ax


def plot_top_images(top: TopImages, *, ax: Axes | None = None) -> Axes:
    """Draw the images that excite a unit most, a frame round the pixels that it looked at, and below them those pixels.

    >>> plot_top_images(top_images(model, data.validation, "relu2", unit=3))
    """
    if not isinstance(top, TopImages):
        raise ConfigError(f"plot_top_images wants what top_images gives, got {type(top).__name__}")
    pictures = _colour(top.images)
    count, height = pictures.shape[:2]
    cut = np.ones_like(pictures)
    for index, (first, left, last, right) in enumerate(top.boxes):
        cut[index, : last - first, : right - left] = pictures[index, first:last, left:right]
    gap = max(1, round(0.08 * height))
    picture, corners = montage(np.concatenate([pictures, cut]), count, gap=gap)
    ax = new_axes(ax, (max(2.0, 1.0 * count), 2.4))
    ax.imshow(picture, interpolation="nearest")
    for (first, left, last, right), (down, across) in zip(top.boxes, corners, strict=False):
        corner = across + left - 0.5, down + first - 0.5
        ax.add_patch(Rectangle(corner, right - left, last - first, fill=False, edgecolor="#de8f05", linewidth=1.5))
    ax.set_axis_off()
    ax.set_title(f"{top.layer}, unit {top.unit}: what excites it most")
    return ax


def plot_confusion(found: Mistakes, *, ax: Axes | None = None) -> Axes:
    """Draw which class is taken for which: a row for each true class, a column for each answer, counts in the cells.

    Colour is the share of the row, so that a rare class is seen as well as a frequent one.

    >>> plot_confusion(mistakes(model, data.validation))
    """
    if not isinstance(found, Mistakes):
        raise ConfigError(f"plot_confusion wants what mistakes() gives, got {type(found).__name__}")
    counts = found.confusion.numpy()
    names = [*found.images.classes, *map(str, range(len(found.images.classes), len(counts)))]
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = 1.5 + 0.42 * len(counts)
    ax = new_axes(ax, (size + 0.8, size))
    seaborn.heatmap(
        shares, annot=np.where(counts > 0, counts.astype(str), ""), fmt="", cmap="viridis", vmin=0, vmax=1, square=True,
        xticklabels=False, yticklabels=False, cbar_kws={"label": "share of the true class"}, ax=ax,
        annot_kws={"fontsize": 8},
    )  # fmt: skip
    long = max(map(len, names)) > 3
    ax.set_xticks(np.arange(len(names)) + 0.5, names, parse_math=False, rotation=90 if long else 0)
    ax.set_yticks(np.arange(len(names)) + 0.5, names, parse_math=False)
    ax.set(xlabel="answer", ylabel="true class")
    return ax


def plot_mistakes(found: Mistakes, *, count: int = 8, ax: Axes | None = None) -> Axes:
    """Draw the wrong answers that the network was surest of: true class → answer, and how sure it was.

    >>> plot_mistakes(mistakes(model, data.validation))
    """
    if not isinstance(found, Mistakes):
        raise ConfigError(f"plot_mistakes wants what mistakes() gives, got {type(found).__name__}")
    if len(found.answers) == 0:
        raise ConfigError("plot_mistakes: this network made no mistake on these images; show it more of them")
    some, names = found.images[:count], found.images.classes
    told = zip(some.labels.tolist(), found.answers.tolist(), found.confidence.tolist(), strict=False)
    titles = [f"{names[true]} → {names[said] if said < len(names) else said}, {sure:.0%}" for true, said, sure in told]
    return plot_images(some, titles=titles, ax=ax)


def plot_probabilities(
    probabilities: Tensor, *, classes: Sequence[str] | None = None, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw one bar a class, 0–1, float (classes,): the highest is dark, and a triangle stands above it.

    classes: their names; None counts from 0. title: whose probabilities they are.

    >>> plot_probabilities(predict(model, data.validation.images[:1])[0], title="model A")
    """
    if not isinstance(probabilities, Tensor) or probabilities.ndim != 1 or len(probabilities) == 0:
        got = tuple(probabilities.shape) if isinstance(probabilities, Tensor) else type(probabilities).__name__
        raise ConfigError(
            f"plot_probabilities wants those of one image, float (classes,), got {got}; try predict(…)[0]"
        )
    names = [str(place) for place in range(len(probabilities))] if classes is None else list(classes)
    if len(names) != len(probabilities):
        raise ConfigError(f"classes has {len(names)} names for {len(probabilities)} probabilities; give one for each")
    ax = new_axes(ax, (3.0, 2.0))
    ax.bar(range(len(names)), 0.0, color=PALETTE[0])
    ax.plot([], [], "v", color="black", markersize=6)
    crowded = len(names) > 10 or max(map(len, names)) > 2
    ax.set_xticks(range(len(names)), names, parse_math=False, rotation=90 if crowded else 0)
    ax.set(ylim=(0, 1.13), yticks=(0, 0.5, 1), ylabel="probability (0–1)")
    ax.set_title(title, parse_math=False, fontsize=10)
    seaborn.despine(ax=ax)
    set_probabilities(ax, probabilities)
    return ax


def set_probabilities(ax: Axes, probabilities: Tensor) -> None:
    """Let axes of `plot_probabilities` show other probabilities (classes,); where all are 0, no bar is the highest."""
    values = probabilities.tolist()
    highest = max(values)
    for bar, value in zip(ax.patches, values, strict=True):
        seen = value > 0.001  # lower than a tenth of a pixel; most are, and need not be drawn
        bar.set(height=value, alpha=1.0 if value == highest else 0.45, visible=seen)
    ax.lines[0].set_data(*(([values.index(highest)], [highest + 0.07]) if highest > 0 else ([], [])))


def _colour(images: Split | Tensor) -> np.ndarray:
    """Return images as (N, H, W, 3) in 0–1; tensors are stretched from their lowest to their highest value."""
    if isinstance(images, Split):
        pixels = images.pixels
    elif isinstance(images, Tensor) and images.ndim == 4 and images.shape[1] in (1, 3):
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        pixels = (images - low) / (high - low).clamp_min(1e-12)
    else:
        got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ConfigError(f"images: want a Split, or float (N, C, H, W) with one or three channels, got {got}")
    return pixels.detach().cpu().float().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def _heat(maps: Tensor, under: np.ndarray | None) -> np.ndarray:
    """Return |maps| as colours (N, H, W, 3), perhaps laid over the images."""
    size = maps.detach().abs().sum(1).cpu().double()  # (N, H, W)
    share = (size / size.amax((1, 2), keepdim=True).clamp_min(1e-300)).numpy()
    colours = matplotlib.colormaps["viridis"](share)[..., :3]
    return colours if under is None else np.where(share[..., None] > 0.1, 0.4 * under + 0.6 * colours, under)
