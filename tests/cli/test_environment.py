"""`python -m cnnlab`: every line's verdict, that it never breaks, and that it shows nothing about the person."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cnnlab
from cnnlab.cli import environment as report
from cnnlab.cli import environment_checks as checks

NAMES = [
    "python",
    "platform",
    "cnnlab",
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "seaborn",
    "pandas",
    "ipywidgets",
]
NAMES += ["anywidget", "ipykernel", "device", "threads", "workers", "data", "widget stack"]
OF_JUPYTERLAB = ["jupyterlab", "front ends", "kernel"]
REMEDY = "run `python start.py` again (if that does not help, delete the folder .venv first)"
HOSTS = ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE")
AS_STARTED = "import cnnlab.cli.environment_checks\ncnnlab.cli.environment_checks.made_by_start = lambda: True\n"
AS_BY_PIP = AS_STARTED.replace("True", "False")
# No JupyterLab, as after `pip install .`: its metadata can't be found.
WITHOUT_JUPYTERLAB = """
import importlib.metadata
version = importlib.metadata.version
def without(name):
    if name == "jupyterlab":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = without
"""


@pytest.fixture(autouse=True)
def _made_by_start(monkeypatch):
    """Let the remedies be those of start.py, whatever Python runs the tests; tests of other remedies undo this."""
    monkeypatch.setattr(checks, "made_by_start", lambda: True)


def printed(*, code: str = AS_STARTED, **environment: str) -> tuple[int, dict[str, str], str]:
    """Run the report in a fresh interpreter, after `code`; return its status, name → line, and its error stream."""
    code = f"{code}\nimport runpy, sys\nsys.argv = ['cnnlab']\nrunpy.run_module('cnnlab', run_name='__main__')"
    environment = {name: value for name, value in os.environ.items() if name not in HOSTS} | environment
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    *groups, _ = answer.stdout.split("\n\n")
    lines = [line for group in groups for line in group.splitlines()]
    return answer.returncode, {line[:13].strip(): line[14:] for line in lines if not line.endswith(":")}, answer.stderr


def test_here_every_line_is_there_and_ok():
    # Threads are set, since a test run may have left any number in the environment.
    status, lines, errors = printed(OMP_NUM_THREADS="1")
    assert [name for name in [*NAMES, *OF_JUPYTERLAB] if name not in lines] == []
    assert list(lines)[-3:] == OF_JUPYTERLAB
    assert {name: line for name, line in lines.items() if not line.endswith(" ok")} == {}
    assert (status, errors) == (0, "")
    assert lines["torch"].split()[0] == torch.__version__
    assert lines["cnnlab"].split()[0] == cnnlab.__version__


def test_without_jupyterlab_the_course_is_ok_and_one_line_says_how_to_get_it():
    """In VS Code after `pip install .`: ipykernel is needed, JupyterLab is not."""
    status, lines, errors = printed(code=AS_BY_PIP + WITHOUT_JUPYTERLAB, OMP_NUM_THREADS="1")
    assert (status, errors) == (0, "")
    assert lines["jupyterlab"].split(maxsplit=1) == [
        "-", 'needed only for JupyterLab: run `python -m pip install "jupyterlab>=4.2"`',
    ]  # fmt: skip
    assert not {"front ends", "kernel"} & set(lines)
    assert lines["ipykernel"].endswith(" ok")


@pytest.mark.parametrize("host", ["COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"])
def test_on_colab_and_kaggle_nothing_is_asked_for_jupyterlab(host):
    status, lines, errors = printed(code=AS_BY_PIP + WITHOUT_JUPYTERLAB, OMP_NUM_THREADS="1", **{host: "test"})
    assert (status, errors) == (0, "")
    assert not {*OF_JUPYTERLAB, "ipykernel"} & set(lines)
    assert lines["widget stack"].endswith(" ok")


def test_where_start_py_opens_jupyterlab_it_must_be_there(monkeypatch):
    def missing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert report.check_jupyterlab("4.2")[0] == ("jupyterlab", "-", f"missing: {REMEDY}")
    monkeypatch.setattr(checks, "made_by_start", lambda: False)
    verdict = 'needed only for JupyterLab: run `python -m pip install "jupyterlab>=4.2"`'
    assert report.check_jupyterlab("4.2") == [("jupyterlab", "-", verdict)]


def test_what_is_broken_is_a_line_without_traceback_home_or_user(tmp_path):
    home = tmp_path / "home" / "grace"
    (home / "course").mkdir(parents=True)
    (home / "course" / "checksums.txt").write_text(f"{'0' * 32}  MNIST/raw/absent.gz\n")
    code = AS_STARTED + (
        "import pathlib, sys, cnnlab.files, ipywidgets\n"
        "sys.modules['seaborn'] = None  # importing it fails from now on\n"
        f"cnnlab.files.data_folder = lambda: pathlib.Path({str(home / 'course')!r})\n"
        "def broken(**_): raise OSError('no access to /media/grace/widgets')\n"
        "ipywidgets.IntSlider = broken"
    )
    status, lines, errors = printed(code=code, HOME=str(home), USERPROFILE=str(home), OMP_NUM_THREADS="1")
    assert (status, errors) == (1, "")
    assert {name for name, line in lines.items() if not line.endswith(" ok")} == {"seaborn", "data", "widget stack"}
    assert lines["seaborn"].split(maxsplit=1)[1] == (
        f"failed with ModuleNotFoundError (import of seaborn halted; None in sys.modules): {REMEDY}"
    )
    assert "~/course/MNIST/raw/absent.gz is missing" in lines["data"].replace("\\", "/")
    assert "(no access to /media/~/widgets)" in lines["widget stack"]
    assert "grace" not in "".join(lines.values())


def test_a_missing_torch_breaks_no_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for check in (checks.check_device, checks.check_threads, checks.check_data):
        line = report.run_check("name", check)
        assert line.verdict == "ok" or line.verdict.startswith(
            "failed with ModuleNotFoundError (import of torch halted"
        )


def test_the_users_name_is_hidden_before_any_mark_and_only_as_a_whole(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ann"))
    text = "'/home/ann' \"/home/ann\" (/media/ann) /media/ann: /media/ann, /home/ann/x '/media/ann'"
    assert report.hide_user_name(text) == "'~' \"~\" (/media/~) /media/~: /media/~, ~/x '/media/~'"
    others = "/home/anna/x /home/ann.b/x /home/ann-c/x /media/anna /media/ann-c"
    assert report.hide_user_name(others) == others


def test_a_home_that_is_the_root_folder_is_no_name(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert report.hide_user_name("/usr/lib and 1/2") == "/usr/lib and 1/2"
