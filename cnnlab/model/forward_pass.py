"""Compute the logits of a network of `build_cnn` faster than by calling it, with the same bits.

Three changes save memory traffic, and each keeps every bit of the values and of the gradients:

- **ReLU comes after max pooling**, where a quarter of the numbers is left. ReLU never changes which of two numbers is
  larger, so the largest of a window is the same before and after. If it is above 0, it is at the same place, also among
  equal numbers, and the gradient goes there. If it is not, ReLU lets no gradient through, in either order. Average
  pooling adds numbers, so there the order matters: it stays. (torch's ReLU leaves the sign of −0.0 as it is. So a zero
  may get another sign, which changes no other number. A convolution returns −0.0 only where its bias is −0.0.)
- **ReLU writes into its input** where no backward pass needs that input: after a convolution, a linear layer or max
  pooling.
- **The gradient of `flatten` is copied into channels_last**, the order of the maps' memory, before the layers below
  read it. Otherwise each of them would read memory in two orders.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from cnnlab.model.cnn import Dropout
from cnnlab.model.networks import call_for_logits, device_of
from cnnlab.torch_state import reproducible_gpu

LAYERS = (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Linear, Dropout)  # those of build_cnn
FORGET_OUTPUT = (nn.Conv2d, nn.Linear, nn.MaxPool2d)  # their backward pass does not read what they returned
NEW_OUTPUT = (*FORGET_OUTPUT, nn.AvgPool2d)  # what they return is not the memory of their input
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def compute_logits(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of model(images), faster where nothing can see the difference; images are never changed.

    A network with hooks, with layers that `build_cnn` does not have, compiled, or with a changed `forward`, is called.
    Raises ConfigError if such a network returns no logits.

    >>> torch.equal(compute_logits(model, images), model(images))
    True
    """
    if not is_plain(model):
        return call_for_logits(model, images)
    layers = relu_after_max(list(zip(model._modules, model, strict=True)))
    values, before = (images if isinstance(layers[0][1], NEW_OUTPUT) else images.clone()), None
    for _, layer in layers:
        if isinstance(layer, nn.ReLU) and isinstance(before, FORGET_OUTPUT):
            values = torch.relu_(values)
        else:
            if isinstance(layer, nn.Flatten) and values.requires_grad and _is_channels_last(values):
                values.register_hook(_to_channels_last)
            values = layer.forward(values)  # what a call does where nothing watches the layer
        before = layer
    return values


def relu_after_max(layers: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    """Return the named layers in order, but each ReLU that is followed by max pooling after it.

    >>> [name for name, _ in relu_after_max(list(build_cnn().named_children()))][:3]
    ['conv1', 'pool1', 'relu1']
    """
    layers = list(layers)
    for place in range(len(layers) - 1):
        if isinstance(layers[place][1], nn.ReLU) and isinstance(layers[place + 1][1], nn.MaxPool2d):
            layers[place : place + 2] = [layers[place + 1], layers[place]]
    return layers


def is_plain(model: nn.Module) -> TypeGuard[nn.Sequential]:
    """Return whether the network is a chain of the layers that `build_cnn` uses, which nothing watches or changes."""
    if type(model) is not nn.Sequential or not len(model) or torch_module._has_any_global_hook():
        return False
    return all(type(layer) in LAYERS for layer in model) and not any(map(_is_changed, (model, *model)))


@contextlib.contextmanager
def as_in_fit(model: nn.Module) -> Iterator[None]:
    """Within the block, let a network compute as in `fit`: the last bits are those of the validation there.

    On the processor the kernels of a network of `build_cnn` lie channels_last, which is two to three times as fast.
    A GPU computes with all 32 bits. The weights, and where they lie, are afterwards as they were.

    >>> with as_in_fit(model):
    ...     compute_logits(model, images)
    """
    layers = [layer for layer in model if isinstance(layer, nn.Conv2d)] if is_plain(model) else []
    # Kernels that lie so already are let alone: `fit` may be training them in another thread.
    kernels = [
        layer.weight for layer in layers if layer.weight.device.type == "cpu" and not _lies_as_in_fit(layer.weight)
    ]
    before = [kernel.data for kernel in kernels]
    try:
        for kernel, data in zip(kernels, before, strict=True):
            kernel.data = data.clone(memory_format=torch.channels_last)
        with reproducible_gpu(device_of(model)):
            yield
    finally:
        for kernel, data in zip(kernels, before, strict=True):
            kernel.data = data


def _is_changed(layer: nn.Module) -> bool:
    """Return whether a layer has hooks, is compiled, or has a `forward` of its own."""
    own = vars(layer)
    return "forward" in own or layer._compiled_call_impl is not None or any(map(own.get, HOOKS))


def _is_channels_last(values: Tensor) -> bool:
    return values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last)


def _lies_as_in_fit(kernel: Tensor) -> bool:
    """Return whether a kernel has the strides of channels_last, which one of a single channel has not always."""
    return kernel.stride() == torch.empty_like(kernel, memory_format=torch.channels_last, device="meta").stride()


def _to_channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)
