"""A hostile notebook is stopped, changes nothing outside of its folder, signals nobody, and leaves nothing running."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from submitted import IMPORT, NAME, notebook

import cnnlab
from cnnlab.course.marks import isolation
from cnnlab.course.marks.isolation import namespaces, run_apart, without_network
from cnnlab.course.marks.own_folder import landlock_version, write_only_in

HAS_OWN_MOUNTS = "--keep-caps" in namespaces()
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
FORK = """
import os, time
for _ in range(600):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
"""
MANY = """
for number in range(3000):
    open(f"{number}.txt", "w").close()
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
        **{f"c{number}": "OSError" if HAS_OWN_MOUNTS else "PermissionError" for number in range(2, 7)},
        "c7": "ProcessLookupError",
    }
    assert report.outcomes[NAME][0] == "correct"
    assert (other.read_text(), (folder / "own.txt").read_text()) == ("marks", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hers", "other.csv"]
    assert still_running(folder / "01.ipynb") == []
    assert victim.poll() is None
    victim.communicate(b"\n")


@pytest.mark.skipif(not HAS_OWN_MOUNTS, reason="this system allows no mounts of one's own")
def test_rights_and_dates_of_other_files_stay_and_so_does_the_shared_memory(tmp_path):
    other, course = tmp_path / "other.csv", Path(cnnlab.__file__)
    other.write_text("marks")
    before = [os.stat(file) for file in (other, course, course.parent)]
    attacks = [
        f"import os; os.chmod({str(other)!r}, 0)",
        f"import os; os.chmod({str(course)!r}, 0)",
        f"import os; os.utime({str(other)!r}, (0, 0))",
        f"import os; os.setxattr({str(other)!r}, 'user.a', b'1')",
        f"open({str(course)!r}, 'a')",
        f"import os; os.remove({str(course)!r})",
        f"open({str(course.parent / 'new.py')!r}, 'w')",
        "open('/tmp/of_a_notebook', 'w')",
    ]
    shared = "open('/dev/shm/of_a_notebook', 'w').write('1')\nimport multiprocessing\nmultiprocessing.Lock()"
    notebook(tmp_path / "hers/01.ipynb", IMPORT, *attacks, "import os; os.chmod('01.ipynb', 0o600)", shared, CHECK)
    report = run_apart(tmp_path / "hers/01.ipynb", seconds=300, cell_seconds=100)
    assert report.stopped == ""
    assert sorted(report.failed) == [f"c{number}" for number in range(1, 9)]
    assert {error.split(":")[0] for error in report.failed.values()} <= {"OSError", "PermissionError"}
    assert [os.stat(file)[:9] for file in (other, course, course.parent)] == [stat[:9] for stat in before]
    assert not Path("/dev/shm/of_a_notebook").exists()
    assert report.outcomes[NAME][0] == "correct"


@pytest.mark.skipif(not without_network(), reason="this system has no namespaces")
def test_one_that_ends_what_started_it_ends_itself_at_most(tmp_path):
    kills = ["os.kill(-1, 9)", "os.kill(os.getppid(), 9)", "os.killpg(0, 9)", "os.abort()"]
    notebook(tmp_path / "01.ipynb", IMPORT, CHECK, *(f"import os; {kill}" for kill in kills))
    report = run_apart(tmp_path / "01.ipynb", seconds=300, cell_seconds=100)
    assert report.outcomes[NAME][0] == "correct"
    assert still_running(tmp_path / "01.ipynb") == []


@pytest.mark.skipif(not without_network() or os.getuid() == 0, reason="no namespaces, or root, whom nothing limits")
def test_a_fork_bomb_ends_at_500_processes(tmp_path):
    notebook(tmp_path / "01.ipynb", IMPORT, CHECK, FORK)
    report = run_apart(tmp_path / "01.ipynb", seconds=300, cell_seconds=100)
    assert report.failed == {"c2": "BlockingIOError: [Errno 11] Resource temporarily unavailable"}
    assert report.outcomes[NAME][0] == "correct"
    assert still_running(tmp_path / "01.ipynb") == []


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="this system does not count files")
def test_one_that_makes_files_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "MOST_FILES", 1000)
    notebook(tmp_path / "01.ipynb", IMPORT, CHECK, MANY)
    report = run_apart(tmp_path / "01.ipynb", seconds=300, cell_seconds=200)
    assert report.stopped == "stopped, since it made more than 1,000 files"
    assert report.is_disk_full


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that a cell could ignore")
def test_one_that_shuts_its_ears_is_ended_when_its_time_is_up(tmp_path):
    deaf = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    notebook(tmp_path / "01.ipynb", deaf)
    report = run_apart(tmp_path / "01.ipynb", seconds=5, cell_seconds=1)
    assert report.stopped == "stopped after 5 seconds"
    assert not report.is_disk_full
    assert still_running(tmp_path / "01.ipynb") == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its memory")
def test_one_that_wants_more_than_6_gb_fails_in_that_cell_alone(tmp_path):
    notebook(tmp_path / "01.ipynb", IMPORT, "huge = bytearray(7 * 10**9)", CHECK)
    report = run_apart(tmp_path / "01.ipynb", seconds=300, cell_seconds=200)
    assert report.failed == {"c1": "MemoryError: "}
    assert (report.stopped, report.outcomes[NAME][0]) == ("", "correct")


def test_modules_beside_the_notebook_count_only_in_the_notebook(tmp_path):
    for name in ("numpy", "torch", "json", "ctypes", "resource", "nbformat", "cnnlab", "sitecustomize"):
        (tmp_path / "hers").mkdir(exist_ok=True)
        (tmp_path / "hers" / f"{name}.py").write_text(f"open({str(tmp_path / 'new')!r}, 'w')")
    (tmp_path / "hers/helper.py").write_text("answer = 26")
    notebook(tmp_path / "hers/01.ipynb", IMPORT, f'import helper\ncheck("{NAME}", helper.answer)')
    report = run_apart(tmp_path / "hers/01.ipynb", seconds=300, cell_seconds=200)
    assert (report.failed, report.stopped, report.outcomes[NAME][0]) == ({}, "", "correct")
    assert not (tmp_path / "new").exists()


def test_a_small_disk_keeps_half_of_its_room_for_others(tmp_path, monkeypatch):
    free = iter([(10**8, 50), (6 * 10**7, 30), (4 * 10**7, 30)])
    monkeypatch.setattr(isolation, "_free", lambda _: next(free))
    notebook(tmp_path / "01.ipynb", "while True: pass")
    report = run_apart(tmp_path / "01.ipynb", seconds=300, cell_seconds=200)
    assert report.stopped == "stopped, since it wrote more than 0.05 GB"
    assert report.is_disk_full


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
