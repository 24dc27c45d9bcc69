"""Download a published data set once, with torchvision, into the cache folder, and read it from there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from cnnlab.data import idx, shipped
from cnnlab.data.dataset import ImagesAndLabels
from cnnlab.errors import DataError
from cnnlab.files import cache_folder, file_lock

DOWNLOADS = {"fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}  # our name: the class in torchvision.datasets


def load_published(name: str) -> tuple[ImagesAndLabels, ImagesAndLabels, tuple[str, ...]]:
    """Return the training set and the test set, each as (images, labels), and the names of the classes.

    Images are uint8 (N, C, H, W), labels int64 (N,). `name` is a key of `DOWNLOADS`. Raises DataError if the download
    fails, if the cache folder can't be written, or if the copy in it is damaged. Without a network it fails within 10
    seconds.
    """
    from torchvision import datasets

    dataset = getattr(datasets, DOWNLOADS[name])
    folder = cache_folder() / name
    _download_once(dataset, folder)
    try:
        if hasattr(dataset, "resources"):
            return _read_archives(dataset, folder)
        sets = [dataset(folder, train=train) for train in (True, False)]
    except (RuntimeError, OSError, ValueError, AssertionError) as error:  # what torchvision raises for damaged files
        raise DataError(f"{folder} is damaged ({error}); delete that folder to download it again") from error
    return _images_and_labels(sets[0]), _images_and_labels(sets[1]), tuple(sets[0].classes)


def _read_archives(dataset: Any, folder: Path) -> tuple[ImagesAndLabels, ImagesAndLabels, tuple[str, ...]]:
    """Read archives of the format of MNIST as MNIST's are read; raise ValueError unless each has its checksum.

    torchvision checks them only when it downloads them, and reads what it has unpacked without a check.
    """
    raw = folder / dataset.__name__ / "raw"
    for archive, expected in dataset.resources:
        if hashlib.md5((raw / archive).read_bytes(), usedforsecurity=False).hexdigest() != expected:
            raise ValueError(f"{archive} does not have its checksum")
    pairs = [idx.read_pair(raw, prefix, len(dataset.classes)) for prefix in ("train", "t10k")]
    train, test = ((torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()) for images, labels in pairs)
    return train, test, tuple(dataset.classes)


def _images_and_labels(dataset: Any) -> ImagesAndLabels:
    """Return the tensors of one of torchvision's data sets."""
    images = torch.as_tensor(dataset.data)  # (N, H, W) if grey, (N, H, W, C) if in colour
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return images, torch.as_tensor(dataset.targets)


def _download_once(dataset: Any, folder: Path) -> None:
    """Download into a temporary folder, and rename that to `folder` when it is complete.

    dataset is a class of torchvision.datasets. A second process that wants the same one waits, and downloads nothing.
    """
    if folder.is_dir():
        return
    try:
        with file_lock(folder.parent / f"{folder.name}.lock"):
            if not folder.is_dir():  # another process may have downloaded it while this one waited
                _download(dataset, folder)
    except OSError as error:  # of the folder: those of the network are a DataError by now
        raise DataError(
            f"{folder.parent} can't be written ({error}); make room there, or set CNNLAB_CACHE to another folder"
        ) from error


def _download(dataset: Any, folder: Path) -> None:
    """Download; raise DataError if that fails, and OSError if the folder can't be written or the disk is full."""
    for leftover in folder.parent.glob(f".{folder.name}-*"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    url = getattr(dataset, "url", None) or dataset.mirrors[0] + dataset.resources[0][0]
    _check_network(url)
    tqdm.write(f"{folder.name} is downloaded once, into {folder}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        part = Path(temporary) / "part"
        try:
            with _socket_timeout(30):
                dataset(part, download=True)
        except (RuntimeError, OSError, EOFError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason = " ".join(str(error).split())  # torchvision's words are several lines
            raise DataError(
                f"the download of {folder.name} broke off ({url}: {reason}); nothing of it is kept, run the cell "
                f"again; {_offline()} work offline"
            ) from error
        os.replace(part, folder)


def _offline() -> str:
    """Return the names of the data sets that need no network, as words."""
    return f"{', '.join(shipped.names())} and patterns"


def _check_network(url: str) -> None:
    """Raise DataError unless the server answers within 9 seconds, whatever its answer is."""
    answers: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=8).close()
            answers.put("")
        except urllib.error.HTTPError:  # the server answered; the download says what is wrong
            answers.put("")
        except OSError as error:
            answers.put(str(error))

    threading.Thread(target=ask, daemon=True).start()  # a thread, since urlopen may look up the name for longer
    try:
        problem = answers.get(timeout=9)
    except queue.Empty:
        problem = "no answer in 9 seconds"
    if problem:
        raise DataError(f"no network ({url}: {problem}); {_offline()} work offline")


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Give new connections of this process a time limit: torchvision sets none, and would wait forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
