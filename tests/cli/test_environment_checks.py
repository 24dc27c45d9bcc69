"""The checks of the environment report, one at a time: what each says where something is missing, old or broken."""

from __future__ import annotations

import importlib.metadata
import sys
import warnings
from types import SimpleNamespace

import pytest
import torch

import cnnlab
from cnnlab import machine
from cnnlab.cli import environment_checks as checks

REMEDY = "run `python start.py` again (if that does not help, delete the folder .venv first)"


@pytest.fixture(autouse=True)
def _made_by_start(monkeypatch):
    """Let the remedies be those of start.py, whatever Python runs the tests; tests of other remedies undo this."""
    monkeypatch.setattr(checks, "made_by_start", lambda: True)


def test_the_repair_is_that_of_how_it_was_installed(monkeypatch, tmp_path):
    monkeypatch.undo()
    folder, conda, plain = tmp_path / ".venv", tmp_path / "envs" / "cnnlab", tmp_path / "envs" / "base"
    (conda / "conda-meta").mkdir(parents=True)
    (plain / "conda-meta").mkdir(parents=True)
    by_pip = 'run `python -m pip install "tqdm>=4.66"`'
    monkeypatch.setattr(sys, "prefix", str(folder))
    assert checks.repair_command('"tqdm>=4.66"') == by_pip  # somebody's own .venv
    (tmp_path / "start.py").touch()
    assert checks.repair_command('"tqdm>=4.66"') == checks.repair_command() == REMEDY
    by_conda = "run `conda env update -f environment.yml`"
    monkeypatch.setattr(sys, "prefix", str(conda))
    assert checks.repair_command('"tqdm>=4.66"') == checks.repair_command() == by_conda
    monkeypatch.setattr(sys, "prefix", str(plain))  # environment.yml would change another environment than this one
    assert checks.repair_command('"tqdm>=4.66"') == by_pip
    assert checks.repair_command() == "install cnnlab again with pip (README.md)"


@pytest.mark.parametrize(("name", "minimum"), [("ipykernel", "6.29"), ("torch", "2.6")])
def test_a_package_that_pip_has_not_installed_or_that_is_broken(monkeypatch, name, minimum):
    monkeypatch.setattr(checks, "made_by_start", lambda: False)
    monkeypatch.setitem(sys.modules, name, None)
    assert checks.check_package(name, minimum)[1] == (
        f"failed with ModuleNotFoundError (import of {name} halted; None in sys.modules): "
        f'run `python -m pip install --force-reinstall --no-deps "{name}>={minimum}"`'
    )

    def missing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert checks.check_package(name, minimum) == ("-", f'missing: run `python -m pip install "{name}>={minimum}"`')


def test_a_package_below_its_minimum(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", {"torch": "2.5.1+cu121", "tqdm": "4.66.0rc1"}.get)
    assert checks.check_package("torch", "2.6") == ("2.5.1+cu121", f"older than 2.6, which the course needs: {REMEDY}")
    assert checks.check_package("tqdm", "4.66")[1] == "ok"


def test_a_package_that_was_never_installed():
    assert checks.check_package("no-such-package", "1") == ("-", f"missing: {REMEDY}")


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("2.15.0+cpu", (2, 15, 0)), ("8", (8,)), ("3.0rc1", (3, 0)), ("2026.9.21.13", (2026, 9, 21, 13))],
)
def test_versions_are_compared_by_their_numbers(version, numbers):
    assert checks.version_numbers(version) == numbers


def test_the_minimum_versions_are_those_of_the_installed_metadata(monkeypatch):
    minimum = checks.minimum_versions()
    assert list(minimum)[:2] == ["torch", "torchvision"]
    assert (minimum["torch"], minimum["lazy-loader"], minimum["ipykernel"]) == ("2.6", "0.3", "6.29")
    assert "captum" not in minimum  # of the extra "test"
    assert "keras" not in minimum
    monkeypatch.setattr(checks, "HOSTED", True)
    assert not {"jupyterlab", "ipykernel"} & set(checks.minimum_versions())


