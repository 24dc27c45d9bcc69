"""Seed torch's random numbers for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within the block, torch draws from this seed; afterwards its generators are as they were.

    The generators, that of the CPU and that of a GPU device, belong to the whole process: what another thread draws
    meanwhile comes from the seed, too.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
