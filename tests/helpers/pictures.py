"""What a live plot shows, read back from what it sends to the page."""

import numpy as np


def pixels_of(plot):
    """Return the picture of a LivePlot as RGBA, uint8 (H, W, 4)."""
    count = len(plot.picture) // 6
    colours = np.frombuffer(plot.picture, "<u4", count)
    lengths = np.frombuffer(plot.picture, "<u2", count, offset=4 * count)
    return np.repeat(colours, lengths).view(np.uint8).reshape(plot.height, plot.width, 4)