def test_cnnlab_that_was_not_installed_or_in_another_version(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.0.9")
    verdict = f"0.0.9 was installed, and the folder holds another version: {REMEDY}"
    assert checks.check_cnnlab() == (cnnlab.__version__, verdict)

    def nothing(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    monkeypatch.setattr(importlib.metadata, "requires", nothing)
    assert checks.check_cnnlab() == (cnnlab.__version__, f"it is not installed: {REMEDY}")
    assert checks.minimum_versions()["torch"] == "0"


@pytest.mark.parametrize(
    ("version", "good"), [("3.10.13", False), ("3.11.0", True), ("3.14.9", True), ("3.15.0", False)]
)
def test_python_is_held_against_the_metadata(monkeypatch, version, good):
    monkeypatch.setattr(checks.platform, "python_version", lambda: version)
    verdict = checks.check_python()[1]
    assert (verdict == "ok") is good
    if not good:
        assert verdict.startswith("the course needs Python ")
        assert all(bound in verdict for bound in (">=3.11", "<3.15"))


def test_a_32_bit_python(monkeypatch):
    monkeypatch.setattr(checks, "sys", SimpleNamespace(maxsize=2**31 - 1))
    assert checks.check_platform()[1] == "this is a 32-bit Python: install the 64-bit one from python.org"


def test_a_device_that_computes_wrongly(monkeypatch):
    assert checks.check_device()[1] == "ok"
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda images, _: images * 7)
    words = "a convolution gives 7 for 9: "
    assert checks.check_device() == ("cpu", words + REMEDY)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "card")
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *size, **_: ones(*size))
    assert checks.check_device() == ("card", words + "set CUDA_VISIBLE_DEVICES to nothing")

    def wrong_later(images, _):
        output = images * 9
        output[0, 0, 2, 3:5] = torch.tensor([8.0, 5.0])
        return output

    monkeypatch.setattr(torch.nn.functional, "conv2d", wrong_later)
    assert checks.check_device()[1].startswith("a convolution gives 8 for 9: ")


def test_a_graphics_card_that_torch_cannot_use(monkeypatch):
    def old_driver() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old", stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old_driver)
    assert checks.check_device() == (
        "cpu",
        "torch can't use the graphics card (CUDA initialization: The NVIDIA driver on your system is too old): update "
        "its driver",
    )


def test_more_threads_than_processors(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1000)
    monkeypatch.setattr(machine, "processors", machine.visible_processors)
    value, verdict = checks.check_threads()
    assert value.startswith("1000 on ")
    assert verdict == "more threads than processors slow training down: unset OMP_NUM_THREADS"


def test_more_threads_than_the_container_allows(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(machine, "visible_processors", lambda: 64)
    monkeypatch.setattr(machine, "processors", lambda: 1)
    verdict = "more threads than this container allows slow training down: set OMP_NUM_THREADS=1"
    assert checks.check_threads() == ("64 on 1 processor", verdict)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert checks.check_threads() == ("1 on 1 processor", "ok")


def test_the_number_of_workers_and_why(monkeypatch):
    monkeypatch.delenv("CNNLAB_WORKERS", raising=False)
    monkeypatch.setattr(machine, "visible_processors", lambda: 2)
    monkeypatch.setattr(machine, "processors", lambda: 2)
    monkeypatch.setattr(machine, "free_memory", lambda: 2_000_000_000)
    assert checks.check_workers() == ("2, one for each processor", "ok")
    monkeypatch.setattr(machine, "visible_processors", lambda: 64)
    monkeypatch.setattr(machine, "processors", lambda: 1)
    assert checks.check_workers() == ("1, because this container allows 1 processor of the machine's 64", "ok")
    monkeypatch.setenv("CNNLAB_WORKERS", "many")
    assert checks.check_workers() == ("-", "CNNLAB_WORKERS must be a whole number of 1 or more, got 'many'")


def test_data_that_are_damaged(monkeypatch, tmp_path):
    archive = tmp_path / "MNIST" / "raw" / "one.gz"
    (tmp_path / "checksums.txt").write_text(f"{'0' * 32}  MNIST/raw/one.gz\n")
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"something else")
    monkeypatch.setattr("cnnlab.files.data_folder", lambda: tmp_path)
    value, verdict = checks.check_data()
    assert value == str(tmp_path)
    assert f"{archive}: expected md5 {'0' * 32}, found " in verdict


def test_a_front_end_that_jupyterlab_lacks(monkeypatch, tmp_path):
    assert checks.check_widgets() == ("widgets can be made", "ok")
    assert checks.check_front_ends() == ("widgets can be shown", "ok")
    manager = tmp_path / "@jupyter-widgets" / "jupyterlab-manager" / "package.json"
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [str(tmp_path)])
    assert checks.check_front_ends()[1] == f"JupyterLab can't show widgets, it lacks jupyterlab_widgets: {REMEDY}"
    manager.parent.mkdir(parents=True)
    manager.write_text("{}")
    assert checks.check_front_ends()[1] == f"JupyterLab can't show widgets, it lacks anywidget: {REMEDY}"


def test_a_kernel_that_is_another_python(monkeypatch, tmp_path):
    assert checks.check_kernel() == ("python3", "ok")
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (kernel / "kernel.json").write_text('{"argv": ["/opt/other/bin/python"], "display_name": "", "language": ""}')
    value, verdict = checks.check_kernel()
    assert value == "/opt/other/bin/python"
    assert verdict == "notebooks would run with another Python: run `python -m ipykernel install --sys-prefix`"
    (kernel / "kernel.json").write_text('{"argv": ["python3"], "display_name": "", "language": ""}')
    assert checks.check_kernel()[1] == "ok"
