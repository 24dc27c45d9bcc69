"""tools/run_colab_tests.py: what comes into .venv-colab and when, and what runs there."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from places import REPOSITORY
from scripts import load_script
from small_course import NO_NETWORK, refused


@pytest.fixture
def script(start, monkeypatch):
    """Return the script as a module that works in a small copy of the course."""
    monkeypatch.setitem(sys.modules, "start", start)
    return load_script(REPOSITORY / "tools" / "run_colab_tests.py")


class ColabRecorder:
    """Stands in for start.run while .venv-colab is made: keeps the commands, and plays pip's part."""

    def __init__(self, start, script) -> None:
        self.start, self.script, self.commands, self.installed, self.pip = start, script, [], [], (0, "")
        self.python = start.venv_python(script.COLAB)
        self.sites = {"main": Path(start.ROOT, "main"), self.python: Path(start.ROOT, "colab")}
        self.sites["main"].mkdir()

    def __call__(self, *command: str, **_: object) -> tuple[int, str]:
        if "venv" in command:
            folder = Path(self.start.venv_folder(venv=self.script.COLAB))
            assert command == (sys.executable, "-m", "venv", "--clear", str(folder))
            shutil.rmtree(folder, ignore_errors=True)
            Path(self.python).parent.mkdir(parents=True)
            Path(self.python).touch()
            shutil.rmtree(self.sites[self.python], ignore_errors=True)
            self.sites[self.python].mkdir()
            self.commands.append("venv")
        elif command[1:3] == ("-I", "-c"):
            return 0, f"{self.sites[command[0]]}\n"
        elif "list" in command:
            return 0, "WARNING: a mirror is missing\n" + "".join(f"{name}==1.0\n" for name in self.installed)
        elif "uninstall" in command:
            self.installed = [name for name in self.installed if name != command[-1]]
        else:
            assert command[0] == self.python
            self.commands.append(" ".join(command[4:]))
            self.installed = ["ipykernel", "numpy"]
            return self.pip
        return 0, ""

    def prepare(self) -> list[str]:
        """Return the commands that one start gives."""
        self.commands = []
        assert self.script.prepare_colab("main") == self.python
        return self.commands


MADE = ["venv", "install -r constraints-colab.txt"]


@pytest.fixture
def colab(start, script, monkeypatch):
    shutil.copy(REPOSITORY / "constraints-colab.txt", start.ROOT)
    recorder = ColabRecorder(start, script)
    monkeypatch.setattr(start, "run", recorder)
    return recorder


def test_colabs_packages_are_installed_once(colab, capsys):
    assert colab.prepare() == MADE
    assert capsys.readouterr().out.splitlines() == [
        "Making the folder .venv-colab (Colab's packages).",
        "Installing with pip, at the versions in constraints-colab.txt.",
    ]
    assert colab.prepare() == []
    colab.installed.append("cnnlab")  # as the run before leaves it
    assert colab.prepare() == []
    assert "cnnlab" not in colab.installed


def test_what_the_set_up_cell_had_to_install_does_not_stay(colab):
    colab.prepare()
    colab.installed += ["lazy_loader", "cnnlab"]
    assert colab.prepare() == MADE
    assert colab.prepare() == []


@pytest.mark.parametrize("name", ["constraints-colab.txt", "constraints.txt", "pyproject.toml"])
def test_other_versions_make_colabs_packages_anew(colab, name):
    colab.prepare()
    with open(Path(colab.start.ROOT, name), "a") as file:
        file.write("# changed\n")
    assert colab.prepare() == MADE


def test_a_broken_installation_of_colabs_packages_is_not_trusted(colab):
    colab.pip = (1, "ConnectionResetError: connection broken by 'NewConnectionError'")
    assert refused(colab.prepare) == NO_NETWORK
    assert colab.start.read_stamp(colab.script.COLAB) == {}
    colab.pip = (0, "")
    assert colab.prepare() == MADE


@pytest.fixture
def site(tmp_path):
    """The site-packages of an installation, with a few files in place of each package."""
    source = tmp_path / "main"
    files = {
        "torch": [
            "torch/__init__.py",
            "torchgen/a.py",
            "torch_alone.py",
            "../../../bin/torchrun",
            "__pycache__/torch.pyc",
        ],
        "torchvision": ["torchvision/__init__.py", "torchvision.libs/png.so"],
        "nvidia-cublas": ["nvidia/cublas.so"],
        "nvidia-cudnn-cu13": ["nvidia/cudnn.so"],
        "cuda-bindings": ["cuda/bindings.so"],
        "triton": ["triton/__init__.py"],
        "torchinfo": ["torchinfo/__init__.py"],
        "captum": ["captum/__init__.py"],
        "cnnlab": ["cnnlab.pth"],
    }
    for name, inside in files.items():
        information = f"{name.replace('-', '_')}-1.0.dist-info"
        for path in (*inside, f"{information}/METADATA"):
            if not path.startswith(".."):
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        record = "".join(f"{path},,\n" for path in (*inside, f"{information}/METADATA"))
        (source / information / "RECORD").write_text(record)
    return source


