"""Check the arguments of public functions; each check raises ConfigError with the name, the value and a remedy."""

from __future__ import annotations

import difflib
import itertools
import math
import numbers
from collections.abc import Collection, Iterable
from typing import Any, TypeGuard

from cnnlab.errors import ConfigError

MOST_OF_A_SIDE = 10_000  # pixels of an image
MOST_AT_ONCE = 1_000_000_000  # images in a batch
MOST_VALUES = 1_000_000  # in a list of the person's

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
    if is_whole(value) and int(value) > most and most < 2**64 - 1:
        raise ConfigError(f"{field} goes up to {most:,}, got {shown(value)}; try {most} or less")
    if not is_whole(value) or not minimum <= int(value) <= most:
        limit = " and below 2**64" if is_whole(value) and int(value) > most else ""
        raise ConfigError(f"{field} must be a whole number of {minimum} or more{limit}, got {shown(value)}")
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


def check_batch_size(value: Any) -> int:
    """Return batch_size as an int; raise ConfigError unless it is a whole number from 1 to MOST_AT_ONCE."""
    return check_whole("batch_size", value, 1, most=MOST_AT_ONCE)


def is_whole(value: Any) -> bool:
    """Return whether value is an integer of Python's or numpy's; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    """Return whether value is a number of Python's or numpy's that a float can hold; True and False are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int such as 10**400
        return False


def is_iterable(value: Any) -> TypeGuard[Iterable]:
    """Return whether value can be gone through; some tensors can't, although they have the method."""
    if getattr(value, "is_nested", False):
        return False
    try:
        iter(value)
    except TypeError:
        return False
    return True


def listed(field: str, values: Iterable, most: int = MOST_VALUES) -> list:
    """Return the values as a list; raise ConfigError where they are more than `most`, or have no end."""
    first = list(itertools.islice(values, most + 1))
    if len(first) > most:
        raise ConfigError(f"{field}: more than {most:,} are too many; give fewer")
    return first


def check_kernel_size(value: Any, field: str = "kernel_size") -> None:
    """Raise ConfigError unless value is an odd whole number from 1 to 11."""
    size = int(value) if is_whole(value) else 0
    if size < 1 or size % 2 == 0:
        raise ConfigError(f"{field} must be an odd whole number of 1 or more, got {shown(value)}; try 3 or 5")
    if size > 11:
        raise ConfigError(f"{field} goes up to 11, got {shown(value)}; try 11 or less")


def check_input_shape(value: Any) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of an image; raise ConfigError unless it is three whole numbers of 1 or more."""
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise ConfigError(f"input_shape wants (channels, height, width), such as (1, 28, 28); got {shown(value)}")
    channels, height, width = (
        check_whole(f"input_shape: {name}", size, 1, most=MOST_OF_A_SIDE)
        for name, size in zip(("channels", "height", "width"), value, strict=True)
    )
    return channels, height, width


def check_images(images: Any, field: str = "images") -> None:
    """Raise ConfigError unless images is a float tensor (N, C, H, W); a single image (C, H, W) is refused, too."""
    dimensions = images.ndim if is_float_tensor(images) else 0
    if dimensions == 4 and 0 not in images.shape[1:]:
        return
    hint = {3: f"; for a single image (C, H, W) write {field}[None]", 4: ", which has no pixels"}.get(dimensions, "")
    raise ConfigError(f"{field} must be a float tensor (N, C, H, W), got {describe_tensor(images)}{hint}")


def check_not_empty(images: Any) -> None:
    """Raise ConfigError if there is no image."""
    if len(images) == 0:
        raise ConfigError("images: got none; give one or more, float (N, C, H, W)")


def check_labels(labels: Any, count: int) -> Any:
    """Return labels, a tensor; raise ConfigError unless they are whole numbers (N,), one for each of count images."""
    if not is_whole_tensor(labels) or labels.shape != (count,):
        got = describe_tensor(labels)
        raise ConfigError(f"labels must be whole numbers (N,), one for each of {count} images, got {got}")
    return labels


def check_plane(field: str, value: object) -> None:
    """Raise ConfigError unless value is a float tensor (H, W) with at least one pixel."""
    if not is_float_plane(value):
        raise ConfigError(f"{field} must be a float tensor (H, W) with pixels, got {describe_tensor(value)}")


def is_float_plane(value: Any) -> bool:
    """Return whether value is a float tensor (H, W) with at least one pixel."""
    return is_float_tensor(value) and value.ndim == 2 and value.numel() > 0


def is_float_tensor(value: Any) -> bool:
    """Return whether value is an ordinary float tensor: not sparse or nested, and not one without values ("meta").

    Numbers of 8 bits and fewer, with which torch can hardly compute, do not count.
    """
    return _is_ordinary(value) and value.is_floating_point() and value.element_size() > 1


def is_whole_tensor(value: Any) -> bool:
    """Return whether value is an ordinary tensor of whole numbers; True and False are none."""
    import torch

    return _is_ordinary(value) and not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)


def _is_ordinary(value: Any) -> bool:
    import torch

    if not isinstance(value, torch.Tensor) or value.is_nested or value.is_quantized:
        return False
    return value.layout == torch.strided and not value.is_meta


def describe_tensor(value: object) -> str:
    """Return a tensor's dtype and shape, such as "float32 (3, 3)"; for any other value the name of its class."""
    from torch import Tensor

    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_nested:  # it has no shape
        return f"{str(value.dtype).removeprefix('torch.')}, nested"
    kind = "" if str(value.layout) == "torch.strided" and not value.is_meta else f" on {value.device}, {value.layout}"
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}{kind}"


def check_device(device: Any) -> Any:
    """Return the torch.device of that name; raise ConfigError unless torch knows it and can make tensors there."""
    import torch

    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"unknown device {shown(device)}; choose 'cpu' or 'cuda', or leave it out") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={device!r}: torch sees no GPU here; choose 'cpu', or leave it out")
    try:
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, ImportError) as error:
        why = str(error).partition("\n")[0].partition(". ")[0]  # torch adds many lines
        remedy = "choose 'cpu', or leave it out"
        raise ConfigError(f"device={str(chosen)!r} can't be used here ({why:.100}); {remedy}") from error
    return chosen


def counted(number: int, noun: str) -> str:
    """Return the number with the noun, in the plural if it is not 1.

    >>> counted(2, "run")
    '2 runs'
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(value: object, width: int = 60) -> str:
    """Return a value as a message shows it: short, whatever it is; of a tensor or an array the kind and the shape.

    >>> shown([0] * 100, 10)
    '[0, 0, 0,…'
    """
    if getattr(value, "ndim", 0) and hasattr(value, "dtype") and not getattr(value, "is_nested", False):
        kind = str(value.dtype).removeprefix("torch.")  # type: ignore[attr-defined]
        return f"{type(value).__name__.replace('Tensor', 'tensor')} of {kind} {tuple(value.shape)}"  # type: ignore[attr-defined]
    try:
        text = repr(value)
    except Exception:  # a __repr__ of the person's own that fails, or a whole number of more than 4,300 digits
        text = f"a value of the type {type(value).__name__}"
    return text if len(text) <= width else f"{text[: width - 1]}…"
