"""A hostile notebook is stopped, changes nothing outside of its folder, signals nobody, and leaves nothing running."""

import subprocess
import sys

import psutil
import pytest
from submitted import IMPORT, NAME, notebook

from cnnlab.course.marks.isolation import run_apart, without_network
from cnnlab.course.marks.own_folder import landlock_version, write_only_in

CHECK = f'check("{NAME}", 26)'
ESCAPE = """
import ctypes, os
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # not to end with its parent
os.setsid()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
for place in range(3, 20):
    try:
        while True:
            os.write(place, b"x" * 10**6)
    except OSError:
        pass
while True:
    pass
"""
LEAVE = """
import os, signal, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
"""


def still_running(path):
    """Return the processes whose command names the notebook."""
    every = psutil.process_iter(["cmdline"])
    return [process.pid for process in every if str(path) in (process.info["cmdline"] or [])]


@pytest.mark.skipif(not without_network(), reason="this system has no namespaces")
def test_one_that_hides_and_floods_the_report_is_stopped_and_all_of_it_ends(tmp_path):
    path = tmp_path / "hides.ipynb"
    notebook(path, IMPORT, CHECK, ESCAPE)
    report = run_apart(path, seconds=300, cell_seconds=200)
    assert report.stopped == "stopped, since it reported more than 5 MB"
    assert report.outcomes[NAME][0] == "correct"
    assert still_running(path) == []


@pytest.mark.skipif(
    not without_network() or not landlock_version(), reason="this system has no namespaces, or no Landlock"
)
def test_one_that_prints_writes_kills_and_leaves_processes_harms_nobody(tmp_path):
    folder, other = tmp_path / "hers", tmp_path / "other.csv"
    other.write_text("marks")
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    attacks = [
        "for _ in range(1000): print('x' * 10**6)",  # 1 GB
        f"open({str(other)!r}, 'w')",
        f"import os; os.remove({str(other)!r})",
        f"import os; os.rename({str(other)!r}, 'mine.csv')",
        f"import os; os.truncate({str(other)!r}, 0)",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"import os; os.kill({victim.pid}, 9)",
    ]
    own = "import tempfile\nopen('own.txt', 'w').write('1')\nassert tempfile.TemporaryFile().write(b'1')"
    notebook(folder / "01.ipynb", IMPORT, *attacks, own, LEAVE, CHECK)
    report = run_apart(folder / "01.ipynb", seconds=300, cell_seconds=100)
    assert report.stopped == ""
    assert {cell: error.split(":")[0] for cell, error in report.failed.items()} == {
        **{f"c{number}": "PermissionError" for number in range(2, 7)}, "c7": "ProcessLookupError",
    }  # fmt: skip
    assert report.outcomes[NAME][0] == "correct"
    assert (other.read_text(), (folder / "own.txt").read_text()) == ("marks", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hers", "other.csv"]
    assert still_running(folder / "01.ipynb") == []
    assert victim.poll() is None
    victim.communicate(b"\n")


@pytest.mark.skipif(landlock_version() < 6, reason="this system has no Landlock, or an early one")
def test_without_namespaces_it_can_signal_nobody_either(tmp_path):
    code = (
        "import os, sys, pathlib\nfrom cnnlab.course.marks.own_folder import write_only_in\n"
        "assert write_only_in(pathlib.Path(sys.argv[1]))\n"
        "try:\n    os.kill(os.getppid(), 0)\nexcept PermissionError:\n    print('refused')"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("refused\n", "")


def test_a_system_without_landlock_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("cnnlab.course.marks.own_folder.landlock_version", lambda: 0)
    assert write_only_in(tmp_path) is False
