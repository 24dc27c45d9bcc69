"""Splits, their normalization, the locked test split, and tensors that are refused."""

import numpy as np
import pytest
import torch

import cnnlab.data.dataset
from cnnlab.data.dataset import Data, balance_classes, pixel_sums, shuffle_labels, split_sizes
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=500, validation=200, test=100)


def test_shapes_types_and_classes(data):
    assert data.train.images.shape == (500, 1, 28, 28)
    assert data.train.images.dtype == torch.float32
    assert data.train.labels.dtype == torch.int64
    assert data.classes == tuple("0123456789")
    assert data.input_shape == (1, 28, 28)
    assert [len(data.train), len(data.validation), len(data.open_test())] == [500, 200, 100]


def test_all_splits_are_normalized_by_the_training_split(data):
    assert data.train.images.double().mean().item() == pytest.approx(0, abs=1e-6)
    assert data.train.images.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert abs(data.validation.images.mean().item()) > 1e-4  # its own mean would make this zero
    assert torch.equal(data.validation.mean, data.train.mean)
    whole = (data.train.pixels * 255).round()
    assert torch.allclose(data.train.pixels * 255, whole, atol=1e-3)  # what was whole numbers in the file is so again
    assert [whole.min().item(), whole.max().item()] == [0, 255]


def test_every_split_is_stratified_to_one_image_a_class():
    random = np.random.default_rng(0)
    for _ in range(300):
        labels = random.integers(0, random.integers(2, 12), size=random.integers(20, 300))
        first = int(random.integers(0, len(labels)))
        second = int(random.integers(0, len(labels) - first + 1))
        parts = cnnlab.data.dataset._stratified(labels, (first, second), random)
        assert [len(part) for part in parts] == [first, second]
        assert len(set(np.concatenate(parts).tolist())) == first + second
        for part in parts:
            for label in np.unique(labels):
                fair = len(part) * (labels == label).sum() / len(labels)
                assert abs((labels[part] == label).sum() - fair) < 1


def test_a_slice_or_an_index_is_still_a_split(data):
    assert data.train[:16].images.shape == (16, 1, 28, 28)
    for index in (3, np.int64(3), torch.tensor(3)):
        assert data.train[index].images.shape == (1, 1, 28, 28)
    assert torch.equal(data.train[data.train.labels == 7].labels.unique(), torch.tensor([7]))
    assert repr(data.train[:16]) == "Split(16 images of 1×28×28)"


def test_the_test_split_is_behind_one_door_that_counts():
    data = load_data("mnist", train=50, validation=50, test=20)
    assert "test             20  (locked; opened 0 times)" in repr(data)
    data.open_test()
    assert data.test_openings == 1
    assert "(locked; opened 1 time)" in repr(data)
    data.open_test()
    assert "(locked; opened 2 times)" in repr(data)
    assert "test" not in [name for name in vars(data) if not name.startswith(("_", "test_openings"))]


def test_own_tensors():
    images, labels = torch.rand(100, 3, 8, 8), torch.arange(100) % 4
    data = Data.from_tensors(images, labels, classes=("a", "b", "c", "d"))
    assert [len(data.train), len(data.validation), len(data.open_test())] == [81, 9, 10]
    assert data.train.mean.shape == (3, 1, 1)
    assert data.train.images.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    whole = torch.cat([data.train.pixels, data.validation.pixels, data.open_test().pixels])
    assert torch.allclose(whole.sum((1, 2, 3)).sort().values, images.sum((1, 2, 3)).sort().values, atol=1e-3)
    constant = Data.from_tensors(torch.full((40, 1, 4, 4), 0.5), torch.arange(40) % 2)
    assert constant.train.images.abs().max() == 0


FAULTS = [
    (
        lambda: Data.from_tensors(torch.full((3, 1, 8, 8), 255.0), torch.arange(3)),
        "images must lie in 0–1, got 255 to 255; divide by 255 if they are 0 to 255",
    ),
    (
        lambda: Data.from_tensors(torch.full((3, 1, 8, 8), torch.nan), torch.arange(3)),
        "images must lie in 0–1, got nan",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(3, 28, 28), torch.zeros(3).long()),
        "images must be a float tensor (N, C, H, W), got float32 (3, 28, 28)",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.zeros(4).long()),
        "labels must be a tensor of whole numbers (N,) from 0, one for each of 3 images, got int64 (4,)",
    ),
    (lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.zeros(3)), "got float32 (3,)"),
    (
        lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.arange(3), classes=("a", "b")),
        "labels go up to 2, but classes has 2 names: ('a', 'b')",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(9, 1, 8, 8), torch.arange(9) % 3 + 1),
        "labels must count from 0 without a gap, got 1, 2, 3; write labels.unique(return_inverse=True)[1], or give",
    ),
    (lambda: Data.from_tensors(torch.zeros(4, 1, 8, 8), torch.tensor([0, 255, 0, 255])), "gap, got 0, 255; write"),
    (lambda: Data.from_tensors(torch.zeros(2, 1, 8, 8), torch.tensor([0, 10**9])), "gap, got 0, 1000000000; write"),
    (
        lambda: Data.from_tensors(torch.zeros(7, 1, 8, 8), torch.arange(7) * 2),
        "labels must count from 0 without a gap, got 0, 2, 4, 6, 8, …; write",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(9, 28, 28, 1), torch.arange(9) % 3),
        "images look like (N, H, W, C), got (9, 28, 28, 1); write images.permute(0, 3, 1, 2)",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(9, 32, 24, 3), torch.arange(9) % 3),
        "got (9, 32, 24, 3); write images.perm",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.arange(3), test=3),
        "test=3 leaves nothing of 3 images; take a smaller test set",
    ),
]


