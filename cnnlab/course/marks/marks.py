"""Mark a class: run what each student has handed in, check the exercises anew, and write a table and a picture."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from cnnlab.course.marks.isolation import run_apart, without_network
from cnnlab.course.marks.submissions import Submission, find_submissions
from cnnlab.course.practice import all_exercises
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import atomic_write
from cnnlab.plots.style import PALETTE

SECONDS, CELL_SECONDS = 600.0, 120.0  # for a notebook, for a cell
RESULTS = {"correct": PALETTE[2], "not yet": PALETTE[1], "not attempted": "0.85"}
BEST = ("correct", "not yet", "not attempted")  # of several notebooks with one exercise, the first of these counts


@dataclass
class Marks:
    """What came of one submission.

    Parameters
    ----------
    student : str
        Her name.
    digest : str
        That of the submission; a changed one is marked again.
    outcomes : dict
        Exercise → "correct", "not yet" or "not attempted"; an exercise that was not handed in is missing.
    messages : dict
        Exercise → what `check` said.
    failed : list of str
        The cells that failed, each with its notebook and its error, and the notebooks that did not run to their end.
    seconds : float
        How long all notebooks took.
    without_network : bool
        Whether they ran without a network.
    """

    student: str
    digest: str
    outcomes: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    without_network: bool = False


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

    It runs strangers' code: do this in a container, or in an account of its own. Each submission's marks are kept in
    the folder `<out>-results`, so that a marking that was killed goes on where it was; a submission that has changed is
    marked again.

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
    out = Path(out).expanduser()
    if out.suffix.lower() != ".csv":
        raise ConfigError(f"out must end in .csv, got {str(out)!r}; try {out.stem or 'marks'}.csv")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {out.absolute().parent}; make it first")
    every = find_submissions(submissions)
    results = out.with_name(f"{out.stem}-results")
    results.mkdir(exist_ok=True)

    def mark(numbered: tuple[int, Submission]) -> Marks:
        number, submission = numbered
        marks = _kept_or_new(submission, results / f"{number:04d}.json", seconds, cell_seconds)
        say(f"{submission.student}: {describe(marks)}")
        return marks

    numbers = {submission.student: number for number, submission in enumerate(every)}
    with ThreadPoolExecutor(workers) as pool:
        marked = list(pool.map(mark, ((numbers[submission.student], submission) for submission in every)))
    atomic_write(out, table(marked).encode("utf-8-sig"))  # so that Excel reads the names right
    page = io.BytesIO()
    draw_class(marked).savefig(page, format="png", dpi=120)
    atomic_write(out.with_suffix(".png"), page.getvalue())
    return marked


def _kept_or_new(submission: Submission, file: Path, seconds: float, cell_seconds: float) -> Marks:
    """Return the marks that an earlier marking has kept for the same content, else mark it now."""
    try:
        digest = submission.digest()
    except DataError as error:
        return Marks(submission.student, "", failed=[str(error)])
    try:
        kept = Marks(**json.loads(file.read_bytes()))
        if (kept.student, kept.digest) == (submission.student, digest):
            return kept
    except (OSError, ValueError, TypeError):
        pass  # not there yet, or damaged: it is marked again
    marks = mark_one(submission, digest, seconds=seconds, cell_seconds=cell_seconds)
    atomic_write(file, json.dumps(asdict(marks), indent=1).encode())
    return marks


def mark_one(submission: Submission, digest: str, *, seconds: float, cell_seconds: float) -> Marks:
    """Run all notebooks of a submission, each in a process and a folder of its own, and return the marks."""
    marks = Marks(submission.student, digest, without_network=without_network())
    names: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as first:
        try:
            names = [path.relative_to(first).as_posix() for path in submission.unpack(Path(first))]
        except DataError as error:
            marks.failed.append(str(error))
    for name in names:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            submission.unpack(Path(folder))
            report = run_apart(Path(folder, name), seconds=seconds, cell_seconds=cell_seconds)
        marks.seconds += report.seconds
        marks.failed += [f"{name}, cell {cell}: {error}" for cell, error in report.failed.items()]
        if report.stopped:
            marks.failed.append(f"{name}: {report.stopped}")
        for exercise, (outcome, message) in report.outcomes.items():
            earlier = marks.outcomes.get(exercise)
            if outcome in BEST and (earlier is None or BEST.index(outcome) < BEST.index(earlier)):
                marks.outcomes[exercise], marks.messages[exercise] = outcome, message
    return marks


def describe(marks: Marks) -> str:
    """Return the marks of one student in one line."""
    counts = Counter(marks.outcomes.values())
    network = "" if marks.without_network or not marks.seconds else ", with a network"
    problems = f"; {len(marks.failed)} problems, the first: {marks.failed[0]:.120}" if marks.failed else ""
    words = ", ".join(f"{counts[outcome]} {outcome}" for outcome in BEST)
    return f"{words}; {marks.seconds:.0f} s{network}{problems}"


def table(marked: Sequence[Marks]) -> str:
    """Return a CSV with one row for each student: counts, cells that failed, seconds, and each exercise's outcome."""
    exercises = _handed_in(marked)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["student", *BEST, "seconds", "without network", "failed", *exercises])
    for marks in marked:
        counts = Counter(marks.outcomes.values())
        cells = [marks.outcomes.get(exercise, "not handed in") for exercise in exercises]
        network = "yes" if marks.without_network else "no"
        failed = " | ".join(marks.failed)
        numbers = [*(counts[outcome] for outcome in BEST), f"{marks.seconds:.1f}"]
        rows.writerow([_as_text(marks.student), *numbers, network, _as_text(failed), *cells])
    return text.getvalue()


def _as_text(words: str) -> str:
    """Return words that a spreadsheet takes for text: it would run what begins with =, +, - or @ as a formula."""
    return f"'{words}" if words[:1] in ("=", "+", "-", "@", "\t", "\r") else words


def _handed_in(marked: Iterable[Marks]) -> list[str]:
    """Return the exercises that at least one student has handed in, in the course's order."""
    known = {exercise for marks in marked for exercise in marks.outcomes}
    return [name for name in all_exercises() if name in known]


def draw_class(marked: Sequence[Marks]) -> Figure:
    """Draw how many students solved each exercise; the one that most failed is at the top."""
    exercises = _handed_in(marked)
    counts = {name: Counter(marks.outcomes.get(name) for marks in marked) for name in exercises}
    order = sorted(exercises, key=lambda name: (counts[name]["correct"], name), reverse=True)
    figure = Figure(figsize=(7.5, 1.2 + 0.24 * max(3, len(order))), layout="constrained")
    ax = figure.subplots()
    left = [0] * len(order)
    hatches = dict(zip(RESULTS, ("", "//", ""), strict=True))
    for outcome, colour in RESULTS.items():
        widths = [counts[name][outcome] for name in order]
        ax.barh(order, widths, left=left, color=colour, hatch=hatches[outcome], edgecolor="white", label=outcome)
        left = [begin + width for begin, width in zip(left, widths, strict=True)]
    ax.set(xlabel=f"students (of {len(marked)})", xlim=(0, max(1, len(marked))))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9)
    return figure
