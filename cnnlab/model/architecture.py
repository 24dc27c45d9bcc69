"""Check the hyperparameters of a network before it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from cnnlab.checks import (
    check_choice,
    check_input_shape,
    check_kernel_size,
    check_number,
    check_whole,
    is_whole,
    shown,
)
from cnnlab.errors import ConfigError

POOLINGS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d, "none": None}
PADDINGS = ("same", "valid")
# With these limits, and that of an image's side, no product overflows.
MOST_CHANNELS = 100_000
MOST_UNITS = 100_000  # of a fully connected layer


def check_architecture(architecture: dict[str, Any]) -> None:
    """Raise ConfigError unless `build_cnn` can build a network with these arguments (name → value)."""
    for field, check in CHECKS.items():
        check(field, architecture[field])
    sizes = ("kernel_size", "pooling", "channels", "convs_per_block", "padding", "input_shape")
    map_size(*(architecture[field] for field in sizes))


def _check_channels(field: str, value: Any) -> None:
    rule = f"{field} wants one to four widths, each a whole number of 1 or more, such as (16, 32)"
    is_list = isinstance(value, (tuple, list))
    if is_list and len(value) > 4:
        raise ConfigError(f"{rule}; got {len(value)} widths: {shown(value)}")
    if not is_list or not value or not all(is_whole(width) and width >= 1 for width in value):
        raise ConfigError(f"{rule}; got {shown(value)}: give at least one positive width")
    if max(value) > MOST_CHANNELS:
        raise ConfigError(f"{field} goes up to {MOST_CHANNELS:,}, got {shown(value)}; try (16, 32)")


CHECKS: dict[str, Callable[[str, Any], object]] = {  # argument of build_cnn → its check
    "kernel_size": lambda _, value: check_kernel_size(value),
    "pooling": lambda field, value: check_choice(field, value, POOLINGS),
    "padding": lambda field, value: check_choice(field, value, PADDINGS),
    "channels": _check_channels,
    "convs_per_block": lambda field, value: check_whole(field, value, 1, most=100),
    "hidden": lambda field, value: check_whole(field, value, 1, most=MOST_UNITS),
    "classes": lambda field, value: check_whole(field, value, 2, most=MOST_UNITS),
    "seed": lambda field, value: check_whole(field, value, 0),
    "dropout": lambda field, value: check_number(field, value, 0, below=1),
    "input_shape": lambda _, value: check_input_shape(value),
}


def map_size(
    kernel_size: int,
    pooling: str,
    channels: tuple[int, ...],
    convs_per_block: int,
    padding: str,
    input_shape: tuple[int, int, int],
) -> tuple[int, int]:
    """Return the height and width of the last map; raise ConfigError if one is too small for a kernel or a pool."""
    _, height, width = input_shape
    for block in range(1, len(channels) + 1):
        for step in range(1, convs_per_block + 1):
            if padding == "valid":
                if kernel_size > min(height, width):
                    name = conv_name(block, step, convs_per_block)
                    raise ConfigError(
                        f"conv{name} has a {kernel_size}×{kernel_size} kernel but meets a {height}×{width} map; "
                        "take a smaller kernel_size, fewer channels, or padding='same'"
                    )
                height, width = height - kernel_size + 1, width - kernel_size + 1
        if pooling != "none":
            if min(height, width) < 2:
                raise ConfigError(
                    f"pool{block} meets a {height}×{width} map and would shrink it below 1×1; {block - 1} "
                    f"{'pool fits' if block == 2 else 'pools fit'} here: give fewer channels, or pooling='none'"
                )
            height, width = height // 2, width // 2
    return height, width


def conv_name(block: int, step: int, convs_per_block: int) -> str:
    """Return what stands after "conv" in the name of a convolution: the block and, of several in it, which one.

    >>> conv_name(2, 1, convs_per_block=3)
    '2_1'
    """
    return f"{block}" if convs_per_block == 1 else f"{block}_{step}"
