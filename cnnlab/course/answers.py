"""Find out what is wrong with an answer: a number, an array, a function. Tools for the exercises' `find_mistake`.

Each tool returns what is wrong in words, or None where the answer is right.
"""

from __future__ import annotations

import contextlib
import io
import math
import numbers
import secrets
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnlab.course.time_limit import OutOfTime, time_limit

SECONDS = 5.0  # that a student's function may take


class Mistake(Exception):
    """Raised where a student's function can't be tried to its end; the message says what happened, in words."""


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


def _dots(): ...


def _dots_described():
    """Stand for an untouched function with a docstring."""


_STUBS = [stub.__code__.co_code for stub in (_dots, _dots_described)]


def wrong_choice(answer: object, right: str, choices: Mapping[str, str]) -> str | None:
    """Find what is wrong with a choice between words.

    Parameters
    ----------
    answer : object
        The student's answer. Capitals and spaces at its ends do not matter.
    right : str
        The right choice.
    choices : mapping
        Choice → why it is wrong, for all choices but the right one.
    """
    names = [right, *choices]
    words = answer.strip().lower() if isinstance(answer, str) else None
    chosen = next((name for name in names if name.lower() == words), None)
    if chosen is None:
        return f"Choose one of {', '.join(map(repr, sorted(names)))}."
    return None if chosen == right else choices[chosen]


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
        return f"Give a dict with {names}. This is {describe(answer)}."
    for name, find_mistake in parts.items():
        part = answer.get(name, ...)
        if not is_attempted(part):
            return f"{name!r} is still missing."
        if words := find_mistake(part):
            return f"{name}: {words}"
    return None


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
    if number is None:
        return f"Give one number. This is {describe(answer)}."
    if math.isnan(number):
        return "This is NaN: somewhere on the way a number became undefined, as 0 / 0 does."
    if _is_near(number, right, tolerance):
        return None
    for wrong, words in (known or {}).items():
        if _is_near(number, wrong, tolerance):
            return words
    return f"{_written(number)} is too {'large' if number > right else 'small'}."


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
        return f"Give numbers in the shape {_shape(wanted)}. This is {describe(answer)}."
    for wrong, words in known:
        if _is_same(values, _array(wrong), tolerance) and not _is_same(_array(wrong), wanted, tolerance):
            return words
    if values.shape != wanted.shape:
        return f"The shape must be {_shape(wanted)}, and this has the shape {_shape(values)}."
    if _is_same(values, wanted, tolerance):
        return None
    if np.isnan(values).any() and not np.isnan(wanted).any():
        return "Some values are NaN: somewhere on the way a number became undefined, as 0 / 0 does."
    off = ~_near(values, wanted, tolerance)
    if wanted.ndim == 0:
        return f"{float(values):g} is too {'large' if values > wanted else 'small'}."
    place = [int(index) for index in np.argwhere(off)[0]]
    return f"{off.sum():,} of {off.size:,} values are wrong, the first at {place}: {values[tuple(place)]:g}."


