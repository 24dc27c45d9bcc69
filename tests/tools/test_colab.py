"""The set-up cell, the badge and the links: script, notebooks and pyproject.toml agree, and the cell does what it says.

The cell runs in a real kernel, where a module stands in for Colab's and a function for the call of pip; Colab's
packages are only a list of names. `python start.py test-colab` runs the same cell with the real pip on what Colab has.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from packaging.requirements import Requirement
from places import NOTEBOOKS, REPOSITORY
from scripts import load_script

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
NEEDED = [Requirement(text) for text in importlib.metadata.requires("cnnlab")]
NEEDED = [requirement.name for requirement in NEEDED if not requirement.marker]
WHEEL = "cnnlab-0.1.0-py3-none-any.whl"
NO_WHEEL = "Upload cnnlab's .whl file (see README.md) with the folder icon on the left; run it again."
NOT_INSTALLED = (
    "cnnlab is not installed for this Python: run `python start.py` and choose .venv as the kernel, or `%pip install` "
    "cnnlab's .whl (see README.md)."
)


sys.path.insert(0, str(REPOSITORY / "tools"))  # where the script finds the one beside it
colab = load_script(REPOSITORY / "tools" / "colab.py")


@pytest.fixture
def copy(tmp_path):
    """A copy of what the script reads and writes, with no address, whatever the course itself has."""
    root = tmp_path / "course"
    shutil.copytree(NOTEBOOKS, root / "notebooks", ignore=shutil.ignore_patterns(".*", "runs"))
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    text = text.replace(f'[project.urls]\nRepository = "{colab.GITHUB}{colab.read_address(REPOSITORY)}"\n\n', "")
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    colab.main([], root)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def cells(path: Path) -> dict[str, dict]:
    """Return id → cell, in the notebook's order."""
    return {cell["id"]: cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}


def source(path: Path, name: str) -> str:
    return "".join(cells(path)[name]["source"])


# --- Script, notebooks and pyproject.toml


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_notebooks_are_what_the_script_makes_of_pyproject(path):
    address = colab.read_address(REPOSITORY)
    assert source(path, "setup") == colab.set_up_cell(address)
    folded = {"jupyter": {"source_hidden": True}, "slideshow": {"slide_type": "skip"}, "tags": ["remove-cell"]}
    assert cells(path)["setup"]["metadata"] == folded
    assert ("colab" in cells(path)) is bool(address)
    if address:
        assert source(path, "colab") == colab.badge(address, path.stem)
    title = source(path, "title").splitlines()
    assert title[-2:] == ["", colab.GLOSSARY]
    assert title[1:4] == ["", f"**Bahasa Indonesia:** [{path.stem}](id/{path.name})", ""]


def test_without_an_address_there_is_no_badge_and_nothing_that_leads_to_github(copy):
    assert colab.read_address(copy) == ""
    for path in (copy / "notebooks").glob("*.ipynb"):
        assert "colab" not in cells(path)
        assert "github" not in source(path, "setup")


def test_one_command_sets_the_address_everywhere(copy, capsys):
    before = {path.name: cells(path) for path in (copy / "notebooks").glob("*.ipynb")}
    assert len(before) == len(PATHS) >= 8
    colab.main(["alice/cnn-lab"], copy)
    assert capsys.readouterr().out.endswith(f"published at alice/cnn-lab: {len(before)} notebooks changed\n")
    text = (copy / "pyproject.toml").read_text(encoding="utf-8")
    assert text.count("alice/cnn-lab") == 1
    assert tomllib.loads(text)["project"]["urls"] == {"Repository": "https://github.com/alice/cnn-lab"}
    for path in (copy / "notebooks").glob("*.ipynb"):
        after = cells(path)
        assert list(after)[:3] == ["title", "colab", "setup"]
        assert source(path, "colab") == (
            "[![Open this notebook in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
            f"(https://colab.research.google.com/github/alice/cnn-lab/blob/main/notebooks/{path.name})\n\n"
            "On Colab, the [glossary](https://github.com/alice/cnn-lab/blob/main/notebooks/glossary.md) and "
            "[this notebook in Indonesian](https://colab.research.google.com/github/alice/cnn-lab/blob/main/notebooks/id/"
            f"{path.name}) open here."
        )
        assert "git+https://github.com/alice/cnn-lab" in source(path, "setup")
        translated = path.parent / "id" / path.name
        assert source(translated, "colab").startswith(
            "[![Buka notebook ini di Colab](https://colab.research.google.com/"
        )
        assert f"/alice/cnn-lab/blob/main/notebooks/id/{path.name})" in source(translated, "colab")
        assert "git+https://github.com/alice/cnn-lab" in source(translated, "setup")
        assert after["setup"] | {"source": None} == before[path.name]["setup"] | {"source": None}
        assert {name: cell for name, cell in after.items() if name not in ("colab", "setup")} == {
            name: cell for name, cell in before[path.name].items() if name != "setup"
        }
        nbformat.validate(nbformat.read(path, as_version=4))


