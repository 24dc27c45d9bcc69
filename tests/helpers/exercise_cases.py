"""Try an exercise's checker with answers that students give: right ones, and wrong ones with their mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from said import find_translated

from cnnlab.course.answer_values import as_number, is_attempted
from cnnlab.course.practice import find_exercise

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
CHOICES = re.compile(r"Choose one of [^.]+\.")  # names all of them


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
    """Return whether the words say the right answer: a number, a text, all parts of a list, or a part of a dict.

    A single word as the whole answer is not looked for: it stands in many sentences.
    """
    if isinstance(right, Mapping):
        return any(gives_away(words, part) for part in right.values())
    if isinstance(right, str) and " " not in right.strip():
        return False
    words = CHOICES.sub("", words)
    end = 0
    for part in right if isinstance(right, (list, tuple)) else [right]:
        end = next((place for place in _ends(words, part) if place > end), None)
        if end is None:
            return False
    return end > 0


def _ends(words: str, right: object) -> list[int]:
    """Return where the words have just said a number or a text."""
    if isinstance(right, str):
        return [said.end() for said in re.finditer(rf"(?<!\w){re.escape(right)}(?!\w)", words, re.IGNORECASE)]
    number = as_number(right)
    said = NUMBER.finditer(words) if number is not None else ()
    return [each.end() for each in said if abs(float(each[0].replace(",", "")) - number) < 1e-9]
