"""Choose the device of a training, and say in words that its memory ran out."""

from __future__ import annotations

import torch
from torch import nn

from cnnlab.checks import check_device
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError


def choose_device(device: str | torch.device | None) -> torch.device:
    """Return the device of that name; None: a GPU if torch sees one, else the processor."""
    chosen = check_device(("cuda" if torch.cuda.is_available() else "cpu") if device is None else device)
    if chosen.type == "meta":
        raise ConfigError("device='meta' has no values, so nothing can be trained there; choose 'cpu', or leave it out")
    return chosen


def check_dtypes(device: torch.device, model: nn.Module, data: Data) -> None:
    """Raise ConfigError unless the device has the kinds of numbers of the network and of the images.

    Apple's GPUs have no float64.
    """
    values = [*model.parameters(), *model.buffers(), data.train.images, data.validation.images]
    for dtype in {value.dtype for value in values if value.is_floating_point()}:
        try:
            torch.empty(1, dtype=dtype).to(device)
        except (TypeError, RuntimeError) as error:
            kind = str(dtype).removeprefix("torch.")
            raise ConfigError(
                f"device={str(device)!r} has no {kind}; write model.float(), and images.float(), or choose 'cpu'"
            ) from error


def what_to_try(batch_size: int) -> str:
    """Return the message of the MemoryError that `fit` raises."""
    remedy = f"try batch_size={batch_size // 2}" if batch_size > 1 else "take fewer or smaller images"
    return f"out of memory with batch_size={batch_size}; {remedy}"


def is_out_of_memory(error: Exception) -> bool:
    """Return whether Python or torch has raised this error because memory ran out, on the processor or on a GPU."""
    # The words of torch's allocator on the processor; of CUDA, Apple's GPUs, cuBLAS and cuDNN.
    known = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(words in str(error) for words in known)
