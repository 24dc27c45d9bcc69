"""Read what a student has given as an answer: whether she has written something, and its numbers or words."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import torch
from torch import Tensor

from cnnlab.course.sentences import say

MOST_VALUES = 100_000  # in one answer; more are read as no numbers at all
MOST_LETTERS = 10_000


def is_attempted(answer: object) -> bool:
    """Return whether a student has written something: not `...`, nor a list, dict or function with nothing but that."""
    if answer is ... or answer is None:
        return False
    if isinstance(answer, Mapping) and answer:
        return any(is_attempted(part) for part in answer.values())
    if isinstance(answer, (list, tuple)) and answer:
        return any(is_attempted(part) for part in answer)
    code = getattr(answer, "__code__", None)
    return (
        code is None
        or code.co_code not in _STUBS
        or any(constant is not None and constant != answer.__doc__ for constant in code.co_consts)
    )


def is_too_large(answer: object) -> bool:
    """Return whether lists, tuples and dicts hold more than MOST_VALUES values at all depths; a list in itself does."""
    left, waiting = MOST_VALUES, [answer]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (list, tuple, dict)):
            left -= len(part)
        elif part is not answer and isinstance(part, (Tensor, np.ndarray)):
            left -= math.prod(part.shape)
        if left < 0:
            return True
        if isinstance(part, (list, tuple, dict)):
            waiting += part.values() if isinstance(part, dict) else part
    return False


def _dots(): ...


def _dots_described():
    """Stand for an untouched function with a docstring."""


_STUBS = [stub.__code__.co_code for stub in (_dots, _dots_described)]


def as_number(answer: object) -> float | None:
    """Return the answer as a float, or None where it is no single real number. True and False are no numbers."""
    values = as_array(answer)
    return float(values.reshape(())) if values is not None and values.size == 1 else None


def as_array(answer: object) -> np.ndarray | None:
    """Return nested lists, an array, a tensor or a number as an array of float64, or None where it holds others."""
    if isinstance(answer, (list, tuple)):
        return _array_of(answer)
    try:
        if isinstance(answer, Tensor):
            is_usual = answer.numel() <= MOST_VALUES and not answer.is_complex()
            return answer.detach().cpu().to(torch.float64).numpy() if is_usual else None
        if isinstance(answer, (np.ndarray, np.generic)):
            is_usual = answer.size <= MOST_VALUES and answer.dtype.kind in "iuf"
            return np.asarray(answer).astype(np.float64) if is_usual else None
        if isinstance(answer, bool) or not isinstance(answer, (numbers.Real, Decimal)):
            return None
        return np.array(float(answer))
    except (TypeError, ValueError, OverflowError, RuntimeError):  # a huge whole number, a tensor without values
        return None


def _array_of(answer: Sequence[object]) -> np.ndarray | None:
    if len(answer) > MOST_VALUES:
        return None
    parts = [as_array(part) for part in answer]
    if any(part is None or part.shape != parts[0].shape for part in parts):  # pyright: ignore[reportOptionalMemberAccess]
        return None
    return np.array(parts, dtype=np.float64)


def as_words(answer: object) -> str | None:
    """Return a text in small letters and with single spaces, or None where the answer is no text."""
    return " ".join(answer[:MOST_LETTERS].split()).lower() if isinstance(answer, str) else None


def describe(answer: object) -> str:
    """Return in words what an answer is, such as "an array of shape (3, 3)" or "the text '3'"."""
    if isinstance(answer, Tensor):
        return say("a tensor of shape {shape}", shape=tuple(answer.shape))
    if isinstance(answer, np.ndarray):
        return say("an array of shape {shape}", shape=answer.shape)
    if isinstance(answer, str):
        return say("the text {text!r}", text=answer[:40])
    if answer is None or answer is ...:
        return "None" if answer is None else "..."
    if isinstance(answer, int) and answer.bit_length() > 100:
        return say("a number with very many digits")
    if isinstance(answer, (bool, int, float)):
        return repr(answer)[:40]
    if isinstance(answer, (list, tuple, dict, set)):
        return say("a {type} of length {count}", type=type(answer).__name__, count=len(answer))
    return say("a function") if callable(answer) else say("an object of the type {type}", type=type(answer).__name__)
