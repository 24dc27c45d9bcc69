"""The images that most activate a unit, and the pixels that it sees in them."""

import pytest
import torch
from strangers import TupleOutput, UsedTwice

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.interpret.top_images import top_images
from cnnlab.model.cnn import build_cnn


def test_the_images_that_excite_a_unit_most_in_order():
    data = load_data("mnist", train=20, validation=300, test=10)
    model = build_cnn(5, seed=2)
    best = top_images(model, data.validation, "relu2", 3, count=6, batch_size=64)
    with torch.no_grad():
        maps = model.relu2(model.conv2(model.pool1(model.relu1(model.conv1(data.validation.images)))))[:, 3]
    strongest = maps.amax((1, 2)).sort(descending=True)
    assert best.values == pytest.approx(strongest.values[:6].tolist(), rel=1e-5)
    assert best.indices == strongest.indices[:6].tolist()
    assert torch.equal(best.images.images, data.validation.images[best.indices])
    for index, box, crop in zip(best.indices, best.boxes, best.crops, strict=True):
        place = int(maps[index].flatten().argmax())
        assert box == receptive_field(model, "relu2", 3, place, (1, 28, 28))
        assert torch.equal(crop, data.validation.pixels[index][:, box[0] : box[2], box[1] : box[3]])


def test_what_a_unit_saw_is_all_that_it_needs():
    """Outside its box an image may be anything: the output at that place stays the same."""
    data = load_data("mnist", train=20, validation=50, test=10)
    model = build_cnn(3, seed=2).eval()
    best = top_images(model, data.validation, "conv2", 1, count=3)
    for image, value, (top, left, bottom, right) in zip(best.images.images, best.values, best.boxes, strict=True):
        other = torch.randn(1, 1, 28, 28)
        other[0, :, top:bottom, left:right] = image[:, top:bottom, left:right]
        with torch.no_grad():
            outputs = model.conv2(model.pool1(model.relu1(model.conv1(other))))[0, 1]
        assert (outputs - value).abs().min() < 1e-5


def test_a_neuron_and_a_tensor_of_images():
    images = torch.randn(9, 1, 28, 28)
    model = build_cnn(seed=1)
    best = top_images(model, images, "logits", 7, count=20)
    assert len(best.indices) == 9  # there are no more
    assert best.boxes == [(0, 0, 28, 28)] * 9
    with torch.no_grad():
        assert best.indices == model(images)[:, 7].argsort(descending=True).tolist()


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
    ("change", "words"),
    [
        ({"unit": 16}, "unit=16: conv1 has 16 units, 0 to 15"),
        ({"unit": -1}, "unit must be a whole number of 0 or more"),
        ({"layer": "conv9"}, "unknown layer 'conv9'"),
        ({"count": 0}, "count must be"),
        ({"images": torch.zeros(1, 28, 28)}, r"must be a float tensor \(N, C, H, W\)"),
    ],
)
def test_bad_input_is_named(change, words):
    arguments = {"model": build_cnn(), "images": torch.zeros(2, 1, 28, 28), "layer": "conv1", "unit": 0} | change
    with pytest.raises(ConfigError, match=words):
        top_images(**arguments)
