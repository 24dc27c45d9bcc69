"""Run one submitted notebook in this process, and check its exercises anew: `python -m cnnlab.course.marks.runner`.

It runs strangers' code, so `cnnlab.course.marks.isolation` starts it. Each result is one line of JSON on the standard
output of the process; what the notebook prints is lost. It says nothing of outcomes that are stored in the notebook.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import IO

from cnnlab.course.marks.own_folder import write_only_in
from cnnlab.course.marks.own_mounts import SHARED_MEMORY, read_only_but
from cnnlab.course.practice import all_exercises, outcome_of
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
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell

    def say(**fields: object) -> None:
        report.write(json.dumps(fields) + "\n")
        report.flush()

    try:
        cells = nbformat.reads(without_outputs(path.read_bytes()), as_version=4).cells
    except Exception as error:  # whatever is in the file
        say(cell="", error=f"the file is no notebook ({type(error).__name__}: {error!s:.200})")
        return
    shell = InteractiveShell.instance()
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        name = str(cell.get("id") or number)
        try:
            with time_limit(seconds):
                result = shell.run_cell(cell.source, store_history=False)
            problem = result.error_before_exec or result.error_in_exec
        except BaseException as error:  # also SystemExit and OutOfTime
            problem = error
        if problem is not None:
            say(cell=name, error=f"{type(problem).__name__}: {problem!s:.200}")
        for exercise, answer in find_checks(cell.source):
            say(**check_again(exercise, answer, shell.user_ns, seconds))
    say(finished=True)


def without_outputs(content: bytes) -> str:
    """Return a notebook without its stored outputs, which count for nothing: to check a million takes minutes."""
    notebook = json.loads(content)
    for cell in notebook.get("cells", []):
        if "outputs" in cell:
            cell["outputs"] = []
    return json.dumps(notebook)


def find_checks(source: str) -> list[tuple[str, str]]:
    """Return the exercise and the code of the answer of each `check("name", answer)` in a cell.

    >>> find_checks('check("01-output-size", 28 - 2)')
    [('01-output-size', '28 - 2')]
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:  # also magics: no cell of the course has both
        return []
    checks = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and len(call.args) == 2 and _name(call.func) == "check":
            name, answer = call.args
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                checks.append((name.value, ast.unparse(answer)))
    return checks


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def check_again(exercise: str, answer: str, names: dict, seconds: float) -> dict[str, str]:
    """Return the outcome of the course's own check of an answer, whatever `check` means in the notebook."""
    if exercise not in all_exercises():
        return {"exercise": exercise, "outcome": "unknown", "message": "the course has no such exercise"}
    try:
        with time_limit(seconds):
            value = eval(compile(answer, "<answer>", "eval"), names)
    except BaseException as error:
        if isinstance(error, NameError):
            value = ...  # the cell that gives it has failed, or is gone
        else:
            return {"exercise": exercise, "outcome": "not yet", "message": f"{type(error).__name__}: {error!s:.200}"}
    outcome = outcome_of(all_exercises()[exercise], value)
    return {"exercise": exercise, "outcome": outcome.state, "message": outcome.message}


if __name__ == "__main__":
    main(sys.argv[1:])
