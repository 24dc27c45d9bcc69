"""Capture the outputs of layers while images pass through a network.

All hooks of the package are attached here. They are removed when their block ends, however it ends. The network itself
stays as it is: train or eval mode, gradients and requires_grad.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, check_images, is_iterable, shown
from cnnlab.errors import ConfigError
from cnnlab.model.evaluation import evaluating
from cnnlab.model.networks import check_model, check_visible, named_layers, original, tensors_in, uncompiled

if TYPE_CHECKING:
    import pandas

MOST_BYTES = 2**30
Layers = str | type[nn.Module] | Iterable[str | type[nn.Module]] | None


class Captured(Mapping[str, Tensor]):
    """The outputs of the latest forward pass, by layer name; see `capture`. The inputs are in `inputs`, if wanted."""

    def __init__(self, most_bytes: int) -> None:
        self.inputs: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}
        self._most_bytes = most_bytes

    def __getitem__(self, name: str) -> Tensor:
        check_choice("captured layer", name, self._outputs)
        return self._outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    @property
    def nbytes(self) -> int:
        """The memory that the captured tensors take, in bytes."""
        return sum(values.nbytes for values in (*self._outputs.values(), *self.inputs.values()))

    def __repr__(self) -> str:
        lines = [f"  {name}: {tuple(values.shape)}" for name, values in self._outputs.items()]
        return "\n".join([f"captured {len(self)} layers, {self.nbytes / 1e6:.1f} MB", *lines])

    def begin(self) -> None:
        """Forget the tensors of the pass before."""
        self._outputs.clear()
        self.inputs.clear()

    def keep(self, name: str, values: Tensor, *, entering: bool = False) -> None:
        """Keep a copy of a layer's output, or of its input; a later in-place layer may overwrite the tensor itself."""
        if self.nbytes + values.nbytes > self._most_bytes:
            raise MemoryError(
                f"capture would keep more than most_bytes={self._most_bytes:,} at {name}; give fewer images or name "
                "fewer layers, or take activation_statistics, which keeps samples only"
            )
        (self.inputs if entering else self._outputs)[name] = values.detach().clone()


@contextlib.contextmanager
def capture(
    model: nn.Module, layers: Layers = None, *, inputs: bool = False, most_bytes: int = MOST_BYTES
) -> Iterator[Captured]:
    """Within the block, keep the outputs of these layers, by name, each time the model is called.

    The tensors are copies, detached, on the model's device. Each pass through the model replaces those of the pass
    before. The model is in eval mode inside the block, and afterwards as it was.

    Parameters
    ----------
    model : nn.Module
        Any network, but TorchScript. A compiled one runs uncompiled inside the block. The images that it is called with
        are not changed: it gets a copy.
    layers : str, type, or iterable of them, optional
        Names or types, such as ["relu1", nn.MaxPool2d]. None: every layer that has no layers inside.
    inputs : bool
        Whether to keep the layers' inputs, too, in `seen.inputs`.
    most_bytes : int
        The most memory that the tensors of one pass may take, in bytes; beyond it MemoryError is raised.

    Yields
    ------
    Captured
        Layer name → Tensor. A layer that is used twice in a pass has the names "relu" and "relu#2"; a layer with
        several outputs the names "lstm[0]" and "lstm[1]".

    >>> with capture(model, ["relu1", "pool1"]) as seen:
    ...     logits = model(images)
    >>> seen["relu1"].shape
    torch.Size([8, 16, 28, 28])
    """
    check_model(model)
    check_arguments(capture, {"inputs": inputs, "most_bytes": most_bytes}, most_bytes=0)
    seen = Captured(most_bytes)
    keep_input = functools.partial(seen.keep, entering=True) if inputs else None

    def keep(name: str, _layer: nn.Module, _entering: Any, values: Tensor) -> None:
        seen.keep(name, values)

    with evaluating(model), hooked(model, layers, keep, before=keep_input, begin=seen.begin):
        yield seen


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
    wanted: list[Any] = list(layers) if is_iterable(layers) and not isinstance(layers, (str, nn.Module)) else [layers]
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


def check_not_empty(images: Tensor) -> None:
    """Raise ConfigError if there is no image."""
    if len(images) == 0:
        raise ConfigError("images: got none; give one or more, float (N, C, H, W)")


class ByLayer(dict):
    """The measurements of a network, by layer name; printed as a table."""

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame with one row a layer and one column a measurement; arrays are left out."""
        import pandas

        from cnnlab.table import Table

        rows = [
            {
                field.name: value
                for field in fields(measured)
                if not isinstance(value := getattr(measured, field.name), (np.ndarray, dict))
            }
            for measured in self.values()
        ]
        return Table(rows, index=pandas.Index(self, name="layer"))

    def __getitem__(self, name: str) -> Any:
        check_choice("layer", name, self)
        return super().__getitem__(name)

    def __repr__(self) -> str:
        return self.to_frame().to_string(float_format="{:.3g}".format, na_rep="")


def check_rows(rows: object, kind: type, plot: str, source: str) -> ByLayer:
    """Return rows; raise ConfigError unless they are a ByLayer of this kind, as the function `source` returns."""
    if not isinstance(rows, ByLayer) or not rows or not all(isinstance(row, kind) for row in rows.values()):
        raise ConfigError(f"{plot} wants what {source} gives, got {type(rows).__name__}")
    return rows
