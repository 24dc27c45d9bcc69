"""Read pictures back from what live plots and canvases send to the page."""

import itertools

import numpy as np
import torch
from scipy import ndimage

from cnnlab.widgets.web.canvas import diverging_pixels


def pixels_of(plot):
    """Return the picture of a LivePlot as RGBA, uint8 (H, W, 4)."""
    count = len(plot.picture) // 6
    colours = np.frombuffer(plot.picture, "<u4", count)
    lengths = np.frombuffer(plot.picture, "<u2", count, offset=4 * count)
    return np.repeat(colours, lengths).view(np.uint8).reshape(plot.height, plot.width, 4)


def picture(canvas):
    """Return the picture of a PixelCanvas as RGBA, uint8 (H, W, 4)."""
    return np.frombuffer(canvas.pixels, dtype=np.uint8).reshape(canvas.height, canvas.width, 4)


def assert_all_within(plot):
    """Check that the axes of a LivePlot, with all their labels, lie within its figure and do not overlap."""
    figure = plot.figure
    boxes = [ax.get_tightbbox(figure.canvas.get_renderer()) for ax in figure.axes if ax.axison]
    width, height = figure.bbox.size
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes), boxes
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2)), boxes


def expected_output(image, kernel):
    """Return the output of ConvolutionExplorer for an image (H, W) by scipy's correlation, as RGBA (H, W, 4)."""
    output = ndimage.correlate(image.numpy(), kernel.numpy(), mode="constant")
    return diverging_pixels(torch.from_numpy(output), float(np.abs(output).max()))


def assert_same_colours(one, other):
    """Check that two pictures are equal except for the last bit, which may be rounded differently."""
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
