"""Print the environment report of `python -m cnnlab`, which can be pasted into a question.

It has one line for each thing that the course needs, with "ok" or with what is wrong and what to do. First comes what
every front end needs, then what only JupyterLab needs. The exit status is 1 if a line is not ok. A missing JupyterLab
is no fault, unless start.py made this installation: start.py opens JupyterLab. No line shows the home directory or the
user's name.
"""

from __future__ import annotations

import functools
import importlib.metadata
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cnnlab.cli import environment_checks as checks

Check = Callable[[], tuple[str, str]]  # returns the value and the verdict of a line
OPTIONAL = "needed only for JupyterLab: "  # such a verdict is no fault


class Line(NamedTuple):
    """A line of the report; the verdict is "ok" or a sentence that says what is wrong and what to do."""

    name: str
    value: str
    verdict: str


def report() -> tuple[str, bool]:
    """Return the report's text, and whether every line is ok.

    >>> text, all_ok = report()
    """
    packages = checks.minimum_versions()
    jupyterlab = packages.pop("jupyterlab", "0")
    groups = {"The course, in every front end": check_course(packages)}
    if not checks.HOSTED:
        groups["Only for JupyterLab; VS Code does without"] = check_jupyterlab(jupyterlab)
    lines = [line for group in groups.values() for line in group]
    width = max(len(line.value) for line in lines)
    text = "\n\n".join(
        f"{title}:\n" + "\n".join(f"{name:13} {value:{width}}  {verdict}" for name, value, verdict in group)
        for title, group in groups.items()
    )
    return hide_user_name(text), all(line.verdict == "ok" or line.verdict.startswith(OPTIONAL) for line in lines)


def check_course(packages: dict[str, str]) -> list[Line]:
    """Return the lines of what every front end needs; packages: each with the lowest version that will do."""
    of_name: dict[str, Check] = {
        "python": checks.check_python, "platform": checks.check_platform, "cnnlab": checks.check_cnnlab,
    }  # fmt: skip
    of_name |= {name: functools.partial(checks.check_package, name, minimum) for name, minimum in packages.items()}
    of_name |= {
        "device": checks.check_device, "threads": checks.check_threads, "workers": checks.check_workers,
        "data": checks.check_data, "widget stack": checks.check_widgets,
    }  # fmt: skip
    return [run_check(name, check) for name, check in of_name.items()]


def run_check(name: str, check: Check) -> Line:
    """Return a check's line. An exception becomes the verdict, since the report must show broken packages, too."""
    try:
        return Line(name, *check())
    except Exception as error:
        return Line(name, "-", checks.failure(error))


def check_jupyterlab(minimum: str) -> list[Line]:
    """Return JupyterLab's lines. Where pip or conda did not install it, a single line says so, and is no fault."""
    try:
        importlib.metadata.version("jupyterlab")
    except importlib.metadata.PackageNotFoundError:
        if not checks.made_by_start():  # start.py opens JupyterLab
            return [Line("jupyterlab", "-", OPTIONAL + checks.repair_command(f'"jupyterlab>={minimum}"'))]
    package = run_check("jupyterlab", functools.partial(checks.check_package, "jupyterlab", minimum))
    return [package, run_check("front ends", checks.check_front_ends), run_check("kernel", checks.check_kernel)]


def hide_user_name(text: str) -> str:
    """Replace the home directory by ~, and every other folder that has its name, which is the user's.

    >>> hide_user_name("/home/ann/course and /media/ann")  # where /home/ann is the home directory
    '~/course and /media/~'
    """
    home = Path.home()
    if len(home.parts) < 2:  # in a container the home can be /, which has no name
        return text
    for folder in {str(home), str(home.resolve())}:
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])", "~", text)  # not in another name that begins with it
    return re.sub(rf"(?<=[\\/]){re.escape(home.name)}(?![\w.-])", "~", text)


def main() -> int:
    """Print the report and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows may not know every letter of a path
        sys.stdout.reconfigure(errors="backslashreplace")
    text, all_ok = report()
    print(text)
    print("\neverything is ok" if all_ok else "\nnot everything is ok: the lines above say what to do")
    return 0 if all_ok else 1
