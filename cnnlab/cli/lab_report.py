"""`python -m cnnlab lab-report`: the lab report of the runs of a store, from a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cnnlab.cli.parser import Parser, plain_errors
from cnnlab.cli.store import add_store, add_where, matching, open_store
from cnnlab.language import LANGUAGES


@plain_errors
def main(arguments: list[str]) -> int:
    """Write the report that the arguments describe, and print what is open in it; return 0."""
    options = parser().parse_args(arguments)
    from cnnlab.cli.exam import exam_once  # after --help, which needs no drawing
    from cnnlab.course.lab_report.report import check_page, lab_report

    page = check_page(options.out)
    runs = matching(open_store(options.store), options.where)
    exam = exam_once(runs, options.exam, page) if options.exam else None
    report = lab_report(
        runs, page, title=options.title, author=options.author, answers=options.answers, exam=exam,
        language=options.language,
    )  # fmt: skip
    sys.stdout.write(f"{report.words(report.language)}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; its options are the arguments of `lab_report`, and a filter."""
    arguments = Parser(
        prog="python -m cnnlab lab-report", usage="%(prog)s STORE [options]", allow_abbrev=False,
        description="Write a lab report of finished runs: one HTML page with tables, pictures, verdicts and questions.",
        epilog="Example: python -m cnnlab lab-report bank:experiment_b --author Ada --answers answers.md",
    )  # fmt: skip
    add_store(arguments)
    arguments.add_argument(
        "--out", type=Path, default=Path("report.html"), metavar="FILE", help="the page (default: %(default)s)"
    )
    arguments.add_argument("--title", default="Lab report", metavar="TEXT", help="the title (default: %(default)s)")
    arguments.add_argument("--author", default="", metavar="TEXT", help="your name")
    arguments.add_argument(
        "--answers", type=Path, metavar="FILE",
        help="your answers, in Markdown; a file that is not there yet is made, with all questions to fill in",
    )  # fmt: skip
    arguments.add_argument(
        "--exam", nargs="+", default=(), metavar="FIELD=VALUE",
        help="the setting that you have chosen: its networks take the exam, if their weights "
        "were kept (sweep's --keep-weights). Test images are opened once: the scores "
        "are kept beside the page, and the exam of another setting is refused",
    )  # fmt: skip
    arguments.add_argument(
        "--language", choices=LANGUAGES,
        help="of headings, questions and sentences: en (English) or id (Bahasa Indonesia); $CNNLAB_LANGUAGE says it "
        "otherwise",
    )  # fmt: skip
    add_where(arguments)
    return arguments
