"""Try an exercise's checker with answers that students give: right ones, and wrong ones with their mistake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from said import find_translated

from cnnlab.course.answer_values import as_number, is_attempted
from cnnlab.course.practice import find_exercise


class Case(NamedTuple):
    """Answers to one exercise.

    Parameters
    ----------
    right : sequence
        Two or more right answers, written differently.
    wrong : sequence of pairs
        Six or more wrong answers, each with a part of the words that name its mistake.
    """

    right: Sequence[Any]
    wrong: Sequence[tuple[Any, str]]


def run_case(name: str, case: Case) -> None:
    """Assert that an exercise takes all right answers, and refuses all wrong ones in the words expected.

    All these words have a translation.
    """
    exercise = find_exercise(name)
    find_mistake = exercise.find_mistake
    assert len(case.right) >= 2, name
    assert len(case.wrong) >= 6, name
    assert not any(gives_away(hint, case.right[0]) for hint in exercise.hints), name
    for place, answer in enumerate(case.right):
        assert is_attempted(answer), (name, "right", place)
        assert find_mistake(answer) is None, (name, "right", place, find_mistake(answer))
    for place, (answer, words) in enumerate(case.wrong):
        assert is_attempted(answer), (name, "wrong", place)
        mistake = find_translated(find_mistake, answer)
        assert isinstance(mistake, str), (name, "wrong", place)
        assert words in mistake, (name, "wrong", place, mistake)
        assert not gives_away(mistake.replace(repr(answer), ""), case.right[0]), (name, "wrong", place, mistake)


def gives_away(words: str, right: object) -> bool:
    """Return whether the words say the right number."""
    number = as_number(right)
    digits = re.findall(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)", words)
    return number is not None and any(abs(float(each.replace(",", "")) - number) < 1e-9 for each in digits)
