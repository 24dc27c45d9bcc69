"""The parts of a lab report: sections, and what stands in them. `page.html` shows each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass
class Words:
    """A paragraph of plain text."""

    kind: ClassVar[str] = "words"
    text: str


@dataclass
class Table:
    """A table of words; the first cell of a row names it.

    Parameters
    ----------
    caption : str
        The title of the table.
    headings : sequence of str
        A heading for each column.
    rows : list of list of str
        The cells.
    notes : list of str
        Sentences below the table.
    """

    kind: ClassVar[str] = "table"
    caption: str
    headings: Sequence[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


@dataclass
class Code:
    """Python code."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Image:
    """A PNG as base64 text, with its alt text and the size at which it is shown."""

    content: str
    alt: str
    width: int
    height: int


@dataclass
class Picture:
    """One image or several, with a sentence that says how to read them.

    Parameters
    ----------
    caption : str
        What is shown, and how to read it.
    images : list of Image
        From top to bottom.
    notes : list of str
        What must be known beside: warnings, and what could not be drawn.
    """

    kind: ClassVar[str] = "picture"
    caption: str
    images: list[Image]
    notes: list[str] = field(default_factory=list)


@dataclass
class Question:
    """A question to the student, and the place for her answer, which she writes under the key.

    Parameters
    ----------
    key : str
        The name of the question; the same in every language.
    texts : mapping
        Language → the question.
    """

    kind: ClassVar[str] = "question"
    key: str
    texts: Mapping[str, str]


Block = Words | Table | Code | Picture | Question


@dataclass
class Section:
    """A part of the report under a heading of its own."""

    title: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        """The name by which the list of contents links to it."""
        return "section-" + "-".join(self.title.lower().replace(",", "").split())


def questions_of(sections: Iterable[Section]) -> dict[str, Question]:
    """Return key → question, in the order of the report."""
    blocks = [block for section in sections for block in section.blocks]
    return {block.key: block for block in blocks if isinstance(block, Question)}
