"""Every exercise of the course: its solution is correct, and nothing that is no answer passes or raises."""

import numpy as np
import pytest
import torch
from exercise_cases import gives_away
from places import REPOSITORY
from said import find_translated
from scripts import load_script

from cnnlab.course.practice import all_exercises, check
from cnnlab.errors import ConfigError

EXERCISES = all_exercises()
NONSENSE = {
    "text": "nonsense",
    "bytes": b"3",
    "dict": {"a": 1},
    "empty list": [],
    "empty text": "",
    "object": object(),
    "class": int,
    "set": {3},
    "bool": True,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "huge": 10**400,
    "ragged": [[1], [2, 3]],
    "words": ["a", None, ...],
    "strange array": np.array(["x", None], dtype=object),
    "huge tensor": torch.zeros(3, 0, 2),
    "function of nothing": lambda: 1,
    "function that returns nothing": lambda *_: None,
    "function that returns words": lambda *_, **__: "words",
    "function that raises": lambda *_: {}["missing"],
    "model": torch.nn.Linear(2, 2),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_correct(name):
    place = {}
    exec(EXERCISES[name].solution, place)
    assert EXERCISES[name].find_mistake(place["answer"]) is None


@pytest.mark.parametrize("kind", NONSENSE)
@pytest.mark.parametrize("name", EXERCISES)
def test_nonsense_is_refused_in_words(name, kind):
    words = find_translated(EXERCISES[name].find_mistake, NONSENSE[kind])
    assert isinstance(words, str)
    assert words.endswith((".", "?"))


@pytest.mark.parametrize("name", EXERCISES)
def test_what_a_student_reads(name):
    exercise = EXERCISES[name]
    assert exercise.name == name
    assert name.isascii()
    assert name == name.lower()
    assert len({*exercise.hints, exercise.further}) == 3
    for words in (*exercise.hints, exercise.further):
        assert words.endswith((".", "?"))
        assert exercise.solution not in words
        assert not {"simply", "just", "obviously"} & set(words.lower().split())


def test_a_wrong_name_lists_the_exercises_of_its_notebook():
    with pytest.raises(ConfigError, match=r"did you mean '01-output-size'") as raised:
        check("01-outputsize", 3)
    assert "01-convolve" in str(raised.value)
    assert "02-" not in str(raised.value)


def test_every_exercise_has_answers_of_students():
    files = (REPOSITORY / "tests" / "course" / "exercises").glob("test_notebook_*.py")
    modules = {file.stem.removeprefix("test_notebook_"): load_script(file) for file in files}
    clinic = modules.pop("09")  # its patients are the same exercise eleven times
    cases = [name for number in sorted(modules) for name in modules[number].CASES]
    assert sorted(cases) == sorted(name for name in EXERCISES if not name.startswith("09-"))
    assert sorted(f"09-{kind}-{number}" for kind in ("patient", "cure") for number in clinic.NUMBERS.values()) == (
        sorted(name for name in EXERCISES if name.startswith("09-"))
    )


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("It is 1,024 of them.", 1024),
        ("The rows give 0.5.", np.float32(0.5)),
        ("Is it not *Report it*?", "report it"),
        ("First 180, and then 60 of these.", [180, 60]),
        ("sgd, then adam, then rmsprop", ("sgd", "adam", "rmsprop")),
        ("The gap is 0.12.", {"kept epoch": 5, "gap": 0.12}),
    ],
)
def test_words_that_give_an_answer_away_are_found(words, right):
    assert gives_away(words, right)


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("It is 1024.5, or 11024.", 1024),
        ("Choose one of 'report it', 'choose again'.", "report it"),
        ("You reported it.", "report it"),
        ("Training is over.", "training"),
        ("60, then 180", [180, 60]),
        ("Give a list of the three names 'sgd', 'rmsprop' and 'adam'.", ["sgd", "adam", "rmsprop"]),
        ("Give a list.", []),
        ("Give a function.", len),
    ],
)
def test_other_words_give_nothing_away(words, right):
    assert not gives_away(words, right)
