"""What the person reads who gives nonsense: the words of each kind of refusal, before anything is allocated."""

import itertools
import math

import numpy as np
import pytest
import torch
from made_runs import TWO_LEFT, levels_of

import cnnlab
from cnnlab import ConfigError, Data, DataError, Experiment, Guess, Split
from cnnlab.checks import check_device, check_whole, is_iterable, shown
from cnnlab.machine import check_memory


def words(call, *arguments, **named):
    """Return the words with which a call is refused."""
    with pytest.raises((ConfigError, DataError)) as caught:
        call(*arguments, **named)
    return str(caught.value)


# --- Sizes without bound


@pytest.mark.parametrize(
    ("call", "named", "refused_with"),
    [
        (cnnlab.make_patterns, {"count": 10, "size": 10**5}, "size goes up to 1,000, got 100000; try 1000 or less"),
        (cnnlab.descend, {"surface": "bowl", "learning_rate": 0.1, "steps": 10**9}, "steps goes up to 100,000, got "),
        (cnnlab.build_cnn, {"hidden": 10**9}, "hidden goes up to 100,000, got 1000000000; try 100000 or less"),
        (cnnlab.build_cnn, {"channels": (10**9,)}, "channels goes up to 100,000, got (1000000000,); try (16, 32)"),
        (cnnlab.build_cnn, {"convs_per_block": 10**9}, "convs_per_block goes up to 100, got 1000000000; "),
        (cnnlab.build_cnn, {"input_shape": (1, 10**9, 28)}, "input_shape: height goes up to 10,000, got 1000000000; "),
        (cnnlab.match_channels, {"target": 10**400}, "target goes up to 100,000,000, got 1000000000"),
        (Experiment, {"epochs": 10**9}, "epochs goes up to 1,000,000, got 1000000000; try 1000000 or less"),
        (Experiment, {"dataset": "patterns", "size": 10**5}, "size goes up to 1,000, got 100000; try 1000 or less"),
        (cnnlab.as_mnist, {"ink": torch.ones(9, 9), "scale": 10**6}, "scale goes up to 100, got 1000000; "),
        (cnnlab.grid, {"base": Experiment(), "seed": range(10**9)}, "grid: 100,001 experiments or more are too many; "),
    ],
)
def test_a_size_without_bound_is_refused_before_anything_is_allocated(call, named, refused_with):
    assert words(call, **named).startswith(refused_with)


