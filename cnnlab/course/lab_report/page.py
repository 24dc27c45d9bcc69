"""Write the page of a lab report: its head, its contents, and its sections with the student's answers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import jinja2

from cnnlab.course.lab_report.answers import to_html
from cnnlab.course.lab_report.blocks import Section, questions_of
from cnnlab.course.lab_report.design import Design
from cnnlab.course.sentences import language_of_report, say

TITLE = "Lab report"
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
# On a page that is not English.
WORDS_OF_PAGE = (
    "The words in the pictures are English, and so are the names of fields, such as kernel_size, and the course's "
    "messages. The verdicts are English, too: better, worse, higher, lower, cannot tell. The course's glossary "
    "explains these words. Numbers are written as in English, with a point before the decimals and a comma between the "
    "thousands."
)


def render_page(sections: list[Section], design: Design, title: str, author: str, answers: Mapping[str, str]) -> str:
    """Return the page. Whatever is put into the template is escaped, but for the HTML of the answers."""
    from cnnlab import __version__

    template = jinja2.Environment(
        loader=jinja2.PackageLoader("cnnlab.course.lab_report", "."), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    ).get_template("page.html")  # fmt: skip
    questions, language, today = questions_of(sections), language_of_report(), datetime.date.today()
    return template.render(
        say=say, language=language, words_of_page=say(WORDS_OF_PAGE) if language != "en" else "",
        title=say(TITLE) if title in ("", TITLE) else title, author=author, version=__version__, sections=sections,
        date=f"{today.day} {say(MONTHS[today.month - 1])} {today.year}", summary=_summary(design),
        count=len(questions), open=[key for key in questions if key not in answers],
        answers={key: to_html(text) for key, text in answers.items()},
    )  # fmt: skip


def _summary(design: Design) -> str:
    """Return how many runs, settings and seeds the report is about."""
    runs, seeds = len(design.runs), len(design.seeds)
    settings = len({run.experiment.setting for run in design.runs})
    return ", ".join(
        [
            say("1 run") if runs == 1 else say("{count} runs", count=runs),
            say("1 setting") if settings == 1 else say("{count} settings", count=settings),
            say("1 seed") if seeds == 1 else say("{count} seeds", count=seeds),
        ]
    )
