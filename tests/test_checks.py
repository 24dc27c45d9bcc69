"""The checks of arguments: what passes comes back, and what does not is named with its value and a remedy."""

import itertools
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch

from cnnlab.checks import (
    check_choice,
    check_images,
    check_kernel_size,
    check_number,
    check_plane,
    check_whole,
    describe_tensor,
    is_float_plane,
    is_iterable,
    is_whole_tensor,
    listed,
)
from cnnlab.errors import ConfigError


def message(check, *arguments):
    """Return the words with which a check refuses its arguments."""
    with pytest.raises(ConfigError) as caught:
        check(*arguments)
    return str(caught.value)


# --- Words


def test_a_choice_passes_and_another_word_is_answered_with_the_nearest_and_the_list():
    for choices in (("max", "avg"), {"max": 1, "avg": 2}, {"max", "avg"}):
        assert check_choice("pooling", "avg", choices) is None
    offer = "choose from 'max', 'avg'"
    assert message(check_choice, "pooling", "maxx", ("max", "avg")) == (
        f"unknown pooling 'maxx'; did you mean 'max'? {offer}"
    )
    assert message(check_choice, "pooling", "AVG", ("max", "avg")) == (
        f"unknown pooling 'AVG'; did you mean 'avg'? {offer}"
    )
    assert message(check_choice, "pooling", "median", ("max", "avg")) == f"unknown pooling 'median'; {offer}"


@pytest.mark.parametrize("value", [None, 3, ["max"], b"max"])
def test_what_is_no_text_is_no_choice(value):
    assert message(check_choice, "pooling", value, ("max", "avg")).startswith(f"unknown pooling {value!r};")


def test_tensors_of_an_unusual_make_are_named_and_are_no_images():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls both preliminary or deprecated
        nested = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
        quantized = torch.quantize_per_tensor(torch.zeros(2, 1, 4, 4), 0.1, 0, torch.quint8)
    wanted = "images must be a float tensor (N, C, H, W), got"
    assert message(check_images, nested) == f"{wanted} float32, nested"
    assert message(check_images, quantized) == f"{wanted} quint8 (2, 1, 4, 4)"
    assert message(check_images, torch.zeros(2, 1, 0, 4)) == f"{wanted} float32 (2, 1, 0, 4), which has no pixels"
    assert message(check_whole, "steps", nested, 0).startswith("steps must be a whole number of 0 or more, got nested_")
    assert not is_whole_tensor(quantized)
    assert not is_iterable(nested)
    check_images(torch.zeros(0, 1, 4, 4))
    tiny = torch.zeros(2, 1, 4, 4).to(torch.float8_e4m3fn)  # torch finds no smallest one among them
    assert message(check_images, tiny) == f"{wanted} float8_e4m3fn (2, 1, 4, 4)"


def test_what_has_no_end_is_refused():
    assert listed("runs", iter("abc"), most=3) == ["a", "b", "c"]
    for endless in (itertools.count(), range(10**12)):
        assert message(listed, "runs", endless) == "runs: more than 1,000,000 are too many; give fewer"


# --- Whole numbers


@pytest.mark.parametrize("value", [3, 10**6, 2**64 - 1, np.int64(3), np.uint8(200)])
def test_a_whole_number_comes_back_as_an_int(value):
    assert check_whole("count", value, 3) == value
    assert type(check_whole("count", value, 3)) is int


@pytest.mark.parametrize("value", [2, -1, 3.0, "3", None, True, np.int64(2), np.float64(3), float("nan")])
def test_another_count_is_named(value):
    assert message(check_whole, "count", value, 3) == f"count must be a whole number of 3 or more, got {value!r}"