ENDLESS = {
    "experiments": (
        lambda: cnnlab.sweep(itertools.repeat(Experiment())),
        "sweep: more than 100,000 experi",
    ),
    "snapshots": (
        lambda: cnnlab.sweep([Experiment()], snapshots=range(10**9)),
        "snapshots names more than 100,0",
    ),
    "of a run": (
        lambda: cnnlab.run(Experiment(), snapshots=itertools.count()),
        "snapshots names more than 100,0",
    ),
    "layers": (lambda: cnnlab.capture(cnnlab.build_cnn(), range(10**9)).__enter__(), "layers: more than 1,000,000 are"),
    "filter": (lambda: cnnlab.Runs([]).filter(seed=range(10**9)), "seed: more than 1,000,000 are too many; give fewer"),
    "models": (
        lambda: cnnlab.evaluate_all(itertools.repeat(cnnlab.build_cnn()), cnnlab.load_data(train=9, test=9).train),
        "models: more than 10,000 are too many; give fewer",
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_list_without_an_end_is_refused(name):
    call, refused_with = ENDLESS[name]
    assert words(call).startswith(refused_with)


def test_a_device_is_no_folder_of_pictures_and_is_not_read():
    assert "/dev/zero is not a folder" in words(cnnlab.load_images, "/dev/zero")


def test_patterns_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr("cnnlab.machine.free_memory", lambda: 12_000_000_000)
    assert words(cnnlab.make_patterns, 10**9) == (
        "1,000,000,000 patterns of 28×28 pixels: needs 12,544.0 GB of memory, and 12.0 GB are free; "
        "make fewer or smaller ones"
    )
    monkeypatch.setattr("cnnlab.machine.free_memory", lambda: None)  # the system does not say: 64 GB are allowed
    assert check_memory("one", 64_000_000_000, "") is None
    assert "64.0 GB are free" in words(check_memory, "one", 64_000_000_001, "make fewer")


def test_a_label_of_a_thousand_million_makes_no_thousand_million_names():
    images = torch.zeros(3, 1, 8, 8)
    assert words(Data.from_tensors, images, torch.tensor([0, 1, 10**9])).startswith("labels must count from 0 without")


# --- Switches, numbers, names


@pytest.mark.parametrize("value", ["False", "", 0, 1, None, [], np.bool_(True)])
def test_a_switch_is_true_or_false_and_nothing_else(value):
    experiment = Experiment(dataset="patterns", train_size=64)
    assert words(cnnlab.run, experiment, insides=value) == f"insides must be True or False, got {value!r}"
    assert words(cnnlab.sweep, [experiment], progress=value) == f"progress must be True or False, got {value!r}"
    assert words(cnnlab.Recorder, saliency=value) == f"saliency must be True or False, got {value!r}"
    assert words(cnnlab.kernel_experiments, experiment, stack=value) == f"stack must be True or False, got {value!r}"


def test_a_confidence_of_60_is_no_probability():
    assert words(Guess, "5", 60) == "confidence must lie in 0–1, got 60; try 0.6 for per cent"
    assert words(Guess, "5", math.nan) == "confidence must be a finite number, got nan"


def test_a_split_made_by_hand_fits_together():
    images, one = torch.zeros(3, 1, 8, 8), torch.ones(1, 1, 1)
    labels, classes = torch.tensor([0, 1, 1]), ("cat", "dog")
    assert len(Split(images, labels, classes, one, one)) == 3
    assert words(Split, images, labels[:2], classes, one, one) == (
        "labels must be whole numbers (N,), one for each of 3 images, got int64 (2,)"
    )
    assert words(Split, images, labels.float(), classes, one, one).endswith("got float32 (3,)")
    assert words(Split, images, labels, ("cat", "cat"), one, one) == (
        "classes names 'cat' twice; give each class a name of its own"
    )
    assert words(Split, images, labels, ("cat", 3), one, one).startswith("classes must be ")
    assert words(Split, images, labels, classes, one, torch.ones(2)) == (
        "std must be float (C, 1, 1) for 1 channels, got float32 (2,)"
    )


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int64, torch.uint64])
def test_each_label_of_a_split_has_a_name(kind):
    images, one, classes = torch.zeros(3, 1, 8, 8), torch.ones(1, 1, 1), ("cat", "dog")
    assert len(Split(images, torch.tensor([1, 0, 1]).to(kind), classes, one, one)) == 3
    assert len(Split(images[:0], torch.tensor([]).to(kind), classes, one, one)) == 0
    assert words(Split, images, torch.tensor([0, 1, 2]).to(kind), classes, one, one) == (
        "labels go from 0 to 2, but classes has 2 names: ('cat', 'dog'); give whole numbers from 0, and a name for each"
    )


@pytest.mark.parametrize(
    ("labels", "range_"),
    [
        ([0, 1, 10**9], "0 to 1000000000"),
        ([-1, 0, 1], "-1 to 1"),
        ([-(2**63), 0, 2**63 - 1], f"{-(2**63)} to {2**63 - 1}"),
    ],
)
def test_a_label_that_names_no_class_is_refused_before_anything_is_counted(labels, range_):
    images, one, classes = torch.zeros(3, 1, 8, 8), torch.ones(1, 1, 1), ("cat", "dog")
    assert words(Split, images, torch.tensor(labels), classes, one, one).startswith(f"labels go from {range_}, but ")
    split = Split(images, torch.tensor([0, 1, 1]), classes, one, one)
    data = Data("mine", split, split, split)
    split.labels.copy_(torch.tensor(labels))  # nobody has looked at these
    assert words(cnnlab.balance_classes, data).startswith(f"labels go from {range_}, but ")
    assert words(cnnlab.shuffle_labels, data).startswith(f"labels go from {range_}, but ")


