"""No wrong answer passes by luck, and none is named after another mistake, in five draws; test_draws.py has more."""

import functools
import importlib
import secrets

import pytest

from cnnlab.course import student_functions
from cnnlab.course.practice import all_exercises

DRAWS = 5


def solution_of(exercise):
    names = {}
    exec(exercise.solution, names)
    return names["answer"]


FUNCTIONS = [name for name, exercise in all_exercises().items() if "def " in exercise.solution]


@pytest.fixture
def draw(monkeypatch):
    """Return a function that lets all checkers draw the numbers of a seed."""

    def draw(seed):
        monkeypatch.setattr(secrets, "randbits", lambda _: seed)

    return draw


def results_of(exercise):
    """Return what the solution returns in each trial of a check."""
    right, results = solution_of(exercise), []

    @functools.wraps(right)
    def keep(*inputs):
        results.append(right(*inputs))
        return results[-1]

    assert exercise.find_mistake(keep) is None
    return results


def test_the_exercises_with_a_function_are_found():
    assert len(FUNCTIONS) == 30
    assert all(callable(solution_of(all_exercises()[name])) for name in FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_constant_that_is_right_for_one_trial_is_refused(name, draw):
    exercise = all_exercises()[name]
    for seed in range(DRAWS):
        draw(seed)
        for trial, result in enumerate(results_of(exercise)):
            assert exercise.find_mistake(lambda *_, result=result: result), (seed, trial)


class Seen(Exception):
    """Carries what a checker has given to `wrong_function`."""


@functools.cache
def checks_of(name):
    """Return the arguments of each call of `wrong_function` in a checker, but for the answer."""
    exercise, module = (
        all_exercises()[name],
        importlib.import_module(f"cnnlab.course.exercises.notebook_{name.partition('-')[0]}"),
    )
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "wrong_function", lambda _, *given, **named: calls.append((given, named)))
        exercise.find_mistake(solution_of(exercise))
    return calls


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_known_mistake_gets_its_own_words_in_every_draw(name, draw):
    calls = checks_of(name)
    assert calls
    for given, named in calls:
        for seed in range(DRAWS):
            draw(seed)
            for function, words in named.get("known", ()):
                assert student_functions.wrong_function(function, *given, **named) == words, seed
