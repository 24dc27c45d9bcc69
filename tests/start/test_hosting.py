"""Where others run the course: Binder, a dev container, GitHub's runners, as far as it can be checked without them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from places import REPOSITORY
from scripts import load_script

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOSTED = yaml.safe_load((REPOSITORY / ".binder" / "environment.yml").read_text(encoding="utf-8"))


# --- Binder


def test_binder_gets_what_the_package_and_jupyterlab_need_and_no_more():
    wanted = {package.name: package.specifier for package in map(Requirement, PROJECT["dependencies"])}
    wanted |= {package.name: package.specifier for package in map(Requirement, PROJECT["optional-dependencies"]["lab"])}
    for name in ("nbval", "pytest"):  # of `start.py check` alone
        del wanted[name]
    wanted["pytorch-cpu"] = wanted.pop("torch")
    python, *others = HOSTED["dependencies"]
    assert re.fullmatch(r"python=3\.\d+", python)
    assert python.partition("=")[2] in Requirement(f"python{PROJECT['requires-python']}").specifier
    requirements = {package.name: package.specifier for package in map(Requirement, others)}
    assert requirements.pop("pip") == Requirement("pip").specifier
    assert requirements == wanted
    assert HOSTED["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.skipif(os.name == "nt", reason="repo2docker does not run on Windows")
@pytest.mark.filterwarnings("ignore:pythonjsonlogger.jsonlogger has been moved:DeprecationWarning")  # repo2docker's
def test_repo2docker_finds_the_python_the_environment_and_both_scripts(monkeypatch):
    from repo2docker.app import Repo2Docker

    monkeypatch.chdir(REPOSITORY)
    binder = Repo2Docker()
    packs = [pack(base_image=binder.base_image) for pack in binder.buildpacks]
    pack = next(pack for pack in packs if pack.detect())
    pack.platform = "linux/amd64"
    assert type(pack).__name__ == "CondaBuildPack"
    assert pack.python_version == HOSTED["dependencies"][0].partition("=")[2]
    assert pack.environment_yaml["dependencies"] == HOSTED["dependencies"]
    assert any(f"environment.py-{pack.python_version}-" in name for name in pack.get_build_script_files())
    assert pack.get_post_build_scripts() == [".binder/postBuild"]
    assert pack.get_start_script() == "${REPO_DIR}/.binder/start"
    dockerfile = pack.render()
    assert '--file ".binder/environment.yml"' in dockerfile
    assert "RUN ./.binder/postBuild" in dockerfile


@pytest.mark.skipif(os.name == "nt", reason="Binder runs Linux")
def test_what_binder_starts_has_one_worker():
    command = [REPOSITORY / ".binder" / "start", sys.executable, "-c", "import os; print(os.environ['CNNLAB_WORKERS'])"]
    environment = {name: value for name, value in os.environ.items() if name != "CNNLAB_WORKERS"}
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout == "1\n"


# --- A dev container


def test_the_dev_container_has_binders_environment():
    container = json.loads((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    made = re.findall(r"(?:--file|bash) (\S+)", container["postCreateCommand"])
    assert made == [".binder/environment.yml", ".binder/postBuild"]
    assert all((REPOSITORY / name).is_file() for name in made)
    (prefix,) = set(re.findall(r"--prefix \./(\S+)", container["postCreateCommand"]))
    python = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == f"${{workspaceFolder}}/{prefix}/bin/python"
    assert f"{prefix}/" in (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()


# --- GitHub's runners


def test_the_workflow_is_valid_and_runs_every_system_and_python():
    path = REPOSITORY / ".github" / "workflows" / "test.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    supported = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert matrix["python"] == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["python .ci/open.py", "python start.py test"]


SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = (self.command, self.path, self.headers["Authorization"])
        self.send_response(200 if asked == ("POST", "/api/shutdown", "token secret") else 403)
        self.end_headers()
assert sys.argv[1:] == ["--no-browser"]
with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    address = f"http://127.0.0.1:{server.server_address[1]}/lab/tree/notebooks/00_start_here.ipynb?token=secret"
    print("The course is open at\\n  " + address, flush=True)
    server.handle_request()
print("JupyterLab was shut down.")
"""


@pytest.mark.parametrize(
    ("start", "status"),
    [(SERVER, 0), (SERVER + "sys.exit(3)", 3), ("print('no room')", 1), ("raise SystemExit('no room')", 1)],
    ids=["opened", "opened, then failed", "never opened", "failed"],
)
def test_open_py_shuts_the_course_down_once_it_is_open(tmp_path, monkeypatch, start, status):
    module = load_script(REPOSITORY / ".ci" / "open.py")
    (tmp_path / "start.py").write_text(start)
    monkeypatch.setattr(module, "START", tmp_path / "start.py")
    assert module.main() == status