def _near(values: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    finite = wanted[np.isfinite(wanted)]
    scale = float(np.abs(finite).max()) if finite.size else 1.0
    return np.isclose(values, wanted, rtol=0, atol=tolerance * (scale or 1.0), equal_nan=True)


def _is_same(values: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    return values.shape == wanted.shape and bool(_near(values, wanted, tolerance).all())


def wrong_function(
    answer: object,
    right: Callable[..., Any],
    make_inputs: Callable[[torch.Generator], Sequence[tuple]],
    *,
    known: Sequence[tuple[Callable[..., Any], str]] = (),
    parts: Sequence[str] = (),
    tolerance: float = 1e-4,
) -> str | None:
    """Try a student's function on fresh random inputs, and find what is wrong with its results.

    What it prints is not shown. Its inputs are copies; a function that changes them is told so.

    Parameters
    ----------
    answer : object
        The student's function.
    right : function
        A function that gives the right results: a number, an array or a tensor, or a tuple of these.
    make_inputs : function
        Takes a generator of random numbers, and returns a list of tuples of arguments, one for each trial.
    known : sequence of pairs, optional
        A function with a mistake, and that mistake in words. Where a student's function gives the results of that
        function in all trials, she reads these words. It must differ from the right one in one of the trials.
    parts : sequence of str, optional
        The names of the parts, where the result is a tuple.
    tolerance : float
        How far off a value may be, as a share of the largest right value.
    """
    if not callable(answer) or isinstance(answer, type):
        return f"Give a function. This is {describe(answer)}; write its name without parentheses."
    trials = make_inputs(torch.Generator().manual_seed(secrets.randbits(32)))
    results = []
    for inputs in trials:
        try:
            results.append(try_function(answer, *inputs))
        except Mistake as mistake:
            return f"{mistake} {_tried_with(inputs)}"
    wanted = [right(*copy_of(inputs)) for inputs in trials]
    mistakes = [
        f"{words} {_tried_with(inputs)}"
        for inputs, result, expected in zip(trials, results, wanted, strict=True)
        if (words := _wrong_result(result, expected, parts, tolerance)) is not None
    ]
    if not mistakes:
        return None
    for wrong, words in known:
        if all(
            _wrong_result(result, wrong(*copy_of(inputs)), parts, tolerance) is None
            for inputs, result in zip(trials, results, strict=True)
        ):
            return words
    return mistakes[0]


def _tried_with(inputs: Sequence[Any]) -> str:
    """Say with which inputs a function was tried, so that a student can try it with the same."""
    return f"Tried with {', '.join(map(_in_short, inputs))}."


def _in_short(value: Any) -> str:
    numbers = [as_number(part) for part in value] if isinstance(value, (list, tuple)) and len(value) <= 15 else [None]
    if None not in numbers:
        return f"[{', '.join(f'{number:.4g}' for number in numbers)}]"
    return f"{value:.4g}" if isinstance(value, float) else describe(value)


def _wrong_result(result: object, wanted: Any, parts: Sequence[str], tolerance: float) -> str | None:
    if not isinstance(wanted, tuple):
        if result is None:
            return "Your function returns nothing: does it end with return?"
        return wrong_array(result, wanted, tolerance=tolerance)
    if not isinstance(result, (tuple, list)) or len(result) != len(wanted):
        names = ", ".join(parts) or f"{len(wanted)} values"
        return f"Your function must return {names}. It returns {describe(result)}."
    for name, part, right in zip(parts or range(len(wanted)), result, wanted, strict=True):
        if words := _wrong_result(part, right, (), tolerance):
            return f"{name}: {words}"
    return None


def try_function(function: Callable[..., Any], *inputs: Any, seconds: float = SECONDS, **options: Any) -> Any:
    """Call a student's function with copies of the inputs, quietly, and return its result.

    Raises Mistake, with words for the student, where it stops with an error, takes too long or changes its inputs.

    Parameters
    ----------
    function : function
        The student's function.
    inputs : objects
        Its arguments.
    seconds : float
        How long it may take, in the main thread; elsewhere it is never stopped.
    options : objects
        Its arguments by name.
    """
    given = copy_of(inputs)
    try:
        with _quiet(), time_limit(seconds):
            result = function(*given, **options)
    except OutOfTime:
        raise Mistake(f"Your function was stopped after {seconds:g} seconds. Does its loop end?") from None
    except Exception as error:
        raise Mistake(f"Your function stops with {type(error).__name__}: {error}.") from None
    except SystemExit:
        raise Mistake("Your function ends the whole program; use return instead.") from None
    if not all(_is_unchanged(before, after) for before, after in zip(inputs, given, strict=True)):
        raise Mistake("Your function changes its input. Work on a copy, or make a new tensor.")
    return copy_of(result)


@contextlib.contextmanager
def _quiet():
    """Keep what is printed from the screen, and torch's random numbers as they were."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
    ):
        warnings.simplefilter("ignore")
        yield


def copy_of(value: Any) -> Any:
    """Return a copy of tensors, arrays, and lists, tuples and dicts of these; anything else is returned as it is."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(copy_of(part) for part in value)
    return {key: copy_of(part) for key, part in value.items()} if type(value) is dict else value


def _is_unchanged(before: Any, after: Any) -> bool:
    if isinstance(before, Tensor):
        return before.shape == after.shape and bool(torch.equal(torch.nan_to_num(before), torch.nan_to_num(after)))
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(_is_unchanged, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_is_unchanged(before[key], after[key]) for key in before)
    return True


def as_number(answer: object) -> float | None:
    """Return the answer as a float, or None where it is no single real number. True and False are no numbers."""
    values = as_array(answer)
    return float(values.reshape(())) if values is not None and values.size == 1 else None


def as_array(answer: object) -> np.ndarray | None:
    """Return nested lists, an array, a tensor or a number as an array of float64, or None where it holds others."""
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu().to(torch.float64).numpy() if not answer.is_complex() else None
    if isinstance(answer, (bool, str, bytes)) or answer is None:
        return None
    if not isinstance(answer, (numbers.Real, np.ndarray, np.generic, list, tuple)):
        return None
    if isinstance(answer, (list, tuple)):
        parts = [as_array(part) for part in answer]
        if any(part is None or part.shape != parts[0].shape for part in parts):  # pyright: ignore[reportOptionalMemberAccess]
            return None
        return np.array(parts, dtype=np.float64)
    try:
        values = np.asarray(answer)
        return values.astype(np.float64) if values.dtype.kind in "iuf" else None
    except (TypeError, ValueError, OverflowError):
        return None


def _array(values: Any) -> np.ndarray:
    array = as_array(values)
    if array is None:
        raise TypeError(f"an exercise wants numbers, got {values!r:.60}")
    return array


def describe(answer: object) -> str:
    """Return in words what an answer is, such as "an array of shape (3, 3)" or "the text '3'"."""
    if isinstance(answer, Tensor):
        return f"a tensor of shape {tuple(answer.shape)}"
    if isinstance(answer, np.ndarray):
        return f"an array of shape {answer.shape}"
    if isinstance(answer, str):
        return f"the text {answer!r:.40}"
    if answer is None or answer is ...:
        return "nothing" if answer is None else "..."
    if isinstance(answer, (bool, int, float)):
        return repr(answer)[:40]
    if isinstance(answer, (list, tuple, dict, set)):
        return f"a {type(answer).__name__} of length {len(answer)}"
    return "a function" if callable(answer) else f"of the type {type(answer).__name__}"


def _shape(values: np.ndarray) -> str:
    return str(tuple(values.shape)) if values.ndim else "of a single number"
