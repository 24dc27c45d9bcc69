"""Keep what a student's function may change for the whole notebook, such as random numbers and the working folder."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from cnnlab.torch_state import SETTINGS


def _folder() -> str | None:
    with contextlib.suppress(OSError):  # it was removed
        return os.getcwd()
    return None


def _go_to(folder: str | None) -> None:
    with contextlib.suppress(OSError):
        os.chdir(folder or ".")


def _set_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _set_default_device(device: torch.device) -> None:
    torch.set_default_device(None if device == torch.device("cpu") else device)


KEPT: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {  # how to read and set it
    "working folder": (_folder, _go_to),
    "environment": (os.environ.copy, _set_environment),
    "recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "default device": (torch.get_default_device, _set_default_device),
    "torch's threads": (torch.get_num_threads, torch.set_num_threads),
    **{name: (setting.get, setting.set) for name, setting in SETTINGS.items()},
}


@contextlib.contextmanager
def kept_state() -> Iterator[None]:
    """Put the state back after the block: random numbers, warnings, streams, numpy's reaction to errors, and `KEPT`.

    >>> with kept_state():
    ...     random.seed(0)
    """
    randoms, numpy_randoms = random.getstate(), np.random.get_state()  # noqa: NPY002 (a student's function uses it)
    streams = sys.stdin, sys.stdout, sys.stderr
    before = {name: get() for name, (get, _) in KEPT.items()}
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), np.errstate():
            yield
    finally:
        random.setstate(randoms)
        np.random.set_state(numpy_randoms)  # noqa: NPY002
        sys.stdin, sys.stdout, sys.stderr = streams
        for name, (get, put_back) in KEPT.items():
            if get() != before[name]:
                put_back(before[name])
