"""A network in, what happens inside it out: `capture` keeps what the layers put out while images pass through.

Every hook of the package is attached here, and is gone when its block ends, however that happens. A network that is
looked at stays as it is: mode, gradients and requires_grad are as they were found.
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

from cnnlab.checks import check_choice, check_images
from cnnlab.errors import ConfigError
from cnnlab.model.evaluation import evaluating

if TYPE_CHECKING:
    import pandas

MOST_BYTES = 2**30
Layers = str | type[nn.Module] | Iterable[str | type[nn.Module]] | None


class Captured(Mapping[str, Tensor]):
    """What the layers put out in the latest forward pass, by the layers' names; see `capture`.

    `inputs` has what went into them, by the same names.
    """

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
        """How much memory the captured tensors take, in bytes."""
        return sum(values.nbytes for values in (*self._outputs.values(), *self.inputs.values()))

    def __repr__(self) -> str:
        lines = [f"  {name}: {tuple(values.shape)}" for name, values in self._outputs.items()]
        return "\n".join([f"captured {len(self)} layers, {self.nbytes / 1e6:.1f} MB", *lines])

    def begin(self) -> None:
        """Forget the pass before."""
        self._outputs.clear()
        self.inputs.clear()

    def keep(self, name: str, values: Tensor, *, entering: bool = False) -> None:
        """Keep a copy: an in-place ReLU further on would rewrite the tensor itself."""
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
    """Within the block, keep what these layers put out, by name, each time the model is called.

    layers: names or types, such as ["relu1", nn.MaxPool2d]; None is every layer that has no layers inside. Tensors are
    copies, detached, on the model's device; the latest pass through the model replaces the one before, so that memory
    is that of one pass: `seen.nbytes`, at most `most_bytes` (a MemoryError beyond). A layer that is used again in one
    pass is there as "relu", "relu#2"; one with several outputs as "lstm[0]", "lstm[1]". With inputs=True `seen.inputs`
    has what went in: before a ReLU. The model is in eval mode inside the block, and afterwards as it was. Works on any
    nn.Module.

    >>> with capture(model, ["relu1", "pool1"]) as seen:
    ...     logits = model(images)
    >>> seen["relu1"].shape
    torch.Size([8, 16, 28, 28])
    """
    seen = Captured(most_bytes)
    keep_input = functools.partial(seen.keep, entering=True) if inputs else None

    def keep(name: str, _layer: nn.Module, _entering: Any, values: Tensor) -> None:
        seen.keep(name, values)

    with evaluating(check_model(model)), hooked(model, layers, keep, before=keep_input, begin=seen.begin):
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
    """Call see(name, layer, inputs, output) whenever one of the layers has run; what it returns takes output's place.

    before(name, input) is called when it is about to run, begin() at the start of every pass through the model.
    """
    chosen = choose_layers(model, layers)
    wants_images = any(isinstance(layer, (nn.Conv2d, nn.Flatten)) for layer in model.modules())
    used: Counter[str] = Counter()

    def start(_model: nn.Module, arguments: tuple) -> None:
        first = arguments[0] if arguments else None
        # These, torch would take for one image without a batch, or refuse in its own words.
        unbatched = isinstance(first, Tensor) and (first.ndim == 3 or not first.is_floating_point())
        if hasattr(model, "input_shape") or (wants_images and unbatched):
            check_images(first)
        used.clear()
        begin()

    def enter(name: str, _layer: nn.Module, arguments: tuple, named: dict) -> None:
        used[name] += 1
        entering = (*arguments, *named.values())
        if before is not None:
            for part, values in _tensors(_numbered(name, used), entering[0] if len(entering) == 1 else entering):
                before(part, values)

    def leave(name: str, layer: nn.Module, arguments: tuple, named: dict, output: Any) -> Any:
        found = list(_tensors(_numbered(name, used), output))
        answers = [see(part, layer, (*arguments, *named.values()), values) for part, values in found]
        return answers[0] if isinstance(output, Tensor) else None

    handles = []
    try:
        handles.append(model.register_forward_pre_hook(start))
        for name, layer in chosen.items():
            handles.append(layer.register_forward_pre_hook(functools.partial(enter, name), with_kwargs=True))
            handles.append(layer.register_forward_hook(functools.partial(leave, name), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _numbered(name: str, used: Counter[str]) -> str:
    return name if used[name] == 1 else f"{name}#{used[name]}"


def _tensors(name: str, values: Any) -> Iterator[tuple[str, Tensor]]:
    """Give each tensor of an output with its name: that of a tuple, list or dict bears its place there."""
    if isinstance(values, Tensor):
        yield name, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from _tensors(f"{name}[{key}]", value)
    elif isinstance(values, (tuple, list)):
        for place, value in enumerate(values):
            yield from _tensors(f"{name}[{place}]", value)


def check_model(model: object) -> nn.Module:
    """Return model; ConfigError if it is none."""
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: want an nn.Module, such as build_cnn(), got {model!r:.60}")
    return model


def choose_layers(model: nn.Module, layers: Layers = None) -> dict[str, nn.Module]:
    """Return name → layer for these names or types, in the model's order; None: all that have no layers inside."""
    named = {name: layer for name, layer in model.named_modules(remove_duplicate=False) if name}
    own = {name: layer for name, layer in model.named_modules() if name}  # each layer once, by its first name
    if layers is None:
        return {name: layer for name, layer in own.items() if not any(layer.children())} or {"": model}
    wanted = list(layers) if isinstance(layers, Iterable) and not isinstance(layers, (str, nn.Module)) else [layers]
    if not wanted:
        raise ConfigError("layers names none; give names or types of layers, or leave it out for all of them")
    chosen: set[str] = set()
    for one in wanted:
        if isinstance(one, type) and issubclass(one, nn.Module):
            found = {name for name, layer in own.items() if isinstance(layer, one)}
            if not found:
                kinds = ", ".join(sorted({type(layer).__name__ for layer in own.values()}))
                raise ConfigError(f"the model has no layer of type {one.__name__}; it has {kinds}")
            chosen |= found
        else:
            check_choice("layer", one, named)
            chosen.add(one)
    return {name: layer for name, layer in named.items() if name in chosen}


def check_some(images: Tensor) -> None:
    """Raise ConfigError if there is not a single image."""
    if len(images) == 0:
        raise ConfigError("images: got none; give one or more, float (N, C, H, W)")


def logits_of(output: Any) -> Tensor:
    """Return a network's logits (N, classes): its output, or the first tensor of it; ConfigError if they are none."""
    logits = next((values for _, values in _tensors("", output)), None)
    if logits is None or logits.ndim != 2:
        got = type(output).__name__ if logits is None else tuple(logits.shape)
        raise ConfigError(f"the model's output: want logits (N, classes), or a tuple that begins with them, got {got}")
    return logits


class ByLayer(dict):
    """Layer name → what was measured there. Prints as a table."""

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame with one row a layer, of all that is one number or one word."""
        import pandas

        told = [{field.name: getattr(row, field.name) for field in fields(row)} for row in self.values()]
        plain = [{key: one for key, one in row.items() if not isinstance(one, (np.ndarray, dict))} for row in told]
        return pandas.DataFrame(plain, index=pandas.Index(self, name="layer"))

    def __getitem__(self, name: str) -> Any:
        check_choice("layer", name, self)
        return super().__getitem__(name)

    def __repr__(self) -> str:
        return self.to_frame().to_string(float_format="{:.3g}".format, na_rep="")
