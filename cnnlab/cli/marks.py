"""`python -m cnnlab marks`: run what a class has handed in, and write a table of every exercise's outcome."""

from __future__ import annotations

import argparse
import sys

from cnnlab.cli.parser import Parser, plain_errors
from cnnlab.course.marks.isolation import without_network
from cnnlab.course.marks.marks import CELL_SECONDS, SECONDS, mark_class
from cnnlab.course.marks.own_folder import landlock_version
from cnnlab.printing import write_line


@plain_errors
def main(arguments: list[str]) -> int:
    """Mark the submissions that the arguments name; return 0, or 1 where a submission had problems."""
    options = parser().parse_args(arguments)
    sys.stderr.write(f"{warning()}\n")
    marked = mark_class(
        options.submissions, options.out, seconds=options.seconds, cell_seconds=options.cell_seconds,
        workers=options.workers, say=write_line,
    )  # fmt: skip
    submissions = "1 submission" if len(marked) == 1 else f"{len(marked)} submissions"
    write_line(f"{submissions} marked: {options.out}")
    return 1 if any(marks.failed for marks in marked) else 0


def warning() -> str:
    """Return what the students' code can do in this system, and where to run it."""
    network = "without a network" if without_network() else "WITH a network, since this system can't cut it off"
    place = "its own folder alone" if landlock_version() else "EVERY folder that you can change"
    return (
        f"This runs the students' code, {network}; it can write in {place}. Do it in a container, or in an account "
        "that holds nothing else."
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    arguments = Parser(
        prog="python -m cnnlab marks", allow_abbrev=False,
        description="Run every notebook that a class has handed in, each in a process and a folder of its own, and "
        "check its exercises anew. Outcomes that are stored in a notebook do not count.",
        epilog="The same command goes on where it was stopped.",
    )  # fmt: skip
    arguments.add_argument(
        "submissions", metavar="SUBMISSIONS",
        help="a folder with a folder, a .zip or a notebook for each student, which carry the students' names",
    )  # fmt: skip
    arguments.add_argument("--out", default="marks.csv", metavar="FILE", help="the table (default: %(default)s)")
    arguments.add_argument(
        "--seconds", type=positive, default=SECONDS, metavar="S",
        help="after these a notebook is stopped (default: %(default)g)",
    )  # fmt: skip
    arguments.add_argument(
        "--cell-seconds", type=positive, default=CELL_SECONDS, metavar="S",
        help="after these a cell is stopped, and the next one runs (default: %(default)g)",
    )  # fmt: skip
    arguments.add_argument(
        "--workers", type=int, choices=range(1, 65), default=1, metavar="N", help="notebooks at once (default: 1)"
    )
    return arguments


def positive(word: str) -> float:
    """Return the number of seconds that a word is."""
    seconds = float(word)
    if not 0 < seconds < 10**6:
        raise argparse.ArgumentTypeError(f"seconds must be above 0 and below 1,000,000, got {word}")
    return seconds
