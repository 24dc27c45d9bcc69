"""`start.py check`: small notebooks run for real, and every word that is said about them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from made_runs import made
from nbformat.v4 import new_code_cell, new_notebook, new_output
from places import NOTEBOOKS, PATIENCE, REPOSITORY
from scripts import load_script

from cnnlab import commit_guess
from cnnlab.widgets.training.kept_runs import KeptRuns

SCRIPT = REPOSITORY / "tools" / "check_notebooks.py"
COURSE = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
FIFOS = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="two programs meet at a named pipe")


script = load_script(SCRIPT)


def cell(name: str, source: str, stored: str = "", count: int | None = 1, tags: tuple = ()):
    outputs = [new_output("stream", name="stdout", text=stored)] if stored else []
    return new_code_cell(source, id=name, outputs=outputs, execution_count=count, metadata={"tags": list(tags)})


def write(path: Path, *cells) -> None:
    nbformat.write(new_notebook(cells=list(cells)), path)


def check(*arguments: str, folder: Path, **environment: str) -> tuple[int, list[str], str]:
    """Return the exit status, the lines with N for each time, and what went to stderr."""
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
    )
    lines = re.sub(r"\b\d+ s\b", "N s", answer.stdout).splitlines()
    return answer.returncode, [line for line in lines if not line.startswith("running: ")], answer.stderr


@pytest.fixture(scope="module")
def hand_in(tmp_path_factory) -> Path:
    """A student's folder, with a file that a notebook reads and settings of pytest's that are none of ours."""
    folder = tmp_path_factory.mktemp("hand-in") / "my work é"
    folder.mkdir()
    (folder / "beside.txt").write_text("hello")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (folder / "conftest.py").write_text("raise SystemExit('not of the course')\n")
    (folder / "test_own.py").write_text("def test_own():\n    assert False\n")
    live = cell("live", "print('≈ 0.95 after 3 epochs')", "≈ 0.93 after 3 epochs\n")
    beside = cell("file", "print(open('beside.txt').read())", "hello\n")
    write(folder / "good.ipynb", cell("sum", "1 + 1"), beside, live)
    notebook = nbformat.read(folder / "good.ipynb", as_version=4)
    notebook.cells[0].outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=7)]
    nbformat.write(notebook, folder / "good.ipynb")
    write(
        folder / "faults [1].ipynb",
        cell("verdict", "print('better')", "cannot tell\n"),
        cell("second-line", "print('same\\nnew')", "same\nold\n"),
        cell("long", "print('x' * 100 + 'new' + 'y' * 100)", "x" * 100 + "old" + "y" * 100 + "\n"),
        cell("silent", "x = 1", "before\n"),
        cell("added", "print('after')"),
        cell("ends", "print('a')", "a"),
        cell("table", "import pandas\npandas.DataFrame({'a': [1]})"),
        cell("name", "no_such_name"),
        cell("escape", "raise ValueError('one\\n\\x1b[31mtwo')"),
        cell("ignored", "print(1)", "2\n", tags=["nbval-ignore-output"]),
        cell("expected", "print(1)", "2\n", tags=["nbval-check-output"]),
    )
    write(
        folder / "half.ipynb",
        cell("run", "print(1)", "1\n"),
        cell("not-run", "print(2)", count=None),
        cell("kept", "print(3)", "4\n", count=None),
    )
    write(folder / "empty.ipynb")
    (folder / "broken.ipynb").write_text("[1,")
    return folder


FAULTS = [
    'cell verdict: printed "better", stored "cannot tell"',
    'cell second-line: printed "new", stored "old"',
    f'cell long: printed "...{"x" * 25}new{"y" * 22}...", stored "...{"x" * 25}old{"y" * 22}..."',
    'cell silent: printed nothing, stored "before"',
    'cell added: printed "after", stored nothing',
    "cell ends: what is printed and what is stored differ in their line ends",
    'cell table: printed "   a", stored nothing',
    "cell name: NameError: name 'no_such_name' is not defined",
    "cell escape: ValueError: one  [31mtwo",
    'cell expected: printed "1", stored "2"',
]


def test_each_fault_of_a_folder_has_its_line_and_nothing_is_left_there(hand_in):
    before = sorted(hand_in.iterdir())
    status, lines, said = check(
        str(hand_in), folder=hand_in.parent, PYTHONIOENCODING="ascii", PYTEST_ADDOPTS="--nonsense"
    )
    assert (status, said) == (1, "")  # the é is lost, and nothing else, where a terminal has no such letter
    assert lines[0] == "5 to check, 2 at a time."
    assert sorted(lines[1:-1]) == sorted([
        "my work ?/broken.ipynb  this is no notebook: Notebook does not appear to be JSON: '[1,'",
        "my work ?/empty.ipynb  it has no code cell, so there is nothing to check",
        "my work ?/good.ipynb  passed  (3 cells, N s)",
        "my work ?/half.ipynb  cell kept: it has an output but was never run: run it, or clear its output",
        "my work ?/half.ipynb  2 of 3 cells were never run, so nothing is compared there",
        *(f"my work ?/faults [1].ipynb  {fault}" for fault in FAULTS),
    ])  # fmt: skip
    assert [line.split("  ", 1)[1] for line in lines[1:-1] if "/faults" in line] == FAULTS
    names = ", ".join(f"my work ?/{name}.ipynb" for name in ("broken", "empty", "faults [1]", "half"))
    assert lines[-1] == f"1 of 5 passed (N s); not passed: {names}"
    assert sorted(hand_in.iterdir()) == before


def test_lax_asks_only_that_the_cells_run(hand_in):
    status, lines, _ = check("--lax", "half.ipynb", "faults [1].ipynb", "half.ipynb", folder=hand_in)
    assert status == 1
    assert sorted(lines) == [
        "1 of 2 passed (N s); not passed: faults [1].ipynb",
        "2 to check, 2 at a time.",
        *(f"faults [1].ipynb  {fault}" for fault in sorted(FAULTS[-3:])),
        "half.ipynb  passed  (3 cells, N s)",
    ]


@FIFOS
def test_two_run_at_once_and_a_file_without_ids_is_no_trouble(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # who opens it waits for the other
    write(tmp_path / "a.ipynb", cell("writes", "open('pipe', 'w').write('met')"))
    write(tmp_path / "b.ipynb", cell("reads", "print(open('pipe').read())", "met\n"), cell("no", "1 / 0"))
    old = nbformat.read(tmp_path / "b.ipynb", as_version=4)
    old.nbformat_minor = 4
    for old_cell in old.cells:
        del old_cell["id"]
    nbformat.write(old, tmp_path / "b.ipynb")
    _, (_, *lines, last), _ = check("a.ipynb", "b.ipynb", "--lax", folder=tmp_path)
    fault = "b.ipynb  cell number 2: ZeroDivisionError: division by zero"
    assert sorted(lines) == ["a.ipynb  passed  (1 cell, N s)", fault]
    assert last == "1 of 2 passed (N s); not passed: b.ipynb"


@FIFOS
@pytest.mark.parametrize("group", [True, False])
def test_an_interrupt_or_an_end_leaves_no_kernel_behind(tmp_path, group):
    os.mkfifo(tmp_path / "pipe")
    begin = "import os, time\nwith open('pipe', 'w') as pipe:\n    pipe.write(str(os.getpid()))\n"
    write(tmp_path / "endless.ipynb", cell("endless", begin + "while True:\n    time.sleep(1)"))
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "endless.ipynb"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        kernel = psutil.Process(int((tmp_path / "pipe").read_text()))  # waits until the cell runs
        family = [kernel, *psutil.Process(process.pid).children(recursive=True)]
        if group:
            os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does
        else:
            process.terminate()
        said = process.stdout.read()
    assert (process.returncode, said.splitlines()[:1]) == (130, ["1 to check, 2 at a time."])
    assert "Traceback" not in said
    assert psutil.wait_procs(family, timeout=PATIENCE)[1] == []


def test_a_cell_that_takes_too_long_is_no_difference_whatever_it_printed_when_it_was_stopped():
    item = SimpleNamespace(parent=SimpleNamespace(timed_out=True), test_outputs=[])
    assert script.describe(item, Exception("Cell outputs differ")) == (
        "not done after 120 s: close what else is busy and check again, or look for an endless loop"
    )


def test_a_check_that_breaks_off_is_reported_by_its_last_words(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / "log").write_text("Traceback\nMemoryError: too large\n\n")
    check = script.Check.__new__(script.Check)
    check.folder, check.process = tmp_path, process
    fault = "its check broke off (status 0): MemoryError: too large"
    assert check.report() == {"cells": 0, "unrun": 0, "faults": [fault]}


def test_the_lines_about_one_notebook_are_few():
    unrun = {"cells": 38, "unrun": 12, "faults": []}
    assert script.describe_report("03_epochs", 21, unrun) == [
        "03_epochs  passed  (38 cells, 21 s)  12 of 38 cells were never run, so nothing is compared there"
    ]
    faults = [f"cell c{number}: no" for number in range(30)]
    lines = script.describe_report("03_epochs", 21, {"cells": 38, "unrun": 0, "faults": faults})
    assert lines == [*(f"03_epochs  {fault}" for fault in faults[:10]), "03_epochs  and 20 more"]


# --- What is shown while nothing ends


class Running:
    name = "07_full_grid"

    def seconds(self) -> int:
        return 12


def test_a_terminal_shows_what_is_running_on_one_line_that_goes_again(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "31")
    screen = script.Screen()
    screen.show_running([Running(), Running()])
    screen.say("done")
    assert capsys.readouterr().out == "\rrunning: 07_full_grid 12 s, 07" + "\r" + 30 * " " + "\rdone\n"


def test_a_pipe_hears_what_is_running_when_nothing_ended_for_long(capsys):
    screen = script.Screen()
    screen.show_running([Running()])
    assert capsys.readouterr().out == ""
    screen.last -= 31
    screen.show_running([Running(), Running()])
    screen.show_running([Running(), Running()])
    assert capsys.readouterr().out == "running: 07_full_grid 12 s, 07_full_grid 12 s\n"


# --- What the arguments mean


def test_the_order_names_every_notebook_of_the_course():
    assert sorted(script.LONGEST_FIRST) == COURSE


def test_a_notebook_is_found_by_number_name_and_path(tmp_path, monkeypatch):
    write(tmp_path / "03_epochs.ipynb")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "none").mkdir()
    course = NOTEBOOKS / "03_epochs.ipynb"
    for folder in (REPOSITORY, tmp_path / "none"):
        monkeypatch.chdir(folder)
        for text in ("03", "03_epochs", "03_epochs.ipynb", "notebooks/03_epochs.ipynb", str(course)):
            assert script.find(text) == [course] or script.find(text) == [course.relative_to(folder)]
    assert [path.stem for path in script.find("05")] == ["05a_signals", "05b_saliency"]
    assert [path.stem for path in script.find("05b")] == ["05b_saliency"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert script.find("03") == [course]
    assert script.find("03_epochs.ipynb") == script.find(".") == [Path("03_epochs.ipynb")]
    for text in (str(tmp_path), "~", "~/03_epochs.ipynb"):
        assert script.find(text) == [tmp_path / "03_epochs.ipynb"]
    assert script.find("notes.txt") == script.find("none") == script.find("3_epochs") == []
    assert len(script.find(str(NOTEBOOKS))) == len(COURSE)


def test_names_in_the_lines_are_short_and_each_file_comes_once(tmp_path, monkeypatch):
    write(tmp_path / "03_epochs.ipynb")
    monkeypatch.chdir(tmp_path)
    notebooks = script.find_all(["03", "03_epochs", "03_epochs.ipynb", str(tmp_path)], None)
    assert list(notebooks.values()) == ["03_epochs", "03_epochs.ipynb"]
    assert list(script.find_all([], None).values()) == COURSE


def test_the_indonesian_notebooks_are_checked_by_the_same_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = NOTEBOOKS / "id"
    assert script.find_all([], None, "id") == {folder / f"{name}.ipynb": name for name in COURSE}
    named = script.find_all(["03", "05", "08_playground"], None, "id")
    names = ["03_epochs", "05a_signals", "05b_saliency", "08_playground"]
    assert named == {folder / f"{name}.ipynb": name for name in names}
    assert script.find("id/03_epochs.ipynb") == [folder / "03_epochs.ipynb"]


@pytest.mark.parametrize(("arguments", "folder"), [([], NOTEBOOKS), (["--language", "id"], NOTEBOOKS / "id")])
def test_the_command_checks_the_language_that_is_asked_for(monkeypatch, arguments, folder):
    given = []
    for variable in ("OMP_NUM_THREADS", "CNNLAB_WORKERS"):  # which it sets where they are missing
        monkeypatch.setenv(variable, "1")
    monkeypatch.setattr(script.signal, "signal", lambda *_: None)
    monkeypatch.setattr(script, "check_all", lambda *checked: given.append(checked) or 0)
    assert script.main([*arguments, "08", "--lax"]) == 0
    assert given == [({folder / "08_playground.ipynb": "08_playground"}, True)]


@pytest.mark.parametrize(("text", "near"), [("03_epoks", "; did you mean 03_epochs? The"), ("zzz", ". The")])
def test_a_name_that_does_not_exist_is_said_with_the_nearest_and_the_list(text, near, tmp_path):
    status, lines, said = check("03", text, folder=tmp_path)
    assert (status, lines) == (2, [])
    assert said.splitlines() == [
        "usage: python start.py check [--language {en,id}] [--lax] [notebook ...]",
        f'start.py check: error: there is no notebook "{text}"{near} course has {", ".join(COURSE)}; '
        "a path to a file or a folder elsewhere works, too.",
    ]


def test_an_output_without_words_is_counted():
    """The line that says that PyTorch is being loaded leaves one."""
    printed, stored = {"text": ["ready\n"], "text/plain": [""]}, {"text": ["ready\n"]}
    assert script.difference(printed, stored) == "outputs printed: 1, stored: 0; one has no words"


GUESS = """
import torch  # before cnnlab: its loading is not shown
from cnnlab import commit_guess, show_guesses
print(commit_guess("01-kernel", ..., choices=[3, 5]))
print(show_guesses())
"""
NO_GUESS = """No prediction yet. Write 3 or 5 in place of ... and run this cell again.
No prediction has been made yet.
"""


@pytest.mark.parametrize("named", [False, True], ids=["beside the notebook", "in $CNNLAB_COURSE"])
def test_a_students_own_predictions_change_nothing(tmp_path, monkeypatch, named):
    """They are there, the notebook would print them, and the check neither reads nor writes them."""
    write(tmp_path / "asks.ipynb", cell("guess", GUESS, NO_GUESS))
    full = tmp_path / ("elsewhere" if named else "my_course") / "predictions.json"
    monkeypatch.setenv("CNNLAB_COURSE", str(full.parent))
    commit_guess("01-kernel", 5, choices=[3, 5])
    before = full.read_bytes()
    if not named:
        monkeypatch.delenv("CNNLAB_COURSE")
    status, lines, _ = check("asks.ipynb", folder=tmp_path)
    assert status == 0, lines
    assert full.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["asks.ipynb", full.parent.name])


PANEL = """
import torch
from cnnlab import TrainingPanel
panel = TrainingPanel()
print("finished runs:", len(panel.runs))
panel
"""


def test_a_students_own_runs_change_nothing_that_a_notebook_prints(tmp_path, monkeypatch):
    """The panel shows them; the check has a folder of its own, and the cells print only what they trained."""
    output = new_output(
        "execute_result", {"text/plain": "<TrainingPanel: a live panel; run this cell to use it>"}, execution_count=1
    )
    shown = cell("panel", PANEL, "finished runs: 0\n")
    shown.outputs.append(output)
    write(tmp_path / "trains.ipynb", shown)
    monkeypatch.setenv("CNNLAB_COURSE", str(tmp_path / "my_course"))
    KeptRuns().keep(made(0.5))
    monkeypatch.delenv("CNNLAB_COURSE")
    before = sorted((tmp_path / "my_course").rglob("*"))
    status, lines, _ = check("trains.ipynb", folder=tmp_path)
    assert status == 0, lines
    assert sorted((tmp_path / "my_course").rglob("*")) == before
