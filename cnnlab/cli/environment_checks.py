"""Check one thing each that the course needs, for the environment report.

A check returns a value to show, and a verdict: "ok", or a sentence that says what is wrong and what to do. It imports
what it checks only when it is called, so that the report can say that this fails.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import sys
import warnings
from pathlib import Path

MODULES = {"pillow": "PIL"}  # packages whose module has another name
NAMED_FIRST = ("torch", "torchvision", "numpy", "matplotlib", "seaborn", "pandas", "ipywidgets", "anywidget")
# Colab and Kaggle have their own front end and kernel, so the packages for JupyterLab do not matter there.
HOSTED = not {"COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"}.isdisjoint(os.environ)


def made_by_start() -> bool:
    """Return whether this Python is that of the folder .venv that start.py makes."""
    environment = Path(sys.prefix)
    return environment.name == ".venv" and (environment.parent / "start.py").is_file()


def repair_command(arguments: str = "") -> str:
    """Return in words which command repairs this installation: that of start.py, conda or pip, whichever made it.

    Parameters
    ----------
    arguments : str
        The arguments of `pip install` for the package that is wrong; "" for the course itself.

    >>> repair_command('"tqdm>=4.66"')
    'run `python -m pip install "tqdm>=4.66"`'
    """
    if made_by_start():
        return "run `python start.py` again (if that does not help, delete the folder .venv first)"
    if Path(sys.prefix).name == "cnnlab" and Path(sys.prefix, "conda-meta").is_dir():  # environment.yml's name
        return "run `conda env update -f environment.yml`"
    return f"run `python -m pip install {arguments}`" if arguments else "install cnnlab again with pip (README.md)"


def failure(error: Exception, arguments: str = "") -> str:
    """Return the verdict on a check that raised an error; `arguments` are those of `repair_command`."""
    message = " ".join(str(error).split())[:200] or "no message"
    return f"failed with {type(error).__name__} ({message}): {repair_command(arguments)}"


def minimum_versions() -> dict[str, str]:
    """Return package → lowest version that will do, for all that cnnlab's metadata requires, with its extra "lab"."""
    packages: dict[str, str] = dict.fromkeys(NAMED_FIRST, "0")
    try:
        requirements = importlib.metadata.requires("cnnlab") or []
    except importlib.metadata.PackageNotFoundError:  # the line "cnnlab" says so
        requirements = []
    for requirement in requirements:
        match = re.match(r"([\w.-]+)>=([\d.]+)(?:\s*; extra == ['\"](\w+)['\"])?$", requirement)
        if match and (match[3] is None or (match[3] == "lab" and not HOSTED)):
            packages[match[1]] = match[2]
    return packages


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version.

    >>> version_numbers("2.15.0+cpu")
    (2, 15, 0)
    """
    match = re.match(r"\d*(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".") if part) if match else ()


def check_python() -> tuple[str, str]:
    """Compare this Python with Requires-Python in cnnlab's metadata."""
    version = platform.python_version()
    wanted = importlib.metadata.metadata("cnnlab")["Requires-Python"] or ""
    for sign, bound in re.findall(r"(>=|<)\s*([\d.]+)", wanted):
        if (version_numbers(version) >= version_numbers(bound)) != (sign == ">="):
            return version, f"the course needs Python {wanted}: install one of those and run `python start.py` with it"
    return version, "ok"


def check_platform() -> tuple[str, str]:
    """Check that Python has 64 bits: PyTorch has packages for no other."""
    if sys.maxsize < 2**32:
        return platform.platform(), "this is a 32-bit Python: install the 64-bit one from python.org"
    return platform.platform(), "ok"


def check_cnnlab() -> tuple[str, str]:
    """Compare the version of the imported package with that of the installed one."""
    import cnnlab

    try:
        installed = importlib.metadata.version("cnnlab")
    except importlib.metadata.PackageNotFoundError:
        return cnnlab.__version__, f"it is not installed: {repair_command()}"
    if installed != cnnlab.__version__:
        verdict = f"{installed} was installed, and the folder holds another version: {repair_command()}"
        return cnnlab.__version__, verdict
    return cnnlab.__version__, "ok"


