"""tools/run_tests.py: which commands it gives, in which order, and whose exit status counts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from places import REPOSITORY
from scripts import load_script


@pytest.fixture
def script(start, monkeypatch):
    """Return tools/run_tests.py as a module that works in the small copy of the course."""
    monkeypatch.setitem(sys.modules, "start", start)
    return load_script(REPOSITORY / "tools" / "run_tests.py")


@pytest.fixture
def called(start, script, monkeypatch):
    """Record the commands that run_tests gives, and their environment; `statuses` holds what each one returns."""
    calls = SimpleNamespace(commands=[], environment=None, statuses=[0, 0, 0])

    def call(command, cwd, env):
        assert cwd == start.ROOT
        calls.commands.append(command)
        calls.environment = env
        return calls.statuses[len(calls.commands) - 1]

    monkeypatch.setattr(script.subprocess, "call", call)
    return calls


SPREAD = "--no-loadscope-reorder"
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]


def test_every_test_runs_in_one_pytest_after_ruff(script, called, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert script.run_tests(["-k", "model"]) == 0
    assert called.commands == [
        [sys.executable, "-m", "ruff", "check", "."],
        [sys.executable, "-m", "ruff", "format", "--check", "."],
        [
            sys.executable,
            "-m",
            "pytest",
            "tests",
            "-n",
            "2",
            "--dist",
            "loadscope",
            SPREAD,
            *NBVAL,
            "-k",
            "model",
        ],
    ]
    assert called.environment["OMP_NUM_THREADS"] == "1"


def test_named_tests_run_alone_and_a_set_thread_count_is_kept(script, called, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    script.run_tests(["notebooks/00_start_here.ipynb", "-x"])
    last = called.commands[-1]
    assert last == [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope", SPREAD, *NBVAL, *last[-2:]]
    assert last[-2:] == ["notebooks/00_start_here.ipynb", "-x"]
    assert called.environment["OMP_NUM_THREADS"] == "4"


@pytest.mark.parametrize(
    ("statuses", "status"), [([0, 0, 0], 0), ([0, 0, 5], 5), ([1, 0, 2], 2), ([1, 0, 0], 1), ([0, 1, 0], 1)]
)
def test_the_exit_status_is_the_tests_and_ruff_counts_too(script, called, capsys, statuses, status):
    called.statuses = statuses
    assert script.run_tests([]) == status
    ruff_alone = any(statuses) and not statuses[2]
    assert capsys.readouterr().out == ("The tests passed; ruff, at the top, did not.\n" if ruff_alone else "")


def test_a_changed_output_fails_and_a_broken_kernel_of_the_persons_own_does_not(
    start, script, tmp_path, monkeypatch, capfd
):
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "broken", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(kernel.parents[1]))
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for count, (source, printed) in enumerate([("print(1 + 1)", "2\n"), ("print(2 + 2)", "5\n")], start=1):
        output = nbformat.v4.new_output("stream", name="stdout", text=printed)
        notebook.cells.append(nbformat.v4.new_code_cell(source, execution_count=count, outputs=[output]))
    nbformat.write(notebook, Path(start.ROOT, "notebooks", "sums.ipynb"))
    Path(start.ROOT, "tools").mkdir()
    shutil.copy(REPOSITORY / "tools" / "nbval_sanitize.cfg", Path(start.ROOT, "tools"))  # pyproject.toml names it
    assert script.run_tests(["notebooks/sums.ipynb", "-n", "0"]) == 1
    assert "1 failed, 1 passed" in capfd.readouterr().out
