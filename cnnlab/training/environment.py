"""Describe where a network is trained: versions, threads, processor and device decide the last bits of a result."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from cnnlab.checks import check_device

CPUINFO = Path("/proc/cpuinfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
# The names of vendor, family and model in /proc/cpuinfo, on x86 and on ARM.
X86 = ("vendor_id", "cpu family", "model")
ARM = ("CPU implementer", "CPU architecture", "CPU part")
# What may be set outside of Python, and changes the last bits: benchmarks/attacks/computers.py sets them.
VARIABLES = ("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")


def environment(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return all that decides the bits of a result apart from settings and seed.

    The same settings and seed give the same bits where all of these are equal. "processor" names the model; "onednn"
    and "cpu_capability" say how torch's libraries choose their code.

    >>> environment()["threads"]
    1
    """
    from cnnlab import __version__

    chosen = check_device(device)
    return {
        "cnnlab": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "processor": processor(),
        "onednn": onednn_choice(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type,
    }


@functools.cache
def processor() -> str:
    """Return the processor's vendor, family, model and name, as the operating system gives them.

    The answer is kept for the rest of the process.

    >>> processor()
    'AuthenticAMD family 25 model 17: AMD EPYC 9R14'
    """
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "win32":
            return f"{platform.processor()}: {_name_in_the_registry()}"  # Intel64 Family 6 Model 207 Stepping 2, …
        if sys.platform == "darwin":
            return "Apple family {}: {}".format(*_ask_sysctl("hw.cpufamily", "machdep.cpu.brand_string"))
        return _in_words(_first_processor())
    return platform.processor() or platform.machine()


@functools.cache
def onednn_choice() -> str:
    """Return what oneDNN, torch's library of convolutions, chooses its code by, apart from the processor's model.

    That is AMX (x86, on Linux), the sizes of the caches (on Linux), and the variable ONEDNN_MAX_CPU_ISA. Variables that
    make MKL, the library of matrix products, or oneDNN compute otherwise are named where they are set.
    The answer is kept for the rest of the process.
    Source: oneDNN's developer guide, "CPU Dispatcher Control", and its blocking by cache sizes.

    >>> onednn_choice()
    'no AMX, L1 48K, L2 2048K, L3 266240K for 2'
    """
    words = []
    with contextlib.suppress(OSError):
        words.append("AMX" if "amx_tile" in _first_processor().get("flags", "").split() else "no AMX")
    words += _cache_sizes()
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA")  # its older name
    words += [f"at most {limit.upper()}"] if limit else []
    words += [f"{name}={os.environ[name].upper()}" for name in VARIABLES if os.environ.get(name)]
    return ", ".join(words) or "unknown"


def _first_processor() -> dict[str, str]:
    """Return name → value of the first processor in /proc/cpuinfo; raise OSError where there is no such file."""
    first, _, _ = CPUINFO.read_text(encoding="utf-8", errors="replace").strip().partition("\n\n")
    lines = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _in_words(facts: dict[str, str]) -> str:
    """Return vendor, family, model and name of a processor in /proc/cpuinfo as one text."""
    vendor, family, model = (facts.get(x86, facts.get(arm, "?")) for x86, arm in zip(X86, ARM, strict=True))
    name = facts.get("model name")
    return f"{vendor} family {family} model {model}" + (f": {name}" if name else "")


def _cache_sizes() -> list[str]:
    """Return one text a data cache: its level and size, and how many processors share it if more than one do."""
    sizes = []
    for folder in sorted(CACHES.glob("index[0-9]*")):
        with contextlib.suppress(OSError):
            facts = {name: (folder / name).read_text().strip() for name in ("type", "level", "size", "shared_cpu_map")}
            sharing = int(facts["shared_cpu_map"].replace(",", ""), 16).bit_count()
            if facts["type"] != "Instruction":
                sizes.append(f"L{facts['level']} {facts['size']}" + (f" for {sharing}" if sharing > 1 else ""))
    return sizes


def _ask_sysctl(*names: str) -> list[str]:
    """Return the values that macOS's program sysctl prints for these names."""
    answer = subprocess.run(["sysctl", "-n", *names], capture_output=True, text=True, timeout=10, check=True)
    return answer.stdout.split("\n")[: len(names)]


def _name_in_the_registry() -> str:
    """Return the processor's name from the Windows registry."""
    import winreg

    place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
        return re.sub(r"\s+", " ", winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