def check_package(name: str, minimum: str) -> tuple[str, str]:
    """Compare a package's version with the lowest one that will do, and import it."""
    requirement = f'"{name}>={minimum}"'
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-", f"missing: {repair_command(requirement)}"
    if version_numbers(version) < version_numbers(minimum):
        return version, f"older than {minimum}, which the course needs: {repair_command(requirement)}"
    try:
        module = importlib.import_module(MODULES.get(name, name.replace("-", "_")))
    except Exception as error:
        return version, failure(error, f"--force-reinstall --no-deps {requirement}")
    return str(getattr(module, "__version__", version)), "ok"  # torch's own says for which CUDA it is, or +cpu


def check_device() -> tuple[str, str]:
    """Run a convolution of ones with ones on the device where `fit` would train: every output is 9."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    ones = torch.ones(1, 1, 8, 8, device=device)
    output = torch.nn.functional.conv2d(ones, ones[:, :, :3, :3])
    wrong = output[output != 9]
    if len(wrong):
        reinstall = repair_command("--force-reinstall torch")
        repair = "set CUDA_VISIBLE_DEVICES to nothing" if device == "cuda" else reinstall
        return name, f"a convolution gives {wrong[0]:g} for 9: {repair}"
    if caught:
        return name, f"torch can't use the graphics card ({str(caught[0].message)[:150]}): update its driver"
    return name, "ok"


def check_threads() -> tuple[str, str]:
    """Check that torch has no more threads than this process has processors: more threads are slower."""
    import torch

    from cnnlab.checks import counted
    from cnnlab.machine import processors, visible_processors

    threads, allowed = torch.get_num_threads(), processors()
    count = f"{threads} on {counted(allowed, 'processor')}"
    if threads <= allowed:
        return count, "ok"
    if allowed < visible_processors():
        return count, f"more threads than this container allows slow training down: set OMP_NUM_THREADS={allowed}"
    return count, "more threads than processors slow training down: unset OMP_NUM_THREADS"


def check_workers() -> tuple[str, str]:
    """Return the number of processes in which `sweep` trains, and the reason."""
    from cnnlab.errors import ConfigError
    from cnnlab.machine import worker_count

    try:
        count, reason = worker_count()
    except ConfigError as error:
        return "-", str(error)
    return f"{count}, {reason}", "ok"


def check_data() -> tuple[str, str]:
    """Compare the data that come with the course with their checksums."""
    from cnnlab.data import shipped
    from cnnlab.errors import DataError
    from cnnlab.files import data_folder

    folder = data_folder()
    try:
        for name in shipped.names():
            shipped.verify_checksums(folder / shipped.FOLDERS[name] / "raw")
    except DataError as error:
        return str(folder), str(error)
    return str(folder), "ok"


def check_widgets() -> tuple[str, str]:
    """Make one widget of each kind."""
    import anywidget
    import ipywidgets

    ipywidgets.IntSlider(value=3)
    anywidget.AnyWidget(_esm="export default {}")
    return "widgets can be made", "ok"


def check_front_ends() -> tuple[str, str]:
    """Look for the extensions with which JupyterLab shows our widgets."""
    from jupyter_core.paths import jupyter_path

    for front_end, package in (
        ("@jupyter-widgets/jupyterlab-manager", "jupyterlab_widgets"),
        ("anywidget", "anywidget"),
    ):
        if not any(Path(folder, front_end, "package.json").is_file() for folder in jupyter_path("labextensions")):
            repair = repair_command(f"--force-reinstall --no-deps {package}")
            return "-", f"JupyterLab can't show widgets, it lacks {package}: {repair}"
    return "widgets can be shown", "ok"


def check_kernel() -> tuple[str, str]:
    """Check that the kernel of notebooks, python3, is this Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    if program.startswith("python"):  # for a bare name jupyter_client takes its own Python
        program = sys.executable
    if os.path.dirname(os.path.abspath(program)) != os.path.dirname(os.path.abspath(sys.executable)):
        return program, "notebooks would run with another Python: run `python -m ipykernel install --sys-prefix`"
    return "python3", "ok"
