"""Patterns: each structure is compared with masks, counts and levels worked out by hand."""

import inspect

import numpy as np
import pytest
import torch
from scipy import ndimage

from cnnlab.data.loading import load_data
from cnnlab.data.patterns import PATTERN_KNOBS, STRUCTURES, make_patterns
from cnnlab.errors import ConfigError

every_structure = pytest.mark.parametrize("structure", STRUCTURES)
two_seeds = pytest.mark.parametrize("seed", [0, 1])  # what a class is must not depend on the seed

CORNERS = [  # the arms of class 0, 1, 2 and 3: each is the one before, turned by a quarter
    ["###", "#..", "#.."],
    ["#..", "#..", "###"],
    ["..#", "..#", "###"],
    ["###", "..#", "..#"],
]


def draw(count=400, **knobs):
    """Return images (N, H, W) and labels (N,) as arrays."""
    images, labels = make_patterns(count, **knobs)
    return images[:, 0].numpy(), labels.numpy()


# What every structure gives


def test_the_structures_and_the_knobs():
    assert STRUCTURES == ("fine", "coarse", "mark", "texture")
    parameters = set(inspect.signature(make_patterns).parameters)
    assert parameters - {"count", "seed"} == set(PATTERN_KNOBS)


@every_structure
@pytest.mark.parametrize("size", [8, 21, 28])
def test_images_are_float32_from_0_to_1_and_labels_int64(structure, size):
    images, labels = make_patterns(50, structure=structure, size=size)
    assert images.shape == (50, 1, size, size)
    assert labels.shape == (50,)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0.05


def test_far_seeds_give_other_images_and_those_below_stay_as_they_were():
    """A data set takes two seeds of `make_patterns`: twice its own, in which 2**63 would vanish, and the next one."""
    seeds = (5, 5 + 2**63, 2**63 - 1, 2**63, 2**64 - 1)
    far = {seed: load_data("patterns", train=20, validation=10, size=8, seed=seed) for seed in seeds}
    for split in ("train", "validation"):
        assert len({getattr(data, split).pixels.numpy().tobytes() for data in far.values()}) == len(seeds)
    for seed in (5, 2**63 - 1):
        made = make_patterns(10_000, size=8, seed=2 * seed)[0].flatten(1)
        distance = torch.cdist(far[seed].train.pixels.flatten(1).double(), made.double()).min(1).values
        assert distance.max() < 1e-5


@every_structure
def test_classes_are_balanced_to_one_image_and_shuffled(structure):
    for count, classes in ((102, 4), (100, 3), (64, 2)):
        labels = make_patterns(count, structure=structure, classes=classes)[1]
        sizes = torch.bincount(labels)
        assert len(sizes) == classes
        assert sizes.max() - sizes.min() <= 1
        assert not torch.equal(labels, torch.arange(count) % classes)
        assert not torch.equal(labels, labels.sort().values)


@every_structure
def test_the_same_seed_gives_the_same_images_and_another_fresh_ones(structure):
    first, again, other = (make_patterns(60, structure=structure, seed=seed) for seed in (7, 7, 8))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])
    equal_pixels = (first[0] == other[0]).float().mean(dim=(1, 2, 3))
    assert equal_pixels.max() < 0.6  # clipped pixels can agree by chance; a repeated image would give 1


@every_structure
def test_the_process_wide_generators_do_not_matter_and_are_left_alone(structure):
    results = []
    for state in (1, 2):
        torch.manual_seed(state)
        np.random.seed(state)  # noqa: NPY002 - the old global generator is what must stay untouched
        make = make_patterns(20, structure=structure)[0]
        following = torch.rand(3), np.random.random(3)  # noqa: NPY002
        torch.manual_seed(state)
        np.random.seed(state)  # noqa: NPY002
        assert torch.equal(following[0], torch.rand(3))
        assert np.array_equal(following[1], np.random.random(3))  # noqa: NPY002
        results.append(make)
    assert torch.equal(*results)


