"""Test that feature maps and kernels are drawn with their numbers."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.maps import plot_filters, plot_maps


def test_maps_share_one_scale():
    maps = torch.stack([torch.full((4, 4), 1.0), torch.full((4, 4), 3.0)])
    assert plot_maps(maps).images[0].get_clim() == (0, 3)
    assert plot_maps(maps, limit=10).images[0].get_clim() == (0, 10)
    assert plot_maps(-maps).images[0].get_clim()[0] == -3


def test_filters_are_centred_on_zero():
    model = build_cnn(5)
    image = plot_filters(model).images[0]
    low, high = image.get_clim()
    assert low == -high == pytest.approx(-model.conv1.weight.abs().max().item())
    assert plot_filters(model, limit=2.0).images[0].get_clim() == (-2, 2)
    assert np.nansum(image.get_array()) == pytest.approx(model.conv1.weight.sum().item(), abs=1e-4)
    with pytest.raises(ConfigError, match=r"unknown layer 'con1'; did you mean 'conv1'\? choose from 'conv1', 'conv2'"):
        plot_filters(model, "con1")


@pytest.mark.parametrize(("count", "columns", "least"), [(8, 4, 150), (8, 8, 70), (16, 4, 150), (1, 8, 120)])
def test_tiles_are_large_enough_to_be_read(count, columns, least):
    ax = plot_maps(torch.rand(count, 28, 28), columns=columns)
    ax.figure.canvas.draw()
    left, right = (ax.transData.transform((column, 0))[0] for column in (0, 28))
    assert right - left >= least  # pixels
    assert ax.figure.bbox.width <= 1100
    assert ax.figure.bbox.height <= 850


def test_eight_maps_make_two_rows_so_that_each_can_be_seen_in_a_small_window():
    for image in (plot_maps(torch.rand(8, 28, 28)).images[0], plot_filters(build_cnn(5, channels=(8,))).images[0]):
        height, width = image.get_array().shape
        assert width / height == pytest.approx(2, rel=0.1)
