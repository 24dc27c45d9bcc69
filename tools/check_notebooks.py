"""Run notebooks and compare their outputs with those stored: `python start.py check [--lax] [notebook ...]`.

With `--language id` the course's notebooks are those in Indonesian. Two notebooks run at a time, each in a process of
its own and in its own folder. There pytest and nbval run its cells in a fresh kernel and compare the outputs with those
in the file. The process writes its report to a small JSON file.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import takewhile, zip_longest
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]
SANITIZE = COURSE / "tools" / "nbval_sanitize.cfg"  # numbers after ≈ are not compared
# The longest first, so that no processor waits for a long one at the end. Files with other names come before these.
LONGEST_FIRST = [
    "10_your_own_pictures", "03_epochs", "05a_signals", "06_mnist_experiment", "07_full_grid", "05b_saliency",
    "02_pooling", "01_kernel_size", "00_start_here", "04_optimizers", "09_clinic", "08_playground",
]  # fmt: skip
PROCESSES = 2
CELL_SECONDS = 120
LINES = 10  # per notebook, since a missing name fails every cell below it
WIDTH = 50  # of a text that is quoted
NEWS_SECONDS = 30  # without a line; then a pipe gets a line that says what is running


# --- One notebook, in a process of its own.


class Cells:
    """A plugin for pytest that reports what went wrong in the cells of one notebook.

    Parameters
    ----------
    path : Path
        The notebook. All other files in its folder are ignored.
    lax : bool
        Whether outputs are compared only in the cells whose tags ask for it.
    """

    def __init__(self, path: Path, lax: bool) -> None:
        self.path, self.lax = path, lax
        self.report = {"cells": 0, "unrun": 0, "faults": []}

    def pytest_ignore_collect(self, collection_path: Path) -> bool:
        return collection_path not in (self.path, self.path.parent)

    def pytest_collection_modifyitems(self, items: list) -> None:
        unrun = [item.cell for item in items if item.cell.execution_count is None]
        self.report.update(cells=len(items), unrun=0 if self.lax else len(unrun))
        for cell in unrun if self.lax else []:
            cell.outputs = []  # nbval would call the outputs of an earlier kernel a fault

    def pytest_exception_interact(self, node: object, call: object) -> None:
        """Report the failure of a cell, or of the whole file if no cell could be read."""
        error = call.excinfo.value
        if hasattr(node, "cell"):
            name = node.cell.get("id") or f"number {node.cell_num + 1}"
            self.report["faults"].append(readable(f"cell {name}: {describe(node, error)}"))
        else:
            self.report["faults"].append(readable(f"this is no notebook: {error}"))


def describe(item: object, error: Exception) -> str:
    """Return in a few words what failed in a cell, from nbval's item and the error that nbval raised."""
    if item.parent.timed_out:
        return f"not done after {CELL_SECONDS} s: close what else is busy and check again, or look for an endless loop"
    if str(error) == "Cell outputs differ":
        return difference(texts(item, item.test_outputs), texts(item, item.cell.outputs))
    if str(error) == "Unrun reference cell has outputs":
        return "it has an output but was never run: run it, or clear its output"
    raised = [output for output in item.test_outputs or [] if output.output_type == "error"]
    return f"{raised[-1].ename}: {raised[-1].evalue}" if raised else str(error)


def texts(item: object, outputs: list) -> dict[str, list[str]]:
    """Return the texts that nbval compares, by kind: a stream's text, or a MIME type."""
    from nbval.plugin import coalesce_streams, transform_streams_for_comparison

    kinds: dict[str, list[str]] = {}
    for output in transform_streams_for_comparison(coalesce_streams(outputs)):
        for kind, text in {**output, **output.get("data", {})}.items():
            if kind not in ("data", *item.parent.skip_compare):
                kinds.setdefault(kind, []).append(str(item.sanitize(text)))
    return kinds


def difference(printed: dict, stored: dict) -> str:
    """Return the first line that differs, as it was printed and as it is stored."""
    for kind in sorted(stored | printed, key="text/html".__eq__):  # a table's plain text reads better than its HTML
        for output in zip_longest(printed.get(kind, []), stored.get(kind, []), fillvalue=""):
            for new, old in zip_longest(*map(str.splitlines, output), fillvalue=""):
                if new != old:
                    same = takewhile(lambda pair: pair[0] == pair[1], zip(new, old, strict=False))
                    start = len(list(same))
                    return f"printed {quote(new, start)}, stored {quote(old, start)}"
    for kind in sorted(stored | printed):
        new, old = len(printed.get(kind, [])), len(stored.get(kind, []))
        if new != old:  # outputs without words, as a line of progress leaves them
            return f"outputs printed: {new}, stored: {old}; one has no words"
    return "what is printed and what is stored differ in their line ends"


