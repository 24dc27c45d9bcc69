"""Write the marks of a class as a line, as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnnlab.course.practice import all_exercises
from cnnlab.plots.style import PALETTE

RESULTS = {"correct": PALETTE[2], "not yet": PALETTE[1], "not attempted": "0.85"}
MOST_LETTERS = 30_000  # in a cell of the table; a spreadsheet takes 32,767
BEST = ("correct", "not yet", "not attempted")  # of several notebooks with one exercise, the first of these counts


@dataclass
class Marks:
    """What came of one submission.

    Parameters
    ----------
    student : str
        Her name.
    digest : str
        It changes with the submission, with the time limits and with the version of cnnlab; then it is marked again.
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
    is_settled : bool
        Whether they hold for the next marking, too: not where the disk was full, which others may have filled.
    """

    student: str
    digest: str
    outcomes: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    without_network: bool = False
    is_settled: bool = True


def describe(marks: Marks) -> str:
    """Return the marks of one student in one line."""
    counts = Counter(marks.outcomes.values())
    network = "" if marks.without_network or not marks.seconds else ", with a network"
    count = "1 problem" if len(marks.failed) == 1 else f"{len(marks.failed)} problems, the first"
    problems = f"; {count}: {marks.failed[0]:.120}" if marks.failed else ""
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


def printable(words: str) -> str:
    """Return words without signs that steer a terminal, or that no file can hold; a space stands for each."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


def _as_text(words: str) -> str:
    """Return words that a spreadsheet takes for text: it would run what begins with =, +, - or @ as a formula."""
    words = printable(words[:MOST_LETTERS])
    return f"'{words}" if words[:1] in ("=", "+", "-", "@") else words


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
    ax.set(xlabel=f"students (of {len(marked)})", xlim=(0, max(1, len(marked))), ylim=(-0.7, len(order) - 0.3))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))  # no half students
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9)
    return figure
