"""Choose the device of a training, and say in words that its memory ran out."""

from __future__ import annotations

import torch

from cnnlab.checks import check_device
from cnnlab.errors import ConfigError


def choose_device(device: str | torch.device | None) -> torch.device:
    """Return the device of that name; None: a GPU if torch sees one, else the processor."""
    chosen = check_device(("cuda" if torch.cuda.is_available() else "cpu") if device is None else device)
    if chosen.type == "meta":
        raise ConfigError("device='meta' has no values, so nothing can be trained there; choose 'cpu', or leave it out")
    return chosen


def what_to_try(batch_size: int) -> str:
    """Return the message of the MemoryError that `fit` raises."""
    remedy = f"try batch_size={batch_size // 2}" if batch_size > 1 else "take fewer or smaller images"
    return f"out of memory with batch_size={batch_size}; {remedy}"


def is_out_of_memory(error: Exception) -> bool:
    """Return whether Python or torch has raised this error because memory ran out, on the processor or on a GPU."""
    known = ("can't allocate memory", "not enough memory")  # the words of torch's allocator on the CPU
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(words in str(error) for words in known)
