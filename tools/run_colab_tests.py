"""Run the course on the packages that Google Colab has: `python start.py test-colab`.

The folder .venv-colab gets Colab's packages at the versions in constraints-colab.txt, with torch linked from .venv. The
set-up cell of the notebooks installs cnnlab there from a wheel, as on Colab. Then every panel and every notebook runs.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile

import start  # start.py: the installation has the course's folder on Python's path

COLAB = ".venv-colab"
FILES = ("constraints-colab.txt", "constraints.txt", "pyproject.toml")  # a change in them makes .venv-colab anew


def prepare_colab(python: str) -> str:
    """Make .venv-colab unless it is complete, and return its Python.

    It has what Colab has, and no cnnlab; torch comes from the installation of `python`.
    """
    colab = start.venv_python(COLAB)
    stamp, wanted = start.read_stamp(COLAB), start.wanted_stamp("colab", FILES)
    if stamp and os.path.exists(colab):
        start.run(colab, "-I", "-m", "pip", "uninstall", "--yes", "cnnlab")  # left by the run before
        if stamp == dict(wanted, packages=list_packages(colab)):
            return colab
    start.make_environment("Colab's packages", COLAB)
    start.say("Installing with pip, at the versions in constraints-colab.txt.")
    pip = [colab, "-I", "-m", "pip", "install", "-r", "constraints-colab.txt"]
    status, output = start.run(*pip, show=start.show_progress)
    if status:
        raise start.explain(output)
    link_torch(site_packages(python), site_packages(colab))
    start.write_stamp(dict(wanted, packages=list_packages(colab)), COLAB)
    return colab


def site_packages(python: str) -> str:
    return start.run(python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")[1].strip()


def list_packages(python: str) -> list[str]:
    """Return name==version of every package of that Python; pip's warnings are left out."""
    pip = [python, "-I", "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    lines = start.run(*pip)[1].splitlines()
    return [line for line in lines if re.fullmatch(r"[\w.-]+==\S+", line)]


def link_torch(source: str, target: str) -> None:
    """Link torch, torchvision and the NVIDIA libraries that they load from one site-packages into another."""
    linked = re.compile(r"torch|torchvision|triton|(nvidia|cuda|pytorch)-.+")
    for package in importlib.metadata.distributions(path=[source]):
        if linked.fullmatch(package.metadata["Name"]):
            for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
                if not os.path.lexists(os.path.join(target, name)):  # several packages share the folder nvidia
                    link_or_copy(os.path.join(source, name), os.path.join(target, name))


def link_or_copy(source: str, target: str) -> None:
    """Link target to source, or copy it where links are not allowed: on Windows most accounts may not make them."""
    try:
        os.symlink(source, target)
    except OSError:
        copy = shutil.copytree if os.path.isdir(source) else shutil.copy2
        copy(source, target)


def run_tests(python: str, colab: str) -> int:
    """Run the set-up cell, every panel and every notebook as on Colab; return the first exit status that is not 0.

    Parameters
    ----------
    python : str
        The Python of .venv, which builds the wheel.
    colab : str
        The Python of .venv-colab, which runs the tests.
    """
    tests, notebooks = os.path.join(start.ROOT, "tests", "colab"), os.path.join(start.ROOT, "notebooks")
    environment = dict(start.course_environment(colab, COLAB), COLAB_RELEASE_TAG="test", OMP_NUM_THREADS="1")
    environment["PYTHONPATH"] = tests  # a stand-in for Colab's own module google.colab is there
    environment.setdefault("CNNLAB_WORKERS", "1")  # the tests are two processes already
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # silences a warning of the debugger that is not about us
    names = sorted(name for name in os.listdir(notebooks) if name.endswith(".ipynb"))
    with tempfile.TemporaryDirectory() as content:  # the folder that Colab shows, with the wheel uploaded
        pip = [python, "-I", "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w", content]
        status, output = start.run(*pip)
        if status:
            raise start.explain(output)
        for path in (os.path.join(tests, "stack.py"), *(os.path.join(notebooks, name) for name in names)):
            shutil.copy(path, content)
        nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120", "-n", "2", "--dist", "loadscope"]
        for arguments in (["stack.py"], [*nbval, *names]):
            pytest = [colab, "-m", "pytest", "--disable-warnings", *arguments]  # old packages warn of each other
            status = status or subprocess.call(pytest, cwd=content, env=environment)
    return status


def main() -> int:
    """Complete .venv-colab, then run the tests in it, and return their exit status."""
    with start.only_one():
        colab = prepare_colab(sys.executable)
    return run_tests(sys.executable, colab)


if __name__ == "__main__":
    sys.exit(start.without_traceback(main))
