"""What excites a unit, and which pixels it saw."""

import pytest
import torch
from strangers import TupleOutput, UsedTwice, torchvision_model
from torch import nn

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.top_images import receptive_field, top_images
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


def test_the_images_that_excite_a_unit_most_in_order():
    data = load_data("mnist", train=20, validation=300, test=10)
    model = build_cnn(5, seed=2)
    found = top_images(model, data.validation, "relu2", 3, count=6, batch_size=64)
    with torch.no_grad():
        maps = model.relu2(model.conv2(model.pool1(model.relu1(model.conv1(data.validation.images)))))[:, 3]
    strongest = maps.amax((1, 2)).sort(descending=True)
    assert found.values == pytest.approx(strongest.values[:6].tolist(), rel=1e-5)
    assert found.indices == strongest.indices[:6].tolist()
    assert torch.equal(found.images.images, data.validation.images[found.indices])
    for index, box, crop in zip(found.indices, found.boxes, found.crops, strict=True):
        place = int(maps[index].flatten().argmax())
        assert box == receptive_field(model, "relu2", 3, place, (1, 28, 28))
        assert torch.equal(crop, data.validation.pixels[index][:, box[0] : box[2], box[1] : box[3]])


def test_what_a_unit_saw_is_all_that_it_needs():
    """Outside its box an image may be anything: the output at that place stays the same."""
    data = load_data("mnist", train=20, validation=50, test=10)
    model = build_cnn(3, seed=2).eval()
    found = top_images(model, data.validation, "conv2", 1, count=3)
    for image, value, (top, left, bottom, right) in zip(found.images.images, found.values, found.boxes, strict=True):
        other = torch.randn(1, 1, 28, 28)
        other[0, :, top:bottom, left:right] = image[:, top:bottom, left:right]
        with torch.no_grad():
            outputs = model.conv2(model.pool1(model.relu1(model.conv1(other))))[0, 1]
        assert (outputs - value).abs().min() < 1e-5


def test_a_neuron_and_a_tensor_of_images():
    images = torch.randn(9, 1, 28, 28)
    model = build_cnn(seed=1)
    found = top_images(model, images, "logits", 7, count=20)
    assert len(found.indices) == 9  # there are no more
    assert found.boxes == [(0, 0, 28, 28)] * 9
    with torch.no_grad():
        assert found.indices == model(images)[:, 7].argsort(descending=True).tolist()


def test_a_dead_unit_looks_for_nothing():
    model = build_cnn()
    with torch.no_grad():
        model.conv1.weight[2], model.conv1.bias[2] = 0, -1
    with pytest.raises(ConfigError, match="unit 2 of relu1 is zero for every one of these images: it is dead"):
        top_images(model, torch.randn(5, 1, 28, 28), "relu1", 2)
    with torch.no_grad():
        model.conv1.weight[2] = float("nan")
    with pytest.raises(ConfigError, match="unit 2 of relu1 is NaN or infinite"):
        top_images(model, torch.randn(5, 1, 28, 28), "relu1", 2)


def test_outputs_are_named_as_capture_names_them():
    images = torch.randn(6, 1, 12, 12)
    assert len(top_images(TupleOutput(), images, "rnn[0]", 1).indices) == 6
    second = top_images(UsedTwice(), images, "relu#2", 1, count=2)
    assert second.boxes[0] != top_images(UsedTwice(), images, "relu", 1, count=2).boxes[0]
    with pytest.raises(ConfigError, match=r"layer 'rnn' was not used, or gives no tensor of that name"):
        top_images(TupleOutput(), images, "rnn", 1)


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": 16}, "unit=16: conv1 has 16 units, 0 to 15"),
        ({"unit": -1}, "unit must be a whole number of 0 or more"),
        ({"layer": "conv9"}, "unknown layer 'conv9'"),
        ({"count": 0}, "count must be"),
        ({"images": torch.zeros(1, 28, 28)}, r"want float \(N, C, H, W\)"),
    ],
)
def test_bad_input_is_named(change, words):
    arguments = {"model": build_cnn(), "images": torch.zeros(2, 1, 28, 28), "layer": "conv1", "unit": 0} | change
    with pytest.raises(ConfigError, match=words):
        top_images(**arguments)