def test_noise_is_the_standard_deviation_of_what_is_added():
    clean, noisy = (draw(structure="coarse", noise=noise)[0] for noise in (0, 0.05))
    added = noisy - clean  # a wave stays within 0.35 and 0.65, so that noise of 0.05 is never clipped
    assert added.mean() == pytest.approx(0, abs=0.001)
    assert added.std() == pytest.approx(0.05, abs=0.0005)


@pytest.mark.parametrize(
    ("structure", "scale", "noise"),
    [("fine", 3, 0.1), ("coarse", 12, 0.65), ("mark", 1, 0.12), ("texture", 1, 0.2)],
)
def test_the_defaults(structure, scale, noise):
    default = make_patterns(20, structure=structure)[0]
    named = make_patterns(20, structure=structure, scale=scale, noise=noise, classes=4, size=28, seed=0)[0]
    assert torch.equal(default, named)


def test_on_a_small_image_the_default_scale_is_half_of_it():
    default, named = (make_patterns(20, structure="coarse", size=9, scale=scale)[0] for scale in (None, 4))
    assert torch.equal(default, named)


# What each structure means


@two_seeds
def test_fine_is_made_of_whole_corners_that_point_the_way_of_their_class(seed):
    images, labels = draw(noise=0, seed=seed)
    bright = images > 0.5
    assert set(np.unique(images)) == {np.float32(0.25), np.float32(0.75)}
    masks = np.array([[[letter == "#" for letter in row] for row in corner] for corner in CORNERS])
    inside = np.s_[2:-2, 2:-2]  # nearer to the edge a corner may be cut off
    for image, label in zip(bright, labels, strict=True):
        # An opening keeps the pixels that lie in a whole copy of the mask: all for the own mask, few for another.
        kept = [ndimage.binary_opening(image, mask)[inside].sum() for mask in masks]
        assert kept[label] == image[inside].sum()
        assert max(kept[:label] + kept[label + 1 :]) < kept[label]


def test_fine_has_equal_brightness_in_every_class_and_at_every_edge():
    images, labels = draw(8000, noise=0)
    # A pixel is dark when none of the 5 corners that would cover it is there: each is, with probability 0.25 / 5.
    bright = 1 - (1 - 0.05) ** 5
    for label in range(4):
        own = images[labels == label] > 0.5
        assert own.mean() == pytest.approx(bright, abs=0.003)
        for edge in (own[:, 0], own[:, -1], own[:, :, 0], own[:, :, -1]):
            assert edge.mean() == pytest.approx(bright, abs=0.01)


@two_seeds
def test_coarse_is_one_wave_in_the_direction_of_its_class(seed):
    images, labels = draw(structure="coarse", scale=7, noise=0, seed=seed)
    right, falling, down, rising = (images[labels == label] for label in range(4))
    same = {"rtol": 0, "atol": 1e-5}
    np.testing.assert_allclose(right[:, 1:, :], right[:, :-1, :], **same)  # the wave's crests are upright lines
    np.testing.assert_allclose(falling[:, 1:, :-1], falling[:, :-1, 1:], **same)
    np.testing.assert_allclose(down[:, :, 1:], down[:, :, :-1], **same)
    np.testing.assert_allclose(rising[:, 1:, 1:], rising[:, :-1, :-1], **same)
    np.testing.assert_allclose(right[:, :, 7:], right[:, :, :-7], **same)  # it repeats after `scale` pixels
    np.testing.assert_allclose(right[:, 0].std(axis=1), 0.15 / np.sqrt(2), rtol=1e-4)  # four whole waves a row


def test_coarse_has_any_phase_so_that_no_pixel_tells():
    images, labels = draw(8000, structure="coarse", noise=0)
    for label in range(4):
        # The mean of 2,000 values with standard deviation 0.15 / √2 strays by 0.0024; 5 times that is not chance.
        np.testing.assert_allclose(images[labels == label].mean(axis=0), 0.5, atol=0.012)


