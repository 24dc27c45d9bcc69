"""Test that saliency maps and top images are drawn with their numbers."""

import matplotlib
import numpy as np
import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.saliency import saliency
from cnnlab.interpret.top_images import top_images
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.saliency import OVERLAY, plot_saliency, plot_top_images

matplotlib.use("agg")


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=20, validation=200, test=10)


def tile(picture, row, column, side=28, gap=2):
    """Return one tile of a montage."""
    top, left = row * (side + gap) + gap, column * (side + gap)
    return picture[top : top + side, left : left + side]


def test_images_above_and_maps_below_each_on_its_own_scale(data):
    images = data.validation[:3]
    maps = torch.zeros(3, 1, 28, 28)
    maps[0, 0, 5, 6], maps[1, 0, 7, 8] = -4.0, 0.01  # the sign does not matter, nor the size of another's map
    ax = plot_saliency(images, {"a": maps, "$b": maps * 0}, titles=["x", "y", "<z>"])
    picture = ax.images[0].get_array()
    for index in range(3):
        assert np.allclose(tile(picture, 0, index), images.pixels[index].permute(1, 2, 0).expand(-1, -1, 3))
    dark, bright = (np.array(matplotlib.colormaps["viridis"](value)[:3]) for value in (0.0, 1.0))
    assert np.allclose(tile(picture, 1, 0)[5, 6], bright, atol=1e-6)
    assert np.allclose(tile(picture, 1, 1)[7, 8], bright, atol=1e-6)
    assert np.allclose(tile(picture, 1, 0)[0, 0], dark, atol=1e-6)
    assert np.allclose(tile(picture, 2, 0), dark, atol=1e-6)
    assert [text.get_text() for text in ax.texts] == ["x", "y", "<z>", "image", "a", "$b"]
    ax.figure.canvas.draw()


def test_a_map_laid_over_the_image_leaves_the_rest_of_it(data):
    images = data.validation[:1]
    maps = torch.zeros(1, 1, 28, 28)
    maps[0, 0, :3] = 1.0
    picture = plot_saliency(images, maps, overlay=True).images[0].get_array()
    plain, over = tile(picture, 0, 0), tile(picture, 1, 0)
    assert np.allclose(over[3:], plain[3:])
    assert np.allclose(over[:3], OVERLAY)


def luminance(colour):
    """Return the relative luminance of a colour in sRGB (Web Content Accessibility Guidelines 2.2)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0], ids=["black", "grey", "white"])
def test_an_overlay_can_be_seen_on_black_and_on_white(grey):
    """The places of the map stand out from the rest of the drawn picture: by brightness, or, on grey, by colour."""
    images = torch.full((1, 3, 8, 8), grey)
    images[0, :, 0, 0], images[0, :, 0, 1] = 0.0, 1.0  # the range that a tensor is stretched to
    maps = torch.zeros(1, 1, 8, 8)
    maps[0, 0, 4:], maps[0, 0, 2:4] = 1.0, 0.5
    ax = plot_saliency(images, maps, overlay=True)
    canvas = ax.figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255

    def drawn_at(row, column):
        across, down = ax.transData.transform((column, 1 + 8 + 1 + row))  # the second row of tiles
        return pixels[len(pixels) - 1 - round(down), round(across)]

    unmarked = drawn_at(1, 4)
    assert np.allclose(unmarked, grey, atol=0.01)
    for row, least in ((6, 3.0), (3, 2.0)):  # the largest value of the map, and half of it
        marked = drawn_at(row, 4)
        darker, lighter = sorted([luminance(marked), luminance(unmarked)])
        contrast = (lighter + 0.05) / (darker + 0.05)
        colourfulness = marked.max() - marked.min()
        assert contrast >= least or (grey == 0.5 and colourfulness > 0.5)


def test_colour_images_are_stretched_to_their_range():
    images = torch.randn(2, 3, 8, 8)
    picture = plot_saliency(images, saliency(build_cnn(input_shape=(3, 8, 8)), images)).images[0].get_array()
    first = tile(picture, 0, 0, side=8, gap=1)
    assert (first.min(), first.max()) == (0, 1)
    expected = (images[0] - images[0].min()) / (images[0].max() - images[0].min())
    assert np.allclose(first, expected.permute(1, 2, 0), atol=1e-6)


def test_the_frame_is_round_the_pixels_that_were_seen(data):
    result = top_images(build_cnn(), data.validation, "conv2", 0, count=4)
    ax = plot_top_images(result)
    picture = ax.images[0].get_array()
    assert len(ax.patches) == 4
    for index, (patch, (top, left, bottom, right)) in enumerate(zip(ax.patches, result.boxes, strict=True)):
        x, y = patch.get_xy()
        assert (x, y) == (index * 30 + left - 0.5, 2 + top - 0.5)
        assert (patch.get_width(), patch.get_height()) == (right - left, bottom - top)
        crop = tile(picture, 1, index)[: bottom - top, : right - left, 0]
        assert np.allclose(crop, result.crops[index][0])
    assert ax.get_title() == "conv2, unit 0: what excites it most"
    lowest = max(bottom - top for top, _, bottom, _ in result.boxes)
    assert len(picture) == 2 + 28 + 2 + lowest  # nothing empty below the crops


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (
            lambda data: plot_saliency(data.validation[:2], torch.zeros(3, 1, 28, 28)),
            r"are \(3, 1, 28, 28\), for 2 images",
        ),
        (
            lambda data: plot_saliency(data.validation[:2], [1]),
            r"wants maps from saliency\(\), or a dict of them, got list",
        ),
        (lambda _data: plot_saliency(torch.zeros(2, 2, 8, 8), torch.zeros(2, 1, 8, 8)), "one or three channels"),
        (lambda _data: plot_top_images([1]), "wants what top_images gives"),
    ],
)
def test_what_cannot_be_drawn_is_said(data, plot, words):
    with pytest.raises(ConfigError, match=words):
        plot(data)
