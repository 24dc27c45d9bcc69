"""Pictures show the images, maps, counts and boxes that they are given."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.saliency import saliency
from cnnlab.interpret.top_images import top_images
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import mistakes
from cnnlab.plots.evaluation import plot_confusion, plot_mistakes, plot_saliency, plot_top_images


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
    yellow = np.array(matplotlib.colormaps["viridis"](1.0)[:3])
    assert np.allclose(over[:3], 0.4 * plain[:3] + 0.6 * yellow)


def test_colour_images_are_stretched_to_their_range():
    images = torch.randn(2, 3, 8, 8)
    picture = plot_saliency(images, saliency(build_cnn(input_shape=(3, 8, 8)), images)).images[0].get_array()
    first = tile(picture, 0, 0, side=8, gap=1)
    assert (first.min(), first.max()) == (0, 1)
    expected = (images[0] - images[0].min()) / (images[0].max() - images[0].min())
    assert np.allclose(first, expected.permute(1, 2, 0), atol=1e-6)


def test_the_frame_is_round_the_pixels_that_were_seen(data):
    found = top_images(build_cnn(), data.validation, "conv2", 0, count=4)
    ax = plot_top_images(found)
    picture = ax.images[0].get_array()
    assert len(ax.patches) == 4
    for index, (patch, (top, left, bottom, right)) in enumerate(zip(ax.patches, found.boxes, strict=True)):
        x, y = patch.get_xy()
        assert (x, y) == (index * 30 + left - 0.5, 2 + top - 0.5)
        assert (patch.get_width(), patch.get_height()) == (right - left, bottom - top)
        crop = tile(picture, 1, index)[: bottom - top, : right - left, 0]
        assert np.allclose(crop, found.crops[index][0])
    assert ax.get_title() == "conv2, unit 0: what excites it most"


def test_the_confusion_matrix_shows_counts_and_shares_of_each_class(data):
    found = mistakes(build_cnn(seed=3), data.validation)
    ax = plot_confusion(found)
    counts = found.confusion.numpy()
    assert [text.get_text() for text in ax.texts] == [str(count) if count else "" for count in counts.ravel()]
    drawn = ax.collections[0].get_array().reshape(10, 10)
    assert np.allclose(drawn, counts / counts.sum(axis=1, keepdims=True))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("answer", "true class")


def test_mistakes_are_drawn_with_what_was_said_instead(data):
    found = mistakes(build_cnn(seed=3), data.validation)
    ax = plot_mistakes(found, count=5)
    told = [text.get_text() for text in ax.texts]
    assert len(told) == 5
    assert told[0] == f"{found.images.labels[0]} → {found.answers[0]}, {found.confidence[0]:.0%}"


def test_a_network_with_more_outputs_than_classes_may_name_one_that_is_none(data):
    model = build_cnn(classes=12)
    with torch.no_grad():
        model.logits.bias[11] = 1000
    found = mistakes(model, data.validation)
    assert found.confusion.shape == (12, 12)
    assert [text.get_text() for text in plot_mistakes(found, count=1).texts] == [f"{found.images.labels[0]} → 11, 100%"]
    assert plot_confusion(found).get_xticklabels()[11].get_text() == "11"


def perfect(data):
    """Return a network that knows these answers by heart: its logits are looked up by the image's sum."""

    class ByHeart(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))
            self.sums = data.validation.images.sum((1, 2, 3))

        def forward(self, images):
            which = (images.sum((1, 2, 3))[:, None] - self.sums).abs().argmin(1)
            return torch.nn.functional.one_hot(data.validation.labels[which], 10).float() + self.unused

    return ByHeart()


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
        (lambda _data: plot_confusion([1]), r"wants what mistakes\(\) gives"),
        (lambda _data: plot_mistakes([1]), r"wants what mistakes\(\) gives"),
        (lambda data: plot_mistakes(mistakes(perfect(data), data.validation)), "made no mistake on these images"),
    ],
)
def test_what_cannot_be_drawn_is_said(data, plot, words):
    with pytest.raises(ConfigError, match=words):
        plot(data)
