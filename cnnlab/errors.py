"""What a person is told when something can't work: which name, which value, and what to do.

In: a field's name, its value, and what is allowed. Out: nothing, or an exception with one sentence.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Collection


class ConfigError(ValueError):
    """A hyperparameter or an argument that can't work; the message names field, value and remedy."""


class DataError(ValueError):
    """A file or a download that is not what it should be; the message names it and says what to do."""


def check_choice(field: str, value: object, choices: Collection[str]) -> None:
    """Raise ConfigError, naming the nearest right word and the whole list, unless value is one of choices."""
    if isinstance(value, str) and value in choices:
        return
    choices = list(choices)
    near = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise ConfigError(f"unknown {field} {value!r}{hint} choose from {', '.join(map(repr, choices))}")


def check_whole(field: str, value: object, minimum: int) -> int:
    """Return value as an int; raise ConfigError unless it is a whole number of at least minimum (numpy's count)."""
    if type(value) is int and minimum <= value < 2**64:  # nearly always, and much the fastest way to see it
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not minimum <= value < 2**64:
        raise ConfigError(f"{field} must be a whole number of {minimum} or more, got {value!r}")
    return int(value)


def check_number(field: str, value: object, minimum: float, below: float = math.inf) -> float:
    """Return value as a float; raise ConfigError unless it is a finite number, minimum <= value < below."""
    if type(value) is float and minimum <= value < below:  # nearly always; neither NaN nor infinity is there
        return value
    limits = f"of {minimum:g} or more" + ("" if below == math.inf else f" and below {below:g}")
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not minimum <= value < below:
        raise ConfigError(f"{field} must be a finite number {limits}, got {value!r}")
    return value if isinstance(value, int) else float(value)


def check_kernel_size(value: object) -> None:
    """Raise ConfigError unless value is an odd whole number from 1 to 11."""
    whole = not isinstance(value, bool) and isinstance(value, numbers.Integral)
    if not whole or value < 1 or value % 2 == 0:
        raise ConfigError(f"kernel_size must be an odd whole number of 1 or more, got {value!r}; try 3 or 5")
    if value > 11:
        raise ConfigError(f"kernel_size goes up to 11, got {value!r}; try 11 or less")
