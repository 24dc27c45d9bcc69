"""Make a lab report of finished runs: one HTML page that a student completes with her own words, and hands in."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from cnnlab.arguments import check_arguments
from cnnlab.checks import shown
from cnnlab.comparison.comparable_runs import distinct
from cnnlab.course.lab_report.answers import check_answers, path_of, read_answers, to_html, write_form
from cnnlab.course.lab_report.blocks import Picture, Section, questions_of
from cnnlab.course.lab_report.design import Design, design_of
from cnnlab.course.lab_report.pictures import plain_style
from cnnlab.course.lab_report.sections import writers
from cnnlab.errors import ConfigError
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.garbage_collector import garbage_collector_off
from cnnlab.experiments.one_thread import one_thread
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.files import atomic_write, check_path
from cnnlab.training.progress import StepProgress


@dataclass(frozen=True)
class LabReport:
    """What `lab_report` has written; in a notebook it says which questions are open.

    Parameters
    ----------
    path : Path
        The page.
    pictures : int
        How many pictures are in it.
    questions : mapping
        Key → question, in the order of the page.
    open : tuple of str
        The keys of the questions that are not answered.
    """

    path: Path
    pictures: int
    questions: Mapping[str, str]
    open: tuple[str, ...]

    def __repr__(self) -> str:
        answered = len(self.questions) - len(self.open)
        head = f"{self.path.name}: {self.pictures} pictures, {len(self.questions)} questions, {answered} answered"
        return "\n".join([head, *(f"  {key}: {self.questions[key]}" for key in self.open)])


def lab_report(
    runs: Iterable[Run],
    path: str | os.PathLike = "report.html",
    *,
    title: str = "Lab report",
    author: str = "",
    answers: Mapping[str, str] | str | os.PathLike | None = None,
    exam: Exam | Mapping[str, Exam] | None = None,
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
    progress : bool
        Show a line with the time left, if it takes more than two seconds.

    Returns
    -------
    LabReport
        The path of the page, and the questions that are open.

    Raises
    ------
    ConfigError
        If there are no runs, an answer belongs to no question, or the page can't be written.

    >>> lab_report(load_runs(bank("experiment_b")), "report.html", author="Ada", answers={"loss": "At epoch **9** …"})
    report.html: 21 pictures, 22 questions, 1 answered
    """
    path = check_page(path)
    for name, words in (("title", title), ("author", author)):
        if not isinstance(words, str):
            raise ConfigError(f"{name} wants text, got {shown(words)}; put it in quotation marks")
    check_arguments(lab_report, {"progress": progress, "answers": answers})
    check_answers(answers)
    exams = _check_exams(exam)
    runs = Runs(distinct(runs), getattr(runs, "failures", ()))
    if not len(runs):
        raise ConfigError("lab_report wants one run or more, got none; a filter may have left none")
    with one_thread(), garbage_collector_off(), plain_style():
        design = design_of(runs)
        steps = writers(exams)
        with StepProgress(progress, "lab report", len(steps)) as line:
            sections = []
            for write in steps:
                sections.append(write(design))
                line.done()
    questions = questions_of(sections)
    form = path_of(answers)
    if form is not None and not form.exists():
        write_form(form, questions)
    answered = read_answers(answers, questions)
    page = _render(sections, design, title, author, answered)
    atomic_write(path, page.encode("utf-8", "replace"))
    count = sum(len(block.images) for section in sections for block in section.blocks if isinstance(block, Picture))
    return LabReport(path, count, questions, tuple(key for key in questions if key not in answered))


def check_page(path: Any) -> Path:
    """Return the path of the page; make its folder. Raise ConfigError if no page can be written there."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ConfigError(f"path wants the name of a page, such as 'report.html', got {shown(path)}")
    path = check_path("path", path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"path={str(path)!r} must end in .html; for a PDF, print the page in a browser")
    if path.is_dir():
        raise ConfigError(f"path={str(path)!r} is a folder; give the name of a page in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"path={str(path)!r}: the folder can't be made ({error.strerror}); give another") from error
    return path


def _check_exams(exam: Any) -> dict[str, Exam]:
    """Return name → exam; raise ConfigError for anything but what `take_exam` returns."""
    exams = {} if exam is None else {"the chosen setting": exam} if isinstance(exam, Exam) else exam
    if not isinstance(exams, Mapping) or not all(isinstance(each, Exam) for each in exams.values()):
        raise ConfigError(f"exam wants what take_exam() returned, or a dict of name: that, got {shown(exam)}")
    return {str(name): each for name, each in exams.items()}


def _render(sections: list[Section], design: Design, title: str, author: str, answers: Mapping[str, str]) -> str:
    """Return the page. Whatever is put into the template is escaped, but for the HTML of the answers."""
    from cnnlab import __version__

    template = jinja2.Environment(
        loader=jinja2.PackageLoader("cnnlab.course.lab_report", "."), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    ).get_template("page.html")  # fmt: skip
    questions = questions_of(sections)
    settings = len({run.experiment.replace(seed=0).key for run in design.runs})
    words = [_count(len(design.runs), "run"), _count(settings, "setting"), _count(len(design.seeds), "seed")]
    return template.render(
        title=title or "Lab report", author=author, version=__version__, sections=sections, count=len(questions),
        date=f"{datetime.date.today():%d %B %Y}".lstrip("0"), summary=", ".join(words),
        open=[key for key in questions if key not in answers],
        answers={key: to_html(text) for key, text in answers.items()},
    )  # fmt: skip


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
