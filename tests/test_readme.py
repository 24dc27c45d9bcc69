"""Each example of README.md is run as it stands there, and prints what README.md shows, coarsely.

The commands that install, open or update the course are run by other tests, which are named here.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import subprocess
import sys
from typing import NamedTuple

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from places import NOTEBOOKS, REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
ELSEWHERE = {  # how a block begins → the test that runs it, or why none does
    "python start.py          # sets everything up": "tests/start/test_start.py",
    "PIP_EXTRA_INDEX_URL=": "tests/start/test_start.py",
    'pip install ".[cluster]"': "tests/experiments/test_sweep.py, for what the commands start",
    'python -c "import shutil': "tests/start/test_updates.py",
    "python start.py wheels": "tests/start/test_classroom.py",
    "python start.py --from": "tests/start/test_classroom.py",
    "cd /srv/cnnlab": "tests/start/test_classroom.py",
    "08_playground  passed": "tests/tools/test_check_notebooks.py, which compares such lines",
}


class Example(NamedTuple):
    """A block of README.md and the output that is shown for it."""

    language: str
    code: str
    output: str


def examples(text: str) -> list[Example]:
    """Return each block of code with the block of text that follows it as its output, or with "".

    >>> examples("```python\\nprint(1)\\n```\\nprints\\n```text\\n1\\n```\\n")
    [Example(language='python', code='print(1)\\n', output='1\\n')]
    """
    blocks = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text)
    return [
        Example(*block, following[1] if following[0] == "text" else "")
        for block, following in itertools.pairwise([*blocks, ("", "")])
        if block[0] != "text"
    ]


def code_cells(notebook: str) -> list[str]:
    """Return the ids of a notebook's code cells."""
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    return [cell.id for cell in cells if cell.cell_type == "code"]


PYTHON = [example for example in examples(README) if example.language == "python"]
SHELL = [example for example in examples(README) if example.language == "sh"]


def assert_alike(printed: str, shown: str) -> None:
    """Compare words and whole numbers exactly; of other numbers 0.1 may be missing, and of large ones three tenths."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        assert abs(float(ours) - float(theirs)) <= 0.1 * max(1, 3 * abs(float(theirs))), (ours, theirs)


def test_blocks_are_paired_with_their_output():
    text = "```sh\na\n```\nb\n```text\nc\n```\n```python\nd\n```\n```\ne\n```\n"
    assert examples(text) == [("sh", "a\n", "c\n"), ("python", "d\n", ""), ("", "e\n", "")]


def test_the_comparison_is_coarse_but_can_fail():
    shown = "7  5  0.9567  0.5100   better"
    assert_alike("7 5 0.9012 0.4500 better", shown)
    for printed in ("7 5 0.25 0.51 better", "7 5 0.9567 0.51 worse", "7 4 0.9567 0.51 better", "7 5 0.9567 better"):
        with pytest.raises((AssertionError, ValueError)):
            assert_alike(printed, shown)


def test_every_block_is_run_here_or_by_a_test_that_is_there():
    others = [example.code for example in examples(README) if example.language not in ("python", "sh")]
    begins = [[begin for begin in ELSEWHERE if code.startswith(begin)] for code in others]
    assert [len(found) for found in begins] == [1] * len(others), others
    assert {found[0] for found in begins} == set(ELSEWHERE)
    for tests in ELSEWHERE.values():
        assert (REPOSITORY / tests.partition(",")[0]).is_file()
    assert len(PYTHON) == 5
    assert len(SHELL) == 1
    assert all(example.output for example in (*PYTHON, *SHELL))


@pytest.fixture
def scheduler(tmp_path):
    """The address of a Dask scheduler on this computer, with one worker."""
    import dask
    import distributed

    places = {"host": "127.0.0.1", "dashboard_address": None, "worker_dashboard_address": None}
    with (
        dask.config.set({"temporary-directory": str(tmp_path / "dask")}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, **places) as cluster,
    ):
        yield cluster.scheduler_address


@pytest.mark.timeout(600)  # about 40 s on two quiet cores
def test_the_python_examples_print_what_is_shown(scheduler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for example in PYTHON:
        code = example.code.replace("tcp://HOST:8786", scheduler)
        if not torch.cuda.is_available():
            code = code.replace('device="cuda"', 'device="cpu"')
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, space)
        assert_alike(printed.getvalue(), example.output)
        assert bool(plt.get_fignums()) == ("plot_" in example.code)
        plt.close("all")
        if "client" in space:
            space.pop("client").close()


@pytest.mark.timeout(600)  # about 30 s on two quiet cores
def test_the_terminal_example_prints_what_is_shown(tmp_path):
    (example,) = SHELL
    *first, last = example.code.splitlines()
    for command in first:
        assert run(command, tmp_path).startswith("10 runs\n")
    assert_alike(run(last, tmp_path), example.output)
    assert (tmp_path / "coarse.png").stat().st_size > 10_000


def run(command: str, folder) -> str:
    """Run a command in a folder, and return what it printed; nothing may go to standard error."""
    words = [sys.executable if word == "python" else word for word in shlex.split(command)]
    answer = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def without_comments(code: str) -> str:
    return re.sub(r"  #.*", "", code)


def test_the_indonesian_readme_has_the_same_examples_with_comments_of_its_own():
    indonesian = examples((REPOSITORY / "README.id.md").read_text(encoding="utf-8"))
    ours = {(without_comments(example.code), example.output) for example in (*PYTHON, *SHELL)}
    theirs = {(without_comments(example.code), example.output) for example in indonesian if example.language}
    assert theirs == ours


@pytest.mark.parametrize("page", ["README.md", "README.id.md"])
def test_the_example_of_check_names_cells_that_are_there(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    notebook, cells = re.search(r"(?m)^(\w+)  passed  \((\d+) cells", text).groups()
    assert len(code_cells(notebook)) == int(cells)
    notebook, cell = re.search(r"(?m)^(\w+)  cell ([\w-]+): printed", text).groups()
    assert cell in code_cells(notebook)
