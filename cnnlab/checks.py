"""Check the arguments of public functions; each check raises ConfigError with the name, the value and a remedy."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Collection, Iterable
from typing import Any, TypeGuard

from cnnlab.errors import ConfigError

# torch is imported only where a tensor is checked: `python -m cnnlab` uses this module and must run without torch.


def check_choice(field: str, value: object, choices: Collection[str]) -> None:
    """Raise ConfigError unless value is one of choices; the message names the nearest choice and lists all of them."""
    if isinstance(value, str) and value in choices:
        return
    choices = list(choices)
    word = value[:100].lower() if isinstance(value, str) else ""
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise ConfigError(f"unknown {field} {shown(value)}{hint} choose from {', '.join(map(repr, choices))}")


def check_whole(field: str, value: Any, minimum: int, most: int = 2**64 - 1) -> int:
    """Return value as an int; raise ConfigError unless it is a whole number from minimum to most.

    An integer of numpy's is a whole number; True, False and 3.0 are not.
    """
    if type(value) is int and minimum <= value <= most:  # the usual case, and the fastest test for it
        return value
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_whole and int(value) > most and most < 2**64 - 1:
        raise ConfigError(f"{field} goes up to {most:,}, got {shown(value)}; try {most} or less")
    if not is_whole or not minimum <= int(value) <= most:
        raise ConfigError(f"{field} must be a whole number of {minimum} or more, got {shown(value)}")
    return int(value)


def check_number(field: str, value: Any, minimum: float, below: float = math.inf) -> float:
    """Return value, unless it is an int as a float; raise ConfigError unless it is finite and minimum <= value < below.

    True and False are not numbers.
    """
    if type(value) is float and minimum <= value < below:  # the usual case; false for NaN and for infinity
        return value
    limits = f"of {minimum:g} or more" + ("" if below == math.inf else f" and below {below:g}")
    if not is_finite_number(value) or value < minimum or not value < below:
        raise ConfigError(f"{field} must be a finite number {limits}, got {shown(value)}")
    return value if isinstance(value, int) else float(value)


def is_finite_number(value: Any) -> bool:
    """Return whether value is a number of Python's or numpy's that a float can hold; True and False are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int such as 10**400
        return False


def is_iterable(value: Any) -> TypeGuard[Iterable]:
    """Return whether value can be gone through; a tensor of a single number can't, although it has the method."""
    try:
        iter(value)
    except TypeError:
        return False
    return True


def check_kernel_size(value: Any, field: str = "kernel_size") -> None:
    """Raise ConfigError unless value is an odd whole number from 1 to 11."""
    is_whole = not isinstance(value, bool) and isinstance(value, numbers.Integral)
    size = int(value) if is_whole else 0
    if size < 1 or size % 2 == 0:
        raise ConfigError(f"{field} must be an odd whole number of 1 or more, got {shown(value)}; try 3 or 5")
    if size > 11:
        raise ConfigError(f"{field} goes up to 11, got {shown(value)}; try 11 or less")


def check_images(images: Any, field: str = "images") -> None:
    """Raise ConfigError unless images is a float tensor (N, C, H, W); a single image (C, H, W) is refused, too."""
    if is_float_tensor(images) and images.ndim == 4:
        return
    is_single = is_float_tensor(images) and images.ndim == 3
    hint = f"; for a single image (C, H, W) write {field}[None]" if is_single else ""
    raise ConfigError(f"{field} must be a float tensor (N, C, H, W), got {describe_tensor(images)}{hint}")


def check_plane(field: str, value: object) -> None:
    """Raise ConfigError unless value is a float tensor (H, W) with at least one pixel."""
    if not is_float_plane(value):
        raise ConfigError(f"{field} must be a float tensor (H, W) with pixels, got {describe_tensor(value)}")


def is_float_plane(value: Any) -> bool:
    """Return whether value is a float tensor (H, W) with at least one pixel."""
    return is_float_tensor(value) and value.ndim == 2 and value.numel() > 0


def is_float_tensor(value: Any) -> bool:
    """Return whether value is an ordinary float tensor: not sparse, and not one without values (on "meta")."""
    import torch

    is_ordinary = isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_meta
    return is_ordinary and value.is_floating_point()


def describe_tensor(value: object) -> str:
    """Return a tensor's dtype and shape, such as "float32 (3, 3)"; for any other value the name of its class."""
    from torch import Tensor

    if not isinstance(value, Tensor):
        return type(value).__name__
    kind = "" if str(value.layout) == "torch.strided" and not value.is_meta else f" on {value.device}, {value.layout}"
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}{kind}"


def check_device(device: Any) -> Any:
    """Return the torch.device of that name; raise ConfigError for a name that torch doesn't know, or a missing one."""
    import torch

    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"unknown device {shown(device)}; choose 'cpu' or 'cuda', or leave it out") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={device!r}: torch sees no GPU here; choose 'cpu', or leave it out")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={device!r}: torch sees {torch.cuda.device_count()} GPU here; choose 'cuda'")
    if chosen.type not in ("cpu", "cuda", "meta"):
        try:
            torch.empty(0, device=chosen)
        except Exception as error:  # each kind of device has errors of its own, such as that of a missing module
            raise ConfigError(
                f"device={device!r}: torch has no such device here; choose 'cpu', or leave it out"
            ) from error
    return chosen


def shown(value: object, width: int = 60) -> str:
    """Return a value as a message shows it: short, whatever it is; of a tensor or an array the kind and the shape.

    >>> shown([0] * 100, 10)
    '[0, 0, 0,…'
    """
    if getattr(value, "ndim", 0) and hasattr(value, "dtype"):
        kind = str(value.dtype).removeprefix("torch.")  # type: ignore[attr-defined]
        return f"{type(value).__name__.replace('Tensor', 'tensor')} of {kind} {tuple(value.shape)}"  # type: ignore[attr-defined]
    try:
        text = repr(value)
    except Exception:  # a __repr__ of the person's own that fails, or a whole number of more than 4,300 digits
        text = f"a value of the type {type(value).__name__}"
    return text if len(text) <= width else f"{text[: width - 1]}…"
