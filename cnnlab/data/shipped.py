"""Read the published data sets that come with cnnlab from their archives, after a look at their checksums."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import torch

from cnnlab.data import idx
from cnnlab.data.dataset import ImagesAndLabels
from cnnlab.errors import DataError
from cnnlab.files import data_folder, folder_version

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # our name: the folder in data_folder()
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
}  # fmt: skip


def names() -> list[str]:
    """Return the names of the data sets that need no network here, but for "patterns".

    MNIST comes with every installation. Fashion-MNIST is in the repository, and not in the wheel.
    """
    return [name for name, folder in FOLDERS.items() if name == "mnist" or (data_folder() / folder).is_dir()]


def load_published(name: str) -> tuple[ImagesAndLabels, ImagesAndLabels, tuple[str, ...]]:
    """Return the training set and the test set, each as (images, labels), and the names of the classes.

    Images are uint8 (N, 1, 28, 28), labels int64 (N,). All callers share these tensors and must not write to them.
    Raises DataError for a file that is missing or damaged.
    """
    folder = data_folder() / FOLDERS[name] / "raw"
    return *_read_archives(folder, len(CLASSES[name]), folder_version(folder)), CLASSES[name]


# A worker of a sweep keeps no copy: it keeps the images of its latest runs instead (experiments/run.py).
@functools.lru_cache(maxsize=0 if "CNNLAB_IN_WORKER" in os.environ else 1)
def _read_archives(folder: Path, classes: int, _version: tuple[int, int]) -> tuple[ImagesAndLabels, ImagesAndLabels]:
    """Return the training set and the test set of the archives in a folder.

    One copy, 55 MB, stays in memory: reading the files takes a quarter of a second. `_version` is the folder's
    `folder_version`: with another one, all are read again.
    """
    verify_checksums(folder)

    def read(prefix: str) -> ImagesAndLabels:
        images, labels = idx.read_pair(folder, prefix, classes)
        return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()

    return read("train"), read("t10k")


def verify_checksums(folder: Path) -> None:
    """Raise DataError unless each archive that should be in the folder is there and unchanged.

    The names of the archives stand in checksums.txt, two folders up. A line of it is an MD5 checksum and a path, as the
    program md5sum writes it.
    """
    checksums = folder.parent.parent / "checksums.txt"
    archives = {path: md5 for path, md5 in _read_checksums(checksums).items() if path.parent == folder}
    if not archives:
        raise DataError(f"{checksums}: expected the archives in {folder}, found none of them; {idx.REMEDY}")
    for path, expected in archives.items():
        checksum = hashlib.md5(_read(path), usedforsecurity=False).hexdigest()
        if checksum != expected:
            raise DataError(f"{path}: expected md5 {expected}, found {checksum}; {idx.REMEDY}")


def _read_checksums(path: Path) -> dict[Path, str]:
    """Return path of an archive → its MD5 checksum, for all lines of a file; paths in it begin in its folder."""
    content = _read(path)
    try:
        lines = [line.split() for line in content.decode("utf-8-sig").splitlines()]
        return {path.parent / name: checksum for checksum, name in lines}
    except ValueError as error:
        raise DataError(f"{path}: expected a checksum and a path in each line, found other content; "
                        f"{idx.REMEDY}") from error  # fmt: skip


def _read(path: Path) -> bytes:
    """Return the content of a file; raise DataError if it is missing or can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; {idx.REMEDY}") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); change its permissions, or {idx.REMEDY}") from error
