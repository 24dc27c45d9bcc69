"""The language of the course's own texts: hints, solutions, what `check` finds wrong, lab reports.

Plots, panels and errors are English. So are the states that `check` says, as the notebooks explain them: "Correct",
"Not yet", and "Not attempted" with the sentence after it, which is stored in the notebooks of both languages.
"""

from __future__ import annotations

import os

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError

LANGUAGES = ("en", "id")


def course_language() -> str:
    """Return the language of the course's own texts: what `$CNNLAB_LANGUAGE` says, or "en" where it says nothing.

    >>> course_language()
    'en'
    """
    language = os.environ.get("CNNLAB_LANGUAGE") or "en"
    if language not in LANGUAGES:
        raise ConfigError(
            f"$CNNLAB_LANGUAGE must be en (English) or id (Bahasa Indonesia), got {language!r:.60}; set it to one of "
            "these, or remove it"
        )
    return language


def check_language(value: str | None) -> str:
    """Return value, or the language of the course for None; raise ConfigError unless it is one of `LANGUAGES`."""
    if value is None:
        return course_language()
    check_choice("language", value, LANGUAGES)
    return value
