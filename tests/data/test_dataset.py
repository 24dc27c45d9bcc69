"""Splits, normalization, the vault, and the errors at the door."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

import cnnlab.data.dataset
from cnnlab.data import idx, loading
from cnnlab.data.dataset import Data
from cnnlab.data.loading import load_data, load_images, verify_checksums
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import data_folder


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=500, validation=200, test=100)


def test_torchvision_reads_the_same_pixels_from_a_copy_and_needs_no_network(tmp_path):
    shutil.copytree(data_folder() / "MNIST", tmp_path / "MNIST")
    published, vault = loading._read_mnist(data_folder() / "MNIST" / "raw", tuple("0123456789"), (0, 0))
    for train, (images, labels) in ((True, published), (False, vault)):
        theirs = datasets.MNIST(tmp_path, train=train, download=True)  # finds the archives, unpacks, downloads nothing
        assert torch.equal(theirs.data, images[:, 0])
        assert torch.equal(theirs.targets, labels)
    assert [len(published[1]), len(vault[1])] == [60_000, 10_000]


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


def test_train_and_validation_are_disjoint_and_come_from_the_published_training_set(monkeypatch):
    # every image of this training set is its own number, so that we see who went where
    published = torch.arange(3000.0).reshape(-1, 1, 1, 1) / 3000, torch.arange(3000) % 10
    vault = -torch.ones(50, 1, 1, 1), torch.arange(50) % 10
    monkeypatch.setattr(cnnlab.data.loading, "_read_mnist", lambda *_: (published, vault))
    data = load_data("mnist", train=1000, validation=500, seed=1)

    def numbers(split):
        return set((split.images * split.std + split.mean).mul(3000).round().flatten().int().tolist())

    assert len(numbers(data.train)) == 1000
    assert len(numbers(data.validation)) == 500
    assert not numbers(data.train) & numbers(data.validation)
    assert numbers(data.open_test()) == {-3000}
    assert numbers(load_data("mnist", train=1000, validation=500, seed=1).train) == numbers(data.train)
    assert numbers(load_data("mnist", train=1000, validation=500, seed=2).train) != numbers(data.train)
    smaller = load_data("mnist", train=300, validation=500, seed=1)
    assert numbers(smaller.validation) == numbers(data.validation)
    assert numbers(smaller.train) < numbers(data.train)
    whole = load_data("mnist")
    assert [len(whole.train), len(whole.validation), len(whole.open_test())] == [2700, 300, 50]
    assert len(load_data("mnist", validation=0).train) == 3000


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


def test_patterns_are_a_data_set_like_the_others():
    data = load_data("patterns", train=300, validation=100, test=60, seed=3, structure="texture", classes=3)
    assert [len(data.train), len(data.validation), len(data.open_test())] == [300, 100, 60]
    assert data.classes == ("pattern 0", "pattern 1", "pattern 2")
    assert torch.equal(data.train.labels.bincount(), torch.tensor([100, 100, 100]))
    again = load_data("patterns", train=300, validation=100, test=60, seed=3, structure="texture", classes=3)
    assert torch.equal(again.train.images, data.train.images)
    assert not torch.equal(load_data("patterns", train=300, seed=4).train.images, data.train.images)
    assert len(load_data("patterns", train=10_500, validation=500).train) == 10_500


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


def test_own_pictures(tmp_path):
    folder = tmp_path / "meine Bilder é"
    for name, grey in (("black", 0), ("<img onerror=alert(1)>", 255)):
        (folder / name).mkdir(parents=True)
        for index in range(10):
            Image.new("RGB", (10, 12), (grey,) * 3).save(folder / name / f"{index}.png")
    data = load_images(folder, size=6)
    assert data.classes == ("<img onerror=alert(1)>", "black")
    assert data.input_shape == (1, 6, 6)
    assert len(data.train) + len(data.validation) + len(data.open_test()) == 20
    for split in (data.train, data.open_test()):
        assert torch.equal(split.pixels.mean((1, 2, 3)).round().long(), 1 - split.labels)
    assert load_images(folder, size=6, grey=False).input_shape == (3, 6, 6)

    (folder / "black" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken.png is no picture that can be read; remove or replace it"):
        load_images(folder)
    with pytest.raises(DataError, match="is no folder; give one that holds one folder a class"):
        load_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="wants one folder a class, each with pictures in it"):
        load_images(tmp_path / "empty")


FAULTS = [
    (lambda: load_data("mnits"), "unknown dataset 'mnits'; did you mean 'mnist'? choose from 'mnist', 'patterns'"),
    (
        lambda: load_data("mnist", train=59_000, validation=2_000),
        "train=59000 and validation=2000 ask for 61000 images, but 'mnist' has 60000; make one of them smaller",
    ),
    (lambda: load_data("mnist", train=0), "train must be a whole number of 1 or more, got 0"),
    (lambda: load_data("mnist", validation=-1), "validation must be a whole number of 0 or more, got -1"),
    (lambda: load_data("mnist", train=10.0), "train must be a whole number of 1 or more, got 10.0"),
    (lambda: load_data("mnist", test=10_001), "test=10001 asks for more than the 10000 test images of 'mnist'"),
    (lambda: load_data("mnist", seed=-1), "seed must be a whole number of 0 or more, got -1"),
    (lambda: load_data("mnist", noise=0.1), "noise is a knob of 'patterns', not of 'mnist'; leave it out"),
    (lambda: load_data("mnist", trian=5), "unknown argument 'trian'; did you mean 'train'?"),
    (
        lambda: Data.from_tensors(torch.full((3, 1, 8, 8), 255.0), torch.arange(3)),
        "images must lie in 0–1, got 255 to 255; divide by 255 if they are 0 to 255",
    ),
    (
        lambda: Data.from_tensors(torch.full((3, 1, 8, 8), torch.nan), torch.arange(3)),
        "images must lie in 0–1, got nan",
    ),
    (lambda: load_data("patterns", nois=0.1), "unknown knob of 'patterns' 'nois'; did you mean 'noise'?"),
    (
        lambda: Data.from_tensors(torch.zeros(3, 28, 28), torch.zeros(3).long()),
        "images: want float (N, C, H, W), got torch.float32 (3, 28, 28)",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.zeros(4).long()),
        "labels: want a tensor of whole numbers (N,) from 0, one for each of 3 images, got torch.int64 (4,)",
    ),
    (lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.zeros(3)), "got torch.float32 (3,)"),
    (
        lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.arange(3), classes=("a", "b")),
        "labels go up to 2, but classes has 2 names: ('a', 'b')",
    ),
    (
        lambda: Data.from_tensors(torch.zeros(3, 1, 8, 8), torch.arange(3), test=3),
        "test=3 leaves nothing of 3 images; take a smaller test set",
    ),
]


@pytest.mark.parametrize(("call", "words"), FAULTS, ids=[words[:40] for _, words in FAULTS])
def test_what_can_not_be_is_named_with_a_remedy(call, words):
    with pytest.raises(ConfigError) as caught:
        call()
    assert words in str(caught.value)


# Faults rows 10 and 13
def test_a_changed_archive_is_named(tmp_path):
    shutil.copytree(data_folder(), tmp_path / "data")
    verify_checksums(tmp_path / "data")
    archive = tmp_path / "data" / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(archive.read_bytes())
    content[100] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz: expected md5 ec29112dd5afa0611ce80d1b7f02629c, "):
        verify_checksums(tmp_path / "data")
    archive.unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is missing; fetch it again"):
        verify_checksums(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(DataError, match=r"checksums.txt is missing; fetch it again"):
        verify_checksums(tmp_path / "data")


def test_reading_writes_nothing_and_any_path_will_do(tmp_path):
    """As on a read-only disk: in another process every opening of a file for writing is refused."""
    package = tmp_path / "a folder ü" / "cnnlab"
    shutil.copytree(Path(cnnlab.data.dataset.__file__).parent, package)
    shutil.copytree(data_folder(), package.parent / "data")
    program = """
import os, sys
import torch
import cnnlab.data.loading, cnnlab.data.idx
def refuse(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        raise PermissionError(f"read-only: {arguments[0]}")
sys.addaudithook(refuse)
try:
    open("x", "w")
except PermissionError:
    print("refuses")
data = cnnlab.load_data("mnist", train=100, validation=10, test=10)
print(len(data.train), "ü" in cnnlab.data_folder().as_posix())
"""
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        cwd=package.parent,
        capture_output=True,
        encoding="utf8",
        check=True,
    )
    assert result.stdout.split() == ["refuses", "100", "True"]


def test_the_shipped_files_are_read_once_until_one_of_them_changes(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    shutil.copytree(loading.data_folder(), folder)
    monkeypatch.setattr(loading, "data_folder", lambda: folder)
    first = load_data("mnist", train=50, validation=10, test=10)
    with monkeypatch.context() as patch:
        patch.setattr(idx, "read_pair", None)  # nothing is read again
        first.train.images.zero_()  # nor do they share memory
        again = load_data("mnist", train=50, validation=10, test=10)
    assert again.train.images.abs().sum() > 0
    damaged = folder / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz: expected md5"):
        load_data("mnist", train=50, validation=10, test=10)
