"""Choose layers of a network, and call functions whenever one of them runs.

The hooks on a person's own network are attached here. They are removed when their block ends, however it ends.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from cnnlab.checks import check_choice, check_images, is_iterable, listed, shown
from cnnlab.errors import ConfigError
from cnnlab.model.networks import check_visible, named_layers, original, tensors_in, uncompiled

Layers = str | type[nn.Module] | Iterable[str | type[nn.Module]] | None


@contextlib.contextmanager
def hooked(
    model: nn.Module,
    layers: Layers,
    see: Callable[[str, nn.Module, Any, Tensor], Tensor | None],
    *,
    before: Callable[[str, Tensor], None] | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Within the block, call functions whenever one of the layers runs.

    Parameters
    ----------
    model : nn.Module
        The network.
    layers
        As in `capture`.
    see : function
        see(name, layer, inputs, output) is called after a layer has run, once for each tensor that it returns. A tensor
        that see returns replaces the output.
    before : function, optional
        before(name, input) is called when a layer is about to run.
    begin : function
        begin() is called at the start of every pass through the model.
    """
    model = original(model)
    chosen = choose_layers(model, layers)
    wants_images = any(isinstance(layer, (nn.Conv2d, nn.Flatten)) for layer in model.modules())
    used: Counter[str] = Counter()

    def start(_model: nn.Module, arguments: tuple, named: dict) -> tuple[tuple, dict]:
        first = arguments[0] if arguments else None
        # torch would take these for one image without a batch, or refuse them in words that name no remedy.
        unbatched = isinstance(first, Tensor) and (first.ndim == 3 or not first.is_floating_point())
        if hasattr(model, "input_shape") or (wants_images and unbatched):
            check_images(first)
        used.clear()
        begin()
        # The network may write into what it is called with.
        own = [value.clone() if isinstance(value, Tensor) else value for value in (*arguments, *named.values())]
        return tuple(own[: len(arguments)]), dict(zip(named, own[len(arguments) :], strict=True))

    def enter(name: str, _layer: nn.Module, arguments: tuple, named: dict) -> None:
        used[name] += 1
        entering = (*arguments, *named.values())
        if before is not None:
            for full_name, values in tensors_in(_numbered(name, used), entering[0] if len(entering) == 1 else entering):
                before(full_name, values)

    def leave(name: str, layer: nn.Module, arguments: tuple, named: dict, output: Any) -> Any:
        inputs = (*arguments, *named.values())
        tensors = list(tensors_in(_numbered(name, used), output))
        replacements = [see(full_name, layer, inputs, values) for full_name, values in tensors]
        return replacements[0] if isinstance(output, Tensor) else None

    handles = []
    try:
        handles.append(model.register_forward_pre_hook(start, with_kwargs=True))
        for name, layer in chosen.items():
            handles.append(layer.register_forward_pre_hook(functools.partial(enter, name), with_kwargs=True))
            handles.append(layer.register_forward_hook(functools.partial(leave, name), with_kwargs=True))
        with uncompiled():
            yield
    finally:
        for handle in handles:
            handle.remove()


def _numbered(name: str, used: Counter[str]) -> str:
    """Return the name of a layer's latest use: "relu", then "relu#2"."""
    return name if used[name] == 1 else f"{name}#{used[name]}"


def choose_layers(model: nn.Module, layers: Layers = None) -> dict[str, nn.Module]:
    """Return name → layer for these names or types, in the model's order; None: all that have no layers inside."""
    check_visible(model)
    named = {name: layer for name, layer in named_layers(model, every_name=True) if name}
    once = {name: layer for name, layer in named_layers(model) if name}  # each layer by its first name only
    if layers is None:
        return {name: layer for name, layer in once.items() if not any(layer.children())} or {"": model}
    are_several = is_iterable(layers) and not isinstance(layers, (str, nn.Module))
    given: Any = layers
    wanted: list[Any] = listed("layers", given) if are_several else [given]
    if not wanted:
        raise ConfigError("layers names none; give names or types of layers, or leave it out for all of them")
    chosen: set[str] = set()
    for name_or_type in wanted:
        if isinstance(name_or_type, type) and issubclass(name_or_type, nn.Module):
            names = {name for name, layer in once.items() if isinstance(layer, name_or_type)}
            if not names:
                kinds = ", ".join(sorted({type(layer).__name__ for layer in once.values()}))
                raise ConfigError(f"the model has no layer of type {name_or_type.__name__}; it has {kinds}")
            chosen |= names
        else:
            check_choice("layer", name_or_type, named)
            chosen.add(str(name_or_type))
    return {name: layer for name, layer in named.items() if name in chosen}


def layer_of_output(model: nn.Module, name: object) -> str:
    """Return the name of the layer that an output belongs to: "relu" for "relu#2", "lstm" for "lstm[0]"."""
    if not isinstance(name, str):
        raise ConfigError(f"layer wants one name, such as 'relu1', got {shown(name)}")
    layer = name.split("#")[0].split("[")[0]
    choose_layers(model, layer)
    return layer


def check_unit(layer: str, unit: int, output: Tensor) -> None:
    """Raise ConfigError unless the output of this layer, (N, units, …), has the unit."""
    if output.ndim < 2 or unit >= output.shape[1]:
        units = output.shape[1] if output.ndim > 1 else 0
        raise ConfigError(f"unit={unit}: {layer} has {units} units, 0 to {units - 1}")
