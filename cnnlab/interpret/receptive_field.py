"""Find the pixels that one output of a layer depends on, in any network, by experiment.

Rows and columns of an image are set to NaN. An output that depends on one of them becomes NaN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import torch
from torch import Tensor, nn

from cnnlab.checks import check_input_shape, check_whole
from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import capture
from cnnlab.interpret.hooks import check_unit, layer_of_output
from cnnlab.machine import check_memory
from cnnlab.model.compatibility import CANNOT_TAKE, check_takes
from cnnlab.model.networks import check_model, copied, dtype_of, original
from cnnlab.torch_state import usual_torch_state


@usual_torch_state
def receptive_field(
    model: nn.Module, layer: str, unit: int, place: int, input_shape: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of the pixels that one output of a layer depends on.

    bottom and right are excluded, as in a slice. An output that depends on no pixel has (0, 0, 0, 0).

    Parameters
    ----------
    model : nn.Module
        Any network, but TorchScript. It is copied, a compiled one uncompiled, and stays as it is.
    layer : str
        The name of an output, as in `capture`: "relu1", or "relu#2" for the second use of a layer.
    unit : int
        The channel of a map, or the neuron of a fully connected layer, from 0.
    place : int
        The place in the unit's map, counted row by row from 0. It is 0 for a fully connected layer.
    input_shape : tuple of int
        (channels, height, width) of an image.

    >>> receptive_field(build_cnn(3), "conv1", 0, 0, (1, 28, 28))
    (0, 0, 2, 2)
    """
    channels, height, width = check_input_shape(input_shape)
    check_memory("an image of this input_shape", 16 * channels * height * width, "take a smaller one")
    model = original(check_model(model))
    layer_of_output(model, layer)
    unit = check_whole("unit", unit, 0)
    place = check_whole("place", place, 0)
    check_takes(model, torch.zeros(1, channels, height, width, dtype=dtype_of(model)))
    depends_on = _experiment(model, layer, unit, place, (channels, height, width))
    if not depends_on():
        return 0, 0, 0, 0
    # top: the first row such that the output depends on the rows up to it. bottom: the first row such that it does not
    # depend on the rows from there on. bisect_left finds them by halving. left and right: the same with columns.
    top = bisect_left(range(height), True, key=lambda row: depends_on(rows=slice(row + 1)))
    left = bisect_left(range(width), True, key=lambda column: depends_on(columns=slice(column + 1)))
    bottom = bisect_left(range(height), True, key=lambda row: not depends_on(rows=slice(row, None)))
    right = bisect_left(range(width), True, key=lambda column: not depends_on(columns=slice(column, None)))
    return top, left, bottom, right


def _experiment(
    model: nn.Module, layer: str, unit: int, place: int, input_shape: tuple[int, int, int]
) -> Callable[..., bool]:
    """Return a function: does the output become NaN if these rows and columns of an image of zeros are NaN?"""
    twin = copied(model)[0].cpu().double()  # in single precision, fast convolutions may smear a NaN (Winograd)
    blank = torch.zeros(1, *input_shape, dtype=torch.float64)
    try:
        with torch.no_grad():
            twin(blank.clone())
    except CANNOT_TAKE:  # it makes single numbers itself, or has quantized layers
        twin, blank = copied(model)[0].cpu(), blank.to(dtype_of(model))

    def depends_on(rows: slice = slice(None), columns: slice = slice(None)) -> bool:
        image = blank.clone()
        image[:, :, rows, columns] = float("nan")
        with capture(twin, layer_of_output(twin, layer)) as seen, torch.no_grad():
            try:
                twin(image)
            except CANNOT_TAKE as error:
                raise ConfigError(f"a layer of the model can't take pixels that are NaN ({error})") from error
        return bool(_places(seen[layer], layer, unit, place)[place].isnan())

    return depends_on


def _places(output: Tensor, layer: str, unit: int, place: int) -> Tensor:
    """Return the values of a unit for the first image, (places,); raise ConfigError unless it has this place."""
    check_unit(layer, unit, output)
    values = output[0, unit].flatten()
    if place >= len(values):
        raise ConfigError(f"place={place}: a unit of {layer} has {len(values)} places, 0 to {len(values) - 1}")
    return values