@two_seeds
def test_mark_is_one_bright_square_in_the_quarter_of_its_class(seed):
    images, labels = draw(4000, structure="mark", scale=3, noise=0, seed=seed)
    bright = images == np.float32(0.9)
    assert np.all(images[~bright] == np.float32(0.2))
    assert np.all(bright.sum(axis=(1, 2)) == 9)
    quarters = bright.reshape(-1, 2, 14, 2, 14).sum(axis=(2, 4)).reshape(-1, 4)
    assert np.array_equal(quarters, 9 * np.eye(4, dtype=int)[labels])  # whole, never across the middle
    for image in bright[:100]:
        rows, columns = np.nonzero(image)
        assert np.ptp(rows) == np.ptp(columns) == 2
    assert bright.any(axis=0).all()  # it may lie anywhere in its quarter


@two_seeds
def test_texture_has_grains_of_the_contrast_of_its_class_and_one_mean(seed):
    images, labels = draw(3000, structure="texture", scale=2, noise=0, classes=3, seed=seed)
    for label, contrast in enumerate([0.05, 0.10, 0.15]):
        own = images[labels == label]
        np.testing.assert_allclose(np.abs(own - 0.5), contrast, atol=1e-6)
        assert own.mean() == pytest.approx(0.5, abs=0.001)
        blocks = own.reshape(-1, 14, 2, 14, 2)
        assert np.all(np.ptp(blocks, axis=(2, 4)) == 0)  # a grain is 2 × 2 pixels of one grey


def test_texture_tells_by_its_average_and_not_by_single_pixels():
    images, labels = draw(8000, structure="texture", noise=0.1, classes=2)
    departure = np.abs(images - 0.5)
    pixel, average = departure[:, 5, 5], departure.mean(axis=(1, 2))
    # The best cut lies half-way between the class means, near enough for two classes of one shape.
    pixel_accuracy, average_accuracy = (
        np.mean((value > (value[labels == 0].mean() + value[labels == 1].mean()) / 2) == labels)
        for value in (pixel, average)
    )
    assert pixel_accuracy < 0.7
    assert average_accuracy > 0.999


def test_texture_adds_its_own_variance_to_the_noise():
    images, labels = draw(structure="texture", noise=0.1, classes=2)
    # 0.5 ± 0.05 and ± 0.15 with noise of 0.1: clipping at 3.5 standard deviations and more changes next to nothing.
    for label, contrast in enumerate([0.05, 0.15]):
        assert images[labels == label].std() == pytest.approx(np.hypot(contrast, 0.1), abs=0.001)


# Knobs that can't work


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        (
            {"structure": "fin"},
            "unknown structure 'fin'; did you mean 'fine'? choose from 'fine', 'coarse', 'mark', 'texture'",
        ),
        ({"structure": None}, "unknown structure None; choose from 'fine', 'coarse', 'mark', 'texture'"),
        ({"scale": 1}, "scale must be a whole number of 2 or more, got 1"),
        ({"scale": 3.0}, "scale must be a whole number of 2 or more, got 3.0"),
        ({"structure": "coarse", "scale": 2}, "scale must be a whole number of 3 or more, got 2"),
        ({"structure": "mark", "scale": 0}, "scale must be a whole number of 1 or more, got 0"),
        ({"scale": 15}, "scale must be at most half of size=28, got 15; try 14"),
        ({"scale": 5, "size": 9}, "scale must be at most half of size=9, got 5; try 4"),
        ({"noise": -0.1}, "noise must be a finite number of 0 or more, got -0.1"),
        ({"noise": float("nan")}, "noise must be a finite number of 0 or more, got nan"),
        ({"noise": "0.1"}, "noise must be a finite number of 0 or more, got '0.1'"),
        ({"classes": 1}, "classes must be a whole number of 2 or more, got 1"),
        ({"classes": 5}, "classes must be 2 to 4 where structure='fine', got 5"),
        ({"structure": "texture", "classes": 9}, "classes must be 2 to 8 where structure='texture', got 9"),
        ({"size": 7}, "size must be a whole number of 8 or more, got 7"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
        ({"count": 0}, "count must be a whole number of 1 or more, got 0"),
    ],
)
def test_a_knob_that_cannot_work_is_named_with_its_value_and_a_remedy(knobs, words):
    with pytest.raises(ConfigError) as caught:
        make_patterns(**{"count": 10, **knobs})
    assert str(caught.value) == words
