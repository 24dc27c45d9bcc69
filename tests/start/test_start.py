"""start.py: what it refuses and in which words, what it installs and when, and how it opens the course.

Nothing here installs anything: .venv is a temporary one whose Python is this one or a small script, and where the real
pip runs, it runs dry.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import http.client
import http.server
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import hatchling.build
import nbformat
import psutil
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from places import NOTEBOOKS, PATIENCE, REPOSITORY
from scripts import load_script
from small_course import NO_NETWORK, SCRIPTS_RUN, refused

PLAIN_PYTHON = os.path.realpath(sys.executable)  # not in .venv, whose path may have a space: "#!" can't have one
OLD_PYTHON = (
    "The course needs Python 3.11 to 3.14, and this is Python {}: install one of those (python.org has them) and start "
    "with it, for example `python3.13 start.py`, on Windows `py -3.13 start.py`."
)
DISK_FULL = (
    "The disk is full, here or in {}: make room (or set TMPDIR to a folder that has some), then start again to "
    "complete the installation."
)


def put_python(start, script: str) -> str:
    """Make a .venv whose Python is `script`, and return that Python's path."""
    python = Path(start.venv_python())
    python.parent.mkdir(parents=True)
    python.write_text(script)
    python.chmod(0o755)
    return str(python)


# --- Python's version


def test_the_bounds_are_those_of_constraints_and_pyproject():
    start = load_script(REPOSITORY / "start.py")
    oldest, newest = (".".join(map(str, bound)) for bound in (start.OLDEST, start.NEWEST))
    assert f" on Python {oldest} to {newest}." in (REPOSITORY / "constraints.txt").read_text().split("\n")[0]
    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == f">={oldest},<3.{start.NEWEST[1] + 1}"


