"""Test that images, maps and filters are drawn with their numbers."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.plots.images import montage, plot_images
from cnnlab.plots.maps import plot_maps

matplotlib.use("agg")


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=20, validation=10, test=10)


def test_a_montage_puts_every_tile_where_it_says():
    tiles = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3, 1)
    picture, corners = montage(tiles, columns=2, gap=1)
    assert picture.shape == (9, 7, 1)
    assert corners == [(1, 0), (1, 4), (4, 0), (4, 4), (7, 0)]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        assert np.array_equal(picture[top : top + 2, left : left + 3], tile)
    assert np.isnan(picture).sum() == picture.size - tiles.size


def test_images_are_drawn_as_they_were_before_normalization_with_their_classes(data):
    ax = plot_images(data.train[:6], columns=3)
    drawn = ax.images[0].get_array()
    assert [text.get_text() for text in ax.texts] == [str(int(label)) for label in data.train.labels[:6]]
    assert np.nansum(drawn) == pytest.approx(data.train[:6].pixels.sum().item(), rel=1e-5)
    assert ax.images[0].get_clim() == (0, 1)


def test_titles_of_ones_own_are_shown_as_text_even_odd_ones(data):
    ax = plot_images(data.train[:2], titles=["<img onerror=x>", "$x^2"])
    assert [text.get_text() for text in ax.texts] == ["<img onerror=x>", "$x^2"]
    ax.figure.canvas.draw()


def test_colour_pictures_and_a_given_axes():
    fig, ax = plt.subplots()
    assert plot_images(torch.rand(3, 3, 8, 8), ax=ax) is ax
    assert ax.images[0].get_array().shape[2] == 3
    assert len(fig.axes) == 1


def test_what_can_not_be_drawn_is_said(data):
    cases = [
        (lambda: plot_images(data.train[:0]), "there is nothing to draw: got 0 pictures; take at least one"),
        (
            lambda: plot_images(torch.rand(2, 5, 4, 4)),
            "plot_images wants one or three channels, got 5; plot_maps draws",
        ),
        (lambda: plot_images(torch.rand(1, 4, 4)), "for a single image (C, H, W) write images[None]"),
        (lambda: plot_maps(torch.rand(1, 2, 4, 4)), "wants feature maps (C, H, W) of one image, got (1, 2, 4, 4)"),
        (
            lambda: plot_images(data.train.images[:2]),
            "for normalized images give the Split itself, such as data.train[:8]",
        ),
        (lambda: plot_images(data.train[:2], columns=0), "columns must be a whole number of 1 or more, got 0"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
