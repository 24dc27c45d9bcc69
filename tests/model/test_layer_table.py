"""The layer table, compared with torchinfo, with gradients, and with numbers worked out by hand."""

import pytest
import torch
import torchinfo
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn, count_parameters
from cnnlab.model.layer_table import layer_table

SHAPES = [
    {},
    {"kernel_size": 7, "pooling": "avg", "channels": (4, 6, 8)},
    {"kernel_size": 5, "pooling": "none", "channels": (3,)},
    {"kernel_size": 3, "padding": "valid", "channels": (4, 5), "convs_per_block": 2},
    {"kernel_size": 1, "dropout": 0.5, "input_shape": (3, 33, 40), "classes": 4, "hidden": 7},
]


@pytest.mark.parametrize("settings", SHAPES)
def test_layer_table_agrees_with_torchinfo(settings):
    model = build_cnn(**settings)
    table = layer_table(model)
    oracle = torchinfo.summary(model, (1, *model.input_shape), verbose=0)
    children = [layer for layer in oracle.summary_list if layer.depth == 1]
    assert [row.name for row in table] == [layer.var_name for layer in children]
    assert [row.output_shape for row in table] == [tuple(layer.output_size[1:]) for layer in children]
    assert [row.parameters for row in table] == [layer.num_params if layer.is_leaf_layer else 0 for layer in children]
    # torchinfo counts a bias as a multiply-add at each output; we count products only
    biases = sum(torch.Size(row.output_shape).numel() for row in table if row.parameters)
    assert sum(row.multiply_adds for row in table) == oracle.total_mult_adds - biases
    assert sum(row.parameters for row in table) == count_parameters(model) == oracle.total_params


def test_layer_table_by_hand_leaves_the_model_alone():
    model = build_cnn(7, channels=(2, 3), hidden=4)
    model.train()
    rows = {row.name: row for row in layer_table(model)}
    assert rows["conv1"].parameters == 2 * 49 + 2
    assert rows["conv2"].multiply_adds == 3 * 2 * 49 * 14 * 14
    assert rows["fc1"].receptive_field is None
    assert model.training
    assert model.conv1.weight.device.type == "cpu"
    assert "7×7" in repr(layer_table(model))


@pytest.mark.parametrize(("kernel_size", "layers"), [(3, (16, 32)), (5, (4, 4, 4)), (1, (2, 2))])
def test_receptive_field_is_what_the_gradient_of_one_pixel_reaches(kernel_size, layers):
    model = build_cnn(kernel_size, "avg", channels=layers, input_shape=(1, 128, 128))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)  # positive, so that ReLU lets everything through
    values = image = torch.ones(1, 1, 128, 128, requires_grad=True)
    rows = {row.name: row for row in layer_table(model)}
    for name, layer in model.named_children():
        values = layer(values)
        if values.ndim != 4:
            break
        middle = values.shape[2] // 2
        (gradient,) = torch.autograd.grad(values[0, 0, middle, middle], image, retain_graph=True)
        reached = gradient[0, 0].nonzero()
        sides = (reached.max(0).values - reached.min(0).values + 1).tolist()
        assert sides == [rows[name].receptive_field] * 2, name


def test_a_kernel_larger_than_its_map_is_noted():
    table = layer_table(build_cnn(9, channels=(2, 2, 2)))
    notes = {row.name: row.note for row in table}
    assert notes["conv2"] == ""
    assert notes["conv3"] == "kernel larger than its 7×7 map"
    assert "kernel larger than its 7×7 map" in repr(table)


def test_layer_table_without_a_shape_is_refused_in_words():
    with pytest.raises(ConfigError, match=r"wants input_shape=\(C, H, W\) .* got Linear and input_shape=None"):
        layer_table(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match=r"must be an nn.Module, such as build_cnn\(\), got 'model'"):
        layer_table("model")
    with pytest.raises(ConfigError, match="input_shape: height must be a whole number of 1 or more, got 0"):
        layer_table(build_cnn(), input_shape=(1, 0, 28))


def test_layer_table_with_another_input_shape_names_the_layer():
    with pytest.raises(ConfigError, match=r"fc1 can't take \(6272,\), with input_shape=\(1, 56, 56\)"):
        layer_table(build_cnn(), input_shape=(1, 56, 56))
    with pytest.raises(ConfigError, match=r"conv1 can't take \(3, 28, 28\), with input_shape=\(3, 28, 28\)"):
        layer_table(build_cnn(), input_shape=(3, 28, 28))


def test_the_table_of_an_outline_is_that_of_the_network():
    for settings in ({}, {"kernel_size": 5, "pooling": "none", "convs_per_block": 2, "dropout": 0.5}):
        assert layer_table(build_cnn(**settings, device="meta")) == layer_table(build_cnn(**settings))


def test_layer_table_knows_a_layer_without_weights_and_refuses_what_it_would_count_wrongly():
    table = layer_table(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False)), input_shape=(1, 8, 8))
    assert (table[1].parameters, table[1].multiply_adds) == (0, 0)
    with pytest.raises(ConfigError, match=r"put nn.Flatten\(\) in front of it"):
        layer_table(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Linear(8, 5)), input_shape=(1, 8, 8))