def test_classes_of_no_image_can_not_be_balanced():
    split = Split(torch.zeros(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64), ("cat",), *[torch.ones(1, 1, 1)] * 2)
    assert words(cnnlab.balance_classes, Data("mine", split, split, split)).startswith("images: got none; give one or ")


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "8", math.nan])
def test_batches_and_columns_are_whole_numbers_of_1_or_more(value):
    model, images = cnnlab.build_cnn(channels=(2,), hidden=4), torch.rand(3, 1, 28, 28)
    for call, field in ((lambda: cnnlab.predict(model, images, batch_size=value), "batch_size"),
                        (lambda: cnnlab.plot_maps(images[0], columns=value), "columns")):  # fmt: skip
        assert words(call).startswith(field)


def test_titles_are_as_many_as_the_images():
    images = torch.rand(3, 1, 8, 8)
    assert (
        words(cnnlab.plot_images, images, titles=["a"]) == "titles wants one title for each of 3 images, got 1 titles"
    )
    assert words(cnnlab.plot_images, images, titles="abc") == "titles wants one title for each of 3 images, got 'abc'"


def test_a_level_that_is_not_compared_is_named():
    comparison = cnnlab.compare(levels_of("kernel_size", TWO_LEFT), by="kernel_size")
    assert words(comparison.paired, 9) == "level=9 is no level of kernel_size; choose from [3, 5, 7]"
    assert words(comparison.against, torch.eye(2)).startswith("reference=tensor of float32 (2, 2) is no level")


def test_a_record_of_another_kind_is_no_history():
    assert words(cnnlab.History.from_dict, {"a": 1}).startswith("this is no record of a History; ")
    assert words(cnnlab.History.from_json, "nope") == "this is no JSON; give what to_json() returned, got 'nope'"
    assert words(cnnlab.History.from_json, 3).startswith("this is no JSON; ")


# --- The checks


class Unprintable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("nope", "'nope'"),
        ("x" * 100, f"'{'x' * 58}…"),
        pytest.param(10**5000, "a value of the type int", id="5,000 digits"),
        (Unprintable(), "a value of the type Unprintable"),
        (torch.zeros(2, 3), "tensor of float32 (2, 3)"),
        (np.zeros(3), "ndarray of float64 (3,)"),
        (np.int64(3), "np.int64(3)"),
    ],
)
def test_a_value_is_shown_short_whatever_it_is(value, text):
    assert shown(value) == text


def test_a_largest_number_is_named_where_there_is_one():
    assert check_whole("steps", np.int64(5), 0, most=5) == 5
    assert words(check_whole, "steps", 6, 0, 5) == "steps goes up to 5, got 6; try 5 or less"
    assert (
        words(check_whole, "steps", 2**64, 0)
        == f"steps must be a whole number of 0 or more and below 2**64, got {2**64}"
    )


def test_devices():
    assert check_device("cpu") == torch.device("cpu")
    for value in ("nope", None, 3.5, "cuda:nope"):
        assert words(check_device, value).startswith(f"unknown device {value!r}; choose 'cpu' or 'cuda'")


@pytest.mark.parametrize("device", ["xla", "vulkan", "hpu", torch.device("ipu", 0)], ids=str)
def test_a_device_that_torch_knows_and_this_computer_has_not_is_refused(device):
    refused = words(check_device, device)
    assert refused.startswith(f"device='{device}' can't be used here (")
    assert refused.endswith("; choose 'cpu', or leave it out")
    assert len(refused) < 200


def test_a_second_gpu_that_is_not_there_is_refused(monkeypatch):
    """With a single GPU, torch says so only when a tensor is made on the second one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def make(*_, device):
        raise RuntimeError(f"CUDA error: invalid device ordinal {device}\nGPU device may be out of range")

    monkeypatch.setattr(torch, "empty", make)
    assert words(check_device, "cuda:1") == (
        "device='cuda:1' can't be used here (CUDA error: invalid device ordinal cuda:1); choose 'cpu', or leave it out"
    )


def test_what_can_be_gone_through():
    assert is_iterable([1])
    assert is_iterable("ab")
    assert is_iterable(torch.zeros(2))
    assert not is_iterable(torch.zeros(()))
    assert not is_iterable(3)
