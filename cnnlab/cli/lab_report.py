"""`python -m cnnlab lab-report`: the lab report of the runs of a store, from a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cnnlab.cli.compare import matching, open_store
from cnnlab.cli.parser import Parser, plain_warnings
from cnnlab.errors import ConfigError, DataError


def main(arguments: list[str]) -> int:
    """Write the report that the arguments describe, and print what is open in it; return 0, or 2 if it can't be."""
    options = parser().parse_args(arguments)
    from cnnlab.course.lab_report.report import lab_report  # after --help, which needs no drawing

    with plain_warnings():
        try:
            runs = matching(open_store(options.store), options.where)
            report = lab_report(runs, options.out, title=options.title, author=options.author, answers=options.answers)
        except (ConfigError, DataError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(f"{report}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; its options are the arguments of `lab_report`, and a filter."""
    arguments = Parser(
        prog="python -m cnnlab lab-report", usage="%(prog)s STORE [options]", allow_abbrev=False,
        description="Write a lab report of finished runs: one HTML page with tables, pictures, verdicts and questions.",
        epilog="Example: python -m cnnlab lab-report bank:experiment_b --author Ada --answers answers.md",
    )  # fmt: skip
    arguments.add_argument(
        "store", metavar="STORE",
        help="the runs: a folder that `python -m cnnlab sweep --store` filled, a .zip of one, or bank:NAME for runs "
        "that come with the course, such as bank:experiment_b",
    )  # fmt: skip
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
        "--where", nargs="+", default=(), metavar="FIELD=VALUE",
        help="take only these runs, such as pooling=max; name a field twice to take both its values",
    )  # fmt: skip
    return arguments
