"""Read CIFAR-10's archive as it was published, without unpacking it and without trusting it.

The archive holds pickles (A. Krizhevsky, Learning multiple layers of features from tiny images, 2009), and a pickle can
call any function. Here it can call none: it may ask for the parts of a NumPy array, and gets stand-ins for them.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import torch

from cnnlab.data.dataset import ImagesAndLabels
from cnnlab.errors import DataError

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py/"
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST, NAMES = "test_batch", "batches.meta"
CLASSES = 10
MOST_BYTES = 250_000_000  # of the unpacked archive; it has 186 million
MOST_MEMBERS = 20  # it has 9


def read_archive(path: str | os.PathLike) -> tuple[ImagesAndLabels, ImagesAndLabels, tuple[str, ...]]:
    """Return the training set and the test set, each as (images, labels), and the names of the classes.

    Images are uint8 (N, 3, 32, 32), labels int64 (N,). Nothing is written, and nothing in the archive is called. Raises
    DataError, whose message continues the path, for any other archive.
    """
    try:
        with gzip.open(path) as file:
            files = _read_members(_Bounded(file))
        batches = {name: _unpickle(content, name) for name, content in files.items()}
        training = [_images_and_labels(batches[name], name) for name in TRAINING]
        test = _images_and_labels(batches[TEST], TEST)
        classes = batches[NAMES]["label_names"]
    except KeyError as error:
        raise DataError(f"has no {error.args[0]}") from error
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"is damaged ({error})") from error
    if not isinstance(classes, list) or len(classes) != CLASSES or not all(type(name) is str for name in classes):
        raise DataError(f"has a file {NAMES} that does not hold {CLASSES} names")
    images, labels = zip(*training, strict=True)
    return (torch.cat(images), torch.cat(labels)), test, tuple(classes)


class _Bounded(io.RawIOBase):
    """Read from a file, but no more than MOST_BYTES in all: a bomb is a small archive that unpacks to a huge one."""

    def __init__(self, file: BinaryIO | gzip.GzipFile) -> None:
        self.file, self.left = file, MOST_BYTES

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raise DataError where there are too many."""
        content = self.file.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(content)
        if self.left < 0:
            raise DataError(f"unpacks to more than {MOST_BYTES // 10**6} MB, and CIFAR-10 has 186")
        return content


def _read_members(file: _Bounded) -> dict[str, bytes]:
    """Return name → content of the files that we need; raise DataError for anything that CIFAR-10 does not have."""
    needed = {*TRAINING, TEST, NAMES}
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for count, member in enumerate(archive, start=1):
            parts = Path(member.name).parts
            if not (member.isfile() or member.isdir()) or parts[:1] != (FOLDER.rstrip("/"),) or ".." in parts:
                raise DataError(f"holds {member.name[:80]!r}, which is no plain file in {FOLDER}")
            if count > MOST_MEMBERS:
                raise DataError(f"holds more than {MOST_MEMBERS} files, and CIFAR-10 has 8")
            name = member.name.removeprefix(FOLDER)
            content = archive.extractfile(member) if name in needed else None
            if content is not None:
                files[name] = content.read()
    return files


class _Parts:
    """Stands for an array or for its data type while a batch is read; it keeps the state that the pickle gives it."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments, self.state = arguments, ()

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _encode(text: str, coding: str) -> bytes:
    """Return bytes that Python 3 has written as text."""
    if coding != "latin1":
        raise pickle.UnpicklingError(f"text in {coding!r:.40}")
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    """Read a pickle of plain values and arrays; refuse to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a part of an array; raise UnpicklingError for any other name."""
        if (module, name) == ("_codecs", "encode"):
            return _encode
        if name in ("_reconstruct", "ndarray", "dtype") and module.split(".")[0] == "numpy":
            return _Parts
        raise pickle.UnpicklingError(f"it would call {module}.{name}"[:120])


def _unpickle(content: bytes, name: str) -> Mapping[str, Any]:
    """Return the dict of a file in the archive; raise DataError for any other content."""
    try:
        values = _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises nearly every kind of exception
        raise DataError(f"has a file {name} that is not read: {error or type(error).__name__}") from error
    if not isinstance(values, dict):
        raise DataError(f"has a file {name} that holds no dict")
    return values


def _images_and_labels(batch: Mapping[str, Any], name: str) -> ImagesAndLabels:
    """Return images, uint8 (N, 3, 32, 32), and labels, int64 (N,), of a batch; raise DataError for other content."""
    data, labels = batch["data"], batch["labels"]
    state = data.state if isinstance(data, _Parts) and isinstance(data.state, tuple) else ()
    _, shape, kind, is_fortran, pixels = state if len(state) == 5 else [None] * 5
    content = pixels.encode("latin1") if isinstance(pixels, str) else pixels  # Python 2 wrote bytes as text
    is_sound = (
        isinstance(kind, _Parts) and kind.arguments[:1] == ("u1",) and not is_fortran and isinstance(content, bytes)
        and isinstance(labels, list) and all(type(label) is int and 0 <= label < CLASSES for label in labels)
        and shape == (len(labels), 3072) and len(content) == 3072 * len(labels)
    )  # fmt: skip
    if not is_sound:
        raise DataError(f"has a file {name} that does not hold pictures of 3×32×32 and their labels")
    images = np.frombuffer(cast(bytes, content), np.uint8).reshape(-1, 3, 32, 32).copy()
    return torch.from_numpy(images), torch.tensor(labels)
