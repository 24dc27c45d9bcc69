"""Check the arguments of public functions; each check raises ConfigError with the name, the value and a remedy."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Collection
from typing import Any

from cnnlab.errors import ConfigError

# torch is imported only where a tensor is checked: `python -m cnnlab` uses this module and must run without torch.


def check_choice(field: str, value: object, choices: Collection[str]) -> None:
    """Raise ConfigError unless value is one of choices; the message names the nearest choice and lists all of them."""
    if isinstance(value, str) and value in choices:
        return
    choices = list(choices)
    near = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise ConfigError(f"unknown {field} {value!r}{hint} choose from {', '.join(map(repr, choices))}")


def check_whole(field: str, value: Any, minimum: int) -> int:
    """Return value as an int; raise ConfigError unless it is a whole number from minimum to 2**64 − 1.

    An integer of numpy's is a whole number; True, False and 3.0 are not.
    """
    if type(value) is int and minimum <= value < 2**64:  # the usual case, and the fastest test for it
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not minimum <= int(value) < 2**64:
        raise ConfigError(f"{field} must be a whole number of {minimum} or more, got {value!r}")
    return int(value)


def check_number(field: str, value: Any, minimum: float, below: float = math.inf) -> float:
    """Return value, unless it is an int as a float; raise ConfigError unless it is finite and minimum <= value < below.

    True and False are not numbers.
    """
    if type(value) is float and minimum <= value < below:  # the usual case; false for NaN and for infinity
        return value
    limits = f"of {minimum:g} or more" + ("" if below == math.inf else f" and below {below:g}")
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < minimum or not value < below:
        raise ConfigError(f"{field} must be a finite number {limits}, got {value!r}")
    return value if isinstance(value, int) else float(value)


def check_kernel_size(value: Any, field: str = "kernel_size") -> None:
    """Raise ConfigError unless value is an odd whole number from 1 to 11."""
    is_whole = not isinstance(value, bool) and isinstance(value, numbers.Integral)
    size = int(value) if is_whole else 0
    if size < 1 or size % 2 == 0:
        raise ConfigError(f"{field} must be an odd whole number of 1 or more, got {value!r}; try 3 or 5")
    if size > 11:
        raise ConfigError(f"{field} goes up to 11, got {value!r}; try 11 or less")


def check_images(images: object, field: str = "images") -> None:
    """Raise ConfigError unless images is a float tensor (N, C, H, W); a single image (C, H, W) is refused, too."""
    from torch import Tensor

    if isinstance(images, Tensor) and images.is_floating_point() and images.ndim == 4:
        return
    is_single = isinstance(images, Tensor) and images.is_floating_point() and images.ndim == 3
    hint = f"; for a single image (C, H, W) write {field}[None]" if is_single else ""
    raise ConfigError(f"{field} must be a float tensor (N, C, H, W), got {describe_tensor(images)}{hint}")


def check_plane(field: str, value: object) -> None:
    """Raise ConfigError unless value is a float tensor (H, W) with at least one pixel."""
    if not is_float_plane(value):
        raise ConfigError(f"{field} must be a float tensor (H, W) with pixels, got {describe_tensor(value)}")


def is_float_plane(value: object) -> bool:
    """Return whether value is a float tensor (H, W) with at least one pixel."""
    from torch import Tensor

    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim == 2 and value.numel() > 0


def describe_tensor(value: object) -> str:
    """Return a tensor's dtype and shape, such as "float32 (3, 3)"; for any other value the name of its class."""
    from torch import Tensor

    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
