"""A name in, a published data set out, through torchvision: downloaded once, whole, into the cache folder."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import socket
import tempfile
import threading
import urllib.request
from pathlib import Path

import torch
from torch import Tensor

from cnnlab.errors import DataError
from cnnlab.files import cache_folder

DOWNLOADS = {"fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}  # our name: torchvision's


def load_published(name: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[str, ...]]:
    """Return (images, labels) of the training set and of the test set, and the class names.

    Images are uint8 (N, C, H, W), labels int64 (N,). Raises DataError within 10 seconds when there is no network.
    """
    from torchvision import datasets

    dataset = getattr(datasets, DOWNLOADS[name])
    folder = cache_folder() / name
    _download_once(dataset, folder)
    try:
        sets = [dataset(folder, train=train) for train in (True, False)]
    except (
        RuntimeError,
        OSError,
        ValueError,
        AssertionError,
    ) as error:  # all the ways torchvision says "damaged"
        raise DataError(f"{folder} is damaged ({error}); delete that folder to download it again") from error
    return _tensors(sets[0]), _tensors(sets[1]), tuple(sets[0].classes)


def _tensors(dataset) -> tuple[Tensor, Tensor]:
    images = torch.as_tensor(dataset.data)  # grey (N, H, W), or colour (N, H, W, C)
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return images, torch.as_tensor(dataset.targets)


def _download_once(dataset, folder: Path) -> None:
    """Download into a temporary folder beside `folder` and rename it when it is whole; a second process waits."""
    from filelock import FileLock

    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f"{folder.name}.lock"):
        if folder.is_dir():  # another process brought it while this one waited
            return
        for leftover in folder.parent.glob(f".{folder.name}-*"):  # of a download that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        _check_network(dataset)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
            part = Path(temporary) / "part"
            try:
                with _socket_timeout(30):
                    dataset(part, download=True)
            except (RuntimeError, OSError, EOFError) as error:
                raise DataError(
                    f"the download of {folder.name} broke off ({error}); nothing of it is kept, run the cell again; "
                    "mnist and patterns work offline"
                ) from error
            os.replace(part, folder)


def _check_network(dataset) -> None:
    """Raise DataError unless the server answers within 9 seconds; in a thread, since looking up a name has no limit."""
    url = getattr(dataset, "url", None) or dataset.mirrors[0] + dataset.resources[0][0]
    answers: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=8).close()
            answers.put("")
        except OSError as error:
            answers.put(str(error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        problem = answers.get(timeout=9)
    except queue.Empty:
        problem = "no answer in 9 seconds"
    if problem:
        raise DataError(f"no network ({problem}); mnist and patterns work offline")


@contextlib.contextmanager
def _socket_timeout(seconds: float):
    """Torchvision's download knows no time limit; without one, a server that falls silent hangs the notebook."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
