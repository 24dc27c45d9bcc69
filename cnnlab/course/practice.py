"""Check an answer to an exercise, give a hint, show the solution. Where `$CNNLAB_LANGUAGE` is "id", in Indonesian.

>>> check("01-output-size", 26)
✔ Correct. With padding of 1 on each side the map would stay as large as the image.
>>> hint("01-output-size")
How often does the kernel fit into a row, if it moves by one pixel?
A second hint: hint("01-output-size", 2)
>>> solution("01-output-size")
answer = 28 - 3 + 1
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from dataclasses import replace

from cnnlab.checks import check_choice, check_whole, shown
from cnnlab.comparison.predictions import Words
from cnnlab.course import exercises
from cnnlab.course.answer_values import MOST_VALUES, is_attempted, is_too_large
from cnnlab.course.exercise import Exercise, Outcome, in_lines
from cnnlab.course.practice_file import PRACTICE, Practice
from cnnlab.course.sentences import say, written_in
from cnnlab.course.student_functions import words_of
from cnnlab.course.translation import translated, translated_code
from cnnlab.errors import ConfigError
from cnnlab.language import course_language
from cnnlab.torch_state import usual_torch_state

STILL_DOTS = "Your list still holds a `...`. Write your answer in its place."
SECOND_HINT = "A second hint:"
TRY_FIRST = (
    "Try it first: check('{name}', answer). After your first attempt the solution is here.\n"
    "If you are stuck: hint('{name}')."
)


class NotCorrect(AssertionError):
    """Raised by `check` where the answer is not correct, but only while `$CNNLAB_GRADING` is 1."""


def all_exercises() -> dict[str, Exercise]:
    """Return all exercises of the course by name, in the order of the notebooks."""
    modules = sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))
    parts = (importlib.import_module(f"{exercises.__name__}.{module}").EXERCISES for module in modules)
    return {exercise.name: exercise for part in parts for exercise in part}


def find_exercise(name: object) -> Exercise:
    """Return the exercise with this name; raise ConfigError with the nearest right name if there is none."""
    every = all_exercises()
    notebook = name.partition("-")[0] if isinstance(name, str) else ""
    check_choice("exercise", name, [other for other in every if other.startswith(f"{notebook}-")] or every)
    return every[str(name)]


def check(name: str, answer: object) -> Outcome:
    """Check the answer to an exercise: correct, not yet, or not attempted.

    The outcome is kept in the course folder, for `progress`. It never raises for an answer, whatever it is. With
    `$CNNLAB_GRADING` set to 1 it raises NotCorrect (an AssertionError) for an answer that is not correct, so that a
    cell with it can be a test of nbgrader or otter.

    Parameters
    ----------
    name : str
        The exercise's name, such as "01-output-size".
    answer : object
        What the exercise asks for: a number, a list, an array, a tensor, words, a function; `...` where there is none.

    >>> check("01-output-size", ...)
    ○ Not attempted. Write your answer in place of ... and run the cell again.
    """
    exercise, language = find_exercise(name), course_language()
    outcome = outcome_of(exercise, answer, language)
    if outcome.state != "not attempted":
        with PRACTICE.editing() as practised:
            earlier = practised.get(exercise.name, Practice())
            is_correct = earlier.is_correct or outcome.state == "correct"
            practised[exercise.name] = replace(earlier, attempts=earlier.attempts + 1, is_correct=is_correct)
    if os.environ.get("CNNLAB_GRADING") == "1" and outcome.state != "correct":
        raise NotCorrect(f"{exercise.name}: {outcome!r}")
    return outcome


@usual_torch_state
def outcome_of(exercise: Exercise, answer: object, language: str = "en") -> Outcome:
    """Return the outcome of an answer, with its message in a language; keep nothing of it."""
    with written_in(language):
        try:
            if is_too_large(answer):
                words = say("This answer can't be checked (it holds more than {most:,} values).", most=MOST_VALUES)
                return Outcome(exercise.name, "not yet", words)
            if not is_attempted(answer):  # in English: it is part of the notebooks' outputs
                ask = "Write the body of the function" if callable(answer) else "Write your answer in place of ..."
                return Outcome(exercise.name, "not attempted", f"{ask} and run the cell again.")
            if isinstance(answer, (list, tuple)) and any(part is ... for part in answer):
                return Outcome(exercise.name, "not yet", say(STILL_DOTS))
            mistake = exercise.find_mistake(answer)
        except (Exception, SystemExit) as error:  # whatever a student has written, her notebook goes on
            mistake = say("This answer can't be checked ({error}).", error=words_of(error))
    if mistake is None:
        return Outcome(exercise.name, "correct", translated(exercise.further, language))
    return Outcome(exercise.name, "not yet", mistake)


def hint(name: str, step: int = 1) -> Words:
    """Return a hint to an exercise.

    Parameters
    ----------
    name : str
        The exercise's name, such as "01-output-size".
    step : int
        1: where to look. 2: how to begin.

    >>> hint("01-output-size", 2)
    """
    exercise, language = find_exercise(name), course_language()
    if check_whole("step", step, 1) > 2:
        raise ConfigError(f"step must be 1 or 2, got {step}; after both hints, solution({name!r}) shows the solution")
    with PRACTICE.editing() as practised:
        earlier = practised.get(exercise.name, Practice())
        practised[exercise.name] = replace(earlier, hints=max(earlier.hints, step))
    more = f"\n{translated(SECOND_HINT, language)} hint({exercise.name!r}, 2)" if step == 1 else ""
    return Words(in_lines(translated(exercise.hints[step - 1], language)) + more)


def solution(name: str, *, without_attempt: bool = False) -> Words:
    """Return the code that solves an exercise, once a student has tried it herself.

    Parameters
    ----------
    name : str
        The exercise's name, such as "01-output-size".
    without_attempt : bool
        Return the code in any case; for instructors.

    >>> solution("01-output-size", without_attempt=True)
    """
    exercise, language = find_exercise(name), course_language()
    if not isinstance(without_attempt, bool):
        raise ConfigError(f"without_attempt must be True or False, got {shown(without_attempt)}")
    if without_attempt:
        return Words(translated_code(exercise.solution, language))
    with PRACTICE.editing() as practised:
        earlier = practised.get(exercise.name, Practice())
        if not earlier.attempts:
            return Words(translated(TRY_FIRST, language).format(name=exercise.name))
        practised[exercise.name] = replace(earlier, has_seen_solution=True)
    return Words(translated_code(exercise.solution, language))
