"""Pooling and shifts, compared with numpy, scipy and numbers worked out by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from cnnlab.errors import ConfigError
from cnnlab.model.pooling import (
    describe_shift,
    describe_window,
    explain_window,
    pool_map,
    relative_change,
    shift_image,
)

MAP = torch.rand(7, 10, generator=torch.Generator().manual_seed(0))


def test_pooling_by_hand():
    plane = torch.tensor([[1.0, 2, 5, 9], [3, 4, 7, -1]])
    assert pool_map(plane).tolist() == [[4, 9]]
    assert pool_map(plane, "avg").tolist() == [[2.5, 5]]
    assert pool_map(plane, "max", size=2, stride=1).tolist() == [[4, 7, 9]]
    assert pool_map(plane, size=1).tolist() == plane.tolist()
    assert pool_map(plane, size=1, stride=3).tolist() == [[1, 9]]


def test_a_rest_at_the_right_and_at_the_lower_edge_is_dropped():
    plane = torch.zeros(3, 5)
    plane[2], plane[:, 4] = 9, 9
    assert pool_map(plane).tolist() == [[0, 0]]


@pytest.mark.parametrize(("kind", "reduce"), [("max", np.max), ("avg", np.mean)])
@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3), (7, 1)])
def test_every_number_is_that_of_its_window(kind, reduce, size, stride):
    pooled = pool_map(MAP, kind, size=size, stride=stride)
    step = stride or size
    windows = np.lib.stride_tricks.sliding_window_view(MAP.numpy(), (size, size))[::step, ::step]
    np.testing.assert_allclose(pooled, reduce(windows, axis=(2, 3)), rtol=1e-6)
    for row, column in np.ndindex(*pooled.shape):
        window, result = explain_window(MAP, row, column, kind=kind, size=size, stride=stride)
        np.testing.assert_array_equal(window, windows[row, column])
        assert result == pooled[row, column]


def test_a_window_is_a_copy():
    plane = torch.ones(2, 2)
    explain_window(plane, 0, 0)[0].zero_()
    assert plane.sum() == 4


def test_a_window_in_words():
    plane = torch.tensor([[1.0, -2, 5], [-3, 4, 7]])
    assert describe_window(plane, 0, 0) == "row 0, column 0: the maximum of 4 values is 4.00"
    assert describe_window(plane, 0, 1, kind="avg", stride=1) == "row 0, column 1: the mean of 4 values is 3.50"
    assert describe_window(plane, 1, 0, size=1) == "row 1, column 0: the maximum of 1 value is −3.00"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "maxx"}, "unknown pooling 'maxx'; did you mean 'max'? choose from 'max', 'avg'"),
        ({"size": 0}, "pooling size must be a whole number of 1 or more, got 0"),
        ({"size": 2.0}, "pooling size must be a whole number of 1 or more, got 2.0"),
        ({"stride": 0}, "stride must be a whole number of 1 or more, got 0"),
        ({"size": 8}, "pooling size must fit into the map (7, 10), got 8; try 7"),
        ({"plane": torch.zeros(1, 7, 10)}, "map must be a float tensor (H, W) with pixels, got float32 (1, 7, 10)"),
    ],
)
def test_what_can_not_be_pooled_is_named(arguments, words):
    with pytest.raises(ConfigError) as caught:
        pool_map(**({"plane": MAP} | arguments))
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (3, 0, "row must be a whole number from 0 to 2, got 3"),
        (-1, 0, "row must be a whole number from 0 to 2, got -1"),
        (0, 5, "column must be a whole number from 0 to 4, got 5"),
    ],
)
def test_a_window_outside_is_named(row, column, words):
    for use in (explain_window, describe_window):
        with pytest.raises(ConfigError) as caught:
            use(MAP, row, column)
        assert str(caught.value) == words


# --- Shifts


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (0, -9), (-6, 4), (2, 2)])
def test_a_shift_is_scipys(down, right):
    expected = ndimage.shift(MAP.numpy(), (down, right), order=0, mode="constant")
    np.testing.assert_array_equal(shift_image(MAP, down, right), expected)


def test_a_shift_leaves_the_image_as_it_was():
    image = torch.ones(2, 2)
    shift_image(image).zero_()
    shift_image(image, down=1).zero_()
    assert image.sum() == 4


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ({"down": 1.5}, "down must be a whole number of pixels, got 1.5"),
        ({"down": 7}, "down must be less than the image's 7 pixels, got 7; try 6"),
        ({"right": -10}, "right must be less than the image's 10 pixels, got -10; try 9"),
    ],
)
def test_a_shift_that_can_not_be_is_named(shift, words):
    with pytest.raises(ConfigError) as caught:
        shift_image(MAP, **shift)
    assert str(caught.value) == words


def test_a_shift_in_words():
    assert describe_shift(0, 0) == "0 right, 0 down"
    assert describe_shift(-4, 1) == "4 left, 1 down"
    assert describe_shift(3, -2) == "3 right, 2 up"


# --- The change of a map


def test_relative_change_by_hand():
    zeros, map_ = torch.zeros(2, 2), torch.tensor([[3.0, 0], [0, 0]])
    assert relative_change(map_, map_) == 0
    assert relative_change(zeros, zeros) == 0
    assert relative_change(zeros, map_) == 1
    assert relative_change(map_, map_.flip(1)) == pytest.approx(1)  # nothing in common
    assert relative_change(map_, 2 * map_) == pytest.approx(3 / 45**0.5)  # |6 − 3| / √(9 + 36)
    assert relative_change(7 * map_, 14 * map_) == pytest.approx(3 / 45**0.5)  # whatever the brightness


def test_relative_change_of_a_map_and_its_reverse_is_the_root_of_two():
    ones = torch.ones(2, 2)
    assert relative_change(ones, -ones) == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([1], [2], r"want two float maps, got \[1\]"),
        (torch.zeros(2, 2), torch.zeros(2, 2).long(), "want two float maps, got tensor"),
        (torch.zeros(2, 2), torch.zeros(2, 3), r"want two maps of one shape, got \(2, 2\) and \(2, 3\)"),
    ],
)
def test_maps_that_can_not_be_compared_are_named(before, after, words):
    with pytest.raises(ConfigError, match=words):
        relative_change(before, after)
