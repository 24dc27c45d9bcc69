"""README's recipe for keeping one's work when the course is updated, run as it stands there, with the real git."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import REPOSITORY

SECTION = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition("## Keep your work")[2].partition("\n## ")[0]
WITH_GIT, AS_A_FOLDER = (block.splitlines() for block in re.findall(r"(?s)```\n(.*?)```", SECTION))
AUTHOR = ("-c", "user.name=author", "-c", "user.email=author@example.invalid")


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch, tmp_path):
    """Git as on a new computer: nobody has told it a name."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))


def run(command: str | list[str], folder: Path) -> subprocess.CompletedProcess:
    words = shlex.split(command) if isinstance(command, str) else command
    words = [sys.executable if word == "python" else word for word in words]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def git(folder: Path, *words: str) -> str:
    answer = run(["git", *AUTHOR, *words], folder)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def write(folder: Path, **texts: str) -> None:
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "notebooks" / f"{name}.ipynb").write_text(text, encoding="utf-8")


def texts(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")}


OLD = {"pooling": "old", "epochs": "old"}
HERS = {"pooling": "hers", "epochs": "old", "my_own": "hers"}
NEW = {"pooling": "new", "epochs": "new", "my_own": "new, with the name of hers"}


@pytest.fixture
def hers(tmp_path):
    """Her clone with work in it, after the course changed the same notebooks."""
    author, student = tmp_path / "author", tmp_path / "student"
    write(author, **OLD)
    shutil.copy(REPOSITORY / ".gitignore", author)
    git(author, "init", "--quiet", "--initial-branch=main")
    git(author, "add", ".")
    git(author, "commit", "--quiet", "--message=old")
    git(tmp_path, "clone", "--quiet", str(author), str(student))
    write(student, **HERS)
    write(author, **NEW)
    git(author, "add", ".")
    git(author, "commit", "--quiet", "--message=new")
    return student


needs_git = pytest.mark.skipif(not shutil.which("git"), reason="no git on this computer")


@needs_git
def test_with_git_the_new_notebooks_come_and_hers_stay(hers):
    assert run("git pull", hers).returncode != 0  # why a recipe is needed
    answers = [run(command, hers) for command in WITH_GIT]
    assert [answer.returncode for answer in answers] == [0, 0, 0], answers
    assert texts(hers / "notebooks") == NEW
    assert texts(hers / "mine") == HERS
    assert git(hers, "status", "--short") == ""  # the next update meets nothing of hers
    assert git(hers, "show", "stash@{0}:notebooks/pooling.ipynb") == "hers"
    assert git(hers, "show", "stash@{0}^3:notebooks/my_own.ipynb") == "hers"


@needs_git
def test_where_the_copy_is_refused_git_still_keeps_her_work(hers):
    (hers / "mine").mkdir()
    answers = [run(command, hers) for command in WITH_GIT]
    assert [answer.returncode for answer in answers] == [1, 0, 0], answers
    assert "File exists" in answers[0].stderr or "already exists" in answers[0].stderr
    assert git(hers, "show", "stash@{0}:notebooks/pooling.ipynb") == "hers"


@needs_git
def test_without_changes_the_same_commands_update_the_course(hers):
    git(hers, "checkout", "--quiet", ".")
    (hers / "notebooks" / "my_own.ipynb").unlink()
    assert [run(command, hers).returncode for command in WITH_GIT] == [0, 0, 0]
    assert texts(hers / "notebooks") == NEW


def test_a_downloaded_course_gets_the_old_ones_notebooks_beside_its_own(tmp_path):
    write(tmp_path / "OLD", **HERS)
    write(tmp_path / "new", **NEW)
    assert [run(command, tmp_path / "new").returncode for command in AS_A_FOLDER] == [0]
    assert texts(tmp_path / "new" / "mine") == HERS
    assert texts(tmp_path / "new" / "notebooks") == NEW
    assert texts(tmp_path / "OLD" / "notebooks") == HERS
