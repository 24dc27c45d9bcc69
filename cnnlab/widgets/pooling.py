"""PoolingExplorer: pool a feature map, shift the image, and see how much of the pooled map changes."""

from __future__ import annotations

import ipywidgets
import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import capture
from cnnlab.model.convolution import format_number
from cnnlab.model.pooling import describe_shift, describe_window, pool_map, relative_change, shift_image
from cnnlab.widgets.base import TWO_COLUMNS, Panel, control_row, in_columns, picture_row
from cnnlab.widgets.examples import check_pair
from cnnlab.widgets.web.canvas import PixelCanvas, blue_to_red, diverging_pixels, grey_pixels, sequential_pixels

AS_WINDOW = "as the window"
FOUR_COLUMNS = "repeat(auto-fit, minmax(max(140px, calc((100% - 84px) / 4)), 1fr))"  # two on a narrow page
FARTHEST = 4  # pixels of a shift: the width of two 2×2 windows
LARGEST = 4  # pixels, the side of a window
SIGN_IMAGES = 100  # the images in whose maps a value below 0 is looked for


class PoolingExplorer(Panel):
    """Show an image, a feature map of it, the pooled map, and its change when the image is shifted.

    The functions of `cnnlab.model.pooling` compute everything that the panel shows. The panel uses a copy of the
    network, which later training does not change. Raises ConfigError if network, images and layer do not fit.

    Parameters
    ----------
    model : nn.Module
        The network; None takes a network of the results bank and ten digits.
    images : Split
        Images of the network's data.
    layer : str
        The layer whose feature maps are pooled.

    Attributes
    ----------
    image_index, map_index, pooling, size, stride, right, down
        The controls.
    input, map, pooled, changed
        The pictures; `pooled.cursor` is the [row, column] that is explained.
    status : StatusLine
        The window and the change in words.

    >>> panel = PoolingExplorer()
    >>> panel.right.value = 1
    """

    explained = ("pooling", "max pooling", "average pooling", "stride", "feature map")

    def __init__(self, model: nn.Module | None = None, images: Split | None = None, *, layer: str = "relu1") -> None:
        self.model, self.images = check_pair(model, images)
        self.layer = layer
        maps = self._maps(self.images[:SIGN_IMAGES].pixels)
        if maps.ndim != 4:
            raise ConfigError(f"layer={layer!r} puts out no maps (H, W), but {tuple(maps.shape[1:])}; try 'relu1'")
        self._signed = bool((maps < 0).any())  # one colour map for all images
        super().__init__()
        self._make_controls(*maps.shape[1:])
        self._make_pictures()
        self._draw()
        self._watch(self.image_index, self.map_index, self.pooling, self.size, self.stride, self.right, self.down)
        self._watch(self.pooled, trait="cursor")
        self.children = [
            control_row(self.image_index, self.map_index, self.pooling),
            in_columns([self.size, self.stride, self.right, self.down], TWO_COLUMNS),
            picture_row([self.input, self.map, self.pooled, self.changed], FOUR_COLUMNS),
            self.status,
            self.glossary,
        ]

    def _make_controls(self, maps: int, height: int, width: int) -> None:
        slider = ipywidgets.IntSlider
        self.image_index = slider(0, 0, len(self.images) - 1, description="image")
        self.map_index = slider(0, 0, maps - 1, description="feature map")
        self.pooling = ipywidgets.Dropdown(options={"max": "max", "average": "avg"}, description="pooling")
        largest = min(LARGEST, height, width)
        self.size = slider(min(2, largest), 1, largest, description="window size")
        self.stride = ipywidgets.Dropdown(options=[AS_WINDOW, 1, 2, 3, 4], description="stride")
        self.right = slider(0, -FARTHEST, FARTHEST, description="shift right")
        self.down = slider(0, -FARTHEST, FARTHEST, description="shift down")

    def _make_pictures(self) -> None:
        self.input = PixelCanvas(title="Image", caption="black 0, white 1")
        self.map = PixelCanvas(title="Feature map")
        self.pooled = PixelCanvas(interactive=True, cursor=[3, 3])
        self.changed = PixelCanvas(title="Changed by the shift")

    def _maps(self, pixels: Tensor) -> Tensor:
        """Return the layer's feature maps (N, maps, H, W) of pixels (N, C, H, W) in 0–1."""
        with torch.no_grad(), capture(self.model, self.layer) as seen:
            self.model((pixels - self.images.mean) / self.images.std)
        return seen[self.layer]

    def _draw(self) -> None:
        original = self.images[self.image_index.value].pixels[0]  # (C, H, W)
        right, down = self.right.value, self.down.value
        moved = torch.stack([shift_image(channel, down=down, right=right) for channel in original])
        both = torch.stack([original, moved]) if right or down else original[None]
        maps = self._maps(both)[:, self.map_index.value]
        before, after = maps[0], maps[-1]  # (H, W) each
        kind, size = self.pooling.value, self.size.value
        stride = size if self.stride.value == AS_WINDOW else self.stride.value
        pooled_before, pooled = (pool_map(plane, kind, size=size, stride=stride) for plane in (before, after))
        row, column = (min(place, length - 1) for place, length in zip(self.pooled.cursor, pooled.shape, strict=True))
        words = describe_window(after, row, column, kind=kind, size=size, stride=stride)
        if right or down:
            words += self._change_in_words(relative_change(before, after), relative_change(pooled_before, pooled))

        limit = float(torch.stack([before, after]).abs().max())
        self._show_pooled(pooled, limit, [row, column])
        self._show_map(after, limit, [row * stride, column * stride, size, size])
        self.input.show(grey_pixels(moved.mean(0)), label=f"image, moved {describe_shift(right, down)}")
        self.changed.show(
            diverging_pixels(pooled - pooled_before, limit),
            caption=blue_to_red(limit),
            label=f"change of the pooled map, {_size(pooled)}",
        )
        self.status.say(words)

    def _colours(self, plane: Tensor, limit: float) -> np.ndarray:
        """Return the pixels of a map (H, W): blue and red if a map of the layer has values below 0."""
        return diverging_pixels(plane, limit) if self._signed else sequential_pixels(plane, limit)

    def _show_pooled(self, pooled: Tensor, limit: float, cursor: list[int]) -> None:
        """Show the pooled map (H, W), in the colours of the feature map."""
        self.pooled.show(
            self._colours(pooled, limit),
            title=f"Pooled: {self.pooling.label}",
            cursor=cursor,
            caption=f"{_size(pooled)}, same colours\npoint at a pixel, or use the arrow keys",
            label=f"pooled map, {_size(pooled)}; the arrow keys move the cursor",
        )

    def _show_map(self, plane: Tensor, limit: float, window: list[int]) -> None:
        """Show the feature map (H, W), and mark the window [top, left, height, width] in it."""
        scale = blue_to_red(limit) if self._signed else f"dark 0, yellow {format_number(limit)}"
        self.map.show(
            self._colours(plane, limit),
            rectangle=window,
            caption=f"{_size(plane)}, {scale}",
            label=f"feature map {self.map_index.value}, {_size(plane)}",
        )

    def _change_in_words(self, of_map: float, of_pooled: float) -> str:
        """Describe the shift, and how much it has changed the map and the pooled map."""
        reverse = f", {2**0.5:.2f} the reverse" if self._signed else ""
        return (
            f". Moved {describe_shift(self.right.value, self.down.value)}: the map changed by {of_map:.2f}, the pooled "
            f"one by {of_pooled:.2f} (0 not at all, 1 nothing in common{reverse})"
        )


def _size(plane: Tensor) -> str:
    """Return the size of a plane (H, W) in words."""
    return f"{plane.shape[0]}×{plane.shape[1]}"
