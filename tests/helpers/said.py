"""Find the sentences that the course may say, and what is said around `say`, which no translation can reach."""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable
from typing import Any
from unittest import mock

from cnnlab.course import sentences
from cnnlab.course.exercise import Exercise
from cnnlab.course.translation import FILES, fingerprint, read_translations

TRANSLATED = {each.english for file in FILES for each in read_translations(file)}
DESCRIBED = 0x4000000  # marks code with a docstring; before Python 3.14, the first constant of each function is its own


def strings_in(value: Any) -> set[str]:
    """Return all strings among the constants of a function, but for its docstring; also in a collection of these."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, types.FunctionType):
        return strings_in(inspect.unwrap(value).__code__)
    if isinstance(value, types.CodeType):
        is_described = sys.version_info < (3, 14) or value.co_flags & DESCRIBED
        first = 1 if is_described and not value.co_name.startswith("<") else 0  # not of a lambda or a comprehension
        return strings_in(value.co_consts[first:])
    if isinstance(value, Exercise):
        return strings_in(value.find_mistake)
    if isinstance(value, property):
        return strings_in(value.fget)
    if isinstance(value, type):
        return strings_in([part for name, part in vars(value).items() if not name.startswith("__") or callable(part)])
    if isinstance(value, dict):
        return strings_in((*value, *value.values()))
    if isinstance(value, (tuple, list, frozenset)):
        return {each for part in value for each in strings_in(part)}
    if callable(inner := getattr(value, "__wrapped__", None) or getattr(value, "func", None)):  # a cache, a partial
        return strings_in(inner)
    return set()


def strings_of(module: types.ModuleType) -> set[str]:
    """Return all strings that the code of a module holds; not those of what it imports."""
    own = [
        value for name, value in vars(module).items()
        if not name.startswith("__") and getattr(value, "__module__", module.__name__) == module.__name__
    ]  # fmt: skip
    return strings_in(own)


def marked(english: str, _: str) -> str:
    """Return a sentence in marks, in place of its translation; fail if there is no translation of it."""
    assert fingerprint(english) in TRANSLATED, f"no translation of {english!r}: see cnnlab/course/indonesian/answers.md"
    return f"⟦{english}⟧"


def find_in_marks(find_mistake: Callable[[Any], str | None], answer: Any) -> str | None:
    """Return what is wrong with an answer, with each sentence that has a translation in ⟦ and ⟧."""
    with mock.patch.object(sentences, "translated", marked):
        return find_mistake(answer)


def outside_of_marks(words: str) -> str:
    """Return what of the words stands outside of all marks.

    >>> outside_of_marks("gap: ⟦This is ⟦a list⟧.⟧ Indeed.")
    'gap:   Indeed.'
    """
    count = 1
    while count:
        words, count = re.subn(r"⟦[^⟦⟧]*⟧", " ", words)
    return words


def find_translated(find_mistake: Callable[[Any], str | None], answer: Any) -> str | None:
    """Return in English what is wrong with an answer, once it is seen that all of it has a translation."""
    words = find_in_marks(find_mistake, answer)
    assert words is None or is_translated(words), words
    return words and words.replace("⟦", "").replace("⟧", "")


def is_translated(words: str) -> bool:
    """Return whether all of the words went through `say`, but for the name of a part of the answer in front."""
    return re.fullmatch(r"([\w, ]+: )?\s*", outside_of_marks(words)) is not None
