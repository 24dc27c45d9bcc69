"""Watch one image pass through any network: each layer's output, products and field of view.

The pass is computed without values, on torch's device "meta". Only a network whose way depends on values, or that makes
tensors on another device, computes one black image.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cnnlab.errors import ConfigError
from cnnlab.model.compatibility import CANNOT_TAKE
from cnnlab.model.field_joins import BATCH_NORMS, view_of_result
from cnnlab.model.field_of_view import View, of_images, plain
from cnnlab.model.layer_table import LayerRow, kernel_note
from cnnlab.model.networks import (
    check_visible,
    copied,
    dtype_of,
    named_layers,
    original,
    plain_name,
    tensors_in,
    uncompiled,
)

aten = torch.ops.aten
# Operations that multiply each value with a scale: which argument it is.
SCALES = dict.fromkeys(BATCH_NORMS, 1) | {aten.native_layer_norm: 2, aten.native_group_norm: 1}
SPLITS = (aten.split, aten.split_with_sizes, aten.chunk, aten.unbind)  # operations with several results


@dataclass
class Use:
    """One run of a layer.

    Parameters
    ----------
    name : str
        The layer's name, "" for the network itself.
    layer : nn.Module
        The layer.
    times : int
        Which of its runs this is, from 1.
    entering : tuple of int
        The shape of the first tensor that it was called with, without the batch.
    shape : tuple of int
        That of the first tensor that it returned, without the batch.
    view : View or None
        What the output depends on; None: on nothing of the image.
    products : int
        The products that the layer computed itself, not in a layer inside it.
    weights : set of int
        The ids of the parameters that it read itself.
    """

    name: str
    layer: nn.Module
    times: int = 1
    entering: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    view: View | None = None
    products: int = 0
    weights: set[int] = field(default_factory=set)


def trace(model: nn.Module, input_shape: tuple[int, int, int]) -> tuple[nn.Module, list[Use]]:
    """Return a copy of the network, and each run of its layers, in order; the network itself is the first of them.

    Raises ConfigError if the network can't take images of this shape (C, H, W).
    """
    model = original(model)
    check_visible(model)
    try:
        return _pass(_without_values(model), input_shape, "meta")
    except ConfigError:
        if any(value.device.type == "meta" for value in (*model.parameters(), *model.buffers())):
            raise
    return _pass(copied(model)[0], input_shape, "cpu")


def _without_values(model: nn.Module) -> nn.Module:
    """Return a copy of the network on the device "meta"; no weight is copied."""
    outlines: dict[int, Tensor] = {}
    for layer in model.modules():
        for value in (*layer._parameters.values(), *layer._buffers.values(), *vars(layer).values()):
            if isinstance(value, Tensor) and not is_lazy(value):
                outline = torch.empty_like(value.detach(), device="meta")
                is_parameter = isinstance(value, nn.Parameter)
                outlines[id(value)] = nn.Parameter(outline, value.requires_grad) if is_parameter else outline
    return copied(model, instead=outlines)[0]


def _pass(twin: nn.Module, input_shape: tuple[int, int, int], device: str) -> tuple[nn.Module, list[Use]]:
    """Return the network, and each run of its layers in a pass of one image; the network is put into eval mode."""
    twin.to(device).eval()
    watch = _Watch(torch.zeros(1, *input_shape, device=device, dtype=dtype_of(twin)))
    for name, layer in named_layers(twin):
        if "parametrizations" not in name.split("."):  # what is in there computes a weight of its layer
            layer.register_forward_pre_hook(functools.partial(watch.enter, name), with_kwargs=True)
            layer.register_forward_hook(watch.leave)
    try:
        with uncompiled(), torch.no_grad(), torch.device(device), _without_fast_path(), watch:
            twin(watch.images)
    except CANNOT_TAKE as error:
        last = watch.running[-1] if watch.running else Use("", twin)
        raise ConfigError(
            f"{last.name or 'the model'} can't take {last.entering}, with input_shape={input_shape}: {error}"
        ) from error
    return twin, watch.uses


@contextlib.contextmanager
def _without_fast_path() -> Iterator[None]:
    """Within the block, let attention run operation by operation."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Watch(TorchDispatchMode):
    """See each operation of torch within the block, and which layer it belongs to."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images
        self.uses: list[Use] = []
        self.running: list[Use] = []
        self.count: Counter[str] = Counter()
        self.alive: list[Tensor] = []  # so that no id is used twice
        self.views: dict[int, View] = {}
        self.pieces: set[int] = set()  # memory into parts of which something of the image was written
        self._keep(images, of_images(images))

    def enter(self, name: str, layer: nn.Module, arguments: tuple, named: dict) -> None:
        """Note that a layer begins to run."""
        self.count[name] += 1
        entering = next((tuple(values.shape[1:]) for _, values in tensors_in("", (arguments, named))), ())
        use = Use(name, layer, self.count[name], entering)
        self.uses.append(use)
        self.running.append(use)

    def leave(self, layer: nn.Module, _arguments: tuple, output: Any) -> None:
        """Note what a layer returned."""
        while (use := self.running.pop()).layer is not layer:  # a layer that raised an error, which was caught
            pass
        for _, values in tensors_in("", output):
            use.shape, use.view = tuple(values.shape[1:]), self._view(values)
            break

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run an operation of torch, and note its products and what its result depends on."""
        result = func(*args, **(kwargs or {}))
        packet, tensors = func.overloadpacket, [value for _, value in tensors_in("", args)]
        if self.running:
            use = self.running[-1]
            use.weights |= {id(value) for value in tensors if isinstance(value, nn.Parameter)}
            use.products += _products(packet, args, kwargs or {}, result)
        views = [self._view(value) for value in tensors]
        if packet.__name__.endswith("_") and any(views) and tensors[0].untyped_storage().nbytes() > tensors[0].nbytes:
            self.alive.append(tensors[0])
            self.pieces.add(tensors[0].untyped_storage()._cdata)
        results = [values for _, values in tensors_in("", result)]
        for values in results if packet in SPLITS else results[:1]:
            view = view_of_result(func, args, views, values)
            if view is not None:
                self._keep(values, view)
        return result

    def _view(self, values: Tensor) -> View | None:
        if values.untyped_storage()._cdata in self.pieces:
            return View(None, "it is filled piece by piece", plain(values.shape))
        return self.views.get(id(values))

    def _keep(self, values: Tensor, view: View) -> None:
        self.alive.append(values)
        self.views[id(values)] = view


