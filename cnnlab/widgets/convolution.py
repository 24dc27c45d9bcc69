"""ConvolutionExplorer: move a kernel over an image, and see how each output pixel is computed."""

from __future__ import annotations

import ipywidgets
from torch import Tensor

from cnnlab.model.convolution import (
    KERNELS,
    apply_kernel,
    describe_pixel,
    explain_pixel,
    format_number,
    make_kernel,
    read_kernel,
    resize_kernel,
)
from cnnlab.widgets.base import Panel, control_row, picture_row
from cnnlab.widgets.examples import check_planes, mnist_digits
from cnnlab.widgets.web.canvas import NumberGrid, PixelCanvas, blue_to_red, diverging_pixels, grey_pixels

OWN_NUMBERS = "your own numbers"


class ConvolutionExplorer(Panel):
    """Show an image, a kernel and its output; for one output pixel, show the patch, the products and their sum.

    The functions of `cnnlab.model.convolution` compute everything that the panel shows.

    Parameters
    ----------
    images : Tensor
        Float (N, 1, H, W) or (N, H, W) in 0–1; None takes ten MNIST digits, 0 to 9. Raises ConfigError for others.

    Attributes
    ----------
    image_index, preset, kernel_size, weights
        The controls; `weights` holds the numbers that a person types.
    input, kernel, output
        The pictures; `output.cursor` is the [row, column] that is explained.
    patch, products
        The tables of numbers.
    status : StatusLine
        The sum in words.

    >>> panel = ConvolutionExplorer()
    >>> panel.kernel_size.value = 5
    """

    explained = ("convolution", "kernel", "kernel size")

    def __init__(self, images: Tensor | None = None) -> None:
        super().__init__()
        self.images = mnist_digits() if images is None else check_planes(images)  # (N, H, W)
        self._make_controls()
        self._make_pictures()
        self._draw()
        self._watch(self.image_index, self.preset, self.kernel_size)
        self._watch(self.weights, trait="values", then=self._draw_own_numbers)
        self._watch(self.output, trait="cursor")
        self.children = self._rows()

    def _make_controls(self) -> None:
        self.image_index = ipywidgets.IntSlider(0, 0, len(self.images) - 1, description="image")
        self.preset = ipywidgets.Dropdown(options=[*KERNELS, OWN_NUMBERS], description="kernel")
        self.preset.value = "vertical edges"
        self.kernel_size = ipywidgets.IntSlider(3, 1, 11, 2, description="kernel size")

    def _make_pictures(self) -> None:
        _, height, width = self.images.shape
        self.input = PixelCanvas(title="Input", caption="black 0, white 1")
        self.kernel = PixelCanvas()
        self.output = PixelCanvas(title="Output", interactive=True, cursor=[height // 2, width // 2])
        self.input.label = f"input, {height} by {width} pixels"
        self.output.label = f"output, {height} by {width} pixels; the arrow keys move the cursor"
        self.patch = NumberGrid(title="Patch under the kernel", label="patch of the image")
        self.weights = NumberGrid(title="× kernel: type your own", label="kernel", editable=True)
        self.products = NumberGrid(label="products")

    def _rows(self) -> list[ipywidgets.Widget]:
        # On a narrow page both rows wrap, the tables earlier: their cells would be too small to use.
        columns = "repeat(auto-fit, minmax(max({}px, calc((100% - 56px) / 3)), 1fr))"
        return [
            control_row(self.image_index, self.preset, self.kernel_size),
            picture_row([self.input, self.kernel, self.output], columns.format(165)),
            self.status,
            picture_row([self.patch, self.weights, self.products], columns.format(175)),
            self.glossary,
        ]

    def _draw_own_numbers(self) -> None:
        """Draw with the numbers that a person has typed."""
        self.preset.value = OWN_NUMBERS
        self._draw()

    def _draw(self) -> None:
        # Compute everything before showing anything, so that an error leaves the last good pictures whole.
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
        self.output.show(diverging_pixels(output, brightest), caption=f"{blue_to_red(brightest)}\n{hint}")
        self.input.show(grey_pixels(image), rectangle=[row - size // 2, column - size // 2, size, size])
        name = f"Kernel {size}×{size}"
        self.kernel.show(
            kernel_colours, title=name, label=f"{name}, {self.preset.value}", caption=blue_to_red(strongest)
        )
        self.patch.show(patch, grey_pixels(patch))
        self.weights.show(kernel, kernel_colours)
        self.products.show(
            products, diverging_pixels(products, strongest), title=f"= products, sum {format_number(total)}"
        )
        self.status.say(words)

    def _chosen_kernel(self) -> Tensor:
        """Return the kernel (k, k) of the preset, or the typed numbers in the chosen size."""
        if self.preset.value != OWN_NUMBERS:
            return make_kernel(self.preset.value, self.kernel_size.value)
        return resize_kernel(read_kernel(self.weights.values), self.kernel_size.value)