@pytest.mark.parametrize("value", [2**64, 2.0**64, 10**30])
def test_a_count_that_is_too_large_is_not_said_to_be_too_small(value):
    words = "a whole number of 3 or more and below 2**64" if isinstance(value, int) else "a whole number of 3 or more"
    assert message(check_whole, "count", value, 3) == f"count must be {words}, got {value!r}"


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_are_no_counts_though_python_takes_them_for_1_and_0(value):
    assert message(check_whole, "count", value, 0) == f"count must be a whole number of 0 or more, got {value}"


# --- Numbers


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0.0, float),
        (0.999, float),
        (0, int),
        (np.float32(0.5), float),
        (Fraction(1, 4), float),
    ],
)
def test_a_number_comes_back_as_a_float_unless_it_is_an_int(value, kind):
    assert check_number("rate", value, 0, below=1) == value
    assert isinstance(check_number("rate", value, 0, below=1), kind)


@pytest.mark.parametrize("value", [1, 1.0, -0.001, math.nan, math.inf, -math.inf, "0.5", None, True, 0.5j])
def test_another_number_is_named_with_the_limits(value):
    words = f"rate must be a finite number of 0 or more and below 1, got {value!r}"
    assert message(check_number, "rate", value, 0, 1) == words


def test_a_number_without_an_upper_limit_is_still_finite():
    assert check_number("rate", 1e300, 0.5) == 1e300
    for value in (math.inf, math.nan, 0.4):
        words = f"rate must be a finite number of 0.5 or more, got {value!r}"
        assert message(check_number, "rate", value, 0.5) == words


# --- Kernel sizes


@pytest.mark.parametrize("size", [1, 3, 11, np.int64(5)])
def test_odd_sizes_to_11_are_kernel_sizes(size):
    assert check_kernel_size(size) is None


@pytest.mark.parametrize("size", [0, -3, 2, 10, 3.0, "3", None, True])
def test_another_kernel_size_is_named(size):
    words = f"kernel_size must be an odd whole number of 1 or more, got {size!r}; try 3 or 5"
    assert message(check_kernel_size, size) == words


def test_a_kernel_size_above_11_is_named():
    assert message(check_kernel_size, 13) == "kernel_size goes up to 11, got 13; try 11 or less"


# --- Tensors


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (
            torch.zeros(2, 1, 28, 28, dtype=torch.uint8),
            "images must be a float tensor (N, C, H, W), got uint8 (2, 1, 28, 28)",
        ),
        (torch.zeros(1, 28, 28), "got float32 (1, 28, 28); for a single image (C, H, W) write images[None]"),
        (torch.zeros(28, 28), "images must be a float tensor (N, C, H, W), got float32 (28, 28)"),
        ([1, 2], "images must be a float tensor (N, C, H, W), got list"),
    ],
)
def test_images_of_another_kind_are_named(images, words):
    with pytest.raises(ConfigError) as caught:
        check_images(images)
    assert words in str(caught.value)


def test_float_images_pass_in_every_precision_and_the_message_names_the_argument():
    for dtype in (torch.float16, torch.float32, torch.float64):
        assert check_images(torch.zeros(2, 1, 3, 3, dtype=dtype)) is None
    assert message(check_images, None, "maps") == "maps must be a float tensor (N, C, H, W), got NoneType"


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (torch.zeros(2, 3, dtype=torch.uint8), "uint8 (2, 3)"),
        (torch.zeros(1, 2, 3), "float32 (1, 2, 3)"),
        (torch.zeros(0, 3), "float32 (0, 3)"),
        (torch.zeros(3, dtype=torch.float64), "float64 (3,)"),
        ([[0.5]], "list"),
        (np.zeros((2, 3)), "ndarray"),
    ],
)
def test_what_is_no_plane_is_described(value, description):
    assert describe_tensor(value) == description
    assert not is_float_plane(value)
    words = f"image must be a float tensor (H, W) with pixels, got {description}"
    assert message(check_plane, "image", value) == words


def test_a_plane_passes():
    assert is_float_plane(torch.zeros(1, 1))
    assert check_plane("image", torch.zeros(2, 3, dtype=torch.float64)) is None
