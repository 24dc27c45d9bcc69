"""start.py in a class: computers without a network, and one installation that many open but may not write to.

The first part installs a small stand-in for the course with the real pip and the real hatchling, packed into wheels
again from what is installed here. The second opens the course itself, mounted read-only, as an ordinary user.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from places import NOTEBOOKS, PATIENCE, REPOSITORY

# --- Without a network


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """Write a wheel of pure Python: `files` (path → content), and the metadata that is not among them."""
    information = f"{name}-{version}.dist-info"
    files = {
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    } | files
    record = "".join(f"{path},,\n" for path in (*files, f"{information}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in (files | {f"{information}/RECORD": record.encode()}).items():
            wheel.writestr(path, content)


def repack(folder: Path, name: str) -> None:
    """Write wheels of an installed package of pure Python, and of all that it requires, from the files they list."""
    package = importlib.metadata.distribution(name)
    left_out = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
    paths = [path for path in package.files if path.parts[0] != ".." and path.suffix != ".pyc"]
    files = {path.as_posix(): path.locate().read_bytes() for path in paths if path.name not in left_out}
    write_wheel(folder, package.name.replace("-", "_"), package.version, files)
    for requirement in map(Requirement, package.requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            repack(folder, requirement.name)


PYPROJECT = """
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"
[project]
name = "cnnlab"
version = "0.1.0"
dependencies = ["torch>=2.6", "torchvision"]
[project.optional-dependencies]
lab = ["jupyterlab"]
[tool.hatch.build.targets.wheel]
packages = ["cnnlab"]
dev-mode-dirs = ["."]
"""
STAND_IN = b"import sys, torch, cnnlab\nprint('stand-in with torch', torch.version, 'in', sys.prefix, *sys.path[:1])\n"


def write_course(root: Path) -> None:
    """Write a course that requires only torch, torchvision and jupyterlab, and has no data."""
    for folder in ("notebooks", "data", "cnnlab"):
        (root / folder).mkdir(parents=True)
    shutil.copy(REPOSITORY / "start.py", root)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "constraints.txt").write_text("torch==2.15.0\n")
    (root / "data" / "checksums.txt").touch()
    (root / "cnnlab" / "__init__.py").touch()
    (root / "cnnlab" / "files.py").touch()


def write_store(folder: Path) -> None:
    """Write all wheels that this course needs, and a torch that its constraints.txt does not allow."""
    folder.mkdir()
    for version in ("2.15.0", "2.16.0"):
        write_wheel(folder, "torch", version, {"torch.py": f"version = {version!r}\n".encode()})
    write_wheel(folder, "torchvision", "1.0", {"torchvision.py": b""})
    write_wheel(folder, "jupyterlab", "4.6", {"jupyterlab/__init__.py": b"", "jupyterlab/__main__.py": STAND_IN})
    write_wheel(folder, "editables", "0.6", {"editables.py": b""})
    repack(folder, "hatchling")


def without_network() -> list[str]:
    """Return what to put before a command so that it has no network, or [] where that is not allowed."""
    command = ["unshare", "--map-root-user", "--net"]
    allowed = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if allowed else []


@pytest.fixture
def door():
    """A port of this computer that keeps the first line of each request it gets."""
    requests = []

    class Door(BaseHTTPRequestHandler):
        def handle(self):
            requests.append(self.rfile.readline())

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.requests = requests
        yield server
        server.shutdown()


def test_wheels_are_collected_here_and_installed_there_without_a_network(tmp_path, door):
    store, teacher, student = tmp_path / "store", tmp_path / "teacher", tmp_path / "a student's course ü"
    write_course(teacher)
    write_course(student)
    write_store(store)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    address = f"http://127.0.0.1:{door.server_port}"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), address)  # whatever goes out goes there
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | proxies

    def start(course: Path, *arguments: str, before: tuple = (), **settings: str) -> subprocess.CompletedProcess:
        command = [*before, sys.executable, str(course / "start.py"), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment | settings, capture_output=True, text=True)

    by_store = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(store)}
    collected = start(teacher, "wheels", "for all ü", before=without_network(), **by_store)
    assert collected.returncode == 0, collected.stdout + collected.stderr
    folder = tmp_path / "for all ü"
    names = {path.name.split("-")[0] for path in folder.glob("*.whl")}
    assert names >= {"torch", "torchvision", "jupyterlab", "hatchling", "pluggy", "editables"}
    assert not (teacher / ".venv").exists()

    shutil.rmtree(store)
    wrong = {"PIP_INDEX_URL": address, "PIP_EXTRA_INDEX_URL": address, "PIP_FIND_LINKS": address, "PIP_RETRIES": "0"}
    wrong["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")
    Path(wrong["PIP_CONFIG_FILE"]).write_text(f"[global]\nextra-index-url = {address}/simple\n")
    opened = start(student, "--from", "for all ü", "--no-browser", **wrong)
    assert "Starting JupyterLab." in opened.stdout, opened.stdout + opened.stderr
    assert f"stand-in with torch 2.15.0 in {student / '.venv'}" in opened.stderr
    assert door.requests == []
    stamp = json.loads((student / ".venv" / "complete.json").read_text())
    assert stamp["extra"] == "lab"

    shutil.rmtree(folder)  # what is installed needs it no longer
    assert "stand-in with torch 2.15.0" in start(student, "--from", "for all ü", "--no-browser").stderr


# --- One installation for many

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
NOBODY = 65534
# Of root's rights only that of reading everything: Python, or the course, may lie in a folder that root has for itself.
ORDINARY_USER = [
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),
]


@pytest.fixture
def homes():
    """A folder for the homes of ordinary users, who may not enter tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def as_student(homes):
    """A function that starts a command as an ordinary user with a home of her own, who sees `course` read-only."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a folder read-only")
    processes = []

    def begin(course: Path, name: str, *command: str) -> subprocess.Popen:
        home = homes / name
        home.mkdir(exist_ok=True)
        os.chown(home, NOBODY, NOBODY)
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL")}
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", READ_ONLY, str(course), *ORDINARY_USER, *command],
            cwd=home, env=kept | {"HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        processes.append(process)
        return process

    trial = begin(REPOSITORY, "trial", sys.executable, "-c", "import sys; print(sys.prefix)")
    answer = trial.communicate()[0]
    if trial.returncode:
        pytest.skip(f"this computer does not let root mount, or give up its rights: {answer.strip()}")
    yield begin
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def ask(address: str, method: str, path: str, body: dict | None = None) -> dict:
    """Ask the server at start.py's address, and return its answer."""
    port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\S+\?token=(\w+)", address).groups()
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    connection.request(method, f"/api/contents/{path}", json.dumps(body), {"Authorization": f"token {token}"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_two_students_open_one_read_only_installation(as_student, homes):
    if Path(sys.prefix) != REPOSITORY / ".venv" or not (REPOSITORY / ".venv" / "complete.json").exists():
        pytest.skip("the tests do not run in the course's own .venv: `python start.py test` does that")
    names = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    command = (sys.executable, str(REPOSITORY / "start.py"), "--no-browser")
    students = {name: as_student(REPOSITORY, name, *command) for name in ("Änne", "Bo")}
    for name, process in students.items():
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        folder = homes / name / "cnnlab-course"
        assert lines[0] == f"Your own notebooks are in {folder / 'notebooks'}.", lines
        (address,) = [line for line in lines if line.startswith("http")]
        listed = ask(address, "GET", "notebooks")["content"]
        assert sorted(entry["name"] for entry in listed) == [*names, "glossary.md", "id"]
        notebook = ask(address, "GET", f"notebooks/{names[0]}")
        notebook["content"]["cells"] = notebook["content"]["cells"][:1]
        saved = ask(address, "PUT", f"notebooks/{names[0]}", {"type": "notebook", "content": notebook["content"]})
        assert saved["writable"] is True
        written = json.loads((folder / "notebooks" / names[0]).read_text())
        assert len(written["cells"]) == 1
        assert (folder / ".cnnlab" / "jupyter.log").stat().st_uid == NOBODY
    for process in students.values():
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_who_must_complete_a_read_only_installation_is_said(as_student, homes, tmp_path):
    course = tmp_path / "course"
    write_course(course)
    process = as_student(course, "Bo", sys.executable, str(course / "start.py"))
    assert process.communicate()[0].strip() == (
        f"The installation in {course} is not complete (first start), and you may not write there: whoever looks after "
        "that folder must run `python start.py` in it. Or start a copy of the course, in a folder of your own."
    )
    assert process.returncode == 1
    assert list((homes / "Bo").iterdir()) == []
