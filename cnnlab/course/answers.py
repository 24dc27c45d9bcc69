"""Find out what is wrong with an answer: a choice, a number, an array. Tools for the exercises' `find_mistake`.

Each tool returns what is wrong in words, or None where the answer is right. For functions see `student_functions.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from cnnlab.course.answer_values import as_array, as_number, as_words, describe, is_attempted
from cnnlab.course.sentences import say

TOO_LARGE, TOO_SMALL = "{number} is too large.", "{number} is too small."


def wrong_choice(answer: object, right: str, choices: Mapping[str, str]) -> str | None:
    """Find what is wrong with a choice between words.

    Parameters
    ----------
    answer : object
        The student's answer. Capitals and additional spaces do not matter.
    right : str
        The right choice.
    choices : mapping
        Choice → why it is wrong, for all choices but the right one.
    """
    names = [right, *choices]
    words = as_words(answer)
    chosen = next((name for name in names if as_words(name) == words), None)
    if chosen is None:
        return say("Choose one of {names}.", names=", ".join(map(repr, sorted(names))))
    return None if chosen == right else say(choices[chosen])


def wrong_parts(answer: object, parts: Mapping[str, Callable[[Any], str | None]]) -> str | None:
    """Find what is wrong with an answer that is a dict of several parts.

    Parameters
    ----------
    answer : object
        The student's answer.
    parts : mapping
        Name of a part → what finds its mistake.
    """
    names = ", ".join(map(repr, parts))
    if not isinstance(answer, Mapping):
        return say("Give a dict with {names}. This is {answer}.", names=names, answer=describe(answer))
    for name, find_mistake in parts.items():
        part = answer.get(name, ...)
        if not is_attempted(part):
            return say("{name!r} is still missing.", name=name)
        if words := find_mistake(part):
            return f"{name}: {words}"
    return None


def wrong_choices(answer: object, plan: Mapping[str, tuple[str, Mapping[str, str]]]) -> str | None:
    """Find what is wrong with a dict of choices: step of a plan → the right choice, and why the others are wrong."""
    parts = {step: partial(wrong_choice, right=right, choices=why) for step, (right, why) in plan.items()}
    return wrong_parts(answer, parts)


def wrong_number(
    answer: object, right: float, *, known: Mapping[Any, str] | None = None, tolerance: float = 0.0
) -> str | None:
    """Find what is wrong with a number.

    Parameters
    ----------
    answer : object
        The student's answer: a number, or an array or a tensor with one number.
    right : float
        The right number.
    known : mapping, optional
        Wrong number → the mistake that leads to it, in words.
    tolerance : float
        How far off a number may be, as a share of the right one (of 1, where the right one is 0). Whole numbers: 0.
    """
    number = as_number(answer)
    if number is None and isinstance(answer, tuple):
        return say(
            "Give one number. This is {answer}: in Python a comma makes a tuple. Write no comma within a number, and a "
            "point before decimals.",
            answer=describe(answer),
        )
    if number is None:
        return say("Give one number. This is {answer}.", answer=describe(answer))
    if math.isnan(number):
        return say("This is NaN: somewhere on the way a number became undefined, as 0 / 0 does.")
    if _is_near(number, right, tolerance):
        return None
    for wrong, words in (known or {}).items():
        if _is_near(number, wrong, tolerance):
            return say(words)
    return say(TOO_LARGE if number > right else TOO_SMALL, number=_written(number))


def _written(number: float) -> str:
    """Return a number as a person writes it: a whole one with all its digits."""
    is_whole = math.isfinite(number) and number == round(number) and abs(number) < 1e12
    return f"{number + 0.0:,.0f}" if is_whole else f"{number:g}"


def _is_near(number: float, other: float, tolerance: float) -> bool:
    return abs(number - other) <= max(tolerance, 1e-9) * (abs(other) or 1.0)


def wrong_array(
    answer: object, right: Any, *, known: Sequence[tuple[Any, str]] = (), tolerance: float = 1e-4
) -> str | None:
    """Find what is wrong with an array of numbers.

    Parameters
    ----------
    answer : object
        The student's answer: nested lists, an array or a tensor.
    right : nested list, array or Tensor
        The right numbers, in the right shape.
    known : sequence of pairs, optional
        Wrong numbers, and the mistake that leads to them in words.
    tolerance : float
        How far off a value may be, as a share of the largest right value.
    """
    values, wanted = as_array(answer), _array(right)
    if values is None:
        return say(
            "Give numbers in the shape {shape}. This is {answer}.", shape=_shape(wanted), answer=describe(answer)
        )
    if wanted.ndim == 0 and values.size == 1:
        values = values.reshape(())
    for wrong, words in known:
        if _is_same(values, _array(wrong), tolerance) and not _is_same(_array(wrong), wanted, tolerance):
            return say(words)
    if values.shape != wanted.shape:
        return say(
            "The shape must be {shape}, and this has the shape {other}.", shape=_shape(wanted), other=_shape(values)
        )
    if _is_same(values, wanted, tolerance):
        return None
    if np.isnan(values).any() and not np.isnan(wanted).any():
        return say("Some values are NaN: somewhere on the way a number became undefined, as 0 / 0 does.")
    off = ~_near(values, wanted, tolerance)
    if wanted.ndim == 0:
        return say(TOO_LARGE if values > wanted else TOO_SMALL, number=f"{float(values):g}")
    place = [int(index) for index in np.argwhere(off)[0]]
    return say(
        "{wrong:,} of {count:,} values are wrong, the first at {place}: yours is {value:g}.",
        wrong=off.sum(), count=off.size, place=place, value=values[tuple(place)],
    )  # fmt: skip


def _near(values: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    finite = wanted[np.isfinite(wanted)]
    scale = float(np.abs(finite).max()) if finite.size else 1.0
    return np.isclose(values, wanted, rtol=0, atol=tolerance * (scale or 1.0), equal_nan=True)


def _is_same(values: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    return values.shape == wanted.shape and bool(_near(values, wanted, tolerance).all())


def _array(values: Any) -> np.ndarray:
    array = as_array(values)
    if array is None:
        raise TypeError(f"an exercise wants numbers, got {values!r:.60}")
    return array


def _shape(values: np.ndarray) -> str:
    return str(tuple(values.shape)) if values.ndim else say("of a single number")