def test_classes_without_images_and_odd_shapes_are_taken_where_they_are_meant():
    data = Data.from_tensors(torch.zeros(20, 1, 8, 8), torch.arange(20) % 2 + 1, classes=("a", "b", "c"))
    assert data.classes == ("a", "b", "c")
    remedy = torch.tensor([1, 3, 3, 255]).unique(return_inverse=True)[1]  # what the message says
    assert Data.from_tensors(torch.zeros(4, 1, 8, 8), remedy).classes == ("0", "1", "2")
    turned = torch.zeros(20, 64, 100, 1).transpose(2, 3)  # what the message says of 64 channels
    for images in (turned, *(torch.zeros(20, *shape) for shape in ((512, 1, 1), (64, 4, 4), (3, 5, 3), (1, 28, 28)))):
        assert Data.from_tensors(images, torch.arange(20) % 2).input_shape == images.shape[1:]


def test_images_in_any_order_of_memory_give_the_same_data():
    images = torch.rand(20, 3, 6, 8)
    plain = Data.from_tensors(images, torch.arange(20) % 2)
    turned = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    for other in (images.to(memory_format=torch.channels_last), turned):
        data = Data.from_tensors(other, torch.arange(20) % 2)
        assert torch.equal(data.train.images, plain.train.images)
        assert data.train.images.is_contiguous()


@pytest.mark.parametrize(("call", "words"), FAULTS, ids=[words[:40] for _, words in FAULTS])
def test_what_can_not_be_is_named_with_a_remedy(call, words):
    with pytest.raises(ConfigError) as caught:
        call()
    assert words in str(caught.value)


# --- Shuffled labels, and the sizes of splits


def test_shuffled_labels_leave_everything_else_as_it_was(data):
    shuffled = shuffle_labels(data, seed=3)
    assert torch.equal(shuffled.train.labels.bincount(), data.train.labels.bincount())
    share = (shuffled.train.labels == data.train.labels).float().mean().item()
    assert share < 0.2  # by chance a tenth of 500, and 0.1 more is over seven standard errors
    assert torch.equal(shuffled.train.images, data.train.images)
    assert shuffled.validation is data.validation
    assert shuffled._test is data._test
    assert torch.equal(shuffle_labels(data, seed=3).train.labels, shuffled.train.labels)
    assert not torch.equal(shuffle_labels(data, seed=4).train.labels, shuffled.train.labels)
    with pytest.raises(ConfigError, match="seed must be a whole number of 0 or more, got -1"):
        shuffle_labels(data, seed=-1)


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
    mean, std = cnnlab.data.dataset._mean_std(images, np.arange(len(images)))
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
    expected = cnnlab.data.dataset._mean_std(images, chosen)
    assert all(map(torch.equal, cnnlab.data.dataset._from_sums(sums[chosen], 35), expected))


def test_images_of_every_size_are_normalized_alike():
    for side in (2, 200, 300):  # many images in a part, a few, and one
        images = torch.randint(0, 256, (8, 3, side, side), dtype=torch.uint8)
        mean, std = torch.rand(3, 1, 1), torch.rand(3, 1, 1) + 0.1
        chosen = np.array([5, 0, 7, 3])
        assert torch.equal(
            cnnlab.data.dataset._normalize(images, chosen, mean, std), (images[chosen] / 255 - mean) / std
        )


def test_balanced_classes_repeat_the_rare_ones_and_leave_the_rest_alone():
    labels = torch.tensor([0] * 60 + [1] * 25 + [2] * 9 + [4])  # none of class 3
    images = torch.arange(95.0)[:, None, None, None].expand(-1, 1, 2, 2) / 100
    data = Data.from_tensors(images, labels, test=0, validation=0, classes=tuple("abcde"))
    balanced = balance_classes(data, seed=1)
    assert balanced.train.labels.bincount().tolist() == [60, 60, 60, 0, 60]
    assert balanced.validation is data.validation
    assert balanced._test is data._test
    assert torch.equal(balanced.train.mean, data.train.mean)
    names = (balanced.train.pixels[:, 0, 0, 0] * 100).round().int()
    assert torch.equal(labels[names], balanced.train.labels)  # each picture keeps its label
    times = names.bincount(minlength=95)
    for label, (least, most) in {0: (1, 1), 1: (2, 3), 2: (6, 7), 4: (60, 60)}.items():
        assert (int(times[labels == label].min()), int(times[labels == label].max())) == (least, most)
    assert torch.equal(balance_classes(data, seed=1).train.images, balanced.train.images)
    assert not torch.equal(balance_classes(data, seed=2).train.images, balanced.train.images)
    with pytest.raises(ConfigError, match="seed must be"):
        balance_classes(data, seed=-1)
