"""Run a submitted notebook in a process of its own, which can take neither forever nor the network.

On Linux the process has no network, and everything that it starts ends with it (namespaces, by the command `unshare` of
util-linux). Elsewhere, or where that is forbidden, it has both, and the marks say so.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

NAMESPACES = ("unshare", "--user", "--map-current-user", "--net", "--pid", "--fork", "--kill-child")
MOST_REPORT = 5_000_000  # bytes that a notebook may report
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
    """

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str = ""


@functools.cache
def without_network() -> bool:
    """Return whether this system lets a process be cut off from the network."""
    if shutil.which(NAMESPACES[0]) is None:
        return False
    trial = subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False)
    return trial.returncode == 0


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
    home.mkdir(exist_ok=True)
    places = {"HOME": str(home), "USERPROFILE": str(home), "CNNLAB_COURSE": str(home / "my_course")}
    command = [sys.executable, "-m", "cnnlab.course.marks.runner", str(notebook), str(cell_seconds)]
    if without_network():
        command = [*NAMESPACES, *command]
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=notebook.parent, env=os.environ | ENVIRONMENT | places, start_new_session=os.name != "nt",
    )  # fmt: skip
    stopped = ""
    try:
        written, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        stopped = f"stopped after {seconds:g} seconds"
        _kill(process)
        written, _ = process.communicate()
    except BaseException:
        _kill(process)
        raise
    report = read_report(written[:MOST_REPORT].decode("utf-8", "replace"))
    report.seconds = time.monotonic() - begin
    report.stopped = stopped or report.stopped
    return report


def _kill(process: subprocess.Popen) -> None:
    """End a process and those that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


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
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a line that was cut when the process was killed
    return report
