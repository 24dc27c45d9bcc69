"""Splits, their normalization, the locked test split, and tensors that are refused."""

import numpy as np
import pytest
import torch

from cnnlab.data.dataset import Data, Split
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


def test_a_slice_or_an_index_is_still_a_split(data):
    assert data.train[:16].images.shape == (16, 1, 28, 28)
    for index in (3, np.int64(3), torch.tensor(3)):
        assert data.train[index].images.shape == (1, 1, 28, 28)
    assert torch.equal(data.train[data.train.labels == 7].labels.unique(), torch.tensor([7]))
    assert repr(data.train[:16]) == "Split(16 images of 1×28×28)"


@pytest.mark.parametrize(
    "index",
    [
        "cat", None, True, 3.7, ..., {}, object(), [0.5], ["a"], [[1, 2]], [[1], [2, 3]], [True, False], 10**30,
        torch.tensor(1.5), torch.tensor(True), torch.tensor([[1]]), torch.eye(3).to_sparse(), slice("a", "b"),
        slice(0, 5, 0), (slice(0, 2), 0),
    ],
)  # fmt: skip
def test_what_is_no_place_in_a_split_is_refused_in_words(data, index):
    with pytest.raises(ConfigError, match=r"^a Split has a place for each of its 500 images, a slice, a list of "):
        data.train[index]


def test_the_images_of_a_class_are_found_as_the_message_says(data):
    with pytest.raises(
        ConfigError, match=r"the images of a class are split\[split\.labels == split\.classes\.index\('7'\)"
    ):
        data.train["7"]
    split = data.train
    assert set(split[split.labels == split.classes.index("7")].labels.tolist()) == {7}


@pytest.mark.parametrize(
    ("index", "places"),
    [
        (slice(None, None, -1), list(range(499, -1, -1))), (slice(3, 0, -2), [3, 1]), (slice(498, 10**30), [498, 499]),
        (slice(None, None, 10**30), [0]), ([], []), ((4, 2), [4, 2]), (range(2), [0, 1]), (np.array([7], "u1"), [7]),
        ([-1], [499]), ([True] + [False] * 499, [0]),
    ],
)  # fmt: skip
def test_places_in_every_form_are_taken(data, index, places):
    chosen = data.train[index]
    assert len(chosen) == len(places)
    for image, place in zip(chosen.images, places, strict=True):
        assert torch.equal(image, data.train.images[place])


def test_a_place_that_is_not_there_ends_a_loop(data):
    assert len(list(data.train[:3])) == 3
    with pytest.raises(IndexError):
        data.train[500]


# --- Data made by hand


def split_of(images, *, classes=("cat", "dog"), mean=0.5, std=0.25):
    ones = torch.ones(images.shape[1], 1, 1)
    return Split(images, torch.arange(len(images)) % 2, classes, mean * ones, std * ones)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (split_of(torch.rand(4, 3, 8, 8)), r"images of 3×8×8, and train of 1×8×8; give all splits images of one shape"),
        (split_of(torch.rand(4, 1, 9, 8)), r"images of 1×9×8, and train of 1×8×8; give all"),
        (split_of(torch.rand(0, 1, 9, 8)), r"images of 1×9×8, and train of 1×8×8; give all"),
        (split_of(torch.rand(4, 1, 8, 8), classes=("dog", "cat")),
         r"the classes \('dog', 'cat'\), and train \('cat', 'dog'\); give all splits the same names in the same order"),
        (split_of(torch.rand(4, 1, 8, 8), classes=("cat", "dog", "cow")), r"the classes \('cat', 'dog', 'cow'\), and"),
        (split_of(torch.rand(4, 1, 8, 8), mean=0.75), r"mean=\[0\.75\], and train \[0\.5\]; normalize all splits"),
        (split_of(torch.rand(4, 1, 8, 8), std=0.5), r"std=\[0\.5\], and train \[0\.25\]; normalize all splits with"),
    ],
)  # fmt: skip
def test_splits_that_do_not_belong_together_are_refused(other, words):
    own = split_of(torch.rand(4, 1, 8, 8))
    for name, splits in (("validation", (own, other, own)), ("test", (own, own, other))):
        with pytest.raises(ConfigError, match=f"^{name} has {words}"):
            Data("mine", *splits)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32])
def test_labels_of_a_split_made_by_hand_are_int64(dtype):
    ones = torch.ones(1, 1, 1)
    split = Split(torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 1]).to(dtype), ("cat", "dog"), ones, ones)
    assert (split.labels.dtype, split.labels.tolist()) == (torch.int64, [0, 1, 1])


@pytest.mark.parametrize(
    ("statistics", "words"),
    [
        ({"mean": float("nan")}, r"^mean must be finite, got \[nan\]$"),
        ({"std": 0}, r"^std must be finite and above 0, got \[0\.0\]$"),
        ({"std": -1}, r"^std must be finite and above 0, got \[-1\.0\]$"),
        ({"std": float("inf")}, r"^std must be finite and above 0, got \[inf\]$"),
    ],
)
def test_a_mean_or_std_that_nothing_can_have_is_refused(statistics, words):
    with pytest.raises(ConfigError, match=words):
        split_of(torch.rand(4, 1, 8, 8), **statistics)


def test_validation_has_the_dtype_of_train():
    own, other = split_of(torch.rand(4, 1, 8, 8)), split_of(torch.rand(4, 1, 8, 8).double())
    with pytest.raises(
        ConfigError, match=r"^validation has images of float64, and train of float32; write images\.to\("
    ):
        Data("mine", own, other, own)
    assert len(Data("mine", other, other, own).train) == 4  # the test split has its turn after the training


def test_one_number_is_the_mean_of_all_channels():
    ones, images = torch.ones(3, 1, 1), torch.rand(4, 3, 8, 8)
    one_each, one = split_of(images), Split(images, torch.tensor([0, 1, 0, 1]), ["cat", "dog"], ones[:1] / 2, ones / 4)
    assert len(Data("mine", one_each, one, one_each).validation) == 4


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
