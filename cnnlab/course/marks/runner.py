"""Run one submitted notebook in this process, and check its exercises anew: `python -m cnnlab.course.marks.runner`.

It runs strangers' code, so `cnnlab.course.marks.isolation` starts it. Each result is one line of JSON on the standard
output of the process; what the notebook prints is lost. It says nothing of outcomes that are stored in the notebook.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import IO

import nbformat
from IPython.core.interactiveshell import InteractiveShell

from cnnlab.course.marks.check_calls import Checks
from cnnlab.course.marks.own_folder import write_only_in
from cnnlab.course.marks.own_mounts import SHARED_MEMORY, read_only_but
from cnnlab.course.student_functions import words_of
from cnnlab.course.time_limit import time_limit

MEMORY = 6 * 10**9  # bytes; torch alone asks for a quarter of it
FILE = 10**9
PROCESSES = 500  # and threads; in the notebook's own namespace (before Linux 5.14: all of this person's)


def main(arguments: list[str]) -> None:
    """Run the notebook that the arguments name: its path, and the seconds that a cell may take."""
    path, seconds = Path(arguments[0]), float(arguments[1])
    limit_resources()
    shared = [Path(SHARED_MEMORY)] if read_only_but(path.parent) else []  # the system's keeps what is written there
    write_only_in(path.parent, *shared)
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what the notebook asks for and prints
        os.dup2(nothing, stream)
    os.chdir(path.parent)
    sys.path.insert(0, "")  # her own modules count from now on, not before the limits were there
    run_notebook(path, seconds, report)
    report.flush()
    os._exit(0)  # threads of the notebook do not hold the process


def limit_resources() -> None:
    """Limit the memory of this process, the size of its files and the number of processes, where the system can.

    Where memory runs out all the same, Linux ends this process before others.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        import resource
    except ImportError:
        return  # Windows
    limits = {resource.RLIMIT_DATA: MEMORY, resource.RLIMIT_FSIZE: FILE}
    if os.getpid() == 1:  # the first one of its namespace
        limits[resource.RLIMIT_NPROC] = PROCESSES
    for kind, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def run_notebook(path: Path, seconds: float, report: IO[str]) -> None:
    """Run every code cell, and report each cell that fails and the outcome of each exercise."""

    def say(**fields: object) -> None:
        report.write(json.dumps(fields) + "\n")
        report.flush()

    try:
        cells = nbformat.reads(without_outputs(path.read_bytes()), as_version=4).cells
    except Exception as error:  # whatever is in the file
        say(cell="", error=f"the file is no notebook ({words_of(error)})")
        return
    shell = InteractiveShell.instance()
    checks = Checks(shell, seconds, say)
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        name = str(cell.get("id") or number)
        try:
            with time_limit(seconds):
                result = shell.run_cell(cell.source, store_history=False)
            problem = result.error_before_exec or result.error_in_exec
        except BaseException as error:  # also SystemExit and OutOfTime
            problem = error
        if problem is not None:
            say(cell=name, error=words_of(problem))
        checks.after(cell.source)
    say(finished=True)


def without_outputs(content: bytes) -> str:
    """Return a notebook without its stored outputs, which count for nothing: to check a million takes minutes."""
    notebook = json.loads(content)
    for cell in notebook.get("cells", []):
        if "outputs" in cell:
            cell["outputs"] = []
    return json.dumps(notebook)


if __name__ == "__main__":
    main(sys.argv[1:])