def test_a_title_gets_its_links_once_and_a_renamed_notebook_new_ones():
    title = "# Why?\n\nBecause.\n\n**You need:** time."
    first = colab.with_links(title, "01_why")
    assert first.split("\n\n") == [
        "# Why?", "**Bahasa Indonesia:** [01_why](id/01_why.ipynb)", "Because.", "**You need:** time.", colab.GLOSSARY,
    ]  # fmt: skip
    assert colab.with_links(first, "01_why") == first
    assert colab.with_links(first, "02_why") == first.replace("01_why", "02_why")


def test_run_again_it_changes_nothing_and_a_new_address_replaces_the_old_one(copy):
    without = contents(copy)
    colab.main([], copy)
    assert contents(copy) == without
    colab.main(["alice/cnn-lab"], copy)
    first = contents(copy)
    colab.main([], copy)
    colab.main(["alice/cnn-lab"], copy)
    assert contents(copy) == first
    colab.main(["bob/course"], copy)
    assert not [name for name, content in contents(copy).items() if b"alice" in content]
    colab.main(["alice/cnn-lab"], copy)
    assert contents(copy) == first
    (copy / "pyproject.toml").write_bytes(without["pyproject.toml"])  # taken out by hand
    colab.main([], copy)
    assert contents(copy) == without


@pytest.mark.parametrize(
    "address",
    [
        *("", "alice", "alice/", "/cnnlab", "alice/cnnlab/", "https://github.com/alice/cnnlab", "alice/cnnlab.git"),
        *(
            "alice/..",
            "-alice/cnnlab",
            "alice--b/cnnlab",
            'alice/c"',
            "alice/c d",
            "a" * 40 + "/cnnlab",
            "älice/cnnlab",
        ),
    ],
)
def test_a_bad_address_is_refused_in_words_and_nothing_is_written(copy, address):
    before = contents(copy)
    with pytest.raises(SystemExit) as stopped:
        colab.main([address], copy)
    assert str(stopped.value) == f"the address must be OWNER/NAME as on GitHub, got {address!r}; try alice/cnnlab"
    assert contents(copy) == before


def test_two_addresses_are_refused(copy):
    with pytest.raises(SystemExit, match="one address at most, OWNER/NAME, got alice/cnnlab bob/cnnlab"):
        colab.main(["alice/cnnlab", "bob/cnnlab"], copy)


def test_a_notebook_without_the_cell_is_named(copy):
    path = copy / "notebooks" / "00_start_here.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace('"id": "setup"', '"id": "other"'), encoding="utf-8")
    with pytest.raises(
        SystemExit, match=r"00_start_here\.ipynb has no cell with the id 'setup': put an empty code cell"
    ):
        colab.main([], copy)