def test_what_constraints_pin_supports_every_version_in_the_bounds():  # their first releases, too: Debian 12 has 3.11.2
    start = load_script(REPOSITORY / "start.py")
    versions = [f"3.{minor}" for minor in range(start.OLDEST[1], start.NEWEST[1] + 1)]
    pins = re.findall(r"^([\w.-]+)==", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
    installed = {package.name for package in importlib.metadata.distributions()}
    checked = [importlib.metadata.metadata(name) for name in pins if name in installed]
    assert len(checked) > 100
    for metadata in checked:
        supported = SpecifierSet(metadata.get("Requires-Python", ""))
        for patch in (0, 9):
            assert all(f"{version}.{patch}" in supported for version in versions), metadata["Name"]
    for name in ("torch", "numpy", "matplotlib"):
        classifiers = importlib.metadata.metadata(name).get_all("Classifier")
        assert {f"Programming Language :: Python :: {version}" for version in versions} <= set(classifiers)


def test_another_python_is_refused_in_one_sentence(start):
    for version in ((2, 7), (3, 10, 13), (3, 15), (4, 0)):
        assert refused(start.check_python, version) == OLD_PYTHON.format(f"{version[0]}.{version[1]}")
    for version in ((3, 11, 0), (3, 14, 9)):
        start.check_python(version)


def test_an_old_python_can_read_start_py():
    source = (REPOSITORY / "start.py").read_text()
    ast.parse(source, feature_version=(3, 7))  # no newer syntax; 3.6's own is checked by the test below
    assert source.isascii()
    assert "annotations" not in source  # `from __future__ import annotations` is an error in 3.6
    first_new_line = next(line for line in source.splitlines() if "->" in line)
    assert "Python 2: the course needs Python 3.11 to 3.14" in first_new_line  # Python 2 shows it with its SyntaxError


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of folders are read as UTF-8 anyway")
@pytest.mark.parametrize("name", ["LC_ALL", "LC_CTYPE", "LANG", ""])
def test_in_the_locale_c_an_installation_in_a_folder_with_an_umlaut_begins(start, tmp_path, monkeypatch, name):
    python = tmp_path / "venv" / "bin" / "python"
    # Made with a locale that can read the .pth file of the course's own .venv, wherever that lies.
    make_it = [sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"]
    subprocess.run(make_it, env=os.environ | {"LC_ALL": "C.UTF-8"}, check=True)
    for variable in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    if name:
        monkeypatch.setenv(name, "C")
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (packages / "_course.pth").write_text(f"{start.ROOT}\n", encoding="utf-8")
    start.use_utf8()
    status, output = start.run(str(python), "-I", "-c", "import sys; print(sys.path)")
    assert status == 0, output
    assert repr(start.ROOT) in output


def test_a_chosen_locale_is_kept(start, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    start.use_utf8()
    assert os.environ["LC_ALL"] == "de_DE.UTF-8"


def old_pythons() -> list[str]:
    """Return the Pythons older than 3.11 that work on this computer."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    names = [f"python3.{minor}" for minor in range(6, 11)]
    pythons = [*filter(None, map(shutil.which, names)), *map(str, homes.glob("3.*/bin/python"))]
    working = []
    for python in pythons:
        answer = subprocess.run(
            [python, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True
        )
        if answer.returncode == 0 and int(answer.stdout) < 11:
            working.append(python)
    return working


@pytest.mark.skipif(os.name == "nt", reason="looks where pyenv and Linux distributions put Pythons")
def test_old_pythons_that_are_here_say_it_themselves(tmp_path):
    pythons = old_pythons()
    if not pythons:
        pytest.skip("no Python older than 3.11 on this computer")
    for python in pythons:
        answer = subprocess.run([python, str(REPOSITORY / "start.py")], capture_output=True, text=True, cwd=tmp_path)
        version = re.search(r"this is Python (3\.\d+)", answer.stderr)[1]
        assert (answer.returncode, answer.stderr.strip()) == (1, OLD_PYTHON.format(version))


# --- The platform


@pytest.mark.parametrize(
    ("machine", "changed", "sentence"),
    [
        ("x86_64", {"maxsize": 2**31 - 1}, "a 32-bit Python: install the 64-bit one from python.org"),
        (
            "x86_64",
            {"platform": "darwin"},
            "Intel Macs: on a Mac with an Apple chip install the Python from python.org",
        ),
        ("riscv64", {}, "riscv64 processors: use a computer with an x86_64 or 64-bit ARM processor"),
        (
            "x86_64",
            {"implementation": SimpleNamespace(name="pypy")},
            "the Python named pypy: install the one from python.org",
        ),
        (
            "x86_64",
            {"SOABI": "cpython-312-x86_64-linux-musl"},
            "a Linux built on musl (Alpine): use one built on glibc (Debian, Ubuntu, Fedora)",
        ),
    ],
)
def test_a_platform_without_torch_is_refused_before_anything_is_made(start, monkeypatch, machine, changed, sentence):
    computer = {"implementation": sys.implementation, "maxsize": 2**63 - 1, "platform": "linux", "SOABI": "cpython-312"}
    computer = computer | {"version_info": sys.version_info} | changed
    monkeypatch.setattr(start, "sys", SimpleNamespace(**computer))
    monkeypatch.setattr(start.platform, "machine", lambda: machine)
    monkeypatch.setattr(sysconfig, "get_config_var", computer.get)
    said = refused(start.main, [])
    assert said == f"PyTorch has no packages for {sentence}, or open the course in Colab (README.md)."
    assert not Path(start.venv_folder()).exists()


@pytest.mark.parametrize(
    ("platform", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
)
def test_the_platforms_of_torch_are_accepted(start, monkeypatch, platform, machine):
    computer = SimpleNamespace(implementation=sys.implementation, maxsize=2**63 - 1, platform=platform)
    monkeypatch.setattr(start, "sys", computer)
    monkeypatch.setattr(start.platform, "machine", lambda: machine)
    start.check_platform()


def test_a_python_that_is_too_new_for_colabs_packages_is_refused(start):
    assert refused(start.check_colab_python, (3, 14, 0)) == (
        "Colab's packages do not exist for Python 3.14: run test-colab with Python 3.12, which is Colab's, or with "
        "3.11 or 3.13."
    )
    for version in ((3, 11, 9), (3, 12, 1), (3, 13, 9)):
        start.check_colab_python(version)


def test_a_missing_ensurepip_names_debians_package(start, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # what Python then does is what it does where it is missing
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert refused(start.prepare, "lab") == (
        f"This Python lacks ensurepip: on Debian or Ubuntu type `sudo apt install python{version}-venv`, elsewhere "
        "install Python from python.org; then start again."
    )
    monkeypatch.setitem(sys.modules, "venv", None)
    assert refused(start.prepare, "lab").startswith("This Python lacks venv and ensurepip: ")
    assert not Path(start.venv_folder()).exists()


# --- What pip says


@pytest.fixture
def tiny(start, monkeypatch):
    """A project that only wants torch, which the real pip resolves dry, with none of this computer's pip settings."""
    root = Path(start.ROOT)
    (root / "constraints.txt").write_text("torch==2.15.0\n")
    (root / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'cnnlab'\nversion = '0'\n"
    )
    (root / "backend.py").write_text(
        "import os\n"
        "def build_editable(*arguments): raise SystemExit('a dry run builds nothing')\n"
        "def prepare_metadata_for_build_editable(folder, settings=None):\n"
        "    os.mkdir(os.path.join(folder, 'cnnlab-0.dist-info'))\n"
        "    with open(os.path.join(folder, 'cnnlab-0.dist-info', 'METADATA'), 'w') as file:\n"
        "        file.write('Metadata-Version: 2.1\\nName: cnnlab\\nVersion: 0\\nRequires-Dist: torch\\n')\n"
        "    return 'cnnlab-0.dist-info'\n"
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "DRY_RUN": "1", "IGNORE_INSTALLED": "1", "RETRIES": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    Path(start.venv_folder()).mkdir()
    return start


def test_no_network_is_said_in_one_sentence(tiny, monkeypatch):
    with socket.socket() as door:  # bound, and nobody listens: connections are refused
        door.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{door.getsockname()[1]}/simple")
        assert refused(tiny.install, sys.executable, "lab") == NO_NETWORK


def test_no_torch_on_the_index_is_said_in_one_sentence(tiny, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert refused(tiny.install, sys.executable, "lab") == (
        f"pip finds no PyTorch for this computer ({tiny.platform.platform()}): it comes for 64-bit Windows, Linux with "
        "glibc 2.28 or newer, and Apple-chip Macs; on one of these look at `pip config list`, elsewhere open the "
        "course in Colab (README.md)."
    )


@SCRIPTS_RUN
@pytest.mark.parametrize(
    "error",
    [
        "[Errno 28] No space left on device",
        "[WinError 112] There is not enough space on the disk",
        "[Errno 122] Disk quota exceeded: '/home'",
    ],
)
def test_a_disk_that_fills_up_is_said_in_one_sentence(start, error):
    python = put_python(
        start, f'#!/bin/sh\necho "ERROR: Could not install packages due to an OSError: {error}"\nexit 1\n'
    )
    assert refused(start.install, python, "lab") == DISK_FULL.format(start.tempfile.gettempdir())


@SCRIPTS_RUN
def test_any_other_failure_ends_with_pips_last_line_and_keeps_the_rest(start):
    python = put_python(start, "#!/bin/sh\necho Collecting numpy\necho 'ERROR: the hashes differ'\nexit 1\n")
    assert refused(start.install, python, "lab") == (
        "The installation failed, .venv/pip.log says more: ERROR: the hashes differ"
    )
    assert Path(start.venv_folder("pip.log")).read_text() == "Collecting numpy\nERROR: the hashes differ\n"


@SCRIPTS_RUN
def test_packages_that_do_not_load_are_not_called_installed(start):
    python = put_python(start, '#!/bin/sh\n[ "$2" = -m ] && exit 0\necho "OSError: [WinError 126] c10.dll"\nexit 1\n')
    assert refused(start.install, python, "lab") == (
        "The packages are installed but can't be loaded (on Windows, install Microsoft's Visual C++ Redistributable "
        "for x64, or give the course's folder a name in plain letters, and start again): "
        "OSError: [WinError 126] c10.dll"
    )


@SCRIPTS_RUN
def test_pip_gets_the_persons_environment_untouched(start, monkeypatch, capsys):
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.invalid/whl/cpu")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.invalid/simple")
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    python = put_python(
        start,
        f"#!{PLAIN_PYTHON} -I\nimport json, os, sys\nif 'pip' in sys.argv:\n"
        "    print('  Downloading https://example.invalid/whl/cpu/torch-2.15.0%2Bcpu-cp311-x_64.whl (190.5 MB)')\n"
        "    print('Installing collected packages: numpy, torch, cnnlab')\n"
        "    with open('seen.json', 'w') as file:\n"
        "        json.dump([sys.argv[1:], os.getcwd(), dict(os.environ)], file)\n",
    )
    start.install(python, "lab")
    arguments, folder, environment = json.loads(Path(start.ROOT, "seen.json").read_text())
    assert arguments == ["-I", "-m", "pip", "install", "-c", "constraints.txt", "-e", ".[lab]"]
    assert folder == start.ROOT
    assert environment.items() >= os.environ.items()
    assert not [name for name in environment if name not in os.environ and name.startswith(("PIP", "PYTHON"))]
    assert capsys.readouterr().out.splitlines() == [
        "Installing with pip, at the versions in constraints.txt.",
        "  torch 2.15.0 (190.5 MB)",
        "  all downloaded; unpacking 3 packages, which takes a minute or two",
    ]


# --- When what is installed


class Recorder:
    """Stands in for start.run: keeps the commands, and does to .venv what they would do."""

    def __init__(self, start) -> None:
        self.start, self.commands, self.pip_raises, self.pip_settings = start, [], None, ""

    def __call__(self, *command: str, **_: object) -> tuple[int, str]:
        if command[1:] == ("-c", ""):  # does this Python still run?
            return 0, ""
        if "config" in command:
            return 0, self.pip_settings
        if "venv" in command:
            assert command[3:] == ("--clear", self.start.venv_folder())
            shutil.rmtree(self.start.venv_folder(), ignore_errors=True)
            put_python(self.start, "")
            self.commands.append("venv")
        elif "pip" in command:
            assert not Path(self.start.venv_folder("complete.json")).exists()
            self.commands.append(command[-1])
            if self.pip_raises:
                raise self.pip_raises
        return 0, ""

    def prepare(self, extra: str) -> list[str]:
        """Return the commands that one start gives."""
        self.commands = []
        assert self.start.prepare(extra) == self.start.venv_python()
        return self.commands


@pytest.fixture
def recorder(start, monkeypatch):
    recorder = Recorder(start)
    monkeypatch.setattr(start, "run", recorder)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda _: SimpleNamespace(free=50e9))
    return recorder


def test_the_first_start_installs_and_the_second_does_nothing(recorder, capsys, monkeypatch):
    monkeypatch.setattr(recorder.start, "sys", SimpleNamespace(**vars(sys) | {"platform": "linux"}))
    assert recorder.prepare("lab") == ["venv", ".[lab]"]
    assert capsys.readouterr().out.splitlines() == [
        "Making the folder .venv (first start).",
        "About 3.2 GB to download, 6.3 GB once installed; 50.0 GB are free here.",
        "Installing with pip, at the versions in constraints.txt.",
    ]
    assert recorder.prepare("lab") == []
    assert capsys.readouterr().out == ""


def test_what_the_tests_need_contains_what_the_course_needs(recorder):
    recorder.prepare("lab")
    assert recorder.prepare("test") == [".[test]"]
    assert recorder.prepare("lab") == []
    assert recorder.prepare("test") == []


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml"])
def test_changed_versions_are_installed_into_what_is_there(recorder, name):
    recorder.prepare("test")
    with open(Path(recorder.start.ROOT, name), "a") as file:
        file.write("# changed\n")
    assert recorder.prepare("lab") == [".[test]"]
    assert recorder.prepare("lab") == []


@pytest.mark.parametrize("found_before", [False, True])
def test_an_interrupted_installation_is_made_anew(recorder, capsys, found_before):
    if found_before:
        recorder.prepare("lab")
    recorder.pip_raises = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        recorder.prepare("test")
    recorder.pip_raises = None
    assert recorder.prepare("lab") == ["venv", ".[lab]"]
    assert "Making the folder .venv (the last installation did not finish)." in capsys.readouterr().out


@pytest.mark.parametrize("stamp", [None, "", "{", "[1]", '"complete"', "{}"])
def test_a_half_made_environment_is_not_trusted(recorder, stamp):
    put_python(recorder.start, "")
    if stamp is not None:
        Path(recorder.start.venv_folder("complete.json")).write_text(stamp)
    assert recorder.prepare("lab") == ["venv", ".[lab]"]


def test_without_a_network_an_update_leaves_the_earlier_installation_whole(recorder):
    recorder.prepare("lab")
    before = recorder.start.read_stamp()
    recorder.pip_raises = ConnectionError("no network")
    assert refused(recorder.prepare, "test") == "no network"
    assert recorder.start.read_stamp() == before
    assert recorder.prepare("lab") == []


def test_without_a_network_a_first_installation_stays_unfinished(recorder):
    recorder.pip_raises = ConnectionError("no network")
    assert refused(recorder.prepare, "lab") == "no network"
    assert recorder.start.read_stamp() == {}


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_a_moved_or_copied_folder_is_made_anew(recorder, monkeypatch, tmp_path, capsys, move):
    recorder.prepare("lab")
    move(recorder.start.ROOT, tmp_path / "elsewhere")
    there = Recorder(load_script(tmp_path / "elsewhere" / "start.py"))
    monkeypatch.setattr(there.start, "run", there)
    assert there.prepare("lab") == ["venv", ".[lab]"]
    assert "Making the folder .venv (the course was moved or copied)." in capsys.readouterr().out
    assert there.prepare("lab") == []


def test_another_python_is_noticed(recorder, capsys):
    recorder.prepare("lab")
    recorder.start.write_stamp(recorder.start.read_stamp() | {"python": "3.9"})
    assert recorder.prepare("lab") == ["venv", ".[lab]"]
    assert "(it had Python 3.9, this is Python 3." in capsys.readouterr().out


def test_a_python_that_is_gone_is_noticed(recorder, capsys):
    recorder.prepare("lab")
    os.remove(recorder.start.venv_python())
    assert recorder.prepare("lab") == ["venv", ".[lab]"]
    assert "(its Python is gone)" in capsys.readouterr().out


def test_an_environment_is_not_made_anew_by_its_own_python(recorder, monkeypatch):
    put_python(recorder.start, "")
    monkeypatch.setattr(recorder.start, "sys", SimpleNamespace(**vars(sys) | {"prefix": recorder.start.venv_folder()}))
    assert refused(recorder.prepare, "lab") == (
        ".venv must be made anew (the last installation did not finish): type `deactivate`, then start with your own "
        "Python."
    )
    assert recorder.commands == []


def test_too_little_disk_is_said_before_the_download(recorder, monkeypatch):
    start = recorder.start
    monkeypatch.setattr(start, "sys", SimpleNamespace(**vars(sys) | {"platform": "linux"}))
    monkeypatch.setattr(start.shutil, "disk_usage", lambda _: SimpleNamespace(free=4e9))
    assert refused(recorder.prepare, "lab") == "That does not fit: make 5.5 GB more room, then start again."
    assert recorder.commands == ["venv"]
    recorder.pip_settings = "global.extra-index-url='https://example.invalid/whl/cpu'"
    assert recorder.prepare("lab") == ["venv", ".[lab]"]


def test_two_do_not_install_into_one_folder(start):
    with start.only_one():
        assert refused(start.only_one().__enter__) == (
            "Another start.py is installing here: wait until it is done, then start again."
        )
    with start.only_one():
        pass


def test_line_ends_do_not_count_as_another_version(start):
    before = start.wanted_stamp("lab")
    text = Path(start.ROOT, "constraints.txt").read_bytes()
    Path(start.ROOT, "constraints.txt").write_bytes(text.replace(b"\n", b"\r\n"))  # as Git may do on Windows
    assert start.wanted_stamp("lab") == before


# --- A folder of wheels


def test_the_build_tools_are_those_that_pip_asks_for(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    backend = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["build-system"]["requires"]
    asked = {Requirement(text).name for text in [*backend, *hatchling.build.get_requires_for_build_editable()]}
    assert set(load_script(REPOSITORY / "start.py").BUILD_TOOLS) == asked


@pytest.fixture
def collected(start, monkeypatch, tmp_path):
    """The wheels that collecting gives, by a stand-in for pip; `commands` has what it was asked."""
    calls = SimpleNamespace(commands=[], pip=(0, ""), folder=tmp_path / "wheels for ü")
    names = ["torch-2.15.0-cp312-none-any.whl", "hatchling-1-py3-none-any.whl"]

    def run(*command: str, **_: object) -> tuple[int, str]:
        if "wheel" in command:
            calls.commands.append(command[1:])
            for name in names:
                with zipfile.ZipFile(Path(command[command.index("-w") + 1], name), "w") as wheel:
                    wheel.writestr("a.py", "")
            return calls.pip
        return 0, ""

    monkeypatch.setattr(start, "run", run)
    monkeypatch.setattr(start, "kind_of_computer", lambda: "Linux x86_64, Python 3.12")
    monkeypatch.setattr(start.shutil, "disk_usage", lambda _: SimpleNamespace(free=50e9))
    monkeypatch.chdir(tmp_path)
    return calls


def test_collecting_asks_pip_once_and_writes_down_what_is_there(start, collected, capsys):
    assert start.collect_wheels(["wheels for ü"]) == 0
    folder = str(collected.folder)
    command = ("-I", "-m", "pip", "wheel", "-c", "constraints.txt", "-w", folder, ".[lab]", "hatchling", "editables")
    assert collected.commands == [command]
    assert f"{folder} is complete: 2 packages, 0.0 GB, for Linux x86_64, Python 3.12.\n" in capsys.readouterr().out
    assert (
        start.check_wheels(folder, "lab") == sum(path.stat().st_size for path in collected.folder.glob("*.whl")) / 1e9
    )
    broken = collected.folder / "numpy-2-py3-none-any.whl"
    broken.write_bytes(b"PK\x03\x04 the rest was not saved")
    start.collect_wheels(["wheels for ü", "--test"])
    assert collected.commands[1] == (*command[:8], ".[test]", *command[9:])
    assert not broken.exists()  # pip would take it for what it was to download
    start.collect_wheels(["wheels for ü"])  # what the tests need is kept up to date, too
    assert collected.commands[2] == collected.commands[1]
    assert not Path(start.venv_folder()).exists()


@pytest.mark.usefixtures("collected")
def test_a_tilde_is_the_persons_own_folder(start, monkeypatch, tmp_path):
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(tmp_path / "home"))
    start.collect_wheels(["~/wheels"])
    assert len(list((tmp_path / "home" / "wheels").glob("*.whl"))) == 2
    assert start.parse_arguments(["--from", "~/wheels"]).wheels == str(tmp_path / "home" / "wheels")
    assert start.parse_arguments(["--from", "wheels"]).wheels == str(tmp_path / "wheels")
    assert start.parse_arguments([]).wheels == ""


def test_collecting_that_fails_is_said_and_leaves_no_list(start, collected):
    collected.pip = (1, "ERROR: the hashes differ")
    log = collected.folder / "pip.log"
    said = refused(start.collect_wheels, ["wheels for ü"])
    assert said == f"The installation failed, {log} says more: ERROR: the hashes differ"
    assert refused(start.check_wheels, str(collected.folder), "lab") == (
        f"{collected.folder} has no file `wheels for ....json`, so it is not complete: on a computer with a network "
        "run `python start.py wheels` with that folder (README.md)."
    )


def test_a_folder_that_does_not_fit_is_refused_and_what_is_missing_is_named(start, collected, monkeypatch):
    folder, again = str(collected.folder), "on a computer with a network run `python start.py wheels` with that folder"
    assert refused(start.check_wheels, folder, "lab") == (
        f"There is no folder {folder}: check its name. If there is none yet, {again} (README.md)."
    )
    start.collect_wheels([folder])
    assert refused(start.check_wheels, folder, "test") == (
        f"{folder} lacks the packages of the tests: {again} and --test."
    )
    torch = collected.folder / "torch-2.15.0-cp312-none-any.whl"
    half = torch.read_bytes()[:-5]
    torch.write_bytes(half)
    missing = "{} lacks {}, or has only a part: copy the folder again, or {}."
    assert refused(start.check_wheels, folder, "lab") == missing.format(folder, torch.name, again)
    torch.unlink()
    assert refused(start.check_wheels, folder, "lab") == missing.format(folder, torch.name, again)
    start.collect_wheels([folder])
    monkeypatch.setattr(start, "kind_of_computer", lambda: "Windows AMD64, Python 3.13")
    assert refused(start.check_wheels, folder, "lab") == (
        f"{folder} has packages for Linux x86_64, Python 3.12. This is Windows AMD64, Python 3.13: on a computer of "
        "this kind, with a network, run `python start.py wheels` with that folder, or use another Python here."
    )
    start.collect_wheels([folder])  # one folder can serve two kinds of computers
    start.check_wheels(folder, "lab")
    with open(Path(start.ROOT, "constraints.txt"), "a") as file:
        file.write("# newer\n")
    assert refused(start.check_wheels, folder, "lab") == (
        f"{folder} belongs to another version of the course: with this version, {again}."
    )


def test_the_kind_of_computer_names_system_processor_and_python(start, monkeypatch):
    monkeypatch.setattr(start.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(start.platform, "machine", lambda: "arm64")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert start.kind_of_computer() == f"macOS arm64, Python {version}"


def test_a_folder_of_wheels_is_checked_before_anything_is_changed(recorder, monkeypatch, capsys):
    start, folder = recorder.start, "/no such folder"
    recorder.prepare("lab")
    with open(Path(start.ROOT, "constraints.txt"), "a") as file:
        file.write("# newer\n")
    before = start.read_stamp()
    assert refused(start.prepare, "lab", folder).startswith("There is no folder /no such folder")
    assert start.read_stamp() == before
    shutil.rmtree(start.venv_folder())
    monkeypatch.setattr(start, "check_wheels", lambda *_: 3.0)
    capsys.readouterr()
    start.prepare("lab", folder)
    assert "About 6.5 GB once installed; 50.0 GB are free here." in capsys.readouterr().out
    assert start.read_stamp()["extra"] == "lab"


@SCRIPTS_RUN
def test_with_a_folder_of_wheels_pip_sees_nothing_else(start, monkeypatch):
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.invalid/simple")
    python = put_python(
        start,
        f"#!{PLAIN_PYTHON} -I\nimport json, os, sys\nif 'pip' in sys.argv:\n"
        "    with open('seen.json', 'w') as file:\n"
        "        json.dump([sys.argv[4:], dict(os.environ)], file)\n",
    )
    start.install(python, "lab", "/my wheels")
    arguments, environment = json.loads(Path(start.ROOT, "seen.json").read_text())
    source = ["--no-index", "--find-links", "/my wheels"]
    assert arguments == ["install", "-c", "constraints.txt", *source, "-e", ".[lab]"]
    assert {name: value for name, value in environment.items() if name.startswith("PIP_")} == {
        "PIP_CONFIG_FILE": os.devnull
    }


@SCRIPTS_RUN
def test_wheels_that_this_system_is_too_old_for_are_named(start):
    python = put_python(start, "#!/bin/sh\necho 'ERROR: No matching distribution found for torch>=2.6'\nexit 1\n")
    assert refused(start.install, python, "lab", "/wheels") == (
        f"/wheels has no torch>=2.6 that fits this computer ({start.platform.platform()}): run `python start.py "
        "wheels` with that folder on a computer like this one, with a network."
    )


@pytest.mark.usefixtures("keep_sigterm")
def test_what_main_does_with_wheels_and_from(start, monkeypatch, tmp_path):
    steps = []
    for name in ("collect_wheels", "prepare", "check_data", "run_tool"):
        monkeypatch.setattr(start, name, lambda *arguments, name=name: steps.append((name, *arguments)) or 0)
    start.main(["wheels", "folder", "--test"])
    start.main(["test", "--from", str(tmp_path), "-k", "model"])
    assert steps == [
        ("collect_wheels", ["folder", "--test"]),
        ("prepare", "test", str(tmp_path)),
        ("check_data",),
        ("run_tool", "run_tests.py", ["-k", "model"]),
    ]


# --- One installation for many


@pytest.fixture
def shared(start, monkeypatch, tmp_path, recorder):
    """A complete installation whose files may not be written, and a home; (start, the person's folder)."""
    recorder.prepare("lab")
    real = open

    def read_only(path, mode="r", *arguments, **options):
        if Path(str(path)).is_relative_to(start.ROOT) and set(mode) & set("wa+x"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, mode, *arguments, **options)

    monkeypatch.setattr(start, "open", read_only, raising=False)
    monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", str(tmp_path / "home"))
    return start, tmp_path / "home" / "cnnlab-course"


def test_an_installation_that_may_not_be_written_is_opened_as_it_is(shared, monkeypatch):
    start, _ = shared
    assert start.is_shared()
    assert start.is_complete("lab")
    assert not start.is_complete("test")
    start.sys = SimpleNamespace(**vars(sys) | {"version_info": (3, 99)})  # any Python may open it
    assert start.is_complete("lab")
    monkeypatch.setattr(start, "open", open)
    assert not start.is_shared()
    assert not start.is_complete("lab")


def test_who_must_complete_it_is_said(shared):
    start, _ = shared
    assert refused(start.only_one().__enter__) == (
        f"The installation in {start.ROOT} is not complete (the course was updated), and you may not write there: "
        "whoever looks after that folder must run `python start.py` in it. Or start a copy of the course, in a folder "
        "of your own."
    )


def test_settings_and_log_go_to_her_own_folder(shared, monkeypatch):
    start, own = shared
    given = []
    monkeypatch.setattr(start.subprocess, "Popen", lambda command, **options: given.append((command, options)))
    (own / ".cnnlab").mkdir(parents=True)
    start.start_server("python", 8000, "secret", browser=False)
    command, options = given[0]
    assert f"--ServerApp.root_dir={own}" in command
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        assert Path(options["env"][name]).is_relative_to(own / ".cnnlab")
    (own / ".cnnlab" / "jupyter.log").write_text("ImportError: no tornado\n")
    assert refused(start.stop_with_log) == (
        f"JupyterLab ended by itself, {own / '.cnnlab' / 'jupyter.log'} says more: ImportError: no tornado"
    )


# --- The data


def test_damaged_and_missing_data_are_named(start):
    shutil.copytree(REPOSITORY / "data", Path(start.ROOT, "data"))
    start.check_data()
    archive = Path(start.ROOT, "data/MNIST/raw/train-labels-idx1-ubyte.gz")
    content = bytearray(archive.read_bytes())
    content[5000] ^= 1
    archive.write_bytes(content)
    remedy = "bring it back with `git checkout -- data`, or download the course again."
    assert refused(start.check_data) == f"data/MNIST/raw/train-labels-idx1-ubyte.gz is damaged: {remedy}"
    archive.unlink()
    assert refused(start.check_data) == f"data/MNIST/raw/train-labels-idx1-ubyte.gz is missing: {remedy}"


# --- Opening


def test_a_port_in_use_is_said_and_without_one_a_free_one_is_taken(start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refused(start.free_port, port) == (
            f"Port {port} is in use or not allowed: give another, or leave --port out to get a free one."
        )
    assert start.free_port(port) == port
    assert start.free_port(0) > 0


def test_a_wrong_port_and_a_wrong_word_are_refused(start, capsys):
    for arguments, words in (
        (["--port", "70000"], "must be 1 to 65535, got 70000"),
        (["tset"], "arguments: tset"),
        (["test-colab", "-x"], "test-colab -x"),
    ):
        with pytest.raises(SystemExit, match="2"):
            start.main(arguments)
        assert words in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        start.main(["--help"])
    said = capsys.readouterr().out
    assert all(word in said for word in ("--port", "--no-browser", "python start.py test ", "start.py test-colab"))
    for help_option in ("-h", "--help"):  # without an installation, too
        with pytest.raises(SystemExit, match="0"):
            start.main(["check", help_option])
        with pytest.raises(SystemExit, match="0"):
            start.main(["test", help_option])
        assert "python start.py check [--language {en,id}] [--lax] [notebook ...]" in capsys.readouterr().out
    assert not Path(start.venv_folder()).exists()


@pytest.mark.parametrize(
    ("platform", "environment", "seen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "10.0.0.1 22"}, False),
        ("win32", {}, True),
    ],
)
def test_a_browser_opens_only_where_it_can_be_seen(start, monkeypatch, platform, environment, seen):
    monkeypatch.setattr(start, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(start.os, "environ", environment)
    assert start.has_display() is seen


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no root")
@pytest.mark.parametrize(("user", "as_root"), [(0, True), (1000, False)])
def test_root_is_allowed_with_a_warning(start, monkeypatch, capsys, user, as_root):
    Path(start.venv_folder()).mkdir()
    given = []
    monkeypatch.setattr(start.os, "geteuid", lambda: user)
    monkeypatch.setattr(start.subprocess, "Popen", lambda command, **options: given.append((command, options)))
    start.start_server("python", 8000, "secret", browser=False)
    command, options = given[0]
    assert ("--allow-root" in command) is as_root
    assert ("You are root, so JupyterLab is started with --allow-root" in capsys.readouterr().out) is as_root
    assert options["env"]["JUPYTER_TOKEN"] == "secret"
    assert not [argument for argument in command if "secret" in argument]
    assert "--ServerApp.kernel_websocket_connection_class=cnnlab.cli.jupyter.PromptConnection" in command
    assert "--HTMLExporter.preprocessors=cnnlab.cli.export.AltText" in command
    (folder,) = [each.partition("extra_labextensions_path=")[2] for each in command if "labextensions" in each]
    assert Path(folder) == Path(start.ROOT) / "cnnlab/cli/labextensions"


def test_no_setting_of_the_persons_own_reaches_the_course(start, monkeypatch):
    for name in ("JUPYTER_PATH", "JUPYTERLAB_DIR", "JUPYTER_PREFER_ENV_PATH", "IPYTHONDIR", "PYTHONPATH", "MPLBACKEND"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    environment = start.course_environment(os.path.join("somewhere", "python"))
    assert "mine" not in environment.values()
    assert environment["GOMP_SPINCOUNT"] == "1000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert start.course_environment("python")["GOMP_SPINCOUNT"] == "7"
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["PATH"] == "somewhere" + os.pathsep + os.environ["PATH"]
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        assert environment[name].startswith(start.venv_folder())
        assert Path(environment[name]).is_dir()


def test_jupyterlab_asks_no_question_about_news_and_an_answer_is_kept(start):
    start.decline_news()
    (path,) = Path(start.venv_folder("settings")).rglob("notification.jupyterlab-settings")
    assert json.loads(path.read_text()) == {"fetchNews": "false"}
    path.write_text('{"fetchNews": "true"}')
    start.decline_news()
    assert json.loads(path.read_text()) == {"fetchNews": "true"}


@contextlib.contextmanager
def serving(status: int):
    """Answer every request on some port with this status; yield the port."""

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_server_that_lets_anyone_in_is_not_opened(start):
    with serving(200) as port:
        running = SimpleNamespace(poll=lambda: None)
        assert refused(start.wait_until_ready, running, port, "secret") == (
            "JupyterLab answers 200 to a visitor without the token, who must get 403: a setting on this computer, in "
            "/etc/jupyter for one, is in the way."
        )


def test_another_server_on_the_port_is_not_taken_for_this_one(start):
    Path(start.venv_folder()).mkdir()
    Path(start.venv_folder("jupyter.log")).write_text("ERROR: port 8000 is not available\n")
    polls = iter([None, None, 1])
    with serving(403) as port:
        ending = SimpleNamespace(poll=lambda: next(polls))
        assert refused(start.wait_until_ready, ending, port, "secret") == (
            "JupyterLab ended by itself, .venv/jupyter.log says more: ERROR: port 8000 is not available"
        )


@SCRIPTS_RUN
def test_a_jupyterlab_that_ends_by_itself_is_said(start):
    python = put_python(start, "#!/bin/sh\necho 'Traceback ...'\necho 'ImportError: no tornado'\nexit 3\n")
    assert refused(start.open_course, python, 0, False) == (
        "JupyterLab ended by itself, .venv/jupyter.log says more: ImportError: no tornado"
    )


@pytest.fixture
def opened(start, tmp_path, monkeypatch, request):
    """`python start.py --no-browser` on a complete installation, with every setting of the person's own hostile.

    A test may give it more arguments.
    """
    root = Path(start.ROOT)
    shutil.copytree(REPOSITORY / "data", root / "data")
    put_python(start, f'#!/bin/sh\ncase "$*" in *pip*) touch pip-ran;; esac\nexec "{sys.executable}" "$@"\n')
    start.write_stamp(start.wanted_stamp("test"))
    config, kernel = tmp_path / "home" / ".jupyter", tmp_path / "jupyter" / "kernels" / "python3"
    config.mkdir(parents=True)
    kernel.mkdir(parents=True)
    (config / "jupyter_server_config.py").write_text("c.ServerApp.ip = '0.0.0.0'\nc.IdentityProvider.token = ''\n")
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "broken", "language": "python"}')
    hostile = {"HOME": config.parent, "JUPYTER_CONFIG_DIR": config, "JUPYTER_PATH": kernel.parents[1]}
    hostile |= {"JUPYTER_TOKEN": "guessed", "http_proxy": "http://127.0.0.1:9", "PYTHONPATH": "/nowhere"}
    hostile["LANGUAGE"] = "en"  # whatever this computer's is
    monkeypatch.delenv("DISPLAY", raising=False)
    process = subprocess.Popen(
        [sys.executable, "start.py", "--no-browser", *getattr(request, "param", ())],
        cwd=root,
        env=os.environ | {name: str(value) for name, value in hostile.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()


def unless_gone(question) -> list:
    """Return what psutil answers about a process, or [] where it has ended since: JupyterLab has short-lived ones."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return question()
    return []


def still_running(family: list) -> list:
    """Return the processes that have not ended after a while; a zombie has ended."""
    end = time.monotonic() + PATIENCE
    while alive := [
        member
        for member in family
        if member.is_running() and unless_gone(member.status) not in ([], psutil.STATUS_ZOMBIE)
    ]:
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    return alive


def ask(port: int, path: str, token: str = "") -> tuple[int, bytes]:
    """Return (status, body) of a GET, with the token if there is one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Authorization": f"token {token}"} if token else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


@SCRIPTS_RUN
def test_the_course_opens_with_a_token_and_on_this_computer_only(opened, start):
    lines = []
    for line in opened.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    address = re.search(
        r"  http://127\.0\.0\.1:(\d+)/lab/tree/notebooks/00_start_here\.ipynb\?token=(\w{48})\n", "".join(lines)
    )
    assert address, "".join(lines)
    assert not Path(start.ROOT, "pip-ran").exists()  # what is installed is complete: no pip, no network
    port, token = int(address[1]), address[2]
    assert [ask(port, "/api/contents")[0], ask(port, "/api/contents", "guessed")[0]] == [403, 403]
    status, body = ask(port, "/api/contents/notebooks", token)
    assert (status, [entry["name"] for entry in json.loads(body)["content"]]) == (200, ["00_start_here.ipynb"])
    assert ask(port, "/lab/tree/notebooks/00_start_here.ipynb", token)[0] == 200
    kernels = json.loads(ask(port, "/api/kernelspecs", token)[1])["kernelspecs"]
    assert kernels["python3"]["spec"]["display_name"] == "Python 3 (ipykernel)"

    family = [psutil.Process(opened.pid), *psutil.Process(opened.pid).children(recursive=True)]
    doors = [
        door.laddr
        for member in family
        for door in unless_gone(member.net_connections)
        if door.status == psutil.CONN_LISTEN
    ]
    assert port in [door.port for door in doors]
    assert {door.ip for door in doors} == {"127.0.0.1"}
    assert not [member for member in family if token in " ".join(unless_gone(member.cmdline))]
    assert token not in Path(start.venv_folder("jupyter.log")).read_text()

    os.killpg(opened.pid, signal.SIGINT)  # what Ctrl-C does
    assert opened.stdout.read() == "\nEnded. Start again to go on.\n"
    assert opened.wait(PATIENCE) == 130
    assert still_running(family) == []


@SCRIPTS_RUN
@pytest.mark.parametrize("opened", [("--language", "id")], indirect=True)
def test_in_indonesian_it_opens_another_notebook_and_jupyterlab_ends_when_start_py_is_terminated(opened, start):
    shutil.copytree(NOTEBOOKS / "id", Path(start.ROOT, "notebooks", "id"))
    lines = []
    while "Ctrl-C" not in "".join(lines[-1:]):
        assert opened.poll() is None
        lines.append(opened.stdout.readline().strip())
    address, sentence = lines[-3:-1]
    port, path, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/lab/tree/\S+)\?token=(\w+)", address).groups()
    assert path == "/lab/tree/notebooks/id/00_start_here.ipynb"
    assert ask(int(port), path, token)[0] == 200
    status, body = ask(int(port), "/api/contents/notebooks/id/00_start_here.ipynb", token)
    assert (status, "belajar membaca angka" in body.decode()) == (200, True)
    assert sentence == "`python start.py --language en` opens it in English (dalam bahasa Inggris)."
    server = psutil.Process(opened.pid).children()
    opened.terminate()
    assert opened.wait(PATIENCE) == 143
    assert still_running(server) == []


# --- The check of the notebooks


@SCRIPTS_RUN
@pytest.mark.usefixtures("keep_sigterm")
def test_check_hands_its_arguments_on_where_the_person_is(start, tmp_path, monkeypatch, capfd):
    put_python(start, '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$PWD" "$JUPYTER_PATH" "$@"\nexit 3\n')
    start.write_stamp(start.wanted_stamp("lab"))  # what the course itself needs is enough
    shutil.copytree(REPOSITORY / "data", Path(start.ROOT, "data"))
    monkeypatch.setenv("JUPYTER_PATH", "mine")
    monkeypatch.chdir(tmp_path)
    assert start.main(["check", "03", "hand in/a.ipynb", "--lax"]) == 3
    script = os.path.join(start.ROOT, "tools", "check_notebooks.py")
    assert capfd.readouterr().out == f"{tmp_path}  {script} 03 hand in/a.ipynb --lax\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the test waits at a named pipe until the notebook runs")
@pytest.mark.parametrize(("stop", "status"), [("Ctrl-C", 130), ("terminate", 143)])
def test_a_check_that_is_ended_says_so_and_leaves_no_kernel(start, stop, status):
    root = Path(start.ROOT)
    for name in ("data", "tools"):
        shutil.copytree(REPOSITORY / name, root / name)
    put_python(start, f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    start.write_stamp(start.wanted_stamp("lab"))
    os.mkfifo(root / "notebooks" / "pipe")
    source = "import os, time\nwith open('pipe', 'w') as pipe:\n    pipe.write(str(os.getpid()))\ntime.sleep(1000)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, root / "notebooks" / "00_start_here.ipynb")
    command = [sys.executable, "start.py", "check"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=root, start_new_session=True, **streams) as process:
        kernel = psutil.Process(int((root / "notebooks" / "pipe").read_text()))
        family = [kernel, *psutil.Process(process.pid).children(recursive=True)]
        os.killpg(process.pid, signal.SIGINT) if stop == "Ctrl-C" else process.terminate()
        said = [line for line in process.stdout if not line.startswith("running: ")]
    ended = ["\n", "Ended. Start again to go on.\n"] if stop == "Ctrl-C" else []
    assert (process.returncode, said) == (status, ["1 to check, 2 at a time.\n", *ended])
    assert psutil.wait_procs(family, timeout=PATIENCE)[1] == []


@pytest.mark.usefixtures("keep_sigterm")
def test_test_colab_installs_what_the_tests_need_then_hands_over(start, monkeypatch):
    steps = []
    monkeypatch.setattr(start, "check_colab_python", lambda _: steps.append(("check_colab_python",)))
    for name, answer in {"check_data": None, "prepare": "main", "run_tool": 3}.items():
        monkeypatch.setattr(
            start, name, lambda *arguments, name=name, answer=answer: steps.append((name, *arguments)) or answer
        )
    assert start.main(["test-colab"]) == 3
    assert steps == [
        ("check_colab_python",),
        ("prepare", "test", ""),
        ("check_data",),
        ("run_tool", "run_colab_tests.py", []),
    ]
