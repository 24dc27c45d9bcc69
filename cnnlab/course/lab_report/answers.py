"""Read a student's answers, and turn her Markdown into HTML that is safe in a page.

She gives a mapping of question → Markdown, a Markdown text in which a heading names the question of the text below it,
or the path of a file with such a text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import mistune

from cnnlab.checks import check_choice, shown
from cnnlab.course.lab_report.blocks import Question
from cnnlab.course.sentences import say
from cnnlab.course.translation import translated
from cnnlab.errors import ConfigError
from cnnlab.files import atomic_write, check_path
from cnnlab.language import LANGUAGES

ENDINGS = (".md", ".markdown", ".txt")
TITLE = "# My answers"
INTRODUCTION = "Write below each question, save this file, and make the report again."
HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
LINKED = ("http:", "https:", "mailto:")


def read_answers(answers: Any, questions: Mapping[str, Question]) -> dict[str, str]:
    """Return key → Markdown for the questions that are answered; the form may be in any language.

    Parameters
    ----------
    answers : mapping, str, path or None
        As in `lab_report`.
    questions : mapping
        Key → `Question` of this report.

    Raises
    ------
    ConfigError
        If it is none of these, can't be read, or answers a question that this report does not ask.
    """
    if answers is None:
        return {}
    path = path_of(answers)
    if path is not None:
        answers = _read_file(path)
    if isinstance(answers, str):
        answers = split_by_headings(answers, questions)
    if not isinstance(answers, Mapping):
        raise ConfigError(
            f"answers wants a dict of question: text, a Markdown text, or the path of a .md file, got {shown(answers)}"
        )
    texts = {}
    for key, text in answers.items():
        check_choice("question", key, questions)
        if text is None or text is ...:
            continue
        if not isinstance(text, str):
            raise ConfigError(f"answers[{key!r}] wants Markdown text, got {shown(text)}; put it in quotation marks")
        if text.strip():
            texts[key] = text
    return texts


def check_answers(answers: Any) -> None:
    """Raise ConfigError for a text without a heading: whatever the questions are, it answers none of them."""
    if not isinstance(answers, str) or path_of(answers) is not None:
        return
    if not answers.strip():
        raise ConfigError(
            "answers is an empty text; leave it out, or put a heading, such as '## loss', above each answer"
        )
    if not any(heading for _, heading in _lines_with_headings(answers)):
        raise ConfigError(
            f"answers: the text {answers.strip()!r:.60} stands under no question; put a heading above it, such as "
            "'## loss'"
        )


def path_of(answers: Any) -> Path | None:
    """Return the path of the answers' file, with `~` expanded; None if they are no path.

    Raises ConfigError for a path that can't be one.

    >>> path_of("my_answers.md")
    PosixPath('my_answers.md')
    """
    if isinstance(answers, os.PathLike):
        return check_path("answers", answers)
    is_name = isinstance(answers, str) and "\n" not in answers and answers.strip().lower().endswith(ENDINGS)
    return check_path("answers", answers.strip()) if is_name and not answers.lstrip().startswith("#") else None


def write_form(path: Path, questions: Mapping[str, Question], language: str) -> None:
    """Write a file with a heading for each question in a language, for the student to fill in."""
    parts = [translated(TITLE, language), translated(INTRODUCTION, language)]
    parts += [f"## {key}\n\n{_quoted(question.texts[language])}" for key, question in questions.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, ("\n\n".join(parts) + "\n").encode())
    except OSError as error:
        raise ConfigError(f"answers={str(path)!r} can't be written ({error.strerror}); give another path") from error


def _quoted(question: str) -> str:
    return f"> {question}"


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"answers={str(path)!r} can't be read ({error.strerror}); give the path of a file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"answers={str(path)!r} is no text in UTF-8; save it as UTF-8, and try again") from error


def split_by_headings(text: str, questions: Mapping[str, Question]) -> dict[str, str]:
    """Return key → the text below its heading, without the question itself where the form quotes it.

    A heading that is the key of a question begins its answer, in capitals or not. Other headings of the same level, or
    above it, must not have text below them: it would belong to no question.

    >>> split_by_headings("## loss\\nThey part at epoch 9.", {"loss": Question("loss", {"en": "Where do they part?"})})
    {'loss': 'They part at epoch 9.'}
    """
    keys = {key.casefold(): key for key in questions}
    introductions = {translated(INTRODUCTION, language) for language in LANGUAGES}
    level, current, answers, lost = 7, "", {}, []
    for line, heading in _lines_with_headings(text):
        words = heading[1].strip("`: ").casefold() if heading else ""
        if heading and words in keys and level in (7, len(heading[0])):
            level, current = len(heading[0]), keys[words]
            answers.setdefault(current, [])
        elif heading and len(heading[0]) <= level < 7:
            check_choice("question", heading[1], questions)
        elif current:
            answers[current].append(line)
        elif line.strip() and not heading and line.strip() not in introductions:
            lost.append(line.strip())
    if lost:
        raise ConfigError(
            f"answers: the text {lost[0]!r:.60} stands under no question; put a heading above it, such as "
            f"'## {next(iter(questions), '')}'; the questions are {', '.join(questions)}"
        )
    quoted = {key: set(map(_quoted, question.texts.values())) for key, question in questions.items()}
    return {
        key: "\n".join(line for line in lines if line.strip() not in quoted[key]).strip("\n")
        for key, lines in answers.items()
    }


def _lines_with_headings(text: str) -> list[tuple[str, tuple[str, str] | None]]:
    """Return each line, and the marks and the words of the heading that it is; a # in a block of code is none."""
    lines, fence = [], ""
    for line in text.splitlines():
        mark = FENCE.fullmatch(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not mark[2].strip():
            fence = ""
        heading = None if fence or mark else HEADING.fullmatch(line)
        lines.append((line, (heading[1], heading[2]) if heading else None))
    return lines


class _Renderer(mistune.HTMLRenderer):
    """Write HTML that loads nothing and runs nothing: HTML in the Markdown is shown as text, a picture as its words."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:  # noqa: ARG002 (mistune's signature)
        return f"<h4>{text}</h4>\n"  # the question above it is an h3

    def link(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002 (mistune's signature)
        address = escape(url)
        if not url.lower().startswith(LINKED):
            return f"{text} ({address})"
        return f'<a href="{address}" rel="noreferrer">{text or address}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002 (mistune's signature)
        return f"[{say('picture')}: {text}, {escape(url)}]"  # text is HTML already


_markdown = mistune.create_markdown(escape=True, renderer=_Renderer(escape=True), plugins=["table", "strikethrough"])


def to_html(text: str) -> str:
    """Return Markdown as HTML in which nothing of the student's runs or is loaded.

    >>> to_html("*loss* <b>1</b>")
    '<p><em>loss</em> &lt;b&gt;1&lt;/b&gt;</p>\\n'
    """
    return str(_markdown(text))
