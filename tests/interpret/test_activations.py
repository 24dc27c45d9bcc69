"""Statistics of activations, compared with those that numpy computes of all values at once."""

import numpy as np
import pytest
import torch
from strangers import SIZES, ByKeyword, TupleOutput, UsedTwice, hooks, narrow_model
from torch import nn
from torch.nn import functional

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.model.cnn import build_cnn

IMAGES = torch.randn(70, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("batch_size", [7, 32, 500])
def test_streamed_numbers_are_those_of_all_values_at_once(batch_size):
    model = build_cnn(seed=1)
    measured = activation_statistics(model, IMAGES, batch_size=batch_size)
    with capture(model) as seen:
        model(IMAGES)
    assert list(measured) == list(seen)
    for name, row in measured.items():
        values = seen[name].double().numpy()
        assert row.kind == type(model.get_submodule(name)).__name__
        assert row.mean == pytest.approx(values.mean(), rel=1e-6, abs=1e-9)
        assert row.std == pytest.approx(values.std(), rel=1e-6)
        assert row.scale == pytest.approx(np.sqrt((values**2).mean()), rel=1e-6)
        assert (row.minimum, row.maximum) == pytest.approx((values.min(), values.max()), rel=1e-5)
        assert row.zeros == (values == 0).mean()
        by_unit = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
        assert (row.units, row.dead) == (len(by_unit), (by_unit == 0).all(axis=1).sum())
        assert row.dead_share == row.dead / row.units


def test_a_unit_is_dead_if_it_is_zero_for_every_image_not_for_most():
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight[:] = torch.tensor([1.0, 1.0, 1.0])[:, None, None, None]
        model[0].bias[:] = torch.tensor([0.0, -9.0, -11.0])
    images = torch.zeros(50, 1, 4, 4)
    images[:, 0, 0, 0] = 1
    images[49, 0, 3, 3] = 10  # one pixel of the last image wakes the second unit
    row = activation_statistics(model, images, batch_size=16)["1"]
    assert (row.units, row.dead, row.dead_share) == (3, 1, 1 / 3)
    assert row.zeros == 2348 / 2400  # all but fifty ones and a ten, and the second unit's 10 − 9
    assert activation_statistics(model, images[:49])["1"].dead == 2


def test_saturation_is_where_the_slope_is_under_a_hundredth_of_the_steepest():
    values = torch.linspace(-10, 10, 4001)[:, None, None, None]
    for layer in (nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.ReLU6()):
        through = values.clone().double().requires_grad_()
        slope = torch.autograd.grad(layer(through).sum(), through)[0].abs()
        steepest = 0.25 if isinstance(layer, nn.Sigmoid) else 1.0
        expected = (slope < 0.01 * steepest).double().mean().item()
        model = nn.Sequential(nn.Conv2d(1, 1, 1), layer)
        with torch.no_grad():
            model[0].weight.fill_(1)
            model[0].bias.fill_(0)
        assert activation_statistics(model, values)["1"].saturated == pytest.approx(expected, abs=5e-4)
    assert np.isnan(activation_statistics(build_cnn(), IMAGES)["conv1"].saturated)


def test_the_scale_before_and_after_a_pool():
    for pooling, pool in {"max": functional.max_pool2d, "avg": functional.avg_pool2d}.items():
        model = build_cnn(pooling=pooling, seed=2)
        measured = activation_statistics(model, IMAGES)
        with torch.no_grad():
            entering = model.relu1(model.conv1(IMAGES)).double()
        assert measured["pool1"].scale_before == pytest.approx(entering.pow(2).mean().sqrt().item(), rel=1e-6)
        assert measured["pool1"].scale == pytest.approx(pool(entering, 2).pow(2).mean().sqrt().item(), rel=1e-6)
        assert np.isnan(measured["relu1"].scale_before)
        larger = measured["pool1"].scale > measured["pool1"].scale_before
        assert larger == (pooling == "max")


def test_the_sample_is_bounded_drawn_from_all_images_and_the_same_again():
    model = nn.Sequential(nn.Conv2d(1, 1, 1))
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.fill_(0)
    images = torch.arange(200.0)[:, None, None, None].expand(200, 1, 10, 10).contiguous()
    rows = [activation_statistics(model, images, batch_size=9, sample=500, seed=seed)["0"] for seed in (0, 0, 1)]
    assert [len(row.sample) for row in rows] == [500, 500, 500]
    assert np.array_equal(rows[0].sample, rows[1].sample)
    assert not np.array_equal(rows[0].sample, rows[2].sample)
    assert np.histogram(rows[0].sample, bins=4, range=(0, 200))[0].min() > 80  # 125 expected, ± 10
    assert set(rows[0].sample) <= set(map(float, range(200)))


def test_a_split_will_do_and_the_model_stays_as_it_was():
    data = load_data("mnist", train=100, validation=50, test=10)
    model = build_cnn(dropout=0.5).train()
    measured = activation_statistics(model, data.validation, layers=[nn.ReLU, "pool1"])
    assert list(measured) == ["relu1", "pool1", "relu2", "relu_fc1"]
    assert measured["relu1"].mean == activation_statistics(model, data.validation.images)["relu1"].mean
    assert model.training
    assert hooks(model) == 0
    assert all(value.grad is None for value in model.parameters())


def test_numbers_that_are_none_are_not_called_healthy():
    model = build_cnn()
    with torch.no_grad():
        model.conv1.weight[0] = float("nan")
    row = activation_statistics(model, IMAGES)["conv1"]
    assert np.isnan([row.mean, row.std, row.scale, row.minimum, row.maximum]).all()


def test_models_without_parameters_and_layers_called_by_keyword():
    row = activation_statistics(ByKeyword(nn.AvgPool2d(2)), torch.full((3, 1, 4, 4), -2.0))["pool"]
    assert (row.scale_before, row.scale, row.mean) == pytest.approx((2, 2, -2))


def test_a_table_and_a_frame_come_of_it():
    measured = activation_statistics(build_cnn(), IMAGES)
    frame = measured.to_frame()
    assert list(frame.index) == list(measured)
    assert frame.loc["relu1", "zeros"] == measured["relu1"].zeros
    assert "sample" not in frame
    assert "relu_fc1" in repr(measured)


@pytest.mark.parametrize("name", SIZES)
def test_torchvisions_networks_give_true_numbers_too(name):
    model, size = narrow_model(name), SIZES[name]
    images = torch.randn(6, 3, size, size, generator=torch.Generator().manual_seed(1))
    measured = activation_statistics(model, images, batch_size=4)
    with torch.no_grad(), capture(model) as seen:
        model(images)
    assert list(measured) == list(seen)
    for layer, values in seen.items():
        scale = values.double().pow(2).mean().sqrt().item()
        assert measured[layer].scale == pytest.approx(scale, rel=1e-4, abs=1e-9), layer


def test_a_layer_used_twice_and_a_tuple_output():
    assert {"relu", "relu#2"} <= set(activation_statistics(UsedTwice(), IMAGES))
    measured = activation_statistics(TupleOutput(), IMAGES[:5])
    assert {"conv", "rnn[0]", "head"} <= set(measured)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": IMAGES[0]}, r"must be a float tensor \(N, C, H, W\)"),
        ({"images": IMAGES[:0]}, "images: got none"),
        (
            {"images": IMAGES.double()},
            r"are torch.float64 and the model is torch.float32; give images.to\(torch.float32\)",
        ),
        ({"images": torch.zeros(2, 3, 28, 28)}, "can't take images of shape"),
        ({"batch_size": 0}, "batch_size must be a whole number of 1 or more"),
        ({"sample": 0}, "sample must be"),
        ({"seed": -1}, "seed must be"),
        ({"layers": "relu9"}, "unknown layer 'relu9'"),
    ],
)
def test_bad_input_is_named(change, words):
    arguments = {"model": build_cnn(), "images": IMAGES[:4]} | change
    with pytest.raises(ConfigError, match=words):
        activation_statistics(**arguments)
