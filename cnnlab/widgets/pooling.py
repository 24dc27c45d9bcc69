"""PoolingExplorer: pool a feature map by maximum or mean, shift the image, and see what changes and what does not."""

from __future__ import annotations

import ipywidgets
import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import capture
from cnnlab.model.convolution import write_number
from cnnlab.model.pooling import describe_shift, describe_window, pool_map, relative_change, shift_image
from cnnlab.widgets.base import TWO_COLUMNS, Panel, control_row, in_columns, picture_row
from cnnlab.widgets.examples import check_pair
from cnnlab.widgets.web.canvas import PixelCanvas, blue_to_red, diverging_pixels, grey_pixels, sequential_pixels

AS_WINDOW = "as the window"
FOUR = "repeat(auto-fit, minmax(max(140px, calc((100% - 84px) / 4)), 1fr))"  # side by side; two by two where narrow
FARTHEST = 4  # pixels; further than two windows of 2×2
LARGEST = 4  # window
LOOKED_AT = 100  # images; has one of their maps a value below 0?


class PoolingExplorer(Panel):
    """A panel: an image, one feature map of it, the map pooled, and what a shift of the image has changed in that.

    model: a network with the layer; images: a Split of its data. None takes a network of the results bank, and ten
    digits. layer: whose maps are pooled. The panel looks into a copy: training that comes later does not change it.
    Raises ConfigError where they don't fit. All that it shows, `cnnlab.model.pooling` can give too.
    Controls: image_index, map_index, pooling, size, stride, right, down, pooled.cursor ([row, column]);
    pictures: input, map, pooled, changed; status.

    >>> panel = PoolingExplorer()
    >>> panel.right.value = 1
    """

    def __init__(self, model: nn.Module | None = None, images: Split | None = None, *, layer: str = "relu1") -> None:
        self.model, self.images = check_pair(model, images)
        self.layer = layer
        maps = self._maps(self.images[:LOOKED_AT].pixels)
        if maps.ndim != 4:
            raise ConfigError(f"layer={layer!r} puts out no maps (H, W), but {tuple(maps.shape[1:])}; try 'relu1'")
        self._signed = bool((maps < 0).any())  # the same colours for all images
        super().__init__()
        self._make_controls(*maps.shape[1:])
        self._make_pictures()
        self._draw()
        self._watch(self.image_index, self.map_index, self.pooling, self.size, self.stride, self.right, self.down)
        self._watch(self.pooled, trait="cursor")
        self.children = [
            control_row(self.image_index, self.map_index, self.pooling),
            in_columns([self.size, self.stride, self.right, self.down], TWO_COLUMNS),
            picture_row([self.input, self.map, self.pooled, self.changed], FOUR),
            self.status,
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
        """Return the layer's maps (N, maps, H, W) of pixels (N, C, H, W) in 0–1."""
        with torch.no_grad(), capture(self.model, self.layer) as seen:
            self.model((pixels - self.images.mean) / self.images.std)
        return seen[self.layer]

    def _draw(self) -> None:
        still = self.images[self.image_index.value].pixels[0]  # (C, H, W)
        right, down = self.right.value, self.down.value
        moved = torch.stack([shift_image(channel, down=down, right=right) for channel in still])
        maps = self._maps(torch.stack([still, moved]) if right or down else still[None])[:, self.map_index.value]
        before, after = maps[0], maps[-1]  # (H, W) each
        stride = self.size.value if self.stride.value == AS_WINDOW else self.stride.value
        window = {"kind": self.pooling.value, "size": self.size.value, "stride": stride}
        pooled_before, pooled = (
            pool_map(one, window["kind"], size=window["size"], stride=window["stride"]) for one in (before, after)
        )
        row, column = (min(at, length - 1) for at, length in zip(self.pooled.cursor, pooled.shape, strict=True))
        words = describe_window(after, row, column, **window)
        limit = float(torch.stack([before, after]).abs().max())
        colours = diverging_pixels if self._signed else sequential_pixels
        scale = blue_to_red(limit) if self._signed else f"dark 0, yellow {write_number(limit)}"

        self.pooled.show(
            colours(pooled, limit),
            title=f"Pooled: {self.pooling.label}",
            cursor=[row, column],
            caption=f"{_size(pooled)}, same colours\npoint at a pixel, or use the arrow keys",
            label=f"pooled map, {_size(pooled)}; the arrow keys move the cursor",
        )
        self.map.show(
            colours(after, limit),
            rectangle=[row * stride, column * stride, window["size"], window["size"]],
            caption=f"{_size(after)}, {scale}",
            label=f"feature map {self.map_index.value}, {_size(after)}",
        )
        self.input.show(grey_pixels(moved.mean(0)), label=f"image, moved {describe_shift(right, down)}")
        self.changed.show(
            diverging_pixels(pooled - pooled_before, limit),
            caption=blue_to_red(limit),
            label=f"change of the pooled map, {_size(pooled)}",
        )
        if right or down:
            reverse = f", {2**0.5:.2f} the reverse" if self._signed else ""
            words += (
                f". Moved {describe_shift(right, down)}: the map changed by {relative_change(before, after):.2f}, the "
                f"pooled one by {relative_change(pooled_before, pooled):.2f} (0 not at all, 1 nothing in "
                f"common{reverse})"
            )
        self.status.say(words)


def _size(plane: Tensor) -> str:
    return f"{plane.shape[0]}×{plane.shape[1]}"
