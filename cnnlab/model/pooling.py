"""Pool a feature map, explain a single window, and measure how much a shift of the image changes a map."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cnnlab.checks import check_choice, check_plane, check_whole, is_float_tensor, is_whole, shown
from cnnlab.errors import ConfigError
from cnnlab.model.convolution import check_inside, format_number
from cnnlab.torch_state import usual_torch_state

POOL_KINDS = {"max": "maximum", "avg": "mean"}


@usual_torch_state
def pool_map(plane: Tensor, kind: str = "max", *, size: int = 2, stride: int | None = None) -> Tensor:
    """Return a map pooled to one number for each window.

    Pixels at the right and the lower edge that fill no window are dropped, as in every CNN.

    Parameters
    ----------
    plane : Tensor
        The map, float (H, W).
    kind : str
        "max" or "avg": the maximum or the mean of each window.
    size : int
        Side of a window in pixels.
    stride : int, optional
        Distance in pixels from window to window; by default size, so that windows touch and do not overlap.

    Raises
    ------
    ConfigError
        For a map or a number that can't work, or a window that does not fit into the map.

    >>> pool_map(torch.tensor([[1.0, 3.0], [2.0, 4.0]]))
    tensor([[4.]])
    """
    check_plane("map", plane)
    check_choice("pooling", kind, POOL_KINDS)
    check_whole("pooling size", size, 1)
    stride = size if stride is None else check_whole("stride", stride, 1, most=10_000)
    if size > min(plane.shape):
        raise ConfigError(
            f"pooling size must fit into the map {tuple(plane.shape)}, got {size}; try {min(plane.shape)}"
        )
    pool = functional.max_pool2d if kind == "max" else functional.avg_pool2d
    return pool(plane[None, None], size, stride)[0, 0]


@usual_torch_state
def explain_window(
    plane: Tensor, row: int, column: int, *, kind: str = "max", size: int = 2, stride: int | None = None
) -> tuple[Tensor, float]:
    """Show how one number of `pool_map` is computed: return its window (size, size), and the number.

    row and column say which number of the pooled map, counted from 0; the other arguments are those of `pool_map`.
    Raises ConfigError as `pool_map` does, and for a place outside the pooled map.

    >>> explain_window(torch.tensor([[1.0, 3.0], [2.0, 4.0]]), 0, 0, kind="avg")
    (tensor([[1., 3.],
            [2., 4.]]), 2.5)
    """
    pooled = pool_map(plane, kind, size=size, stride=stride)
    check_inside("row", row, pooled.shape[0])
    check_inside("column", column, pooled.shape[1])
    step = size if stride is None else stride
    window = plane[row * step : row * step + size, column * step : column * step + size].clone()
    return window, float(pooled[row, column])


def describe_window(
    plane: Tensor, row: int, column: int, *, kind: str = "max", size: int = 2, stride: int | None = None
) -> str:
    """Return one line about one pooled number: its place, the number of values in its window, and the result.

    The arguments are those of `explain_window`.

    >>> describe_window(torch.eye(2), 0, 0)
    'row 0, column 0: the maximum of 4 values is 1.00'
    """
    window, result = explain_window(plane, row, column, kind=kind, size=size, stride=stride)
    values = "1 value" if window.numel() == 1 else f"{window.numel()} values"
    return f"row {row}, column {column}: the {POOL_KINDS[kind]} of {values} is {format_number(result)}"


@usual_torch_state
def shift_image(plane: Tensor, down: int = 0, right: int = 0) -> Tensor:
    """Return an image (H, W) shifted by whole pixels; zeros come in from outside.

    down and right are less than the image's height and width; negative values shift it up and left. Raises ConfigError
    for an image or a number that can't work.

    >>> shift_image(torch.tensor([[1.0, 2.0]]), right=1)
    tensor([[0., 1.]])
    """
    check_plane("image", plane)
    for name, steps, length in (("down", down, len(plane)), ("right", right, plane.shape[1])):
        if not is_whole(steps):
            raise ConfigError(f"{name} must be a whole number of pixels, got {shown(steps)}")
        if abs(steps) >= length:
            many = shown(steps)
            raise ConfigError(f"{name} must be less than the image's {length} pixels, got {many}; try {length - 1}")
    height, width = plane.shape
    shifted = torch.zeros_like(plane)
    to_rows, from_rows = _overlap(down, height)
    to_columns, from_columns = _overlap(right, width)
    shifted[to_rows, to_columns] = plane[from_rows, from_columns]
    return shifted


@usual_torch_state
def relative_change(before: Tensor, after: Tensor) -> float:
    """Return how much two maps differ: 0 if they are equal, 1 if no pixel is above 0 in both.

    The formula is ‖after − before‖ / √(‖before‖² + ‖after‖²), so the brightness of the maps does not matter. For maps
    with values below 0 it can reach √2, if after = −before. Raises ConfigError unless both are float tensors of one
    shape.

    >>> relative_change(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    1.0
    """
    for plane in (before, after):
        if not is_float_tensor(plane):
            raise ConfigError(f"want two float maps, got {shown(plane)}")
    if before.shape != after.shape:
        raise ConfigError(f"want two maps of one shape, got {tuple(before.shape)} and {tuple(after.shape)}")
    size = float((before.square().sum() + after.square().sum()).sqrt())
    return float((after - before).norm()) / size if size else 0.0


def _overlap(steps: int, length: int) -> tuple[slice, slice]:
    """Return the places that pixels are shifted to along one side, and the places that they come from."""
    return slice(max(steps, 0), length + min(steps, 0)), slice(max(-steps, 0), length - max(steps, 0))


def describe_shift(right: int, down: int) -> str:
    """Return the direction of a shift in words.

    >>> describe_shift(-4, 1)
    '4 left, 1 down'
    """
    return f"{abs(right)} {'left' if right < 0 else 'right'}, {abs(down)} {'up' if down < 0 else 'down'}"
