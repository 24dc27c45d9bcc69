"""tools/copy_notebooks.py: what comes into the folder of a person who opens a shared installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import NOTEBOOKS, REPOSITORY
from scripts import load_script
from small_course import refused


@pytest.fixture
def script(start, monkeypatch, tmp_path):
    """Return the script as a module that copies from a small course into a home of its own."""
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(tmp_path / "home"))
    monkeypatch.setitem(sys.modules, "start", start)
    return load_script(REPOSITORY / "tools" / "copy_notebooks.py")


def test_her_changed_notebooks_stay_and_new_ones_come(start, script, capsys):
    course, mine = Path(start.ROOT, "notebooks"), Path(start.own_folder("notebooks"))
    for name in ("00", "01", "02", "notes"):
        (course / (name if name == "notes" else f"{name}.ipynb")).write_text("first")
    (course / "00.ipynb").chmod(0o444)
    script.copy_notebooks()
    first = {"00.ipynb", "00_start_here.ipynb", "01.ipynb", "02.ipynb"}
    assert {path.name for path in mine.iterdir()} == first
    assert capsys.readouterr().out == f"Your own notebooks are in {mine}.\n"

    (mine / "00.ipynb").write_text("hers")  # and the course's stays
    (mine / "01.ipynb").write_text("hers")
    (course / "01.ipynb").write_text("second")
    (course / "02.ipynb").write_text("second")  # which she has not changed
    (course / "03.ipynb").write_text("second")
    script.copy_notebooks()
    texts = {name: (mine / f"{name}.ipynb").read_text() for name in ("00", "01", "02", "03")}
    assert texts == {"00": "hers", "01": "hers", "02": "second", "03": "second"}
    assert capsys.readouterr().out.splitlines()[1:] == [
        "You changed 01.ipynb, and the course has it newer: to get that, rename yours and start again."
    ]
    (mine / "01.ipynb").rename(mine / "my 01.ipynb")
    script.copy_notebooks()
    assert (mine / "01.ipynb").read_text() == "second"
    assert (mine / "my 01.ipynb").read_text() == "hers"
    assert capsys.readouterr().out == f"Your own notebooks are in {mine}.\n"


def test_the_indonesian_notebooks_come_too_and_one_that_she_changed_stays(start, script, capsys):
    course, mine = Path(start.ROOT, "notebooks"), Path(start.own_folder("notebooks"))
    (course / "id" / "texts").mkdir(parents=True)
    (course / "id" / "README.md").write_text("for authors")
    for name in ("00_start_here", "01"):
        for path in (course / f"{name}.ipynb", course / "id" / f"{name}.ipynb"):
            path.write_text("first")
    script.copy_notebooks()
    assert sorted(path.name for path in (mine / "id").iterdir()) == ["00_start_here.ipynb", "01.ipynb"]
    (mine / "id" / "01.ipynb").write_text("hers")
    for path in (course / "id").glob("*.ipynb"):
        path.write_text("second")
    capsys.readouterr()
    script.copy_notebooks()
    texts = [(mine / name).read_text() for name in ("01.ipynb", "id/00_start_here.ipynb", "id/01.ipynb")]
    assert texts == ["first", "second", "hers"]
    assert capsys.readouterr().out.splitlines()[1].startswith("You changed id/01.ipynb, and the course has it newer")


def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(start, script):
    own = Path(start.own_folder())
    own.mkdir(parents=True)
    assert refused(script.copy_notebooks) == (
        f"{own} is there, and this course did not make it: rename it, then start again."
    )
    assert list(own.iterdir()) == []


def test_the_script_runs_by_itself(tmp_path):
    """As start.py calls it: with -I, by the installation's Python, which knows where start.py is."""
    home = {"USERPROFILE" if os.name == "nt" else "HOME": str(tmp_path)}
    command = [sys.executable, "-I", str(REPOSITORY / "tools" / "copy_notebooks.py")]
    answers = [subprocess.run(command, env=os.environ | home, capture_output=True, encoding="utf8") for _ in range(2)]
    mine = tmp_path / "cnnlab-course" / "notebooks"
    said = f"Your own notebooks are in {mine}.\n"
    assert [(answer.returncode, answer.stdout, answer.stderr) for answer in answers] == [(0, said, "")] * 2
    notebooks = {path.name for path in NOTEBOOKS.glob("*.ipynb")}
    assert {path.name for path in mine.iterdir()} == notebooks | {"glossary.md", "id"}  # to it each of them links
    assert {path.name for path in (mine / "id").iterdir()} == notebooks
    (mine.parent / ".cnnlab" / "copied.json").unlink()
    (mine.parent / ".cnnlab").rmdir()
    refusal = subprocess.run(command, env=os.environ | home, capture_output=True, encoding="utf8")
    assert refusal.returncode == 1
    assert refusal.stderr == f"{mine.parent} is there, and this course did not make it: rename it, then start again.\n"