def _products(packet: Any, arguments: tuple, named: dict, result: Any) -> int:
    """Return the number of products in an operation: of convolutions, matrices, attention, and scales of norms."""
    if packet in SCALES:
        return 0 if arguments[SCALES[packet]] is None else result[0].numel()
    formula = flop_registry.get(packet)
    return 0 if formula is None else int(formula(*arguments, **named, out_val=result)) // 2


def rows_of_any(model: nn.Module, input_shape: tuple[int, int, int]) -> Iterator[LayerRow]:
    """Yield the rows of any network's `layer_table`."""
    twin, uses = trace(model, input_shape)
    parameters = {id(value): (_owner(name), value.numel()) for name, value in twin.named_parameters()}
    ran, counted = {use.name for use in uses}, set()
    for use in uses:
        # A layer may use the weights of one inside it without running it: attention does.
        own = {
            key
            for key, (owner, _) in parameters.items()
            if owner == use.name or (key in use.weights and owner not in ran)
        }
        if own or use.products or not _has_layers(use.layer):
            field, unknown = _receptive_field(use.view)
            count = sum(parameters[key][1] for key in own - counted)
            note = kernel_note(use.layer, use.entering) or ("used again" if own and own <= counted else "")
            yield LayerRow(_shown(use), use.shape, count, use.products, field, note, unknown)
            counted |= own
    for name in dict.fromkeys(owner for owner, _ in parameters.values()):
        count = sum(size for key, (owner, size) in parameters.items() if owner == name and key not in counted)
        if count:
            yield LayerRow(name, (), count, 0, None, unknown="it does not run in eval mode")


def _owner(parameter: str) -> str:
    """Return the name of the layer that a parameter belongs to.

    >>> _owner("conv1.parametrizations.weight.original0")
    'conv1'
    """
    parts = plain_name(parameter).split(".")
    return ".".join(parts[: parts.index("parametrizations") if "parametrizations" in parts else -1])


def _has_layers(layer: nn.Module) -> bool:
    """Return whether there are layers inside, apart from those that compute the layer's own weight."""
    return any(name != "parametrizations" for name, _ in layer.named_children())


def _shown(use: Use) -> str:
    """Return the name of a row; that of the network itself is its class."""
    name = use.name or f"({type(use.layer).__name__})"
    return name if use.times == 1 else f"{name}#{use.times}"


def _receptive_field(view: View | None) -> tuple[int | tuple[int, int] | None, str]:
    """Return the receptive field as in `LayerRow`, and why it is unknown."""
    if view is None:
        return None, "it does not depend on the image"
    if view.windows is None:
        return None, view.unknown
    height, width = (window.size for window in view.windows)
    return (height if height == width else (height, width)), ""
