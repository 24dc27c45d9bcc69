"""Every exercise of the course: its solution is correct, and nothing that is no answer passes or raises."""

import numpy as np
import pytest
import torch
from said import find_translated

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
