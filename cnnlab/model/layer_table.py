"""Make a table of a network's layers: output shape, parameters, multiply-adds and receptive field of each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.checks import check_input_shape, shown
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import Dropout
from cnnlab.model.networks import check_model
from cnnlab.torch_state import usual_torch_state

KERNEL_NOTE = "kernel larger than its {height}×{width} map"
WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout, Dropout)
KNOWN = (*WINDOWED, nn.Flatten, nn.Linear, nn.Dropout2d, nn.BatchNorm2d, *ELEMENTWISE)


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
        Number of products for one image: with the weights of convolutions and linear layers, with the scales of
        normalization layers, and of the matrices of attention with each other.
    receptive_field : int, (int, int) or None
        Side in pixels of the square of the image that one output value depends on, without what lies beyond its edge;
        (height, width) if it is no square. None: the whole image, unless `unknown` says why it can't be computed.
    note : str
        A remark, such as that the kernel is larger than its map.
    unknown : str
        Why the receptive field can't be computed; "" if it can.
    """

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: int | tuple[int, int] | None
    note: str = ""
    unknown: str = ""


class LayerTable(list):
    """A list of `LayerRow`s that prints as a table."""

    def __repr__(self) -> str:
        wide = max([10, *(len(row.name) + 2 for row in self)])
        lines = [f"{'layer':<{wide}}{'output':<12}{'parameters':>11}{'multiply-adds':>15}  sees"]
        for row in self:
            shape = "×".join(map(str, row.output_shape)) or "–"
            remarks = "; ".join(filter(None, (row.unknown, row.note)))
            note = f"  ({remarks})" if remarks else ""
            counts = f"{row.parameters:>11,}{row.multiply_adds:>15,}"
            lines.append(f"{row.name:<{wide}}{shape:<12}{counts}  {_sees(row)}{note}")
        parameters, multiply_adds = sum(row.parameters for row in self), sum(row.multiply_adds for row in self)
        return "\n".join([*lines, f"{'total':<{wide + 12}}{parameters:>11,}{multiply_adds:>15,}"])


def _sees(row: LayerRow) -> str:
    """Return the receptive field as it is printed: "5×5", "all", or "–" where it can't be computed."""
    if row.receptive_field is None:
        return "–" if row.unknown else "all"
    height, width = (row.receptive_field,) * 2 if isinstance(row.receptive_field, int) else row.receptive_field
    return f"{height}×{width}"


@usual_torch_state
def layer_table(model: nn.Module, input_shape: tuple[int, int, int] | None = None) -> LayerTable:
    """Return a table of the network's layers, with one `LayerRow` for each.

    The receptive field grows by (kernel − 1) × jump, and the jump is multiplied by the stride (Dumoulin & Visin 2016).
    No value is computed, only shapes, if the network allows that.

    A network that is no chain of layers has a row for each layer without layers inside, in the order in which they run.
    A layer that is used again has another row, named "relu#2", without its parameters. A layer with layers inside has a
    row, too, if it has parameters of its own or multiplies itself, as attention does. What runs only in training (the
    auxiliary heads of GoogLeNet) comes last.

    Parameters
    ----------
    model : nn.Module
        Any network. It stays as it is.
    input_shape : tuple of int, optional
        (C, H, W) of one image; by default that of `build_cnn`.

    Raises
    ------
    ConfigError
        If the network can't take such an image.

    >>> layer_table(build_cnn())[0].receptive_field
    3
    """
    check_model(model, may_be_meta=True)
    input_shape = getattr(model, "input_shape", None) if input_shape is None else input_shape
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ConfigError(
            "layer_table wants input_shape=(C, H, W) of one image for a network that is not from build_cnn; "
            f"got {type(model).__name__} and input_shape={shown(input_shape)}"
        )
    input_shape = check_input_shape(input_shape)
    is_chain = type(model) is nn.Sequential and all(map(_is_known, model)) and len({*model}) == len(model)
    rows_of = _rows_of_a_chain if is_chain else _rows_of_any
    return LayerTable(rows_of(model, input_shape))


def _rows_of_a_chain(model: nn.Module, input_shape: tuple[int, int, int]) -> Iterator[LayerRow]:
    """Yield the rows of a chain of layers that are all known."""
    receptive_field, jump = 1, 1
    values = torch.empty(1, *input_shape, device="meta")
    for name, layer in model.named_children():
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
        yield _row(name, layer, entering, values, receptive_field)


def _rows_of_any(model: nn.Module, input_shape: tuple[int, int, int]) -> Iterator[LayerRow]:
    """Yield the rows of any network."""
    from cnnlab.model.layer_trace import rows_of_any  # it loads torch's compiler, which takes a second or two

    yield from rows_of_any(model, input_shape)


def _row(name: str, layer: nn.Module, entering: Tensor, leaving: Tensor, receptive_field: int) -> LayerRow:
    """Return the row of a layer that turns a tensor like `entering` into one like `leaving`."""
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    weight = getattr(layer, "weight", None)
    products = 0 if weight is None else weight.numel()  # at each position of the output
    positions = math.prod(leaving.shape[2:])  # 1 after flatten
    sees = receptive_field if leaving.ndim == 4 else None  # after flatten, the whole image
    note = kernel_note(layer, tuple(entering.shape[1:]))
    return LayerRow(name, tuple(leaving.shape[1:]), parameters, products * positions, sees, note)


def kernel_note(layer: nn.Module, entering: tuple[int, ...]) -> str:
    """Return a remark if the layer's kernel is larger than the map (C, H, W) that it meets."""
    if isinstance(layer, WINDOWED) and len(entering) == 3 and _side(layer.kernel_size) > min(entering[1:]):
        return KERNEL_NOTE.format(height=entering[1], width=entering[2])
    return ""


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


def _is_known(layer: nn.Module) -> bool:
    """Return whether the layer's row follows from its settings."""
    square = all(
        _side(getattr(layer, field, 1)) == _side(getattr(layer, field, 1), min) for field in ("kernel_size", "stride")
    )
    plain = _side(getattr(layer, "dilation", 1)) == 1 and not getattr(layer, "return_indices", False)
    watched = bool(layer._forward_pre_hooks)  # it may compute the layer's weight: nn.utils.weight_norm
    return type(layer) in KNOWN and square and plain and not watched


def _side(size: int | tuple[int, ...], choose: Callable = max) -> int:
    """Return one number for a size that may be (height, width): the larger of both, or the one that choose picks."""
    return size if isinstance(size, int) else choose(size)
