"""Which images go into which split, the sizes of the splits, and their mean, worked out by hand."""

import numpy as np
import pytest
import torch

from cnnlab.data.splitting import (
    mean_std,
    mean_std_of_sums,
    normalize,
    pixel_sums,
    split_sizes,
    stratified,
)
from cnnlab.errors import ConfigError


def test_every_split_is_stratified_to_one_image_a_class():
    random = np.random.default_rng(0)
    for _ in range(300):
        labels = random.integers(0, random.integers(2, 12), size=random.integers(20, 300))
        first = int(random.integers(0, len(labels)))
        second = int(random.integers(0, len(labels) - first + 1))
        parts = stratified(labels, (first, second), random)
        assert [len(part) for part in parts] == [first, second]
        assert len(set(np.concatenate(parts).tolist())) == first + second
        for part in parts:
            for label in np.unique(labels):
                fair = len(part) * (labels == label).sum() / len(labels)
                assert abs((labels[part] == label).sum() - fair) < 1


@pytest.mark.parametrize(
    ("train", "validation", "sizes"),
    [(None, None, (81, 9)), (None, 30, (60, 30)), (20, None, (20, 9)), (50, 40, (50, 40)), (None, 0, (90, 0))],
)
def test_sizes_that_are_not_given_follow_from_the_others(train, validation, sizes):
    assert split_sizes("mine", 90, train, validation) == sizes


def test_sizes_that_can_not_be_are_named():
    with pytest.raises(ConfigError, match="validation=90 leaves nothing of the 90 images of 'mine'; make it smaller"):
        split_sizes("mine", 90, None, 90)
    with pytest.raises(ConfigError, match="train=82 and validation=9 ask for 91 images, but 'mine' has 90; make one"):
        split_sizes("mine", 90, 82, None)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_mean_and_standard_deviation_by_hand(dtype):
    pixels = torch.tensor([[0, 255], [255, 51]]) / 255  # 0, 1, 1 and 0.2
    images = torch.stack([pixels, torch.full((2, 2), 0.4)])[None]  # (1, 2, 2, 2)
    images = (255 * images).round().to(dtype) if dtype == torch.uint8 else images
    mean, std = mean_std(images, np.arange(len(images)))
    assert mean.shape == std.shape == (2, 1, 1)
    assert mean.flatten().tolist() == pytest.approx([0.55, 0.4])
    variance = (0.55**2 + 2 * 0.45**2 + 0.35**2) / 4
    assert std.flatten().tolist() == pytest.approx([variance**0.5, 1])  # 1 where all pixels are equal


def test_the_sums_of_the_images_give_the_same_mean_and_standard_deviation():
    images = torch.randint(0, 256, (50, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[:, 2] = 7  # all pixels equal
    chosen = np.array([3, 3, 48, *range(10, 30)])  # an image twice, as nothing forbids
    sums = pixel_sums(images.numpy())
    assert sums.shape == (50, 3, 2)
    assert sums[4, 1].tolist() == [int(images[4, 1].sum()), int((images[4, 1].int() ** 2).sum())]
    expected = mean_std(images, chosen)
    assert all(map(torch.equal, mean_std_of_sums(sums[chosen], 35), expected))


def test_images_of_every_size_are_normalized_alike():
    for side in (2, 200, 300):  # many images in a part, a few, and one
        images = torch.randint(0, 256, (8, 3, side, side), dtype=torch.uint8)
        mean, std = torch.rand(3, 1, 1), torch.rand(3, 1, 1) + 0.1
        chosen = np.array([5, 0, 7, 3])
        normalized = normalize(images, chosen, mean, std)
        assert torch.equal(normalized, (images[chosen] / 255 - mean) / std)
        assert normalized.data_ptr() % 64 == torch.empty(5, 7).data_ptr() % 64 == 0
        assert normalize(images, chosen[:0], mean, std).shape == (0, 3, side, side)
