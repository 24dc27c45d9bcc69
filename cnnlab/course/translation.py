"""Find the Indonesian for an English text of the course.

The files in `cnnlab/course/indonesian/` have a header above each text: what is translated, and a hash of its English.
A text is found by that hash. So where the English has changed and its translation has not, the English is shown.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
import tokenize
from importlib import resources
from typing import NamedTuple

FILES = ("exercises.md", "answers.md", "lab_report.md")
HEADER = re.compile(r"(?m)^<!-- (.+) · english: ([0-9a-f]{12}) -->$")


class Translation(NamedTuple):
    """The translation of one text.

    Parameters
    ----------
    name : str
        What is translated: an exercise with the kind of its text, or a sentence of the lab report.
    english : str
        The fingerprint of the English text that was translated.
    text : str
        The Indonesian text.
    """

    name: str
    english: str
    text: str


def fingerprint(english: str) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of an English text.

    >>> fingerprint("# Why?")
    '74fb985cc1bb'
    """
    return hashlib.sha256(english.encode()).hexdigest()[:12]


def header(name: str, english: str) -> str:
    """Return the line that stands above the translation of an English text.

    >>> header("01-convolve, hint 1", "# Why?")
    '<!-- 01-convolve, hint 1 · english: 74fb985cc1bb -->'
    """
    return f"<!-- {name} · english: {fingerprint(english)} -->"


def read_translations(file: str) -> list[Translation]:
    """Return the translations in one of `FILES`, in its order."""
    content = (resources.files("cnnlab.course") / "indonesian" / file).read_text(encoding="utf-8")
    _, *parts = HEADER.split(content)
    texts = (text.strip("\n") for text in parts[2::3])
    return [Translation(*part) for part in zip(parts[0::3], parts[1::3], texts, strict=True)]


@functools.cache
def _indonesian() -> dict[str, str]:
    """Return fingerprint of an English text → Indonesian text."""
    return {each.english: each.text for file in FILES for each in read_translations(file) if each.text}


def translated(english: str, language: str) -> str:
    """Return a text of the course in a language; the English one where there is no translation of it.

    >>> translated("The exam", "id")
    'Ujian'
    """
    return english if language == "en" else _indonesian().get(fingerprint(english), english)


def translated_code(code: str, language: str) -> str:
    """Return Python code with its comments in a language; the code itself stays as it is."""
    if language == "en":
        return code
    lines = code.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    for token in tokens:
        if token.type == tokenize.COMMENT:
            (row, column), (_, end) = token.start, token.end
            line = lines[row - 1]
            lines[row - 1] = line[:column] + "# " + translated(words_of_comment(token.string), language) + line[end:]
    return "".join(lines)


def words_of_comment(comment: str) -> str:
    """Return the words of a comment, without its sign."""
    return comment.lstrip("# ")
