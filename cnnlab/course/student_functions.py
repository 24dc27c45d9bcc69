"""Try a student's function on fresh random inputs, and find out what is wrong with it."""

from __future__ import annotations

import contextlib
import os
import secrets
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnlab.course.answer_values import MOST_VALUES, as_number, describe, is_too_large
from cnnlab.course.answers import wrong_array
from cnnlab.course.kept_state import kept_state
from cnnlab.course.sentences import say
from cnnlab.course.time_limit import OutOfTime, time_limit

SECONDS = 5.0  # that a student's function may take
READY_MADE = "The result is right, but it comes from {name}. This exercise asks you to write that yourself."
RETURNS_NOTHING = "Your function returns nothing: does it end with return?"


class Mistake(Exception):
    """Raised where a student's function can't be tried to its end; the message says what happened, in words."""


def wrong_function(
    answer: object,
    right: Callable[..., Any],
    make_inputs: Callable[[torch.Generator], Sequence[tuple]],
    *,
    known: Sequence[tuple[Callable[..., Any], str]] = (),
    parts: Sequence[str] = (),
    tolerance: float = 1e-4,
    compare: Callable[[Any, Any, tuple], str | None] | None = None,
    ready_made: Sequence[str] = (),
) -> str | None:
    """Try a student's function on fresh random inputs, and find what is wrong with its results.

    What it prints is not shown, and what it changes beside its result (random numbers, the working folder) is put back.
    Its inputs are copies; a function that changes them is told so.

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
    compare : function, optional
        Takes a result, the right one and the arguments, and returns what is wrong in words, or None. For results that
        are no numbers.
    ready_made : sequence of str, optional
        Names of functions that do what she is asked to write, such as "conv2d". A right function must use none of them.
    """
    if not callable(answer) or isinstance(answer, type):
        return say("Give a function. This is {answer}; write its name without parentheses.", answer=describe(answer))
    compare = compare or (lambda result, wanted, _: _wrong_result(result, wanted, parts, tolerance))
    trials = make_inputs(torch.Generator().manual_seed(secrets.randbits(32)))
    results = []
    for inputs in trials:
        try:
            results.append(try_function(answer, *inputs))
        except Mistake as mistake:
            return f"{mistake} {_tried_with(inputs)}"

    def wrong_results(function: Callable[..., Any]) -> Iterator[str]:
        """Say how the student's results differ from those of a function."""
        for inputs, result in zip(trials, results, strict=True):
            if words := compare(result, function(*copy_of(inputs)), inputs):
                yield f"{words} {_tried_with(inputs)}"

    mistake = next(wrong_results(right), None)
    if mistake is None:
        used = names_used(answer)
        return next((say(READY_MADE, name=name) for name in ready_made if name in used), None)
    return next((say(words) for function, words in known if not any(wrong_results(function))), mistake)


def names_used(function: Callable[..., Any]) -> set[str]:
    """Return the global names and the attributes in a function's code, also those in functions within it.

    Of what torch has made itself, it is the name of that.
    """
    code = getattr(function, "__code__", None)
    if code is None or str(getattr(function, "__module__", "")).startswith("torch."):
        return {getattr(function, "__name__", type(function).__name__)}
    names, waiting = set[str](), [code]
    while waiting:
        part = waiting.pop()
        names.update(part.co_names)
        waiting += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
    return names


def _tried_with(inputs: Sequence[Any]) -> str:
    """Say with which inputs a function was tried, so that a student can try it with the same."""
    return say("Tried with {inputs}.", inputs=", ".join(map(_in_short, inputs)))


def _in_short(value: Any) -> str:
    numbers = [as_number(part) for part in value] if isinstance(value, (list, tuple)) and len(value) <= 15 else [None]
    if None not in numbers:
        return f"[{', '.join(f'{number:.4g}' for number in numbers)}]"
    return f"{value:.4g}" if isinstance(value, float) else describe(value)


def _wrong_result(result: object, wanted: Any, parts: Sequence[str], tolerance: float) -> str | None:
    if result is None:
        return say(RETURNS_NOTHING)
    if not isinstance(wanted, tuple):
        return wrong_array(result, wanted, tolerance=tolerance)
    if isinstance(result, (Tensor, np.ndarray)) and result.ndim == np.ndim(wanted[0]) + 1:
        result = [*result]  # the parts as one array
    if not isinstance(result, (tuple, list)) or len(result) != len(wanted):
        names = ", ".join(parts) or say("{count} values", count=len(wanted))
        return say("Your function must return {names}. It returns {result}.", names=names, result=describe(result))
    for name, part, right in zip(parts or range(len(wanted)), result, wanted, strict=True):
        if words := _wrong_result(part, right, (), tolerance):
            return f"{name}: {words}"
    return None


def try_function(function: Callable[..., Any], *inputs: Any, seconds: float = SECONDS, **options: Any) -> Any:
    """Call a student's function with copies of the inputs, quietly, and return its result.

    Raises Mistake, with words for the student, where it stops with an error, takes too long, changes its inputs or
    leaves gradients switched off. Only a KeyboardInterrupt goes on to the person who may have caused it.

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
            leaves_gradients_off = not torch.is_grad_enabled()
    except OutOfTime:
        words = say("Your function was stopped after {seconds:g} seconds. Does its loop end?", seconds=seconds)
        raise Mistake(words) from None
    except SystemExit:
        raise Mistake(say("Your function ends the whole program; use return instead.")) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Mistake(say("Your function stops with {error}.", error=words_of(error))) from None
    if not all(_is_unchanged(before, after) for before, after in zip(inputs, given, strict=True)):
        raise Mistake(say("Your function changes its input. Work on a copy, or make a new tensor."))
    if leaves_gradients_off:
        raise Mistake(
            say("Your function switches gradients off for all that follows. Use `with torch.no_grad():` instead.")
        )
    if is_too_large(result):
        raise Mistake(
            say("Your function returns more than {most:,} values. This exercise asks for fewer.", most=MOST_VALUES)
        )
    return copy_of(result)


def words_of(error: BaseException) -> str:
    """Return an error's type and message in at most 200 characters, also where it has no readable message."""
    try:
        return f"{type(error).__name__}: {error!s:.200}"
    except Exception:  # the error is one of a student's own making
        return type(error).__name__


@contextlib.contextmanager
def _quiet():
    """Keep what is printed from the screen, and leave the notebook as it was."""
    with (
        kept_state(),
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # memory could fill up
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        torch.enable_grad(),
    ):
        warnings.simplefilter("ignore")
        yield


def copy_of(value: Any) -> Any:
    """Return a copy of tensors, arrays, and lists, tuples and dicts of these; anything else is returned as it is."""
    if isinstance(value, Tensor):
        is_huge = value.numel() > MOST_VALUES  # as torch.zeros(1).expand(10**12), for which no memory suffices
        return value if is_huge else value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value if value.size > MOST_VALUES else value.copy()
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(copy_of(part) for part in value)
    return {key: copy_of(part) for key, part in value.items()} if type(value) is dict else value


def _is_unchanged(before: Any, after: Any) -> bool:
    if isinstance(before, Tensor):
        return before.shape == after.shape and bool(torch.equal(torch.nan_to_num(before), torch.nan_to_num(after)))
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after)
    if isinstance(before, (list, tuple)):
        return type(before) is type(after) and len(before) == len(after) and all(map(_is_unchanged, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_is_unchanged(before[key], after[key]) for key in before)
    return not isinstance(before, (int, float, str)) or before == after