@pytest.fixture
def target(tmp_path):
    """Another, empty site-packages."""
    (tmp_path / "colab").mkdir()
    return tmp_path / "colab"


FOLDERS = {"torch", "torchgen", "torch_alone.py", "torchvision", "torchvision.libs", "nvidia", "cuda", "triton"}
LINKED = ("torch", "torchvision", "nvidia_cublas", "nvidia_cudnn_cu13", "cuda_bindings", "triton")


@pytest.mark.skipif(os.name == "nt", reason="Windows lets administrators only make links")
def test_torch_is_linked_with_its_libraries_and_nothing_else(script, site, target):
    script.link_torch(str(site), str(target))
    assert {path.name for path in target.iterdir()} == FOLDERS | {f"{name}-1.0.dist-info" for name in LINKED}
    assert all(path.resolve() == site / path.name for path in target.iterdir())
    assert (target / "nvidia" / "cudnn.so").exists()


def test_torch_is_copied_where_links_are_not_allowed(script, site, target, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(22, "A required privilege is not held by the client")  # Windows, WinError 1314

    monkeypatch.setattr(os, "symlink", refuse)
    script.link_torch(str(site), str(target))
    assert {path.name for path in target.iterdir()} == FOLDERS | {f"{name}-1.0.dist-info" for name in LINKED}
    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert {path.name for path in (target / "nvidia").iterdir()} == {"cublas.so", "cudnn.so"}
    assert (target / "torch_alone.py").read_text() == (site / "torch_alone.py").read_text()


@pytest.fixture
def colab_called(start, script, monkeypatch):
    """Record what run_tests runs: the commands, where, on which files, and with which environment."""
    root = Path(start.ROOT)
    (root / "tests" / "colab").mkdir(parents=True)
    (root / "tests" / "colab" / "stack.py").touch()
    (root / "notebooks" / "01_next.ipynb").touch()
    (root / "notebooks" / "notes.txt").touch()
    calls = SimpleNamespace(commands=[], built=(0, ""), statuses=[0, 0], folder=None, environment=None, files=None)

    def build(*command: str, **_: object) -> tuple[int, str]:
        assert command[:-1] == ("main", "-I", "-m", *["pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w"])
        Path(command[-1], "cnnlab-0.1.0-py3-none-any.whl").touch()
        return calls.built

    def call(command, cwd, env):
        calls.commands.append(command)
        calls.folder, calls.environment, calls.files = Path(cwd), env, sorted(os.listdir(cwd))
        return calls.statuses[len(calls.commands) - 1]

    monkeypatch.setattr(start, "run", build)
    monkeypatch.setattr(script.subprocess, "call", call)
    return calls


def test_the_course_runs_on_colabs_packages_beside_its_wheel_and_away_from_the_repository(start, script, colab_called):
    assert script.run_tests("main", "colab") == 0
    pytest_there = ["colab", "-m", "pytest", "--disable-warnings"]
    nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120", "-n", "2", "--dist", "loadscope"]
    assert colab_called.commands == [
        [*pytest_there, "stack.py"],
        [*pytest_there, *nbval, "00_start_here.ipynb", "01_next.ipynb"],
    ]
    wheel = "cnnlab-0.1.0-py3-none-any.whl"
    assert colab_called.files == ["00_start_here.ipynb", "01_next.ipynb", wheel, "stack.py"]
    assert not colab_called.folder.is_relative_to(start.ROOT)
    assert not colab_called.folder.exists()
    environment = colab_called.environment
    assert environment["PYTHONPATH"] == os.path.join(start.ROOT, "tests", "colab")
    assert environment["OMP_NUM_THREADS"] == environment["CNNLAB_WORKERS"] == "1"
    assert environment["COLAB_RELEASE_TAG"]
    assert environment["IPYTHONDIR"].startswith(start.venv_folder(venv=script.COLAB))


@pytest.mark.parametrize(("statuses", "status", "runs"), [([0, 0], 0, 2), ([0, 3], 3, 2), ([2, 0], 2, 1)])
def test_the_exit_status_is_that_of_what_failed_first(script, colab_called, statuses, status, runs):
    colab_called.statuses = statuses
    assert script.run_tests("main", "colab") == status
    assert len(colab_called.commands) == runs


def test_a_wheel_that_cannot_be_built_is_said(start, script, colab_called):
    Path(start.venv_folder()).mkdir()
    colab_called.built = (1, "Processing .\nERROR: no hatchling")
    assert refused(script.run_tests, "main", "colab") == (
        "The installation failed, .venv/pip.log says more: ERROR: no hatchling"
    )
    assert colab_called.commands == []


def test_the_environment_is_made_under_the_lock_and_the_tests_run_after_it(script, monkeypatch):
    steps = []
    monkeypatch.setattr(script, "prepare_colab", lambda python: steps.append(refused(script.main)) or f"{python}-colab")
    monkeypatch.setattr(script, "run_tests", lambda *pythons: steps.append(pythons) or 3)
    assert script.main() == 3
    assert steps == [
        "Another start.py is installing here: wait until it is done, then start again.",
        (sys.executable, f"{sys.executable}-colab"),
    ]