def test_a_stale_translation_is_named_when_the_english_notebooks_are_written(copy):
    path = copy / "notebooks" / "00_start_here.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("Can this computer", "Could this computer"), "utf-8")
    (copy / "notebooks" / "id" / "texts" / "01_kernel_size.md").unlink()
    with pytest.raises(
        SystemExit, match=r"00_start_here\.md is not the whole notebook .*\ntitle: the English text has"
    ):
        colab.main(["alice/cnnlab"], copy)
    assert all("colab" in cells(path) for path in (copy / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("address", ["", "alice/cnnlab", "a-long-owner-name-of-29-signs/a-long-name-of-24-signs-"])
def test_the_cell_is_short_and_passes_the_linter(tmp_path, address):
    cell = nbformat.v4.new_code_cell(colab.set_up_cell(address), id="setup")
    assert len(cell.source.splitlines()) <= 20
    assert "a GPU: Runtime → Change runtime type" in cell.source
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "one.ipynb")
    settings = ["--no-cache", "--config", str(REPOSITORY / "pyproject.toml"), str(tmp_path / "one.ipynb")]
    for command in (["check"], ["format", "--check"]):
        answer = subprocess.run([sys.executable, "-m", "ruff", *command, *settings], capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout


def test_the_pins_are_colabs_and_reach_every_floor_of_cnnlabs():
    text = (REPOSITORY / "constraints-colab.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r'(?m)^([\w.-]+)==([\w.]+)(?:; python_version < "3.13")?$', text))
    assert (
        pins.items()
        >= {"ipykernel": "6.17.1", "ipython": "7.34.0", "ipywidgets": "7.7.1", "anywidget": "0.9.21"}.items()
    )
    pins = {name.replace("_", "-").lower(): version for name, version in pins.items()}
    floors = {
        requirement.name: requirement.specifier
        for requirement in map(Requirement, importlib.metadata.requires("cnnlab"))
        if not requirement.marker
    }
    assert floors.keys() - pins.keys() == {"torch", "torchvision"}  # linked
    for name in floors.keys() & pins.keys():
        assert pins[name] in floors[name], name


# --- What the cell does


PRELUDE = """
import importlib.metadata, os, subprocess, sys, types
called, managers, installed = [], [], []
subprocess.check_call = called.append
importlib.metadata.distributions = lambda: [types.SimpleNamespace(name=name) for name in installed]
colab = types.ModuleType("google.colab")
colab.output = types.SimpleNamespace(enable_custom_widget_manager=lambda: managers.append(1))
modules = {"google": types.ModuleType("google"), "google.colab": colab, "google.colab.output": colab.output}
"""
ARRIVE = "sys.modules.update(modules)"
ELSEWHERE = "sys.modules.pop('google.colab', None)"
TELL = "import json; print(json.dumps([called, len(managers)])); called.clear(); managers.clear()"
PUBLISHED = "alice/cnnlab"
COLABS = [None, "google-colab", "Pillow", *(name.replace("-", "_") for name in NEEDED)]  # names as packages write them
# name → (address, what is installed there, files beside the notebook, what pip is asked for)
CASES = {
    "a wheel": ("", COLABS, [WHEEL], [[WHEEL]]),
    "a wheel uploaded twice": ("", COLABS, ["cnnlab-0.1.0-py3-none-any (1).whl", WHEEL], [[WHEEL]]),
    "no wheel": ("", COLABS, [], []),
    "everything is there": ("", [*COLABS, "cnnlab"], [WHEEL], []),
    "one is missing": ("", ["cnnlab", *COLABS[:-1]], [], [[NEEDED[-1]]]),
    "a wheel, and two missing": ("", COLABS[:-2], [WHEEL], [[WHEEL], sorted(NEEDED[-2:])]),
    "published": (PUBLISHED, COLABS, [], [["git+https://github.com/alice/cnnlab"]]),
    "published, and a wheel": (PUBLISHED, COLABS, [WHEEL], [[WHEEL]]),
    "published, everything is there": (PUBLISHED, [*COLABS, "cnnlab"], [], []),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Run the cell in each case; return case → (its outputs, the calls of pip, the calls of the widget manager)."""
    new = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(cells=[new(PRELUDE)])
    elsewhere = [new(ELSEWHERE), new(colab.set_up_cell("")), new(TELL)]
    notebook.cells += elsewhere
    for address, there, files, _ in CASES.values():
        prepare = f"installed[:] = {there!r}\nfor name in os.listdir(): os.remove(name)\n"
        prepare += f"for name in {files!r}: open(name, 'w').close()\n" + ARRIVE
        notebook.cells += [new(prepare), new(colab.set_up_cell(address)), new(TELL)]
    folder = tmp_path_factory.mktemp("content")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True, resources=resources).execute()
    results = {}
    for name, place in zip(["elsewhere", *CASES], range(1, len(notebook.cells), 3), strict=True):
        before, cell, tell = notebook.cells[place : place + 3]
        assert before.outputs == [], name
        results[name] = (cell.outputs, *json.loads(tell.outputs[0].text))
    return results


def test_on_your_own_computer_it_does_nothing(answers):
    assert answers["elsewhere"] == ([], [], 0)


@pytest.mark.parametrize("name", CASES)
def test_on_colab_pip_gets_what_is_not_there_and_nothing_else(answers, name):
    outputs, called, managers = answers[name]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    assert called == [[*pip, *asked] for asked in CASES[name][3]]
    assert managers == 1
    if name != "no wheel":
        assert outputs == []


def test_without_a_wheel_one_sentence_says_how_to_get_there(answers):
    outputs, _, _ = answers["no wheel"]
    (error,) = (output for output in outputs if output.output_type == "error")  # so that the cells below do not run
    assert (error.ename, error.evalue) == ("SystemExit", NO_WHEEL)
    assert len("\n".join(error.traceback).splitlines()) <= 3  # no wall


# --- Where cnnlab is not installed


@pytest.mark.parametrize("address", ["", PUBLISHED])
def test_without_cnnlab_one_sentence_stops_the_notebook(tmp_path, address):
    new = nbformat.v4.new_code_cell
    hide = "import sys\nsys.modules['cnnlab'] = None  # can't be imported from now on"
    notebook = nbformat.v4.new_notebook(cells=[new(hide), new(colab.set_up_cell(address)), new("print('ran')")])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, cell, below = notebook.cells
    (error,) = (output for output in cell.outputs if output.output_type == "error")
    assert (error.ename, error.evalue) == ("SystemExit", NOT_INSTALLED)
    assert len("\n".join(error.traceback).splitlines()) <= 3  # no wall
    assert below.outputs == []


@pytest.mark.parametrize("address", ["", PUBLISHED])
def test_a_script_without_cnnlab_says_the_same_sentence(tmp_path, address):
    (tmp_path / "script.py").write_text(colab.set_up_cell(address) + "\nprint('ran')\n", encoding="utf-8")
    alone = [sys.executable, "-I", "-S", "script.py"]  # -S: without site-packages
    answer = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", NOT_INSTALLED + "\n")


def test_a_script_with_cnnlab_goes_on(tmp_path):
    (tmp_path / "script.py").write_text(colab.set_up_cell("") + "\nprint('ran')\n", encoding="utf-8")
    answer = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "ran\n", "")
