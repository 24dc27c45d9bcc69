"""Say the sentences of lab reports and of checked answers in a language. Names, verdicts and errors are English."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from cnnlab.course.translation import translated

_language: ContextVar[str] = ContextVar("language", default="en")


@contextlib.contextmanager
def written_in(language: str) -> Iterator[None]:
    """Within the block, `say` writes in this language."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def language_of_report() -> str:
    """Return the language in which `say` writes."""
    return _language.get()


def say(english: str, **values: object) -> str:
    """Return a sentence of the course in the language in use, with values in place of the names in braces.

    >>> say("{count} runs", count=3)
    '3 runs'
    """
    return translated(english, _language.get()).format(**values)
