"""The archives that come with cnnlab: byte for byte as published, read once, and refused where one is damaged."""

import errno
import shutil
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from cnnlab.data import idx, shipped
from cnnlab.data.loading import load_data
from cnnlab.errors import DataError
from cnnlab.files import data_folder

ORACLES = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}
each = pytest.mark.parametrize("name", ORACLES)


@each
def test_torchvision_reads_the_same_pixels_from_a_copy_and_needs_no_network(name, tmp_path):
    shutil.copytree(data_folder() / shipped.FOLDERS[name], tmp_path / shipped.FOLDERS[name])
    training_set, test_set, classes = shipped.load_published(name)
    for train, (images, labels) in ((True, training_set), (False, test_set)):
        oracle = ORACLES[name](tmp_path, train=train, download=True)  # finds the archives, checks and unpacks them
        assert torch.equal(oracle.data, images[:, 0])
        assert torch.equal(oracle.targets, labels)
    assert [len(training_set[1]), len(test_set[1])] == [60_000, 10_000]
    assert classes == (tuple(oracle.classes) if name == "fashion_mnist" else tuple("0123456789"))


def test_the_checksums_are_those_that_torchvision_checks():
    lines = (data_folder() / "checksums.txt").read_text().splitlines()
    written = {(path.split("/")[0], path.split("/")[-1]): md5 for md5, path in map(str.split, lines)}
    published = {(oracle.__name__, file): md5 for oracle in ORACLES.values() for file, md5 in oracle.resources}
    assert written == published


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the shipped archives in which cnnlab looks for them."""
    folder = tmp_path / "data"
    for name in shipped.FOLDERS.values():
        shutil.copytree(data_folder() / name, folder / name)
    shutil.copy(data_folder() / "checksums.txt", folder)
    monkeypatch.setattr(shipped, "data_folder", lambda: folder)
    return folder


@each
def test_a_changed_archive_is_named(copied, name):
    raw = copied / shipped.FOLDERS[name] / "raw"
    shipped.verify_checksums(raw)
    archive = raw / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(archive.read_bytes())
    content[100] ^= 1
    archive.write_bytes(content)
    md5 = dict(ORACLES[name].resources)[archive.name]
    with pytest.raises(DataError, match=rf"t10k-labels-idx1-ubyte.gz: expected md5 {md5}, found [0-9a-f]+; fetch it"):
        load_data(name)
    archive.unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is missing; fetch it again"):
        load_data(name)
    for other in set(shipped.FOLDERS) - {name}:
        shipped.verify_checksums(copied / shipped.FOLDERS[other] / "raw")  # the other set's archives do not matter
    (copied / "checksums.txt").unlink()
    with pytest.raises(DataError, match=r"checksums.txt is missing; fetch it again"):
        load_data(name)


@pytest.mark.parametrize("name", ["MNIST/raw/train-images-idx3-ubyte.gz", "checksums.txt"])
def test_what_may_not_be_read_is_named(copied, monkeypatch, name):
    read = Path.read_bytes

    def refuse(path):
        if path == copied / name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError) as caught:
        load_data("mnist")
    assert str(caught.value) == (
        f"{copied / name} can't be read (Permission denied); change its permissions, or fetch it again: `git checkout "
        "data`, or install cnnlab again"
    )


def test_a_folder_in_the_place_of_an_archive_is_named(copied):
    archive = copied / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    archive.unlink()
    archive.mkdir()
    with pytest.raises(DataError, match=r"labels-idx1-ubyte\.gz can't be read \(.*\); change its permissions, or "):
        load_data("mnist")


@pytest.mark.parametrize("content", ["", "9fb629c4189551a2d022fa330f9573f3  other/raw/t10k-images-idx3-ubyte.gz\n"])
def test_checksums_that_name_no_archive_of_the_folder_prove_nothing(copied, content):
    (copied / "checksums.txt").write_text(content)
    with pytest.raises(DataError, match=r"checksums\.txt: expected the archives in .*, found none of them; fetch it"):
        load_data("mnist")


def test_an_installation_without_fashion_mnist_downloads_it(copied, monkeypatch):
    assert shipped.names() == ["mnist", "fashion_mnist"]
    shutil.rmtree(copied / "FashionMNIST")
    assert shipped.names() == ["mnist"]
    monkeypatch.setattr("cnnlab.data.downloads.load_published", lambda name: pytest.fail(f"downloads {name}"))
    load_data("mnist", train=50, validation=10, test=10)
    with pytest.raises(pytest.fail.Exception, match="downloads fashion_mnist"):
        load_data("fashion_mnist")
    shutil.rmtree(copied / "MNIST")  # MNIST is never downloaded: it comes with every installation
    with pytest.raises(DataError, match=r"ubyte\.gz is missing; fetch it again"):
        load_data("mnist")


def test_the_archives_are_read_once_until_one_of_them_changes(copied, monkeypatch):
    first = load_data("mnist", train=50, validation=10, test=10)
    with monkeypatch.context() as patch:
        patch.setattr(idx, "read_pair", None)  # nothing is read again
        first.train.images.zero_()  # nor do they share memory
        again = load_data("mnist", train=50, validation=10, test=10)
    assert again.train.images.abs().sum() > 0
    damaged = copied / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz: expected md5"):
        load_data("mnist", train=50, validation=10, test=10)
