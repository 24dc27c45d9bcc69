"""Run a submitted notebook in a process of its own, which can take neither forever, nor the disk, nor the network.

On Linux the process has no network, everything that it starts ends with it (namespaces, by the command `unshare` of
util-linux), and it changes nothing outside of its folder (`cnnlab.course.marks.own_mounts`, `.own_folder`). Elsewhere,
or where that is forbidden, it can do all of this, and the command says so.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.course.marks.work_folder import work_folder

NAMESPACES = ("unshare", "--user", "--map-current-user", "--net", "--pid", "--fork", "--kill-child")
OWN_MOUNTS = ("--keep-caps",)  # lets it make other folders read-only
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")  # also where this process is killed
MOST_REPORT = 5_000_000  # bytes that a notebook may report
MOST_WRITTEN = 2_000_000_000  # bytes that it may write, or half of what is free; what others write counts, too
MOST_FILES = 100_000  # that it may make
NO_SPACE = f"[Errno {errno.ENOSPC}]"
ENDS_IN = 5  # seconds
PAUSE = 0.2  # seconds between two looks at what it has written
ENVIRONMENT = {  # one thread, no window, and no folder of the instructor's
    "OMP_NUM_THREADS": "1",
    "CNNLAB_WORKERS": "1",
    "MPLBACKEND": "agg",
    "CUDA_VISIBLE_DEVICES": "",
    "CNNLAB_GRADING": "",
}


@dataclass
class Report:
    """What came of one notebook.

    Parameters
    ----------
    outcomes : dict
        Exercise → its outcome and its message.
    failed : dict
        The id of a cell → the error that it ended with.
    seconds : float
        How long it took.
    stopped : str
        Why it did not run to its end; "" if it did.
    is_disk_full : bool
        Whether it, or others, wrote so much on the disk that it was stopped or failed.
    """

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str = ""
    is_disk_full: bool = False


@functools.cache
def namespaces() -> tuple[str, ...]:
    """Return the command that starts another one without a network; empty where this system has none."""
    for command in ((*ENDS_WITH_US, *NAMESPACES, *OWN_MOUNTS), (*ENDS_WITH_US, *NAMESPACES), NAMESPACES):
        if all(map(shutil.which, {command[0], NAMESPACES[0]})):
            trial = subprocess.run([*command, "true"], capture_output=True, check=False)
            if trial.returncode == 0:
                return command
    return ()


def without_network() -> bool:
    """Return whether this system lets a process be cut off from the network."""
    return bool(namespaces())


def run_apart(notebook: Path, *, seconds: float, cell_seconds: float) -> Report:
    """Run a notebook in a process of its own, and return what came of it.

    Parameters
    ----------
    notebook : Path
        The notebook, in a folder that holds nothing else of value: its home, and its course folder, is made in there.
    seconds : float
        After these the process is killed.
    cell_seconds : float
        After these a cell is stopped, and the next one begins.
    """
    home = notebook.parent / ".home"
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    places = {"HOME": home, "USERPROFILE": home, "CNNLAB_COURSE": home / "my_course"}
    places |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)
    python = [sys.executable, "-P"]  # no module of hers, such as a torch.py, before the runner has set its limits
    command = [*namespaces(), *python, "-m", "cnnlab.course.marks.runner", str(notebook), str(cell_seconds)]
    environment = os.environ | ENVIRONMENT | {name: str(place) for name, place in places.items()}
    begin = time.monotonic()
    with work_folder() as folder:
        path = folder / "report"
        with open(path, "wb") as written:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.DEVNULL, cwd=notebook.parent,
                env=environment, start_new_session=os.name != "nt",
            )  # fmt: skip
        try:
            stopped, is_disk_full = _wait(process, path, seconds)
        finally:
            _kill(process)
        with open(path, "rb") as written:
            report = read_report(written.read(MOST_REPORT).decode("utf-8", "replace"))
    report.seconds = time.monotonic() - begin
    report.stopped = stopped or report.stopped
    report.is_disk_full = is_disk_full or any(NO_SPACE in error for error in report.failed.values())
    return report


def _wait(process: subprocess.Popen, report: Path, seconds: float) -> tuple[str, bool]:
    """Wait until the process ends; return "", or why it must be stopped before, and whether for the disk."""
    end, (free, free_files) = time.monotonic() + seconds, _free(report.parent)
    most, most_files = min(MOST_WRITTEN, free // 2), min(MOST_FILES, free_files // 2)
    while (left := end - time.monotonic()) > 0:
        try:
            process.wait(min(PAUSE, left))
            return "", False
        except subprocess.TimeoutExpired:
            pass
        if report.stat().st_size > MOST_REPORT:
            return f"stopped, since it reported more than {MOST_REPORT / 1e6:.0f} MB", False
        now, now_files = _free(report.parent)
        if free - now > most:
            return f"stopped, since it wrote more than {most / 1e9:.2g} GB", True
        if free_files - now_files > most_files:
            return f"stopped, since it made more than {most_files:,} files", True
    return f"stopped after {seconds:g} seconds", False


def _free(folder: Path) -> tuple[int, int]:
    """Return how many bytes and how many files the disk still takes; 0 files where the system does not say it."""
    return shutil.disk_usage(folder).free, os.statvfs(folder).f_ffree if hasattr(os, "statvfs") else 0


def _kill(process: subprocess.Popen) -> None:
    """End a process that has not ended, and those that it started."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        process.kill()
        process.wait()
        return
    for child in _children(process.pid):
        _kill_now(os.kill, child)
    if namespaces():  # the child was the first of its namespace; the command ends when all in there have ended
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_IN)
            return
    _kill_now(os.killpg, process.pid)
    process.wait()


def _kill_now(kill: Callable[[int, int], None], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(number, signal.SIGKILL)


def _children(process: int) -> list[int]:
    """Return the processes that a process has started and that run on; none where the system does not say it."""
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def read_report(written: str) -> Report:
    """Return the report that the lines of a runner make; the last outcome of an exercise counts."""
    report = Report(stopped="it ended before its last cell")
    for line in written.splitlines():
        try:
            fields = json.loads(line)
            if "exercise" in fields:
                report.outcomes[str(fields["exercise"])] = (str(fields["outcome"]), str(fields["message"]))
            elif "cell" in fields:
                report.failed[str(fields["cell"])] = str(fields["error"])
            elif fields.get("finished"):
                report.stopped = ""
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # a line that was cut when the process was killed, or that the notebook wrote
    return report
