"""The name of the processor and oneDNN's choice, on the systems that the course runs on; and in the environment."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cnnlab.training import environment as module
from cnnlab.training.environment import environment, onednn_choice, processor

INTEL = """\
processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 143
model name	: Intel(R) Xeon(R) Platinum 8488C
flags		: fpu avx512f amx_bf16 amx_tile amx_int8

processor	: 1
vendor_id	: GenuineIntel
model name	: another
"""
GRAVITON = """\
processor	: 0
BogoMIPS	: 243.75
CPU implementer	: 0x41
CPU architecture: 8
CPU part	: 0xd0c

"""


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """Pretend to be a Linux whose /proc/cpuinfo and caches are files of the test's own."""
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="linux"))
    monkeypatch.setattr(module, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(module, "CACHES", tmp_path / "cache")
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", *module.VARIABLES):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield tmp_path
    forget()


def forget():
    processor.cache_clear()
    onednn_choice.cache_clear()


def write_cache(folder, index, **facts):
    (folder / "cache" / f"index{index}").mkdir(parents=True)
    for name, value in facts.items():
        (folder / "cache" / f"index{index}" / name).write_text(f"{value}\n")


def test_vendor_family_model_and_name_of_the_first_processor(linux):
    (linux / "cpuinfo").write_text(INTEL)
    assert processor() == "GenuineIntel family 6 model 143: Intel(R) Xeon(R) Platinum 8488C"


def test_an_arm_processor_has_numbers_and_no_name(linux):
    (linux / "cpuinfo").write_text(GRAVITON)
    assert processor() == "0x41 family 8 model 0xd0c"
    assert onednn_choice() == "no AMX"


def test_what_onednn_chooses_by(linux, monkeypatch):
    (linux / "cpuinfo").write_text(INTEL)
    write_cache(linux, 0, type="Data", level=1, size="48K", shared_cpu_map="1")
    write_cache(linux, 1, type="Instruction", level=1, size="32K", shared_cpu_map="1")
    write_cache(linux, 3, type="Unified", level=3, size="266240K", shared_cpu_map="00000001,00000003")
    assert onednn_choice() == "AMX, L1 48K, L3 266240K for 3"
    onednn_choice.cache_clear()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    assert onednn_choice() == "AMX, L1 48K, L3 266240K for 3, at most AVX2"


@pytest.mark.parametrize("name", ["MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_DEFAULT_FPMATH_MODE"])
def test_a_variable_that_changes_the_last_bits_is_named(linux, monkeypatch, name):
    (linux / "cpuinfo").write_text(GRAVITON)
    monkeypatch.setenv(name, "avx2")
    assert onednn_choice() == f"no AMX, {name}=AVX2"


def test_a_linux_that_tells_nothing_still_has_a_text(linux, monkeypatch):
    monkeypatch.setattr(module.platform, "processor", lambda: "")
    monkeypatch.setattr(module.platform, "machine", lambda: "aarch64")
    assert not (linux / "cpuinfo").exists()
    assert processor() == "aarch64"
    assert onednn_choice() == "unknown"


@pytest.mark.usefixtures("linux")
def test_on_macos_the_system_is_asked(monkeypatch):
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="darwin"))
    asked = []

    def answer(command, **_):
        asked.append(command)
        return SimpleNamespace(stdout="458787763\nApple M2 Pro\n")

    monkeypatch.setattr(subprocess, "run", answer)
    assert processor() == "Apple family 458787763: Apple M2 Pro"
    assert asked == [["sysctl", "-n", "hw.cpufamily", "machdep.cpu.brand_string"]]


@pytest.mark.usefixtures("linux")
def test_on_windows_the_registry_has_the_name(monkeypatch):
    registry = SimpleNamespace(
        HKEY_LOCAL_MACHINE=0,
        OpenKey=lambda *_: contextlib.nullcontext(),
        QueryValueEx=lambda _, name: {"ProcessorNameString": ("AMD Ryzen 7  5800X ", 1)}[name],
    )
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(module.platform, "processor", lambda: "AMD64 Family 25 Model 33 Stepping 0, AuthenticAMD")
    assert processor() == "AMD64 Family 25 Model 33 Stepping 0, AuthenticAMD: AMD Ryzen 7 5800X"


def test_a_record_names_them():
    assert environment()["processor"] == processor() != ""
    assert environment()["onednn"] == onednn_choice() != ""
