"""The pixels that an output depends on, compared with the layer table and with boxes worked out by hand."""

import pytest
import torch
from strangers import UsedTwice, torchvision_model
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.model.cnn import build_cnn
from cnnlab.model.layer_table import layer_table


@pytest.mark.parametrize("architecture", [
    {}, {"kernel_size": 7, "pooling": "avg"}, {"padding": "valid"}, {"convs_per_block": 2, "kernel_size": 5},
    {"channels": (4, 5, 6), "pooling": "none"},
])  # fmt: skip
def test_in_the_middle_it_is_what_the_layer_table_says(architecture):
    model = build_cnn(input_shape=(1, 40, 40), **architecture)
    for row in layer_table(model):
        if row.receptive_field is None or row.receptive_field > 20:
            continue
        _, height, width = row.output_shape
        place = height // 2 * width + width // 2
        top, left, bottom, right = receptive_field(model, row.name, 0, place, (1, 40, 40))
        assert (bottom - top, right - left) == (row.receptive_field, row.receptive_field), row.name


def test_at_the_edges_it_is_cut_off_and_its_place_is_right():
    model = build_cnn(3)
    assert receptive_field(model, "conv1", 0, 0, (1, 28, 28)) == (0, 0, 2, 2)
    assert receptive_field(model, "conv1", 0, 28 * 5 + 9, (1, 28, 28)) == (4, 8, 7, 11)
    assert receptive_field(model, "pool1", 5, 14 * 3 + 2, (1, 28, 28)) == (5, 3, 9, 7)  # 2 × 2 of windows from 6, 4
    assert receptive_field(model, "conv1", 0, 28 * 28 - 1, (1, 28, 28)) == (26, 26, 28, 28)
    assert receptive_field(model, "fc1", 7, 0, (1, 28, 28)) == (0, 0, 28, 28)


def test_weights_of_zero_and_other_pictures_shapes_do_not_matter():
    model = build_cnn(5, input_shape=(3, 20, 12))
    with torch.no_grad():
        model.conv1.weight.zero_()
    assert receptive_field(model, "conv1", 1, 12 * 10 + 6, (3, 20, 12)) == (8, 4, 13, 9)


def test_strangers_have_one_too():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2), nn.ReLU6(), nn.Conv2d(2, 2, (1, 5), stride=2), nn.Hardtanh())
    assert receptive_field(model, "0", 0, 0, (1, 30, 30)) == (0, 0, 5, 5)  # dilation 2 spreads three taps over five
    # one row of the second convolution, five columns of the first: 5 high, 4 + 5 = 9 wide; the second in its row
    assert receptive_field(model, "3", 1, 1, (1, 30, 30)) == (0, 2, 5, 11)
    assert receptive_field(UsedTwice(), "second", 0, 30 * 15 + 15, (1, 30, 30)) == (13, 13, 18, 18)
    resnet = torchvision_model("resnet18")
    assert receptive_field(resnet, "conv1", 0, 24 * 12 + 12, (3, 48, 48)) == (21, 21, 28, 28)  # 7 × 7, from 2 · 12 − 3
    assert receptive_field(torchvision_model("mobilenet_v2"), "features.0.2", 0, 0, (3, 48, 48)) == (0, 0, 2, 2)
    assert receptive_field(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sigmoid()), "1", 0, 5, (1, 4, 4)) == (1, 1, 2, 2)


def test_a_unit_that_sees_nothing_has_an_empty_field():
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.constant = nn.Conv2d(1, 1, 1)

        def forward(self, images):
            return self.constant(torch.zeros_like(images)).mean((2, 3))

    assert receptive_field(Blind(), "constant", 0, 0, (1, 6, 6)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("conv1", 0, 784, (1, 28, 28)), "place=784: a unit of conv1 has 784 places, 0 to 783"),
        (("conv1", 16, 0, (1, 28, 28)), "unit=16: conv1 has 16 units"),
        (("conv1", 0, -1, (1, 28, 28)), "place must be a whole number of 0 or more"),
        (("conv1", 0, 0, (28, 28)), r"input_shape wants \(channels, height, width\)"),
        ((nn.ReLU, 0, 0, (1, 28, 28)), "layer wants one name, such as 'relu1'"),
    ],
)
def test_a_field_that_is_not_there_is_named(arguments, words):
    with pytest.raises(ConfigError, match=words):
        receptive_field(build_cnn(), *arguments)
