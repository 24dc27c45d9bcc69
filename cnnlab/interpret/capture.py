"""Capture the outputs of layers while images pass through a network.

The network itself stays as it is: train or eval mode, gradients and requires_grad.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.interpret.hooks import Layers, hooked
from cnnlab.model.networks import check_model, evaluating
from cnnlab.torch_state import usual_but_gradients

MOST_BYTES = 2**30


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
        with torch.inference_mode(False), torch.no_grad():  # an ordinary tensor, also where the block is in that mode
            (self.inputs if entering else self._outputs)[name] = values.clone()


def capture(
    model: nn.Module, layers: Layers = None, *, inputs: bool = False, most_bytes: int = MOST_BYTES
) -> contextlib.AbstractContextManager[Captured]:
    """Within the block, keep the outputs of these layers, by name, each time the model is called.

    The tensors are copies, detached, on the model's device. Each pass through the model replaces those of the pass
    before. Inside the block the model is in eval mode, and torch has its usual settings (no autocast, for example), but
    gradients are on or off as outside. Afterwards all is as it was.

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

    Returns
    -------
    context manager of Captured
        For `with`. Layer name → Tensor. A layer that is used twice in a pass has the names "relu" and "relu#2"; a layer
        with several outputs the names "lstm[0]" and "lstm[1]".

    >>> with capture(model, ["relu1", "pool1"]) as seen:
    ...     logits = model(images)
    >>> seen["relu1"].shape
    torch.Size([8, 16, 28, 28])
    """
    check_model(model)
    check_arguments(capture, {"inputs": inputs, "most_bytes": most_bytes}, most_bytes=0)
    return _Block(functools.partial(_capturing, model, layers, inputs, most_bytes))


class _Block(contextlib.AbstractContextManager[Captured]):
    """A block that may be entered again once it has ended, with new tensors each time."""

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[Captured]]) -> None:
        self._make = make
        self._open: contextlib.AbstractContextManager[Captured] | None = None

    def __enter__(self) -> Captured:
        if self._open is not None:
            raise ConfigError("this capture is open already; call capture(model) again for a block inside its block")
        block = self._make()
        seen = block.__enter__()
        self._open = block
        return seen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        block, self._open = self._open, None
        if block is None:
            raise ConfigError("this capture is not open; write `with capture(model) as seen:`")
        return block.__exit__(kind, error, trace)


@contextlib.contextmanager
def _capturing(model: nn.Module, layers: Layers, inputs: bool, most_bytes: int) -> Iterator[Captured]:
    seen = Captured(most_bytes)
    keep_input = functools.partial(seen.keep, entering=True) if inputs else None

    def keep(name: str, _layer: nn.Module, _entering: Any, values: Tensor) -> None:
        seen.keep(name, values)

    with usual_but_gradients(), evaluating(model), hooked(model, layers, keep, before=keep_input, begin=seen.begin):
        yield seen