def quote(text: str, start: int) -> str:
    """Return the text in quotation marks, cut to WIDTH characters around `start`; "nothing" for an empty text."""
    if len(text) > WIDTH:
        first = max(0, min(start - WIDTH // 2, len(text) - WIDTH))
        rest = "..." if first + WIDTH < len(text) else ""
        text = ("..." if first else "") + text[first : first + WIDTH] + rest
    return f'"{text}"' if text else "nothing"


def readable(text: str) -> str:
    """Return at most 200 characters of the text, on one line, without the control characters of a terminal."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= 200 else f"{text[:200]}..."


def check_one(name: str, lax: bool) -> dict:
    """Check a notebook in the current folder, and return its report."""
    for variable in [variable for variable in os.environ if variable.startswith("PYTEST_")]:
        del os.environ[variable]  # the person's own settings
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    folder = Path.cwd()
    cells = Cells(folder / name, lax)
    # "." and not the name: pytest would read a name such as "03_epochs [1].ipynb" as that of a test.
    arguments = [".", f"--rootdir={folder}", f"--config-file={os.devnull}", "--noconftest", "--capture=no"]
    arguments += ["-p", "no:cacheprovider", "-p", "nbval.plugin", "--nbval-lax" if lax else "--nbval"]
    arguments += ["--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}", f"--nbval-sanitize-with={SANITIZE}"]
    status = pytest.main(arguments, plugins=[cells])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        cells.report["faults"] = ["it has no code cell, so there is nothing to check"]
    elif status and not cells.report["faults"]:
        sys.exit(status)  # an interrupt, or an error in pytest itself, which the log shows
    return cells.report


# --- All notebooks, two at a time.


class Check:
    """The check of a notebook, which starts at once in a process of its own.

    Parameters
    ----------
    name : str
        What is printed as the notebook's name.
    path : Path
        The notebook.
    folder : Path
        An empty folder for the report and the log.
    lax : bool
        Whether outputs are compared only in the cells whose tags ask for it.
    """

    def __init__(self, name: str, path: Path, folder: Path, lax: bool) -> None:
        self.name, self.folder, self.start = name, folder, time.monotonic()
        command = [sys.executable, __file__, f"--report={folder / 'report.json'}", path.name, *["--lax"] * lax]
        environment = os.environ | {"CNNLAB_COURSE": str(folder / "my_course")}  # what is stored has no predictions
        with open(folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command, cwd=path.parent, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

    def seconds(self) -> int:
        return round(time.monotonic() - self.start)

    def report(self) -> dict:
        """Return the report that the process, which has ended, has written."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        lines = (self.folder / "log").read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        fault = readable(f"its check broke off (status {self.process.returncode}): {last}")
        return {"cells": 0, "unrun": 0, "faults": [fault]}

    def end(self) -> None:
        """End the process, and with it the notebook's kernel."""
        self.process.terminate()
        try:
            self.process.wait(4)
        except subprocess.TimeoutExpired:
            self.process.kill()


def describe_report(name: str, seconds: int, report: dict) -> list[str]:
    """Return the lines to print about a notebook that has ended."""
    cells, unrun, faults = report["cells"], report["unrun"], report["faults"]
    lines = faults[:LINES] or [f"passed  ({cells} cell{'s' * (cells != 1)}, {seconds} s)"]
    if len(faults) > LINES:
        lines.append(f"and {len(faults) - LINES} more")
    if unrun:
        note = f"{unrun} of {cells} cells were never run, so nothing is compared there"
        lines = [*lines, note] if faults else [f"{lines[0]}  {note}"]
    return [f"{name}  {line}" for line in lines]


class Screen:
    """Prints lines. A terminal's last line says what is running; a pipe gets such a line every NEWS_SECONDS."""

    def __init__(self) -> None:
        self.width = shutil.get_terminal_size().columns - 1 if sys.stdout.isatty() else 0
        self.last = time.monotonic()

    def say(self, line: str) -> None:
        print(f"\r{'':{self.width}}\r{line}" if self.width else line, flush=True)
        self.last = time.monotonic()

    def show_running(self, checks: list[Check]) -> None:
        line = "running: " + ", ".join(f"{check.name} {check.seconds()} s" for check in checks)
        if self.width:
            print(f"\r{line[: self.width]:{self.width}}", end="", flush=True)
        elif time.monotonic() - self.last > NEWS_SECONDS:
            self.say(line)


def check_all(notebooks: dict[Path, str], lax: bool) -> int:
    """Check the notebooks (path → name), print about each as it ends, and return the exit status."""
    waiting = sorted(notebooks, key=lambda path: LONGEST_FIRST.index(path.stem) if path.stem in LONGEST_FIRST else -1)
    screen, start, running, failed = Screen(), time.monotonic(), [], []
    screen.say(f"{len(notebooks)} to check, {PROCESSES} at a time.")
    with tempfile.TemporaryDirectory() as reports:
        try:
            while waiting or running:
                while waiting and len(running) < PROCESSES:
                    path = waiting.pop(0)
                    running.append(Check(notebooks[path], path, Path(tempfile.mkdtemp(dir=reports)), lax))
                screen.show_running(running)
                time.sleep(0.1)
                for check in [check for check in running if check.process.poll() is not None]:
                    running.remove(check)
                    report = check.report()
                    failed += [check.name] * bool(report["faults"])
                    for line in describe_report(check.name, check.seconds(), report):
                        screen.say(line)
        finally:
            for check in running:
                check.end()
    passed = f"{len(notebooks) - len(failed)} of {len(notebooks)} passed ({time.monotonic() - start:.0f} s)"
    screen.say(f"{passed}; not passed: {', '.join(sorted(failed))}" if failed else f"{passed}.")
    return 1 if failed else 0


# --- The command line.


def course_folder(language: str) -> Path:
    """Return the folder of the course's notebooks in English ("en") or Indonesian ("id")."""
    return COURSE / "notebooks" / "id" if language == "id" else COURSE / "notebooks"


def find(text: str, language: str = "en") -> list[Path]:
    """Return the notebooks that an argument names: a notebook of the course, a file, or a folder of files."""
    course = course_folder(language)
    numbers = {path: path.stem.split("_")[0] for path in sorted(course.glob("*.ipynb"))}
    named = [path for path, number in numbers.items() if text in (path.stem, number, number.rstrip("ab"))]  # 05: both
    if named:
        return named
    for path in (Path(text).expanduser(), COURSE / text, course / text):
        if path.is_dir():
            return sorted(path.glob("*.ipynb"))
        if path.suffix == ".ipynb" and path.is_file():
            return [path]
    return []


def find_all(texts: list[str], parser: argparse.ArgumentParser, language: str = "en") -> dict[Path, str]:
    """Return path → name of the notebooks that the arguments name; without arguments, all of the course."""
    notebooks, course = {}, course_folder(language)
    for text in texts or [str(course)]:
        paths = find(text, language)
        if not paths:
            names = [path.stem for path in find(str(course))]
            near = difflib.get_close_matches(Path(text).stem, names, 1)
            parser.error(
                f'there is no notebook "{text}"{f"; did you mean {near[0]}?" if near else "."} The course has '
                f"{', '.join(names)}; a path to a file or a folder elsewhere works, too."
            )
        for path in paths:
            path = path.absolute()
            notebooks[path] = path.stem if path.parent == course else os.path.relpath(path)
    return notebooks


def stop_once(*_: object) -> None:
    """React to the first Ctrl-C or SIGTERM only: a second one would interrupt the end of the kernels."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="start.py check",
        usage="python start.py check [--language {en,id}] [--lax] [notebook ...]",
        description="Run the notebooks and compare what they print with what is stored in them.",
    )
    parser.add_argument("notebook", nargs="*", help="03, 03_epochs, a path, or a folder (all of the course otherwise)")
    parser.add_argument("--language", choices=("en", "id"), default="en", help="the course in English or Indonesian")
    parser.add_argument("--lax", action="store_true", help="run the cells, and compare only where a tag asks for it")
    parser.add_argument("--report", help=argparse.SUPPRESS)  # where the process of one notebook writes its report
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")
    signal.signal(signal.SIGINT, stop_once)
    signal.signal(signal.SIGTERM, stop_once)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes of one thread are faster than one of two
    os.environ.setdefault("CNNLAB_WORKERS", "1")  # and the checks are two processes already
    try:
        if options.report:
            report = check_one(options.notebook[0], options.lax)
            Path(options.report).write_text(json.dumps(report), encoding="utf-8")
            return 0
        return check_all(find_all(options.notebook, parser, options.language), options.lax)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
