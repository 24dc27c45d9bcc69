"""Make a table of a network's layers: output shape, parameters, multiply-adds and receptive field of each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.errors import ConfigError
from cnnlab.torch_state import usual_torch_state


@dataclass(frozen=True)
class LayerRow:
    """A layer in a `LayerTable`.

    Parameters
    ----------
    name : str
        The layer's name in the network.
    output_shape : tuple of int
        (C, H, W) for one image, or (features,) after flatten.
    parameters : int
        Number of weights and biases.
    multiply_adds : int
        Number of products with a weight, for one image.
    receptive_field : int or None
        Side in pixels of the square of the image that one output value depends on; None: the whole image.
    note : str
        A remark, such as that the kernel is larger than its map.
    """

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: int | None
    note: str = ""


class LayerTable(list):
    """A list of `LayerRow`s that prints as a table."""

    def __repr__(self) -> str:
        lines = [f"{'layer':<10}{'output':<12}{'parameters':>11}{'multiply-adds':>15}  sees"]
        for row in self:
            shape = "×".join(map(str, row.output_shape))
            sees = "all" if row.receptive_field is None else f"{row.receptive_field}×{row.receptive_field}"
            note = f"  ({row.note})" if row.note else ""
            counts = f"{row.parameters:>11,}{row.multiply_adds:>15,}"
            lines.append(f"{row.name:<10}{shape:<12}{counts}  {sees}{note}")
        parameters, multiply_adds = sum(row.parameters for row in self), sum(row.multiply_adds for row in self)
        return "\n".join([*lines, f"{'total':<22}{parameters:>11,}{multiply_adds:>15,}"])


@usual_torch_state
def layer_table(model: nn.Sequential, input_shape: tuple[int, int, int] | None = None) -> LayerTable:
    """Return a table of the network's layers, with one `LayerRow` for each.

    The receptive field grows by (kernel − 1) × jump, and the jump is multiplied by the stride (Dumoulin & Visin 2016).
    No value is computed, only shapes. Raises ConfigError for a layer that the table can't describe.

    Parameters
    ----------
    model : nn.Sequential
        A network from `build_cnn`, or one whose input_shape you give.
    input_shape : tuple of int, optional
        (C, H, W) of one image; by default that of `build_cnn`.

    >>> layer_table(build_cnn())[0].receptive_field
    3
    """
    input_shape = input_shape or getattr(model, "input_shape", None)
    if not isinstance(model, nn.Sequential) or input_shape is None:
        raise ConfigError(
            f"layer_table wants a network from build_cnn, or an nn.Sequential with input_shape=(C, H, W); "
            f"got {type(model).__name__} and input_shape={input_shape!r}"
        )
    rows, receptive_field, jump = LayerTable(), 1, 1
    values = torch.empty(1, *input_shape, device="meta")
    for name, layer in model.named_children():
        _check_known(name, layer)
        entering = values
        try:
            values = _output_of(layer, values)
        except RuntimeError as error:
            raise ConfigError(
                f"{name} can't take {tuple(values.shape[1:])}, with input_shape={input_shape}: {error}"
            ) from error
        if isinstance(layer, WINDOWED):
            receptive_field += (_side(layer.kernel_size) - 1) * jump
            jump *= _side(layer.stride)
        rows.append(_row(name, layer, entering, values, receptive_field))
    return rows


def _row(name: str, layer: nn.Module, entering: Tensor, leaving: Tensor, receptive_field: int) -> LayerRow:
    """Return the row of a layer that turns a tensor like `entering` into one like `leaving`."""
    note = ""
    if isinstance(layer, WINDOWED) and _side(layer.kernel_size) > min(entering.shape[2:]):
        note = f"kernel larger than its {entering.shape[2]}×{entering.shape[3]} map"
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    weight = getattr(layer, "weight", None)
    products = 0 if weight is None else weight.numel()  # at each position of the output
    positions = math.prod(leaving.shape[2:])  # 1 after flatten
    sees = receptive_field if leaving.ndim == 4 else None  # after flatten, the whole image
    return LayerRow(name, tuple(leaving.shape[1:]), parameters, products * positions, sees, note)


def _output_of(layer: nn.Module, values: Tensor) -> Tensor:
    """Return the layer's output as a tensor that has a shape and no values.

    Most layers are not called: to compute a shape alone, torch would load its compiler, which takes a second or two.
    """
    if isinstance(layer, ELEMENTWISE):
        return values
    if isinstance(layer, nn.Linear):
        if values.ndim != 2:
            raise RuntimeError("it wants a row of features; put nn.Flatten() in front of it")
        _check_width("features", layer.in_features, values.shape[-1])
        return values.new_empty(*values.shape[:-1], layer.out_features)
    one_map = torch.zeros(1, 1, *values.shape[2:])  # with values, but only a single channel
    if isinstance(layer, nn.Conv2d):
        _check_width("channels", layer.in_channels, values.shape[1])
        kernel = torch.zeros(1, 1, *layer.kernel_size)
        one_map = nn.functional.conv2d(one_map, kernel, stride=layer.stride, padding=layer.padding)
        return values.new_empty(1, layer.out_channels, *one_map.shape[2:])
    if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
        return values.new_empty(1, values.shape[1], *layer(one_map).shape[2:])
    return copy.deepcopy(layer).to("meta").eval()(values)


def _check_width(field: str, wanted: int, got: int) -> None:
    if got != wanted:
        raise RuntimeError(f"it wants {wanted} {field}, not {got}")


WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout)
KNOWN = (*WINDOWED, nn.Flatten, nn.Linear, nn.Dropout2d, nn.BatchNorm2d, *ELEMENTWISE)


def _check_known(name: str, layer: nn.Module) -> None:
    """Raise ConfigError for a layer whose row would be wrong."""
    square = all(
        _side(getattr(layer, field, 1)) == _side(getattr(layer, field, 1), min) for field in ("kernel_size", "stride")
    )
    plain = _side(getattr(layer, "dilation", 1)) == 1 and not getattr(layer, "return_indices", False)
    if not isinstance(layer, KNOWN) or not square or not plain:
        known = ", ".join(sorted(kind.__name__ for kind in KNOWN))
        text = " ".join(repr(layer).split())
        raise ConfigError(
            f"layer_table can't judge {name} ({text:.60}); it knows square, undilated layers of these kinds: {known}"
        )


def _side(size: int | tuple[int, ...], choose: Callable = max) -> int:
    """Return one number for a size that may be (height, width): the larger of both, or the one that choose picks."""
    return size if isinstance(size, int) else choose(size)
