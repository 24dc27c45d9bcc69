"""Handle any network of torch's: where it lies, its mode, compiled ones, names of layers, outputs, copies."""

from __future__ import annotations

import contextlib
import copy
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnlab.checks import is_float_tensor, shown
from cnnlab.errors import ConfigError
from cnnlab.model.in_training import check_not_in_training

COMPILED = "_orig_mod"  # where torch.compile(network) keeps the network

# What `uncompiled` has to remember for the whole process.
_lock = threading.Lock()
_open_blocks = 0
_stance = contextlib.ExitStack()


def check_model(model: object, *, may_be_meta: bool = False) -> nn.Module:
    """Return model; raise ConfigError unless it is an nn.Module whose weights have values.

    may_be_meta: weights on the device "meta", which have none, will do.
    """
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model must be an nn.Module, such as build_cnn(), got {shown(model)}")
    if not may_be_meta and any(value.is_meta for value in (*model.parameters(), *model.buffers())):
        raise ConfigError("the model is on the device 'meta', where weights have no values; make it on the processor")
    return model


def check_changeable(model: nn.Module, why_not: str) -> None:
    """Raise ConfigError for a network made in torch.inference_mode(), which has no gradients; say why that matters."""
    values = [value for value in (*model.parameters(), *model.buffers()) if not is_lazy(value)]
    if any(value.is_inference() for value in values):
        raise ConfigError(f"the model was made in torch.inference_mode(), so {why_not}; make it outside")


def check_visible(model: nn.Module) -> None:
    """Raise ConfigError for a network whose layers no hook can see."""
    if any(isinstance(layer, torch.jit.ScriptModule) for layer in model.modules()):
        raise ConfigError("the layers of a TorchScript network can't be seen; give the network that it was made from")


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the network's first parameter or buffer; the CPU if it has neither."""
    return next((value.device for value in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def dtype_of(model: nn.Module, default: torch.dtype = torch.float32) -> torch.dtype:
    """Return the dtype of the network's first parameter with decimal numbers; default if it has none."""
    return next((value.dtype for value in model.parameters() if value.is_floating_point()), default)


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network into eval mode for a `with` block; afterwards each layer is in the mode that it had before.

    Raises ConfigError if another thread is training the network, which would then train in eval mode; and for a network
    that has no eval mode.
    """
    check_not_in_training(model)
    layers = list(model.modules())
    modes = [(layer, layer.training) for layer in layers if hasattr(layer, "training")]  # torch.jit.freeze removes it
    try:
        if len(modes) == len(layers):
            _put_into_eval_mode(model)
        else:
            for layer, _ in modes:
                layer.training = False
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode


def _put_into_eval_mode(model: nn.Module) -> None:
    try:
        model.eval()
    except NotImplementedError as error:  # its dropout is on or off for good, as it was when it was exported
        raise ConfigError(
            "a network of torch.export has no train and eval mode; give the network that it was made from"
        ) from error


# --- Compiled networks


def original(model: nn.Module) -> nn.Module:
    """Return the network that torch.compile was given; a network that is not compiled is returned as it is.

    Both have the same weights. Only the original has the names of the layers.
    """
    while COMPILED in getattr(model, "_modules", {}):
        model = model._modules[COMPILED]  # pyright: ignore[reportAssignmentType]
    return model


def plain_name(name: str) -> str:
    """Return the name that a layer or a weight has in the network that was not compiled.

    >>> plain_name("_orig_mod.conv1.weight")
    'conv1.weight'
    """
    return ".".join(part for part in name.split(".") if part != COMPILED)


def named_layers(model: nn.Module, *, every_name: bool = False) -> Iterator[tuple[str, nn.Module]]:
    """Yield each layer with its name, the network itself under "", each once; with every_name once for each name."""
    for name, layer in model.named_modules(remove_duplicate=not every_name):
        if original(layer) is layer:
            yield plain_name(name), layer


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Within the block, run compiled networks and functions as they are written, so that hooks see each layer.

    This is a setting of the whole process; it ends with the last of the blocks that are open in several threads. Where
    nothing was compiled, nothing is changed.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    global _open_blocks
    with _lock:
        if _open_blocks == 0:
            _stance.enter_context(torch.compiler.set_stance("force_eager"))
        _open_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _open_blocks -= 1
            if _open_blocks == 0:
                _stance.close()


# --- Calls


def call(model: nn.Module, images: Tensor) -> Any:
    """Return model(images). The network is given a copy, since its first layer may write into what it is given."""
    return model(images.clone(memory_format=torch.contiguous_format))


def call_for_logits(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of model(images), (N, classes); raise ConfigError unless each image has a row of them."""
    logits = logits_of(call(model, images))
    if len(logits) != len(images):
        rows = "1 row" if len(logits) == 1 else f"{len(logits)} rows"
        raise ConfigError(
            f"the model makes {rows} of logits from {len(images)} images; look for what mixes images in it: a view or "
            "reshape (torch.flatten(values, 1) keeps them apart), or a mean over the first dimension"
        )
    return logits


def tensors_in(name: str, values: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of a layer's output with its name; in a tuple, list or dict its place or key is added."""
    if isinstance(values, Tensor):
        yield name, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from tensors_in(f"{name}[{key}]", value)
    elif isinstance(values, (tuple, list)):
        for place, value in enumerate(values):
            yield from tensors_in(f"{name}[{place}]", value)


def logits_of(output: Any) -> Tensor:
    """Return a network's logits (N, classes); raise ConfigError if its output has none.

    They are the output, or in a tuple, list or dict what is named "logits", else the first tensor. (GoogLeNet returns a
    tuple in train mode.)
    """
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(named, Tensor):
        output = named
    logits = next((values for _, values in tensors_in("", output)), None)
    if logits is None or logits.ndim != 2 or not is_float_tensor(logits):
        got = type(output).__name__ if logits is None else tuple(logits.shape)
        raise ConfigError(
            f"the model's output must be logits (N, classes), or a tuple that begins with them, got {got}"
        )
    return logits


# --- Copies


def copied(*things: Any, instead: Mapping[int, Any] | None = None) -> tuple[Any, ...]:
    """Return copies of networks, and of what belongs to them (an optimizer), together; hooks are shared, not copied.

    Parameters
    ----------
    *things
        What is copied.
    instead : dict of int to object, optional
        What the copies have in place of an object, by the object's id.

    Raises
    ------
    ConfigError
        For a network that Python can't copy.
    """
    kept: dict[int, Any] = {}
    for network in things:
        if isinstance(network, nn.Module):
            kept |= _not_copied(network)
    try:
        return copy.deepcopy(things, {**kept, **(instead or {})})
    except (RuntimeError, TypeError) as error:
        remedy = "keep in it only what copy.deepcopy can copy"
        raise ConfigError(f"the model can't be copied ({error}); {remedy}") from error


def _not_copied(model: nn.Module) -> dict[int, Any]:
    """Return the memo for copy.deepcopy: an object's id → what stands for the object in the copy.

    Hooks may belong to objects that can't be copied. Nor can a tensor that was computed with a gradient be copied, such
    as the weight of `nn.utils.weight_norm`, or maps that a network keeps.
    """
    kept: dict[int, Any] = {}
    for layer in model.modules():
        for name, value in vars(layer).items():
            if name.endswith(("_hooks", "_hooks_with_kwargs", "_hooks_always_called")) and isinstance(value, dict):
                kept[id(value)] = value.copy()
            else:
                computed = (tensor for _, tensor in tensors_in("", value) if not tensor.is_leaf)
                kept |= {id(tensor): tensor.detach().clone() for tensor in computed}
    return kept
