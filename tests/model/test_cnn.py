"""Layers, weights at the start, matching widths, dropout, and settings that are refused."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.model.cnn import Dropout, build_cnn, count_parameters, match_channels
from cnnlab.model.layer_table import layer_table


def test_layers_have_the_names_of_what_they_are():
    names = [name for name, _ in build_cnn(dropout=0.1).named_children()]
    assert names == [
        *("conv1", "relu1", "pool1", "conv2", "relu2", "pool2"),
        *("flatten", "fc1", "relu_fc1", "dropout", "logits"),
    ]
    doubled = [name for name, _ in build_cnn(channels=(4,), convs_per_block=2, pooling="none").named_children()]
    assert doubled == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "flatten", "fc1", "relu_fc1", "logits"]


def test_weights_are_those_of_torch_and_the_process_wide_generator_is_untouched():
    torch.manual_seed(123)
    before = torch.get_rng_state()
    ours = build_cnn(5, channels=(4, 6), hidden=8, seed=3)
    assert torch.equal(torch.get_rng_state(), before)

    torch.manual_seed(3)
    theirs = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Conv2d(4, 6, 5), nn.Linear(6 * 49, 8), nn.Linear(8, 10))
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(own, other)
    assert not torch.equal(build_cnn(seed=4).conv1.weight, build_cnn(seed=5).conv1.weight)


def test_pooling_pools():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    build = {"channels": (1,), "input_shape": (1, 4, 4)}
    assert build_cnn(pooling="max", **build).pool1(image).flatten().tolist() == [5, 7, 13, 15]
    assert build_cnn(pooling="avg", **build).pool1(image).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


@pytest.mark.parametrize("kernel_size", [1, 5, 7, 11])
def test_matched_widths_are_the_nearest_there_are(kernel_size):
    goal = count_parameters(build_cnn(3))
    widths = match_channels(goal, kernel_size=kernel_size)

    def distance(first):
        return abs(count_parameters(build_cnn(kernel_size, channels=(first, 2 * first))) - goal)

    assert widths[1] == 2 * widths[0]
    assert distance(widths[0]) == min(distance(first) for first in range(1, 40))
    assert match_channels(build_cnn(3), kernel_size=3) == (16, 32)


FAULTS = [
    ({"kernel_size": value}, f"kernel_size must be an odd whole number of 1 or more, got {value!r}; try 3 or 5")
    for value in (0, -3, 3.0, "3", 4, True, None)
] + [
    ({"kernel_size": 13}, "kernel_size goes up to 11, got 13; try 11 or less"),
    (
        {"kernel_size": 11, "padding": "valid", "channels": (2, 2)},
        "conv2 has a 11×11 kernel but meets a 9×9 map; take a smaller kernel_size, fewer channels, or padding='same'",
    ),
    (
        {"channels": (2, 2, 2), "input_shape": (1, 6, 6)},
        "pool3 meets a 1×1 map and would shrink it below 1×1; 2 pools fit here: give fewer channels, or pooling='none'",
    ),
    ({"channels": (2, 2), "input_shape": (1, 2, 2)}, "1 pool fits here: give fewer channels"),
    ({"channels": []}, "got []: give at least one positive width"),
    ({"channels": (0,)}, "got (0,): give at least one positive width"),
    ({"channels": (8, -1)}, "got (8, -1): give at least one positive width"),
    ({"channels": 16}, "got 16: give at least one positive width"),
    ({"channels": (1, 2, 3, 4, 5)}, "channels wants one to four widths"),
    ({"pooling": "mean"}, "unknown pooling 'mean'; choose from 'max', 'avg', 'none'"),
    ({"pooling": "maxx"}, "unknown pooling 'maxx'; did you mean 'max'? choose from 'max', 'avg', 'none'"),
    ({"padding": "Valid"}, "unknown padding 'Valid'; did you mean 'valid'? choose from 'same', 'valid'"),
    ({"dropout": 1.0}, "dropout must be a finite number of 0 or more and below 1, got 1.0"),
    ({"hidden": 0}, "hidden must be a whole number of 1 or more, got 0"),
    ({"classes": 1}, "classes must be a whole number of 2 or more, got 1"),
    ({"convs_per_block": 0}, "convs_per_block must be a whole number of 1 or more, got 0"),
    ({"input_shape": (28, 28)}, "input_shape wants (channels, height, width), such as (1, 28, 28); got (28, 28)"),
    ({"input_shape": (1, 0, 28)}, "input_shape: height must be a whole number of 1 or more, got 0"),
    ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
]


@pytest.mark.parametrize(("settings", "words"), FAULTS, ids=[words[:40] for _, words in FAULTS])
def test_impossible_settings_are_named_with_a_remedy(settings, words):
    with pytest.raises(ConfigError) as caught:
        build_cnn(**settings)
    assert words in str(caught.value)


def test_dropout_has_its_own_generator():
    layer, values = Dropout(0.25, seed=1), torch.ones(1000, 8)
    first = layer(values)
    torch.rand(3)  # another use of the process-wide generator
    second = layer(values)
    again = Dropout(0.25, seed=1)
    assert torch.equal(again(values), first)
    assert torch.equal(again(values), second)
    assert not torch.equal(first, second)
    assert sorted(set(first.flatten().tolist())) == pytest.approx([0, 4 / 3])
    assert (first == 0).float().mean() == pytest.approx(0.25, abs=0.02)  # 8,000 draws: 4 standard errors
    assert torch.equal(layer.eval()(values), values)
    assert torch.equal(copy.deepcopy(again)(values), again(values))
    with torch.device("meta"):  # as torch.set_default_device("cuda") in a notebook
        assert torch.equal(Dropout(0.25, seed=1)(values), first)


def test_numbers_of_numpy_are_numbers():
    model = build_cnn(
        np.int64(5), channels=tuple(np.array([2, 3])), hidden=np.int32(4), seed=np.int64(1), dropout=np.float32(0.5)
    )
    assert torch.equal(model.conv1.weight, build_cnn(5, channels=(2, 3), seed=1).conv1.weight)


def test_a_large_target_is_matched_at_once():
    widths = match_channels(20_000_000, kernel_size=3, hidden=16)
    assert count_parameters(build_cnn(3, channels=widths, hidden=16)) == pytest.approx(20_000_000, rel=0.01)
    with pytest.raises(ConfigError, match="give at least one positive width"):
        match_channels(1000, channels=(0, 4))


def test_a_network_that_no_computer_could_train_is_refused_before_its_weights_are_drawn():
    # conv2: 20,000 · 20,000 · 9 weights and 20,000 biases; fc1: 20,000 · 49 · 64 and 64
    count = 20_000 * 10 + 20_000 * 180_000 + 20_000 + 20_000 * 49 * 64 + 64 + 650
    words = f"{count:,} parameters, more than 100,000,000: .*; take fewer channels"
    build = [lambda: build_cnn(channels=(20_000, 20_000)), Experiment(channels=(20_000, 20_000)).layer_table]
    for attempt in build:
        with pytest.raises(ConfigError, match=words):
            attempt()
    outline = build_cnn(channels=(20_000, 20_000), device="meta")  # to look at: 15 GB that are not there
    assert count_parameters(outline) == sum(row.parameters for row in layer_table(outline)) == count


def test_a_network_and_its_table_need_no_compiler():
    code = "import sys, cnnlab; cnnlab.layer_table(cnnlab.build_cnn(dropout=0.5)); "
    code += "print({'sympy', 'torch._dynamo'} & {*sys.modules})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
