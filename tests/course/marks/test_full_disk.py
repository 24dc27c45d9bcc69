"""A full disk: a marking says so before it begins, loses nothing, and marks nobody down for what another one wrote."""

import json
import os
import shutil
import subprocess
import tempfile
import threading

import pytest
from submitted import IMPORT, NAME, notebook

from cnnlab.__main__ import main
from cnnlab.course.marks import isolation, work_folder
from cnnlab.course.marks import marks as module
from cnnlab.course.marks.class_table import Marks
from cnnlab.course.marks.marks import mark_class
from cnnlab.errors import ConfigError

FILLER = "for number in range(3000):\n    open(f'{number}.txt', 'w').close()\nwhile True:\n    pass"
BESIDE = f'import time\nfor _ in range(20):\n    time.sleep(0.1)\ncheck("{NAME}", 26)'  # 2 seconds beside the filler


@pytest.fixture
def full_disk(tmp_path):
    """Return the folder of a disk of 1 MB that takes no byte more."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this account may not mount a small disk")
    try:
        (folder / "filler").write_bytes(bytes(shutil.disk_usage(folder).free))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def marked(tmp_path, monkeypatch):
    """Return the names of those who are marked, while nothing is run; ada and bob have handed something in."""
    names = []

    def mark(submission, digest, **_):
        names.append(submission.student)
        return Marks(submission.student, digest, {NAME: "correct"})

    monkeypatch.setattr(module, "mark_one", mark)
    for student in ("ada", "bob"):
        notebook(tmp_path / f"inbox/{student}.ipynb", IMPORT)
    return names


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_work_folder_that_is_full_is_said_in_one_sentence_and_nothing_is_lost(
    tmp_path, full_disk, marked, monkeypatch, capsys
):
    out = tmp_path / "out"
    out.mkdir()
    command = ["marks", str(tmp_path / "inbox"), "--out", str(out / "marks.csv")]
    assert main(command) == 0
    before = contents(out)
    assert len(before) == 4  # the table, the picture, and two results
    notebook(tmp_path / "inbox/cid.ipynb", IMPORT)
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(full_disk))
        assert main(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[1:] == [
        f"the disk of {full_disk} has 0 MB left, and a marking needs 500; make room there, or set TMPDIR (on Windows "
        "TEMP) to a folder on another disk, and start it again"
    ]
    assert contents(out) == before
    assert os.listdir(full_disk) == ["filler"]
    assert main(command) == 0
    assert marked == ["ada", "bob", "cid"]


def test_a_full_disk_of_the_table_is_said_before_anything_is_marked(tmp_path, full_disk, marked):
    with pytest.raises(ConfigError, match=r"full/marks-results has 0 MB left, .* needs 20; .* give another --out"):
        mark_class(tmp_path / "inbox", full_disk / "marks.csv")
    assert marked == []


def test_a_disk_that_becomes_full_leaves_a_line_and_no_marks_to_keep(tmp_path, monkeypatch):
    notebook(tmp_path / "inbox/ada.ipynb", IMPORT, f'check("{NAME}", 26)')
    free, room = iter([1e12, 1e12, 4e8]), shutil.disk_usage(tmp_path)  # two looks before it begins
    monkeypatch.setattr(work_folder.shutil, "disk_usage", lambda _: room._replace(free=next(free)))
    (ada,) = mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert ada.failed[0].startswith(f"it could not be marked (the disk of {tempfile.gettempdir()} has 400 MB left, and")
    assert list((tmp_path / "marks-results").iterdir()) == []
    monkeypatch.undo()
    (ada,) = mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert (ada.outcomes, ada.failed) == ({NAME: "correct"}, [])


def test_no_folder_for_temporary_files_is_said(tmp_path, marked, monkeypatch):
    def refuse(**_):
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(ConfigError, match=r"can be made \(No usable temporary directory found .*; make room there, or"):
        mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert marked == []


def test_who_is_stopped_for_the_disk_beside_others_is_marked_again_alone(tmp_path, monkeypatch):
    calls, both = [], threading.Barrier(2, timeout=100)

    def mark(submission, digest, **_):
        calls.append(submission.student)
        if len(calls) <= 3:  # all of the first round
            if submission.student != "cid":
                both.wait()
            return Marks(submission.student, digest, failed=["full"], is_settled=submission.student == "cid")
        assert threading.current_thread() is threading.main_thread()  # one after the other
        failed = ["full"] if submission.student == "bob" else []
        return Marks(submission.student, digest, failed=failed, is_settled=not failed)

    monkeypatch.setattr(module, "mark_one", mark)
    for student in ("ada", "bob", "cid"):
        notebook(tmp_path / f"inbox/{student}.ipynb", IMPORT)
    lines = []
    marked = mark_class(tmp_path / "inbox", tmp_path / "marks.csv", workers=2, say=lines.append)
    assert calls[3:] == ["ada", "bob"]
    assert [marks.failed for marks in marked] == [[], ["full"], ["full"]]
    assert sum(line.endswith("; it is marked again, alone") for line in lines) == 2
    kept = [json.loads(path.read_bytes())["student"] for path in (tmp_path / "marks-results").iterdir()]
    assert sorted(kept) == ["ada", "cid"]  # bob's, which fills the disk also alone, may have more room the next time


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="this system does not count files")
def test_one_that_fills_the_disk_costs_its_neighbour_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "MOST_FILES", 1000)
    notebook(tmp_path / "inbox/filler.ipynb", IMPORT, FILLER)
    notebook(tmp_path / "inbox/neighbour.ipynb", IMPORT, BESIDE)
    filler, neighbour = mark_class(tmp_path / "inbox", tmp_path / "marks.csv", workers=2)
    assert filler.failed == ["filler.ipynb: stopped, since it made more than 1,000 files"]
    assert (neighbour.outcomes, neighbour.failed) == ({NAME: "correct"}, [])
    assert len(list((tmp_path / "marks-results").iterdir())) == 1
