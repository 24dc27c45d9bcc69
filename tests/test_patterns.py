"""What `make_patterns` promises, and that what tells the classes apart is what it says, and nothing else."""

import numpy as np
import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.patterns import PATTERN_KNOBS, STRUCTURES, make_patterns


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("count", "classes", "size"), [(103, 4, 28), (10, 2, 16), (1, 3, 9)])
def test_shapes_ranges_and_balance(structure, count, classes, size):
    images, labels = make_patterns(count, structure=structure, classes=classes, size=size)
    assert (images.shape, images.dtype) == ((count, 1, size, size), torch.float32)
    assert (labels.shape, labels.dtype) == ((count,), torch.int64)
    assert 0 <= images.min() <= images.max() <= 1
    counts = labels.bincount(minlength=classes)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_seed_decides_and_nothing_else_does(structure):
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 (to see it untouched)
    images, labels = make_patterns(50, structure=structure, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    torch.rand(5)
    again = make_patterns(50, structure=structure, seed=1)
    assert torch.equal(images, again[0])
    assert torch.equal(labels, again[1])
    assert not torch.equal(images, make_patterns(50, structure=structure, seed=2)[0])


def test_a_mark_is_one_bright_square_in_the_quarter_of_its_class():
    images, labels = make_patterns(200, structure="mark", scale=2, noise=0)
    for image, label in zip(images[:, 0], labels.tolist(), strict=True):
        rows, columns = (image == image.max()).nonzero().T
        assert image.max() == pytest.approx(0.9)
        assert len(rows) == 4
        assert (rows.max() - rows.min(), columns.max() - columns.min()) == (1, 1)
        assert {(int(row) // 14, int(column) // 14) for row, column in zip(rows, columns, strict=True)} == {
            (label // 2, label % 2)
        }
        assert (image == image.min()).sum() == 28 * 28 - 4


def test_a_texture_differs_in_contrast_and_not_in_brightness():
    images, labels = make_patterns(400, structure="texture", noise=0, classes=3)
    contrast = [images[labels == label].sub(0.5).abs() for label in range(3)]
    for step, values in zip((0.05, 0.10, 0.15), contrast, strict=True):
        assert torch.allclose(values, torch.tensor(step))
    for label in range(3):  # as many light grains as dark ones: 100,000 throws of a coin, within five standard errors
        light = (images[labels == label] > 0.5).double().mean().item()
        assert light == pytest.approx(0.5, abs=5 * 0.5 / (133 * 784) ** 0.5)


def test_a_coarse_wave_has_its_class_in_its_direction_and_its_length_from_scale():
    images, labels = make_patterns(40, structure="coarse", scale=7, size=28, noise=0, classes=2)
    for image, label in zip(images[:, 0], labels.tolist(), strict=True):
        across = 0 if label == 0 else 1  # class 0 runs along the columns
        assert image.diff(dim=across).abs().max() < 1e-5  # nothing changes across the wave
        spectrum = torch.fft.rfft(image.mean(across) - image.mean()).abs()
        assert spectrum.argmax() == 28 // 7
        assert image.mean() == pytest.approx(0.5, abs=0.01)


def test_fine_corners_differ_by_a_quarter_turn_only():
    """Count the corner in all four turns: each class has one of them, and the brightness tells nothing."""
    images, labels = make_patterns(600, structure="fine", scale=2, noise=0, classes=4)
    bright = (images[:, 0] > 0.5).float()

    def share(pictures, turns):
        """How often the corner (both neighbours bright, the inner pixel dark), turned so many times, is found."""
        turned = torch.rot90(pictures, -turns, dims=(1, 2))
        corner = turned[:, :-1, :-1] * turned[:, :-1, 1:] * turned[:, 1:, :-1] * (1 - turned[:, 1:, 1:])
        return corner.mean().item()

    table = np.array([[share(bright[labels == label], turns) for turns in range(4)] for label in range(4)])
    own = table.argmax(1)
    assert [(turns - own[0]) % 4 for turns in own] == [0, 1, 2, 3]  # each a quarter turn on from the one before
    others = [table[label, turns] for label in range(4) for turns in range(4) if turns != own[label]]
    assert table.max(1).min() > 2 * max(others)
    level = [images[labels == label].mean().item() for label in range(4)]
    assert max(level) - min(level) < 0.005  # the average brightness tells nothing


def test_noise_has_the_standard_deviation_that_is_asked_for():
    quiet, loud = (make_patterns(300, structure="mark", noise=noise, seed=3)[0] for noise in (0, 0.05))
    background = quiet == quiet.min()
    assert loud[background].std().item() == pytest.approx(0.05, rel=0.02)


FAULTS = [
    ({"count": 0}, "count must be a whole number of 1 or more, got 0"),
    ({"structure": "corse"}, "unknown structure 'corse'; did you mean 'coarse'? choose from 'fine', 'coarse', 'mark'"),
    ({"classes": 5}, "classes must be 2 to 4 where structure='fine', got 5"),
    ({"classes": 1}, "classes must be a whole number of 2 or more, got 1"),
    ({"noise": -0.1}, "noise must be a finite number of 0 or more, got -0.1"),
    ({"noise": float("nan")}, "noise must be a finite number of 0 or more, got nan"),
    ({"scale": 1}, "scale must be a whole number of 2 or more, got 1"),
    ({"scale": 15}, "scale must be at most half of size=28, got 15; try 14"),
    ({"size": 4}, "size must be a whole number of 8 or more, got 4"),
    ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
]


@pytest.mark.parametrize(("knobs", "words"), FAULTS, ids=[words[:35] for _, words in FAULTS])
def test_impossible_knobs_are_named_with_a_remedy(knobs, words):
    with pytest.raises(ConfigError) as caught:
        make_patterns(**({"count": 10} | knobs))
    assert words in str(caught.value)


def test_the_knobs_that_load_data_passes_on_are_those_of_make_patterns():
    assert set(PATTERN_KNOBS) == set(make_patterns.__kwdefaults__) - {"seed"}
