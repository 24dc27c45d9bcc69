"""Mark a class: run what each student has handed in, check the exercises anew, and write a table and a picture."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import cnnlab
from cnnlab.course.marks.class_table import BEST, Marks, describe, draw_class, printable, table
from cnnlab.course.marks.isolation import run_apart, without_network
from cnnlab.course.marks.submissions import Submission, find_submissions
from cnnlab.course.marks.work_folder import check_room, work_folder
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import atomic_write, check_path

SECONDS, CELL_SECONDS = 600.0, 300.0  # for a notebook, for a cell: the eleven cures of notebook 09 are one cell
LEAST_FREE_TO_KEEP = 20_000_000  # bytes, for the marks of a class


def mark_class(
    submissions: str | os.PathLike,
    out: str | os.PathLike = "marks.csv",
    *,
    seconds: float = SECONDS,
    cell_seconds: float = CELL_SECONDS,
    workers: int = 1,
    say: Callable[[str], object] = lambda _: None,
) -> list[Marks]:
    """Mark every submission in a folder, and write the table `out` and a picture of the class beside it.

    It runs strangers' code: do this in a container, or in an account of its own. Each student's marks are kept in the
    folder `<out>-results`, so that a marking that was killed goes on where it was. A submission that has changed is
    marked again, and so are all where the limits or the version of cnnlab are others. A notebook that was stopped for a
    full disk is marked again alone, since another one may have filled it.

    Raises ConfigError, before anything is marked, where the disk is full already.

    Parameters
    ----------
    submissions : path
        A folder with a folder, a .zip or a notebook for each student, which carry the students' names.
    out : path
        The table, a .csv.
    seconds, cell_seconds : float
        How long a notebook and a cell may take.
    workers : int
        How many notebooks run at once.
    say : function
        Gets one line for each student.
    """
    out = check_path("out", out)
    if out.suffix.lower() != ".csv":
        raise ConfigError(f"out must end in .csv, got {str(out)!r}; try {out.stem or 'marks'}.csv")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {out.absolute().parent}; make it first")
    every = find_submissions(submissions)
    results = out.with_name(f"{out.stem}-results")
    results.mkdir(exist_ok=True)
    check_room(results, LEAST_FREE_TO_KEEP, "make room there, or give another --out, and start it again")
    with work_folder():
        pass  # it raises where there is no room for one

    def mark(submission: Submission, is_alone: bool) -> Marks:
        marks = _kept_or_new(submission, results / _file_name(submission.student), seconds, cell_seconds)
        again = "" if is_alone or marks.is_settled else "; it is marked again, alone"
        say(printable(f"{submission.student}: {describe(marks)}{again}"))
        return marks

    with ThreadPoolExecutor(workers) as pool:
        marked = list(pool.map(functools.partial(mark, is_alone=workers == 1), every))
    if workers > 1:
        pairs = zip(every, marked, strict=True)
        marked = [marks if marks.is_settled else mark(submission, is_alone=True) for submission, marks in pairs]
    atomic_write(out, table(marked).encode("utf-8-sig"))  # so that Excel reads the names right
    page = io.BytesIO()
    draw_class(marked).savefig(page, format="png", dpi=120)
    atomic_write(out.with_suffix(".png"), page.getvalue())
    return marked


def _file_name(student: str) -> str:
    """Return the name of the file that keeps her marks: the same one, whoever else hands something in."""
    return f"{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.json"


def _kept_or_new(submission: Submission, file: Path, seconds: float, cell_seconds: float) -> Marks:
    """Return the marks that an earlier marking has kept for the same content, limits and version, else mark it now."""
    try:
        digest = f"{submission.digest()}, cnnlab {cnnlab.__version__}, {seconds:g} s, {cell_seconds:g} s a cell"
    except (DataError, OSError) as error:
        return Marks(submission.student, "", failed=[str(error)])
    try:
        kept = Marks(**json.loads(file.read_bytes()))
        if (kept.student, kept.digest) == (submission.student, digest):
            return kept
    except (OSError, ValueError, TypeError):
        pass  # not there yet, or damaged: it is marked again
    try:
        marks = mark_one(submission, digest, seconds=seconds, cell_seconds=cell_seconds)
    except Exception as error:  # such as a full disk: it is marked again the next time, and does not stop the others
        return Marks(submission.student, digest, failed=[f"it could not be marked ({error})"], is_settled=False)
    if marks.is_settled:
        try:
            atomic_write(file, json.dumps(asdict(marks), indent=1).encode())
        except OSError as error:
            marks.failed.append(f"its marks could not be kept ({error})")
    return marks


def mark_one(submission: Submission, digest: str, *, seconds: float, cell_seconds: float) -> Marks:
    """Run all notebooks of a submission, each in a process and a folder of its own, and return the marks."""
    marks = Marks(submission.student, digest, without_network=without_network())
    names: list[str] = []
    with work_folder() as first:
        try:
            names = [path.relative_to(first).as_posix() for path in submission.unpack(first)]
        except DataError as error:
            marks.failed.append(str(error))
    for name in names:
        with work_folder() as folder:
            submission.unpack(folder)
            report = run_apart(folder / name, seconds=seconds, cell_seconds=cell_seconds)
        marks.seconds += report.seconds
        marks.failed += [f"{name}, cell {cell}: {error}" for cell, error in report.failed.items()]
        marks.is_settled = marks.is_settled and not report.is_disk_full
        if report.stopped:
            marks.failed.append(f"{name}: {report.stopped}")
        for exercise, (outcome, message) in report.outcomes.items():
            earlier = marks.outcomes.get(exercise)
            if outcome in BEST and (earlier is None or BEST.index(outcome) < BEST.index(earlier)):
                marks.outcomes[exercise], marks.messages[exercise] = outcome, message
    return marks
