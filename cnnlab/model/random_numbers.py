"""Seed the process's random numbers for a while, and leave them as they were."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within the block, all that draws random numbers draws from this seed; afterwards they go on as before.

    That is torch on the processor and on a GPU `device` (NVIDIA's or Apple's), Python's `random`, and numpy's
    `np.random`. They belong to the whole process. So one thread at a time has such a block: the others wait. What a
    thread without such a block draws meanwhile comes from the seed, too, and takes numbers away from the block.
    """
    with _one_at_a_time:
        restore = _remember(device)
        try:
            for generator in _torch_generators(device):
                generator.seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 (the generator that a network's code may draw from)
            yield
        finally:
            try:
                restore()
            except KeyboardInterrupt:
                restore()
                raise


def derived_seed(*numbers: int) -> int:
    """Return a seed that follows from these numbers: 64 bits that differ if one of them differs.

    >>> derived_seed(0, 1, 2) == derived_seed(0, 1, 2) != derived_seed(0, 2, 1)
    True
    """
    text = " ".join(map(str, numbers))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class _Generator(NamedTuple):
    """One of torch's generators: how to seed it, and how to read and set its state."""

    seed: Callable[[int], Any]
    get_state: Callable[[], Tensor]
    set_state: Callable[[Tensor], Any]


def _torch_generators(device: torch.device) -> list[_Generator]:
    """Return torch's own generators: that of the processor, and that of a GPU device."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[index])
    result = [_Generator(each.manual_seed, each.get_state, each.set_state) for each in generators]
    if device.type == "mps":
        result.append(_Generator(torch.mps.manual_seed, torch.mps.get_rng_state, torch.mps.set_rng_state))
    return result


def _remember(device: torch.device) -> Callable[[], None]:
    """Return a function that gives each generator the state that it has now."""
    generators = [(generator, generator.get_state()) for generator in _torch_generators(device)]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002

    def restore() -> None:
        for generator, state in generators:
            generator.set_state(state)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002

    return restore
