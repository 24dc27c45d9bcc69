"""ConvolutionExplorer: move a kernel over an image, and see how every output pixel comes about."""

from __future__ import annotations

import threading

import ipywidgets
import torch
from torch import Tensor

from cnnlab.errors import ConfigError
from cnnlab.kernels import (
    KERNELS,
    apply_kernel,
    describe_pixel,
    explain_pixel,
    make_kernel,
    read_kernel,
    resize_kernel,
    write_number,
)
from cnnlab.widgets.canvas import NumberGrid, PixelCanvas, diverging_pixels, grey_pixels
from cnnlab.widgets.guard import StatusLine, errors_shown_in

OWN_NUMBERS = "your own numbers"


class ConvolutionExplorer(ipywidgets.VBox):
    """A panel: an image, a kernel, its output; and for one output pixel the patch, the products and their sum.

    images: float (N, 1, H, W) or (N, H, W), 0–1; None takes ten MNIST digits, 0 to 9.
    Raises ConfigError for other images. All that it shows, `cnnlab.kernels` can give too.
    Controls, for tests and for cells: image_index, preset, kernel_size, weights (the typed numbers),
    output.cursor ([row, column]); pictures: input, kernel, output; numbers: patch, weights, products; status.

    >>> panel = ConvolutionExplorer()
    >>> panel.kernel_size.value = 5
    """

    def __init__(self, images: Tensor | None = None) -> None:
        self.images = _digits() if images is None else _checked(images)  # (N, H, W)
        self._lock = threading.RLock()  # Jupyter may call back in another thread while a cell runs
        self._updating = False
        self._make_controls()
        self._make_pictures()
        self._draw()
        for control in (self.image_index, self.preset, self.kernel_size):
            control.observe(self._update, "value")
        self.weights.observe(self._update, "values")
        self.output.observe(self._update, "cursor")
        super().__init__(self._rows())

    def _make_controls(self) -> None:
        style = {"description_width": "initial"}
        self.image_index = ipywidgets.IntSlider(0, 0, len(self.images) - 1, description="image", style=style)
        self.preset = ipywidgets.Dropdown(options=[*KERNELS, OWN_NUMBERS], description="kernel", style=style)
        self.preset.value = "vertical edges"
        self.kernel_size = ipywidgets.IntSlider(3, 1, 11, 2, description="kernel size", style=style)
        self.status = StatusLine()

    def _make_pictures(self) -> None:
        _, height, width = self.images.shape
        self.input = PixelCanvas(title="Input", caption="black 0, white 1")
        self.kernel = PixelCanvas()
        self.output = PixelCanvas(title="Output", interactive=True, cursor=[height // 2, width // 2])
        self.input.label = f"input, {height} by {width} pixels"
        self.output.label = f"output, {height} by {width} pixels; the arrow keys move the cursor"
        self.patch = NumberGrid(title="Patch under the kernel", label="patch")
        self.weights = NumberGrid(title="× kernel: type your own", label="kernel", editable=True)
        self.products = NumberGrid(label="products")

    def _rows(self) -> list[ipywidgets.Widget]:
        controls = [self.image_index, self.preset, self.kernel_size]
        for control in controls:
            control.layout.width = "auto"
        # The pictures stand side by side, however narrow the page; what would be too small to use wraps.
        return [
            _row(controls, "repeat(auto-fit, minmax(max(210px, calc((100% - 56px) / 3)), 1fr))"),
            _row([self.input, self.kernel, self.output], "repeat(3, minmax(0, 1fr))"),
            self.status,
            _row(
                [self.patch, self.weights, self.products],
                "repeat(auto-fit, minmax(max(175px, calc((100% - 56px) / 3)), 1fr))",
            ),
        ]

    def _update(self, change: dict) -> None:
        """Draw again; the one callback of every control."""
        with self._lock:
            if self._updating:  # what we set ourselves while we draw comes back here
                return
            self._updating = True
            try:
                with errors_shown_in(self.status):
                    if change["owner"] is self.weights:
                        self.preset.value = OWN_NUMBERS
                    self._draw()
            finally:
                self._updating = False

    def _draw(self) -> None:
        # All is computed before anything is shown, so that an error leaves one whole picture, the last good one.
        image = self.images[self.image_index.value]
        kernel = self._chosen_kernel()
        output = apply_kernel(image, kernel)
        row, column = self.output.cursor
        patch, products, total = explain_pixel(image, kernel, row, column)
        words = describe_pixel(image, kernel, row, column)
        size = len(kernel)
        strongest, brightest = float(kernel.abs().max()), float(output.abs().max())
        kernel_colours = diverging_pixels(kernel, strongest)

        hint = "point at a pixel, or use the arrow keys"
        self.output.show(diverging_pixels(output, brightest), caption=f"{_scale(brightest)}\n{hint}")
        self.input.show(grey_pixels(image), rectangle=[row - size // 2, column - size // 2, size, size])
        name = f"Kernel {size}×{size}"
        self.kernel.show(kernel_colours, title=name, label=f"{name}, {self.preset.value}", caption=_scale(strongest))
        self.patch.show(patch, grey_pixels(patch))
        self.weights.show(kernel, kernel_colours)
        self.products.show(
            products, diverging_pixels(products, strongest), title=f"= products, sum {write_number(total)}"
        )
        self.status.say(words)

    def _chosen_kernel(self) -> Tensor:
        if self.preset.value != OWN_NUMBERS:
            return make_kernel(self.preset.value, self.kernel_size.value)
        return resize_kernel(read_kernel(self.weights.values), self.kernel_size.value)

    def __repr__(self) -> str:
        return "<ConvolutionExplorer: a live panel; run this cell to use it>"


def _row(children: list[ipywidgets.Widget], columns: str) -> ipywidgets.GridBox:
    layout = ipywidgets.Layout(grid_template_columns=columns, grid_gap="8px 28px", padding="6px 2px 10px")
    layout.max_width = "820px"
    layout.overflow = "visible"  # a mark, and a number that is being typed, may reach a little beyond the row
    return ipywidgets.GridBox(children, layout=layout)


def _scale(limit: float) -> str:
    return f"blue {write_number(-limit)}, white 0, red {write_number(limit)}" if limit else "all zero"


def _digits() -> Tensor:
    from cnnlab.loading import load_data  # only here: with images of your own, no data set is read

    train = load_data("mnist", train=100, validation=10, test=10).train
    first = [int((train.labels == digit).nonzero()[0]) for digit in range(10)]
    return train.pixels[first, 0]  # (10, 28, 28)


def _checked(images: object) -> Tensor:
    """Return images as (N, H, W), or raise ConfigError."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        got = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise ConfigError(f"want float images (N, 1, H, W) or (N, H, W), got {got}")
    planes = images[:, 0] if images.ndim == 4 and images.shape[1] == 1 else images
    if planes.ndim != 3 or planes.numel() == 0:
        raise ConfigError(f"want float images (N, 1, H, W) or (N, H, W), got {tuple(images.shape)}")
    low, high = planes.min().item(), planes.max().item()
    if not 0 <= low <= high <= 1:
        raise ConfigError(f"images must lie in 0–1, got {low:.3g} to {high:.3g}; try data.train.pixels")
    return planes.detach().cpu().to(torch.float32)
