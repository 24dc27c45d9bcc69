"""Train a copy of a network for a step, to say before the training what would fail in it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cnnlab.data.dataset import Data, Split
from cnnlab.errors import ConfigError
from cnnlab.model.compatibility import CANNOT_TAKE
from cnnlab.model.forward_pass import LAYERS
from cnnlab.model.networks import call_for_logits, copied, device_of, original, uncompiled

HOOKS = ("_forward_hooks", "_backward_hooks", "_backward_pre_hooks")


def rehearse(model: nn.Module, data: Data, batch_size: int) -> torch.memory_format:
    """Return the order of the weights' memory in which to train: channels_last, which is faster, where that works.

    A copy of the network takes a step on one or two images in train mode, as the batches of this data will. The network
    itself stays as it is. Nothing is done for the layers of `build_cnn`, nor for a network that can't be copied.

    Raises ConfigError if a step fails.
    """
    if type(model) is nn.Sequential and all(type(layer) in LAYERS for layer in model):
        return torch.channels_last
    try:
        copied(original(model))
    except ConfigError:
        return torch.contiguous_format
    last = len(data.train) % batch_size or batch_size  # the size of an epoch's last batch
    sizes = sorted({min(2, batch_size), min(2, last)}, reverse=True)
    for layout in (torch.channels_last, torch.contiguous_format):
        failures = {size: _failure(model, data.train[:size], layout) for size in sizes}
        if not any(failures.values()):
            return layout
    size, error = next((size, error) for size, error in failures.items() if error is not None)
    raise ConfigError(_what_failed(error, size, len(data.train), batch_size)) from error


def _failure(model: nn.Module, split: Split, layout: torch.memory_format) -> Exception | None:
    """Return the error that a step of a copy of the network raises; None without one."""
    device = device_of(model)
    (twin,) = copied(original(model))
    for layer in twin.modules():
        for kind in HOOKS:  # what watches the network is not part of it; a pre-hook may be: nn.utils.weight_norm
            getattr(layer, kind).clear()
    try:
        with uncompiled(), torch.enable_grad():
            twin.to(memory_format=layout).train()
            logits = call_for_logits(twin, split.images.to(device))
            functional.cross_entropy(logits, split.labels.to(device)).backward()
    except torch.OutOfMemoryError:
        raise
    except CANNOT_TAKE as error:
        return error
    if all(parameter.grad is None for parameter in twin.parameters()):
        return ValueError("no weight gets a gradient: the model is quantized, or detaches its values")
    return None


def _what_failed(error: Exception, size: int, images: int, batch_size: int) -> str:
    """Return the message for an error in a batch of this size; images is the number of training images."""
    words = f"({error})"
    if size > 1:
        return f"the model can't be trained on these images {words}"
    if batch_size == 1:
        return f"batch_size=1: the model can't be trained on a single image {words}; try batch_size=2"
    fitting = next(smaller for smaller in (*range(batch_size - 1, 1, -1), images) if images % smaller != 1)
    return (
        f"batch_size={batch_size} leaves a last batch with 1 of the {images} training images, and the model can't be "
        f"trained on a single image {words}; try batch_size={fitting}"
    )
