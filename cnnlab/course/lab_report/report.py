"""Make a lab report of finished runs: one HTML page that a student completes with her own words, and hands in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnnlab.arguments import check_arguments
from cnnlab.checks import shown
from cnnlab.comparison.comparable_runs import distinct
from cnnlab.course.lab_report.announcements import announced_to
from cnnlab.course.lab_report.answers import check_answers, path_of, read_answers, write_form
from cnnlab.course.lab_report.blocks import Picture, Section, questions_of
from cnnlab.course.lab_report.design import Design, design_of
from cnnlab.course.lab_report.page import TITLE, render_page
from cnnlab.course.lab_report.pictures import plain_style
from cnnlab.course.lab_report.sections import Step, steps
from cnnlab.course.sentences import language_of_report, say, written_in
from cnnlab.course.translation import translated
from cnnlab.errors import ConfigError
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.garbage_collector import garbage_collector_off
from cnnlab.experiments.one_thread import one_thread
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.files import atomic_write, check_path
from cnnlab.language import check_language
from cnnlab.progress_line import StepProgress


@dataclass(frozen=True)
class LabReport:
    """What `lab_report` has written; in a notebook it says in English which questions are open.

    Parameters
    ----------
    path : Path
        The page.
    pictures : int
        How many pictures are in it.
    questions : mapping
        Key → question in the page's language, in the order of the page.
    open : tuple of str
        The keys of the questions that are not answered.
    english : mapping
        Key → question in English.
    language : str
        That of the page.
    """

    path: Path
    pictures: int
    questions: Mapping[str, str]
    open: tuple[str, ...]
    english: Mapping[str, str] = field(repr=False)
    language: str = field(repr=False)

    def __repr__(self) -> str:
        return self.words("en")

    def words(self, language: str) -> str:
        """Return how many questions are answered, and the open ones, in English or in the language of the page."""
        questions = self.english if language == "en" else self.questions
        with written_in(language):
            head = say(
                "{page}: {pictures} pictures, {count} questions, {answered} answered",
                page=self.path.name, pictures=self.pictures, count=len(questions),
                answered=len(questions) - len(self.open),
            )  # fmt: skip
        return "\n".join([head, *(f"  {key}: {questions[key]}" for key in self.open)])


def lab_report(
    runs: Iterable[Run],
    path: str | os.PathLike = "report.html",
    *,
    title: str = TITLE,
    author: str = "",
    answers: Mapping[str, str] | str | os.PathLike | None = None,
    exam: Exam | Mapping[str, Exam] | None = None,
    language: str | None = None,
    progress: bool = True,
) -> LabReport:
    """Write a lab report of finished runs as one HTML page, with tables, pictures, verdicts and questions.

    The page needs no network and no other file. A browser prints it, also to PDF. What the runs do not allow to show is
    said in words.

    Parameters
    ----------
    runs : iterable of Run
        Such as `sweep` or `load_runs` returns.
    path : path
        The page; its name ends in .html. Its folder is made. An earlier page of this name is replaced.
    title, author : str
        What stands at the head of the page.
    answers : mapping, str or path
        Your own words, in Markdown: a dict of question: text; or a text in which a heading, such as "## loss", stands
        above each answer; or the path of a .md file with such a text. A file that is not there yet is made, with all
        questions to fill in.
    exam : Exam or dict of name: Exam
        What `take_exam` returned, if the test images were opened.
    language : str
        Of headings, questions and sentences: "en", or "id" for Bahasa Indonesia. None: what `$CNNLAB_LANGUAGE` says,
        or English. Pictures, names of fields and verdicts are English. Answers from a report in one language fit the
        report in the other.
    progress : bool
        Show a line that says what is being written, and the time left.

    Returns
    -------
    LabReport
        The path of the page, and the questions that are open.

    Raises
    ------
    ConfigError
        If there are no runs, an answer belongs to no question, or the page can't be written.

    >>> lab_report(load_runs(bank("experiment_b")), "report.html", author="Ada", answers={"loss": "At epoch **9** …"})
    report.html: 25 pictures, 22 questions, 1 answered
    """
    path = check_page(path)
    for name, words in (("title", title), ("author", author)):
        if not isinstance(words, str):
            raise ConfigError(f"{name} wants text, got {shown(words)}; put it in quotation marks")
    check_arguments(lab_report, {"progress": progress, "answers": answers})
    check_answers(answers)
    language = check_language(language)
    exams = _check_exams(exam, language)
    runs = Runs(distinct(runs), getattr(runs, "failures", ()))
    if not len(runs):
        raise ConfigError("lab_report wants one run or more, got none; a filter may have left none")
    with written_in(language):
        return _write(runs, path, title, author, answers, exams, progress)


def _write(
    runs: Runs, path: Path, title: str, author: str, answers: Any, exams: dict[str, Exam], progress: bool
) -> LabReport:
    """Write the page, and the form for the answers if it is not there, in the language of the report."""
    with one_thread(), garbage_collector_off(), plain_style():
        design = design_of(runs)
        sections = _write_sections(design, steps(design, exams), progress)
    questions, language = questions_of(sections), language_of_report()
    form = path_of(answers)
    if form is not None and not os.path.exists(form):
        write_form(form, questions, language)
    answered = read_answers(answers, questions)
    page = render_page(sections, design, title, author, answered)
    atomic_write(path, page.encode("utf-8", "replace"))
    count = sum(len(block.images) for section in sections for block in section.blocks if isinstance(block, Picture))
    own, english = ({key: each.texts[name] for key, each in questions.items()} for name in (language, "en"))
    return LabReport(path, count, own, tuple(key for key in questions if key not in answered), english, language)


def _write_sections(design: Design, order: list[Step], progress: bool) -> list[Section]:
    """Return the sections; a line says what is being written, and the time left."""
    sections: list[Section] = []
    with StepProgress(progress, "lab report", sum(step.cost for step in order)) as line:
        for step in order:
            words = f"lab report: {step.words}"
            line.begin(words)
            with announced_to(lambda part, words=words: line.begin(f"{words}, {part}")):
                sections.append(step.write(design))
            line.done(words, step.cost)
    return sections


def check_page(path: Any) -> Path:
    """Return the path of the page; make its folder. Raise ConfigError if no page can be written there."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ConfigError(f"path wants the name of a page, such as 'report.html', got {shown(path)}")
    path = check_path("path", path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"path={str(path)!r} must end in .html; for a PDF, print the page in a browser")
    if os.path.isdir(path):
        raise ConfigError(f"path={str(path)!r} is a folder; give the name of a page in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"path={str(path)!r}: the folder can't be made ({error.strerror}); give another") from error
    return path


def _check_exams(exam: Any, language: str) -> dict[str, Exam]:
    """Return name → exam; raise ConfigError for anything but what `take_exam` returns."""
    if isinstance(exam, Exam):
        return {translated("the chosen setting", language): exam}
    exams = {} if exam is None else exam
    if not isinstance(exams, Mapping) or not all(isinstance(each, Exam) for each in exams.values()):
        raise ConfigError(f"exam wants what take_exam() returned, or a dict of name: that, got {shown(exam)}")
    return {str(name): each for name, each in exams.items()}
