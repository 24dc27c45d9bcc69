"""Describe one exercise, and what `check` says of an answer to it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["correct", "not yet", "not attempted"]
MARKS: dict[State, str] = {"correct": "✔ Correct", "not yet": "✘ Not yet", "not attempted": "○ Not attempted"}
LINE = 88  # characters; JupyterLab breaks a longer line within a word


def in_lines(words: str) -> str:
    """Return words with a line break between two of them wherever a line would be too long.

    >>> in_lines("not yet " * 12)
    """
    return "\n".join(
        line if len(line) <= LINE else textwrap.fill(line, LINE, break_long_words=False, break_on_hyphens=False)
        for line in words.split("\n")
    )


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise of a notebook: how its answer is checked, and what helps a student who is stuck.

    Parameters
    ----------
    name : str
        The notebook's number and a short name, such as "01-output-size".
    find_mistake : function
        Takes an answer, and returns in words what is wrong with it, or None where it is right. The words name the
        mistake where it is a known one, and never give the answer away. `cnnlab.course.answers` and
        `cnnlab.course.student_functions` have its tools.
    further : str
        A sentence that goes further, for a student whose answer is correct.
    hints : tuple of str
        Two hints: where to look, and how to begin.
    solution : str
        Python code that a student can read and run. It assigns a correct answer to `answer`.
    """

    name: str
    find_mistake: Callable[[Any], str | None]
    further: str
    hints: tuple[str, str]
    solution: str

    @property
    def notebook(self) -> str:
        """The number of the notebook, such as "01" or "05a"."""
        return self.name.partition("-")[0]


@dataclass(frozen=True)
class Outcome:
    """What `check` says of an answer.

    Parameters
    ----------
    exercise : str
        The exercise's name.
    state : str
        "correct", "not yet" or "not attempted".
    message : str
        What is wrong, what goes further, or what to do.
    """

    exercise: str
    state: State
    message: str

    def __repr__(self) -> str:
        return in_lines(f"{MARKS[self.state]}. {self.message}")
