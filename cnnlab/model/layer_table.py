"""A network in, its layer table out: what each layer makes, costs and sees, without computing anything."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.errors import ConfigError


@dataclass(frozen=True)
class LayerRow:
    """One layer of a layer table; see `layer_table`."""

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


def layer_table(model: nn.Sequential, input_shape: tuple[int, int, int] | None = None) -> LayerTable:
    """Return one row a layer: name, output shape, parameters, multiply-adds for one image, receptive field.

    Multiply-adds count the weights' products, not the biases. The receptive field (pixels, one side of the square)
    grows by (kernel − 1) × jump, and the jump by the stride (Dumoulin & Visin 2016); None means the whole image.
    Nothing is computed: the network is walked with shapes only. Raises ConfigError for a layer that it can't judge.

    >>> layer_table(build_cnn())[0].receptive_field
    3
    """
    input_shape = input_shape or getattr(model, "input_shape", None)
    if not isinstance(model, nn.Sequential) or input_shape is None:
        raise ConfigError(
            f"layer_table wants a network from build_cnn, or an nn.Sequential with input_shape=(C, H, W); "
            f"got {type(model).__name__} and input_shape={input_shape!r}"
        )
    rows, sees, jump = LayerTable(), 1, 1
    values = torch.empty(1, *input_shape, device="meta")
    for name, layer in model.named_children():
        _check_known(name, layer)
        entering, note = values, ""
        try:
            values = _walk(layer, values)
        except RuntimeError as error:
            raise ConfigError(
                f"{name} can't take {tuple(values.shape[1:])}, with input_shape={input_shape}: {error}"
            ) from error
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            kernel, stride = _side(layer.kernel_size), _side(layer.stride)
            sees, jump = sees + (kernel - 1) * jump, jump * stride
            if kernel > min(entering.shape[2:]):
                note = f"kernel larger than its {entering.shape[2]}×{entering.shape[3]} map"
        seen = sees if values.ndim == 4 else None
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        weight = getattr(layer, "weight", None)
        products = 0 if weight is None else weight.numel()
        positions = math.prod(values.shape[2:])  # 1 after flatten
        rows.append(LayerRow(name, tuple(values.shape[1:]), parameters, products * positions, seen, note))
    return rows


def _walk(layer: nn.Module, values: Tensor) -> Tensor:
    """Return the layer's output, a shape without numbers.

    Most layers are not called: for mere shapes torch would load its compiler, which takes a second or two.
    """
    if isinstance(layer, ELEMENTWISE):
        return values
    if isinstance(layer, nn.Linear):
        if values.ndim != 2:
            raise RuntimeError("it wants a row of features; put nn.Flatten() in front of it")
        _check_width("features", layer.in_features, values.shape[-1])
        return values.new_empty(*values.shape[:-1], layer.out_features)
    one_map = torch.zeros(1, 1, *values.shape[2:])  # real numbers, but of a single channel
    if isinstance(layer, nn.Conv2d):
        _check_width("channels", layer.in_channels, values.shape[1])
        kernel = torch.zeros(1, 1, *layer.kernel_size)
        one_map = nn.functional.conv2d(one_map, kernel, stride=layer.stride, padding=layer.padding)
        return values.new_empty(1, layer.out_channels, *one_map.shape[2:])
    if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
        return values.new_empty(1, values.shape[1], *layer(one_map).shape[2:])
    return copy.deepcopy(layer).to("meta").eval()(values)


def _check_width(what: str, wanted: int, found: int) -> None:
    if found != wanted:
        raise RuntimeError(f"it wants {wanted} {what}, not {found}")


ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout)
KNOWN = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Linear, nn.Dropout2d, nn.BatchNorm2d, *ELEMENTWISE)


def _check_known(name: str, layer: nn.Module) -> None:
    """Raise ConfigError for a layer whose numbers would come out wrong."""
    square = all(
        _side(getattr(layer, field, 1)) == _side(getattr(layer, field, 1), min) for field in ("kernel_size", "stride")
    )
    plain = _side(getattr(layer, "dilation", 1)) == 1 and not getattr(layer, "return_indices", False)
    if not isinstance(layer, KNOWN) or not square or not plain:
        known = ", ".join(sorted(kind.__name__ for kind in KNOWN))
        told = " ".join(repr(layer).split())
        raise ConfigError(
            f"layer_table can't judge {name} ({told:.60}); it knows square, undilated layers of these kinds: {known}"
        )


def _side(size: int | tuple[int, int], choose: Callable = max) -> int:
    return size if isinstance(size, int) else choose(size)
