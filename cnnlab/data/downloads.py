"""Download a published data set once, with torchvision, into the cache folder, and read it from there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
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

from cnnlab.data import cifar10, idx, shipped
from cnnlab.data.dataset import ImagesAndLabels
from cnnlab.errors import DataError
from cnnlab.files import cache_folder, file_lock, replace_file

DOWNLOADS = {"fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}  # our name: the class in torchvision.datasets
ANSWER = 8  # seconds that a server may take to answer once its name is known
PATIENCE = 9  # seconds until its silence counts as no network, however long the look-up of its name takes


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
    return _read_cifar10(dataset, folder) if name == "cifar10" else _read_archives(dataset, folder)


def _read_archives(dataset: Any, folder: Path) -> tuple[ImagesAndLabels, ImagesAndLabels, tuple[str, ...]]:
    """Read archives of the format of MNIST as MNIST's are read; raise DataError unless each has its checksum.

    torchvision checks them only when it downloads them, and reads what it has unpacked without a check.
    """
    raw = folder / dataset.__name__ / "raw"
    try:
        for archive, expected in dataset.resources:
            if _md5(raw / archive) != expected:
                raise DataError(f"{archive} does not have its checksum")
        pairs = [idx.read_pair(raw, prefix, len(dataset.classes)) for prefix in ("train", "t10k")]
    except (OSError, DataError) as error:
        raise DataError(f"{folder} is damaged ({error}); delete that folder to download it again") from error
    train, test = ((torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()) for images, labels in pairs)
    return train, test, tuple(dataset.classes)


def _read_cifar10(dataset: Any, folder: Path) -> tuple[ImagesAndLabels, ImagesAndLabels, tuple[str, ...]]:
    """Return what is in CIFAR-10's archive; raise DataError unless it has its checksum.

    torchvision would unpack it, and would call what its pickles say. We don't. Even a pickle that calls nothing may
    fill the memory, so that no other archive than the published one is read.
    """
    try:
        if _md5(folder / cifar10.ARCHIVE) != dataset.tgz_md5:
            raise DataError("does not have its checksum")
        return cifar10.read_archive(folder / cifar10.ARCHIVE)
    except (OSError, DataError) as error:
        reason = f"can't be read ({error.strerror})" if isinstance(error, OSError) else error
        words = f"{folder / cifar10.ARCHIVE} {reason}; delete the folder {folder} to download it again"
        raise DataError(words) from error


def _md5(path: Path) -> str:
    """Return the MD5 checksum of a file, with which data sets are published."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download_once(dataset: Any, folder: Path) -> None:
    """Download into a temporary folder, and rename that to `folder` when it is complete.

    dataset is a class of torchvision.datasets. A second process that wants the same one waits, and downloads nothing.
    """
    try:
        if folder.is_dir():
            return
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
                _fetch(dataset, part)
        except (RuntimeError, OSError, EOFError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason = " ".join(str(error).split())  # torchvision's words are several lines
            raise DataError(
                f"the download of {folder.name} broke off ({url}: {reason}); nothing of it is kept, run the cell "
                f"again; {_offline()} work offline"
            ) from error
        replace_file(part, folder)


def _fetch(dataset: Any, folder: Path) -> None:
    """Download a data set with torchvision, which compares it with its published checksum; CIFAR-10 stays packed."""
    from torchvision.datasets import utils

    if dataset.__name__ == DOWNLOADS["cifar10"]:
        utils.download_url(dataset.url, folder, cifar10.ARCHIVE, dataset.tgz_md5)
    else:
        dataset(folder, download=True)


def _offline() -> str:
    """Return the names of the data sets that need no network, as words."""
    return f"{', '.join(shipped.names())} and patterns"


def _check_network(url: str) -> None:
    """Raise DataError unless the server answers within PATIENCE, whatever its answer is."""
    answers: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=ANSWER).close()
            answers.put("")
        except urllib.error.HTTPError:  # the server answered; the download says what is wrong
            answers.put("")
        except OSError as error:
            answers.put(str(error))

    threading.Thread(target=ask, daemon=True).start()  # a thread, since urlopen may look up the name for longer
    try:
        problem = answers.get(timeout=PATIENCE)
    except queue.Empty:
        problem = f"no answer in {PATIENCE} seconds"
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
