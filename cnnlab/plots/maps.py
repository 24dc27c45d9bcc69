"""Draw the feature maps and the kernels of a layer side by side in one picture."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, check_number, describe_tensor, is_float_tensor
from cnnlab.errors import ConfigError
from cnnlab.model.in_training import check_not_in_training
from cnnlab.model.networks import check_model, named_layers
from cnnlab.plots.images import gap_of, montage, montage_axes
from cnnlab.plots.names import label_text, write_plainly
from cnnlab.plots.style import letters_of, whole_figure, wrapped

MOST_OF_A_SCALE = 1e100  # from there on, matplotlib's arithmetic overflows
COLOUR_BAR = 0.9  # inches


def plot_maps(maps: Tensor, *, columns: int = 4, ax: Axes | None = None, limit: float | None = None) -> Axes:
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
    if not is_float_tensor(maps) or maps.ndim != 3:
        got = tuple(maps.shape) if is_float_tensor(maps) else describe_tensor(maps)
        raise ConfigError(f"plot_maps wants feature maps (C, H, W) of one image, got {got}; take one with maps[0]")
    check_arguments(plot_maps, locals())
    check_number("limit", limit or 0.0, 0, below=MOST_OF_A_SCALE)
    tiles = maps.detach().cpu().numpy()[..., None]
    ax = montage_axes(tiles, columns, ax, right=COLOUR_BAR)
    picture, _ = montage(tiles, columns, gap=gap_of(tiles, 0.08))
    low, high = min(0.0, float(tiles.min())), limit or float(tiles.max()) or 1.0
    drawn = ax.imshow(picture.squeeze(-1), cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    _add_scale(ax, drawn, "activation")
    return ax


def plot_filters(
    model: nn.Module, layer: str = "conv1", *, columns: int = 4, ax: Axes | None = None, limit: float | None = None
) -> Axes:
    """Draw the kernels of a convolutional layer, for its first input channel: blue below zero, red above.

    Parameters
    ----------
    model : nn.Module
        Any network, compiled or not.
    layer : str
        The name of one of its nn.Conv2d layers.
    columns : int
        The number of kernels in a row.
    ax : Axes
        Where to draw; None makes a new figure.
    limit : float
        The weight at the red end of the scale, with its negative at the blue end; None takes the largest magnitude.

    >>> plot_filters(model, "conv1")
    """
    check_not_in_training(check_model(model))
    layers = named_layers(model)
    check_arguments(plot_filters, {"limit": limit})
    check_number("limit", limit or 0.0, 0, below=MOST_OF_A_SCALE)
    convolutions = {name: module for name, module in layers if isinstance(module, nn.Conv2d)}
    check_choice("layer", layer, convolutions)
    weights = convolutions[layer].weight[:, 0].detach().cpu().float()  # (filters, height, width)
    tiles = weights.numpy()[..., None]
    ax = montage_axes(tiles, columns, ax, right=COLOUR_BAR)
    picture, _ = montage(tiles, columns, gap=1)
    limit = limit or float(weights.abs().max()) or 1.0
    drawn = ax.imshow(picture.squeeze(-1), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    _add_scale(ax, drawn, "weight")
    words = f"{label_text(layer)}: {len(tiles)} kernels of {tiles.shape[1]}×{tiles.shape[2]}"
    room = ax.get_position().width * whole_figure(ax).get_figwidth() * 72  # points
    size = 1.2 * letters_of(ax)
    write_plainly(ax.set_title(wrapped(words, room / size / 0.55), fontsize=size))
    return ax


def _add_scale(ax: Axes, drawn: AxesImage, label: str) -> None:
    """Add the scale of the colours, in letters of a size that can be read."""
    scale, size = ax.figure.colorbar(drawn, ax=ax, shrink=0.8), letters_of(ax)
    scale.set_label(label, fontsize=size)
    scale.ax.tick_params(labelsize=size)
