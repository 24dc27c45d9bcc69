"""`python -m cnnlab`: every line's verdict, that it never breaks, and that it shows nothing about the person."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import cnnlab
from cnnlab import machine
from cnnlab.cli import environment as report

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
AS_STARTED = "import cnnlab.cli.environment\ncnnlab.cli.environment.made_by_start = lambda: True\n"
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
    monkeypatch.setattr(report, "made_by_start", lambda: True)


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
    monkeypatch.setattr(report, "made_by_start", lambda: False)
    verdict = 'needed only for JupyterLab: run `python -m pip install "jupyterlab>=4.2"`'
    assert report.check_jupyterlab("4.2") == [("jupyterlab", "-", verdict)]


def test_the_repair_is_that_of_how_it_was_installed(monkeypatch, tmp_path):
    monkeypatch.undo()
    folder, conda, plain = tmp_path / ".venv", tmp_path / "envs" / "cnnlab", tmp_path / "envs" / "base"
    (conda / "conda-meta").mkdir(parents=True)
    (plain / "conda-meta").mkdir(parents=True)
    by_pip = 'run `python -m pip install "tqdm>=4.66"`'
    monkeypatch.setattr(sys, "prefix", str(folder))
    assert report.repair_command('"tqdm>=4.66"') == by_pip  # somebody's own .venv
    (tmp_path / "start.py").touch()
    assert report.repair_command('"tqdm>=4.66"') == report.repair_command() == REMEDY
    by_conda = "run `conda env update -f environment.yml`"
    monkeypatch.setattr(sys, "prefix", str(conda))
    assert report.repair_command('"tqdm>=4.66"') == report.repair_command() == by_conda
    monkeypatch.setattr(sys, "prefix", str(plain))  # environment.yml would change another environment than this one
    assert report.repair_command('"tqdm>=4.66"') == by_pip
    assert report.repair_command() == "install cnnlab again with pip (README.md)"


@pytest.mark.parametrize(("name", "minimum"), [("ipykernel", "6.29"), ("torch", "2.6")])
def test_a_package_that_pip_has_not_installed_or_that_is_broken(monkeypatch, name, minimum):
    monkeypatch.setattr(report, "made_by_start", lambda: False)
    monkeypatch.setitem(sys.modules, name, None)
    assert report.check_package(name, minimum)[1] == (
        f"failed with ModuleNotFoundError (import of {name} halted; None in sys.modules): "
        f'run `python -m pip install --force-reinstall --no-deps "{name}>={minimum}"`'
    )

    def missing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert report.check_package(name, minimum) == ("-", f'missing: run `python -m pip install "{name}>={minimum}"`')


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
    for check in (report.check_device, report.check_threads, report.check_data):
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


# --- One check at a time


def test_a_package_below_its_minimum(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", {"torch": "2.5.1+cu121", "tqdm": "4.66.0rc1"}.get)
    assert report.check_package("torch", "2.6") == ("2.5.1+cu121", f"older than 2.6, which the course needs: {REMEDY}")
    assert report.check_package("tqdm", "4.66")[1] == "ok"


def test_a_package_that_was_never_installed():
    assert report.check_package("no-such-package", "1") == ("-", f"missing: {REMEDY}")


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("2.15.0+cpu", (2, 15, 0)), ("8", (8,)), ("3.0rc1", (3, 0)), ("2026.9.21.13", (2026, 9, 21, 13))],
)
def test_versions_are_compared_by_their_numbers(version, numbers):
    assert report.version_numbers(version) == numbers


def test_the_minimum_versions_are_those_of_the_installed_metadata(monkeypatch):
    minimum = report.minimum_versions()
    assert list(minimum)[:2] == ["torch", "torchvision"]
    assert (minimum["torch"], minimum["lazy-loader"], minimum["ipykernel"]) == ("2.6", "0.3", "6.29")
    assert "captum" not in minimum  # of the extra "test"
    assert "keras" not in minimum
    monkeypatch.setattr(report, "HOSTED", True)
    assert not {"jupyterlab", "ipykernel"} & set(report.minimum_versions())


def test_cnnlab_that_was_not_installed_or_in_another_version(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.0.9")
    verdict = f"0.0.9 was installed, and the folder holds another version: {REMEDY}"
    assert report.check_cnnlab() == (cnnlab.__version__, verdict)

    def nothing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    monkeypatch.setattr(importlib.metadata, "requires", nothing)
    assert report.check_cnnlab() == (cnnlab.__version__, f"it is not installed: {REMEDY}")
    assert report.minimum_versions()["torch"] == "0"


@pytest.mark.parametrize(
    ("version", "good"), [("3.10.13", False), ("3.11.0", True), ("3.14.9", True), ("3.15.0", False)]
)
def test_python_is_held_against_the_metadata(monkeypatch, version, good):
    monkeypatch.setattr(report.platform, "python_version", lambda: version)
    verdict = report.check_python()[1]
    assert (verdict == "ok") is good
    if not good:
        assert verdict.startswith("the course needs Python ")
        assert all(bound in verdict for bound in (">=3.11", "<3.15"))


def test_a_32_bit_python(monkeypatch):
    monkeypatch.setattr(report, "sys", SimpleNamespace(maxsize=2**31 - 1))
    assert report.check_platform()[1] == "this is a 32-bit Python: install the 64-bit one from python.org"


def test_a_device_that_computes_wrongly(monkeypatch):
    assert report.check_device()[1] == "ok"
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda images, _: images * 7)
    words = "a convolution gives 7 for 9: "
    assert report.check_device() == ("cpu", words + REMEDY)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "card")
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *size, **_: ones(*size))
    assert report.check_device() == ("card", words + "set CUDA_VISIBLE_DEVICES to nothing")

    def wrong_later(images, _):
        output = images * 9
        output[0, 0, 2, 3:5] = torch.tensor([8.0, 5.0])
        return output

    monkeypatch.setattr(torch.nn.functional, "conv2d", wrong_later)
    assert report.check_device()[1].startswith("a convolution gives 8 for 9: ")


def test_a_graphics_card_that_torch_cannot_use(monkeypatch):
    def old_driver() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old", stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old_driver)
    assert report.check_device() == (
        "cpu",
        "torch can't use the graphics card (CUDA initialization: The NVIDIA driver on your system is too old): update "
        "its driver",
    )


def test_more_threads_than_processors(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1000)
    monkeypatch.setattr(machine, "processors", machine.visible_processors)
    value, verdict = report.check_threads()
    assert value.startswith("1000 on ")
    assert verdict == "more threads than processors slow training down: unset OMP_NUM_THREADS"


def test_more_threads_than_the_container_allows(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(machine, "visible_processors", lambda: 64)
    monkeypatch.setattr(machine, "processors", lambda: 1)
    verdict = "more threads than this container allows slow training down: set OMP_NUM_THREADS=1"
    assert report.check_threads() == ("64 on 1 processor", verdict)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert report.check_threads() == ("1 on 1 processor", "ok")


def test_the_number_of_workers_and_why(monkeypatch):
    monkeypatch.delenv("CNNLAB_WORKERS", raising=False)
    monkeypatch.setattr(machine, "visible_processors", lambda: 2)
    monkeypatch.setattr(machine, "processors", lambda: 2)
    monkeypatch.setattr(machine, "free_memory", lambda: 2_000_000_000)
    assert report.check_workers() == ("2, one for each processor", "ok")
    monkeypatch.setattr(machine, "visible_processors", lambda: 64)
    monkeypatch.setattr(machine, "processors", lambda: 1)
    assert report.check_workers() == ("1, because this container allows 1 processor of the machine's 64", "ok")
    monkeypatch.setenv("CNNLAB_WORKERS", "many")
    assert report.check_workers() == ("-", "CNNLAB_WORKERS must be a whole number of 1 or more, got 'many'")


def test_data_that_are_damaged(monkeypatch, tmp_path):
    archive = tmp_path / "MNIST" / "raw" / "one.gz"
    (tmp_path / "checksums.txt").write_text(f"{'0' * 32}  MNIST/raw/one.gz\n")
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"something else")
    monkeypatch.setattr("cnnlab.files.data_folder", lambda: tmp_path)
    value, verdict = report.check_data()
    assert value == str(tmp_path)
    assert f"{archive}: expected md5 {'0' * 32}, found " in verdict


def test_a_front_end_that_jupyterlab_lacks(monkeypatch, tmp_path):
    assert report.check_widgets() == ("widgets can be made", "ok")
    assert report.check_front_ends() == ("widgets can be shown", "ok")
    manager = tmp_path / "@jupyter-widgets" / "jupyterlab-manager" / "package.json"
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [str(tmp_path)])
    assert report.check_front_ends()[1] == f"JupyterLab can't show widgets, it lacks jupyterlab_widgets: {REMEDY}"
    manager.parent.mkdir(parents=True)
    manager.write_text("{}")
    assert report.check_front_ends()[1] == f"JupyterLab can't show widgets, it lacks anywidget: {REMEDY}"


def test_a_kernel_that_is_another_python(monkeypatch, tmp_path):
    assert report.check_kernel() == ("python3", "ok")
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (kernel / "kernel.json").write_text('{"argv": ["/opt/other/bin/python"], "display_name": "", "language": ""}')
    value, verdict = report.check_kernel()
    assert value == "/opt/other/bin/python"
    assert verdict == "notebooks would run with another Python: run `python -m ipykernel install --sys-prefix`"
    (kernel / "kernel.json").write_text('{"argv": ["python3"], "display_name": "", "language": ""}')
    assert report.check_kernel()[1] == "ok"
