"""Set the course up and open it: `python start.py`. Set it up and run every test: `python start.py test`.

`python start.py --language id` opens it in Indonesian, and `--language en` in English.
`python start.py check` runs the notebooks and compares what they print with what is stored in them.
`python start.py test-colab` runs the course on the packages of Google Colab.
`python start.py wheels FOLDER` collects what computers without a network need; there `python start.py --from FOLDER`
installs it.

It needs Python 3.11 to 3.14 and nothing else. Everything is installed into the folders .venv and .venv-colab beside
this file; delete them to undo it. The file keeps to what Python 3.6 can read, so that an old Python says what is wrong.

What is where in this file:
  Small functions                   used in all parts
  What this computer must have      each check stops with one sentence that says what to do
  The installation in .venv         when it is made, kept or completed
  What pip does                     the installation itself, and what pip's errors mean
  A folder of wheels                for computers without a network
  One installation for many         where .venv may not be written
  JupyterLab                        opening the course
  The command line                  main() at the end; the other commands are scripts in tools/
"""

import argparse
import contextlib
import errno
import hashlib
import http.client
import importlib.util
import json
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping

OLDEST, NEWEST = (3, 11), (3, 14)
FIRST_NOTEBOOKS = {"en": "notebooks/00_start_here.ipynb", "id": "notebooks/id/00_start_here.ipynb"}
HOW_TO_CHANGE = {
    "en": "`python start.py --language id` opens it in Indonesian (dalam bahasa Indonesia).",
    "id": "`python start.py --language en` opens it in English (dalam bahasa Inggris).",
}
BUILD_TOOLS = ("hatchling", "editables")  # what pip builds an editable cnnlab with
ROOT = os.path.dirname(os.path.abspath(__file__))

# --- Small functions.


def say(text: str) -> None:  # "invalid syntax" here means Python 2: the course needs Python 3.11 to 3.14
    print(text, flush=True)


def run(*command: str, show: Callable = lambda _: None, environment: Mapping = os.environ) -> tuple:
    """Run a command in the course's folder and return (status, output); `show` gets each line as it comes."""
    lines = []
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    settings = dict(streams, cwd=ROOT, env=environment, encoding="utf-8", errors="replace")
    with subprocess.Popen(command, **settings) as process:
        for line in process.stdout:
            lines.append(line)
            show(line)
    return process.returncode, "".join(lines)


def end(process: subprocess.Popen) -> None:
    """End a program that was started here: JupyterLab with its kernels, or a script of tools/."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()


def full_path(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def may_write(path: str) -> bool:
    """Return whether a file that exists may be written; nothing is written."""
    try:
        with open(path, "r+b"):
            return True
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            return False
        raise


def read_json(path: str) -> dict:
    """Return the content of a JSON file, or {} where it is missing or damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def write_json(path: str, content: dict) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)


# --- What this computer must have. Each check stops with one sentence that says what to do.


def use_utf8() -> None:
    """Give every program started here a locale with all letters.

    In the locale C, Python 3.11 can't read its .pth files. The installation's .pth file holds the name of the course's
    folder, which may have letters beyond ASCII.
    """
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if sys.platform == "linux" and locale in ("C", "POSIX"):
        os.environ["LC_ALL"] = "C.UTF-8"


def check_python(version: tuple) -> None:
    """Stop unless `version` (major, minor, ...) lies between OLDEST and NEWEST."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise SystemExit(
            f"The course needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, and this is Python "
            f"{version[0]}.{version[1]}: install one of those (python.org has them) and start with it, for example "
            "`python3.13 start.py`, on Windows `py -3.13 start.py`."
        )


def check_platform() -> None:
    """Stop, before anything is downloaded, on a platform that PyTorch has no packages for."""
    machine = platform.machine().lower()
    if sys.implementation.name != "cpython":
        trouble, remedy = f"the Python named {sys.implementation.name}", "install the one from python.org"
    elif sys.maxsize < 2**32:
        trouble, remedy = "a 32-bit Python", "install the 64-bit one from python.org"
    elif sys.platform == "darwin" and machine != "arm64":
        trouble, remedy = "Intel Macs", "on a Mac with an Apple chip install the Python from python.org"
    elif "musl" in (sysconfig.get_config_var("SOABI") or ""):
        trouble, remedy = "a Linux built on musl (Alpine)", "use one built on glibc (Debian, Ubuntu, Fedora)"
    elif sys.platform == "linux" and machine not in ("x86_64", "aarch64"):
        trouble, remedy = f"{machine} processors", "use a computer with an x86_64 or 64-bit ARM processor"
    else:
        return
    raise SystemExit(f"PyTorch has no packages for {trouble}: {remedy}, or open the course in Colab (README.md).")


def check_colab_python(version: tuple) -> None:
    """Stop where Colab's versions of numpy and other packages were never built for this Python."""
    if tuple(version[:2]) > (3, 13):
        raise SystemExit(
            f"Colab's packages do not exist for Python {version[0]}.{version[1]}: run test-colab with Python 3.12, "
            "which is Colab's, or with 3.11 or 3.13."
        )


def check_modules() -> None:
    """Stop where this Python can't make an environment: Debian has venv and ensurepip in a package of their own."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SystemExit(
            f"This Python lacks {' and '.join(missing)}: on Debian or Ubuntu type `sudo apt install "
            f"python{version}-venv`, elsewhere install Python from python.org; then start again."
        )


def disk_needs(python: str) -> tuple:
    """Return the GB that pip will download and the GB once installed, as measured with torch 2.15 on Linux."""
    _, pip_settings = run(python, "-I", "-m", "pip", "config", "list")
    with_cuda = sys.platform == "linux" and "/cpu" not in pip_settings
    return (3.2, 6.3) if with_cuda else (0.5, 1.5)


def check_disk(folder: str, download: float, installed: float) -> None:
    """Say how many GB will be downloaded and installed, and how many are free; stop where they are too few."""
    free = shutil.disk_usage(folder).free / 1e9
    needs = [f"{download:.1f} GB to download"] if download else []
    needs += [f"{installed:.1f} GB once installed"] if installed else []
    say(f"About {', '.join(needs)}; {free:.1f} GB are free here.")
    if free < download + installed:
        raise SystemExit(f"That does not fit: make {download + installed - free:.1f} GB more room, then start again.")


def check_data() -> None:
    """Stop unless the data that come with the course have the MD5 sums of data/checksums.txt."""
    try:
        with open(os.path.join(ROOT, "data", "checksums.txt"), encoding="ascii") as file:
            wanted = [line.split() for line in file]
    except FileNotFoundError:
        raise SystemExit(
            "data/checksums.txt is missing: bring the folder back with `git checkout -- data`, or download the course "
            "again."
        ) from None
    for checksum, name in wanted:
        content = b""
        with contextlib.suppress(FileNotFoundError), open(os.path.join(ROOT, "data", *name.split("/")), "rb") as file:
            content = file.read()
        if hashlib.new("md5", content, usedforsecurity=False).hexdigest() != checksum:
            raise SystemExit(
                f"data/{name} is {'damaged' if content else 'missing'}: bring it back with "
                "`git checkout -- data`, or download the course again."
            )


# --- The installation in .venv. A file in it, the stamp, is written last and says that it is complete.


def venv_folder(*names: str, venv: str = ".venv") -> str:
    return os.path.join(ROOT, venv, *names)


def venv_python(venv: str = ".venv") -> str:
    names = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return venv_folder(*names, venv=venv)


def wanted_stamp(extra: str, files: tuple = ("constraints.txt", "pyproject.toml")) -> dict:
    """Return the stamp that a complete installation of `extra` has: "lab", or "test", which contains "lab"."""
    versions = hashlib.sha256()
    for name in files:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:  # as text, so that line ends don't count
            versions.update(file.read().encode())
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"folder": os.path.realpath(ROOT), "python": python, "extra": extra, "versions": versions.hexdigest()}


def read_stamp(venv: str = ".venv") -> dict:
    """Return the stamp of a complete installation, or {} where there is none."""
    return read_json(venv_folder("complete.json", venv=venv))


def write_stamp(stamp: dict, venv: str = ".venv") -> None:
    write_json(venv_folder("complete.json", venv=venv), stamp)


def why_anew(stamp: dict, wanted: dict) -> str:
    """Return why .venv must be made from nothing, or "" where pip can complete the one that is there."""
    if not os.path.exists(venv_folder()):
        return "first start"
    if not stamp:
        return "the last installation did not finish"
    if stamp.get("folder") != wanted["folder"]:
        return "the course was moved or copied"
    if stamp.get("python") != wanted["python"]:
        return f"it had Python {stamp.get('python')}, this is Python {wanted['python']}"
    if not os.path.exists(venv_python()) or run(venv_python(), "-c", "")[0]:
        return "its Python is gone"
    return ""


def compare_stamps(extra: str) -> tuple:
    """Return (the stamp that is there, the stamp wanted, why .venv must be made anew or "")."""
    stamp, wanted = read_stamp(), wanted_stamp(extra)
    if stamp.get("extra") == "test":
        wanted["extra"] = "test"
    if stamp and is_shared():  # any Python can open what another one installed
        wanted["python"] = stamp.get("python")
    return stamp, wanted, why_anew(stamp, wanted)


def is_complete(extra: str) -> bool:
    stamp, wanted, reason = compare_stamps(extra)
    return stamp == wanted and not reason


@contextlib.contextmanager
def only_one():
    """Keep two start.py from installing into one folder at once; the lock ends with the process."""
    if not may_write(os.path.join(ROOT, "constraints.txt")):
        reason = compare_stamps("lab")[2] or "the course was updated"
        raise SystemExit(
            f"The installation in {ROOT} is not complete ({reason}), and you may not write there: whoever looks after "
            "that folder must run `python start.py` in it. Or start a copy of the course, in a folder of your own."
        )
    with open(os.path.join(ROOT, "constraints.txt"), "r+b") as file:
        try:
            if os.name == "nt":
                import msvcrt

                file.seek(10**6)  # far beyond the end, since a locked byte can't be read
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise SystemExit("Another start.py is installing here: wait until it is done, then start again.") from None
        yield


def prepare(extra: str, wheels: str = "") -> str:
    """Make or complete the installation, and return its Python.

    `wheels` is a folder that `python start.py wheels` has filled, or "" to use the network.
    """
    stamp, wanted, reason = compare_stamps(extra)
    if stamp == wanted and not reason:
        return venv_python()
    size = check_wheels(wheels, wanted["extra"]) if wheels else 0
    if reason:
        make_environment(reason)
        check_disk(venv_folder(), *((0, 2 * size + 0.5) if wheels else disk_needs(venv_python())))
    else:
        os.remove(venv_folder("complete.json"))
    try:
        install(venv_python(), wanted["extra"], wheels)
    except ConnectionError:
        if not reason:
            write_stamp(stamp)  # pip downloads all before it changes anything: the earlier installation is whole
        raise
    write_stamp(wanted)
    return venv_python()


def make_environment(reason: str, venv: str = ".venv") -> None:
    """Make an empty environment in the folder `venv`, in place of the one that is there."""
    check_modules()
    if os.path.realpath(sys.prefix) == os.path.realpath(venv_folder(venv=venv)):
        raise SystemExit(f"{venv} must be made anew ({reason}): type `deactivate`, then start with your own Python.")
    say(f"Making the folder {venv} ({reason}).")
    status, output = run(sys.executable, "-m", "venv", "--clear", venv_folder(venv=venv))
    if status:
        raise explain(output)


# --- What pip does: the installation itself, and what pip's errors mean.


def install(python: str, extra: str, wheels: str = "") -> None:
    """Let pip install the course, editable, at the versions in constraints.txt.

    pip's own settings hold, a mirror for example. With a folder of wheels pip sees that folder only, and no network.
    """
    say("Installing with pip, at the versions in constraints.txt.")
    # -I: packages that PYTHONPATH names are not installed here, and pip must not think so.
    pip = [python, "-I", "-m", "pip", "install", "-c", "constraints.txt"]
    environment = dict(os.environ)
    if wheels:
        pip += ["--no-index", "--find-links", wheels]
        environment = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
        environment["PIP_CONFIG_FILE"] = os.devnull
    status, output = run(*pip, "-e", f".[{extra}]", show=show_progress, environment=environment)
    missing = re.search(r"No matching distribution found for (\S+)", output) if status and wheels else None
    if missing:
        raise SystemExit(
            f"{wheels} has no {missing.group(1)} that fits this computer ({platform.platform()}): run `python start.py "
            "wheels` with that folder on a computer like this one, with a network."
        )
    if status:
        raise explain(output)
    status, output = run(python, "-I", "-c", "import cnnlab.files, jupyterlab, torch, torchvision")
    if status:
        raise SystemExit(
            "The packages are installed but can't be loaded (on Windows, install Microsoft's Visual C++ "
            "Redistributable for x64, or give the course's folder a name in plain letters, and start again): "
            f"{output.strip().splitlines()[-1]}"
        )


def show_progress(line: str) -> None:
    """Say which large file pip is downloading, and when it unpacks."""
    large = re.match(r"\s*(Downloading|Using cached) (?:\S*/)?(\w+)-([\d.]+)\S* \((\d\d+\.?\d* [MG]B)\)", line)
    if large:
        say(f"  {large.group(2)} {large.group(3)} ({large.group(4)})")
    elif line.startswith("Installing collected packages"):
        say(f"  all downloaded; unpacking {line.count(',') + 1} packages, which takes a minute or two")


def explain(output: str, log: str = ".venv/pip.log") -> Exception:
    """Return the exception to raise for the output of a pip, or of a venv, that failed: what it means and what to do.

    It is a ConnectionError where only the network is missing, and a SystemExit otherwise.
    """
    if re.search(r"No space left|WinError 112|not enough space|quota exceeded", output, re.IGNORECASE):
        return SystemExit(
            f"The disk is full, here or in {tempfile.gettempdir()}: make room (or set TMPDIR to a folder that has "
            "some), then start again to complete the installation."
        )
    if re.search(r"NewConnection|NameResolution|connection broken|Max retries|timed out|ProxyError|SSLError", output):
        return ConnectionError(
            "pip can't reach its package index: check the network (and HTTPS_PROXY, where there is a proxy), then "
            "start again to complete the installation."
        )
    if re.search(r"No matching distribution found for torch\b|\(constraint\) torch==", output):
        return SystemExit(
            f"pip finds no PyTorch for this computer ({platform.platform()}): it comes for 64-bit Windows, Linux with "
            "glibc 2.28 or newer, and Apple-chip Macs; on one of these look at `pip config list`, elsewhere open the "
            "course in Colab (README.md)."
        )
    with open(os.path.join(ROOT, log), "w", encoding="utf-8") as file:
        file.write(output)
    return SystemExit(f"The installation failed, {log} says more: {output.strip().splitlines()[-1]}")


# --- A folder of wheels, for computers without a network. A file in it, written last, lists them.


def kind_of_computer() -> str:
    """Return the system, the processor and the Python that a wheel depends on: "Linux x86_64, Python 3.12"."""
    system = platform.system().replace("Darwin", "macOS")
    return f"{system} {platform.machine()}, Python {sys.version_info[0]}.{sys.version_info[1]}"


def contents_file(folder: str, kind: str) -> str:
    return os.path.join(folder, f"wheels for {kind}.json")


def wheel_sizes(folder: str) -> dict:
    """Return the wheels in a folder: name -> size in bytes."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(".whl"))
    return {name: os.path.getsize(os.path.join(folder, name)) for name in names}


def collect_wheels(arguments: list) -> int:
    """Download the packages that computers without a network need into a folder; a second run completes it."""
    parser = argparse.ArgumentParser(prog="start.py wheels", description=collect_wheels.__doc__)
    parser.add_argument("folder", type=full_path, help="where the packages go, for example on a USB stick")
    parser.add_argument("--test", action="store_true", help="also what `python start.py test` needs")
    options = parser.parse_args(arguments)
    folder, contents = options.folder, contents_file(options.folder, kind_of_computer())
    extra = "test" if options.test or read_json(contents).get("extra") == "test" else "lab"
    check_modules()
    os.makedirs(folder, exist_ok=True)
    for name in wheel_sizes(folder):
        if not zipfile.is_zipfile(os.path.join(folder, name)):  # only a part of it was saved
            os.remove(os.path.join(folder, name))
    with tempfile.TemporaryDirectory() as venv:
        status, output = run(sys.executable, "-m", "venv", venv)
        if not status:
            there = sum(wheel_sizes(folder).values()) / 1e9
            check_disk(folder, max(0.1, disk_needs(venv_python(venv))[0] - there), 0)
            say(f"Collecting packages in {folder}.")
            pip = [venv_python(venv), "-I", "-m", "pip", "wheel", "-c", "constraints.txt", "-w", folder]
            status, output = run(*pip, f".[{extra}]", *BUILD_TOOLS, show=show_progress)
    if status:
        raise explain(output, os.path.join(folder, "pip.log"))
    sizes = wheel_sizes(folder)
    write_json(contents, {"extra": extra, "versions": wanted_stamp(extra)["versions"], "files": sizes})
    say(
        f"{folder} is complete: {len(sizes)} packages, {sum(sizes.values()) / 1e9:.1f} GB, for {kind_of_computer()}.\n"
        "Bring it to each of the other computers of this kind (USB stick, shared folder), with the course. There type\n"
        "  python start.py --from FOLDER"
    )
    return 0


def check_wheels(folder: str, extra: str) -> float:
    """Stop unless the folder has all that an installation of `extra` needs on this computer; return its size in GB."""
    again = "on a computer with a network run `python start.py wheels` with that folder"
    if not os.path.isdir(folder):
        raise SystemExit(f"There is no folder {folder}: check its name. If there is none yet, {again} (README.md).")
    names = [re.match(r"wheels for (.+)\.json$", name) for name in sorted(os.listdir(folder))]
    kinds = [name.group(1) for name in names if name]
    if not kinds:
        raise SystemExit(f"{folder} has no file `wheels for ....json`, so it is not complete: {again} (README.md).")
    if kind_of_computer() not in kinds:
        raise SystemExit(
            f"{folder} has packages for {'; for '.join(kinds)}. This is {kind_of_computer()}: on a computer of this "
            "kind, with a network, run `python start.py wheels` with that folder, or use another Python here."
        )
    contents = read_json(contents_file(folder, kind_of_computer()))
    if contents.get("versions") != wanted_stamp(extra)["versions"]:
        raise SystemExit(f"{folder} belongs to another version of the course: with this version, {again}.")
    if extra == "test" and contents["extra"] != "test":
        raise SystemExit(f"{folder} lacks the packages of the tests: {again} and --test.")
    there = wheel_sizes(folder)
    missing = [name for name, size in contents["files"].items() if there.get(name) != size]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise SystemExit(
            f"{folder} lacks {', '.join(missing[:3])}{more}, or has only a part: copy the folder again, or {again}."
        )
    return sum(there.values()) / 1e9


# --- One installation for many: where .venv may not be written, a person works in a folder of her own.


def is_shared() -> bool:
    """Return whether this is a complete installation where this person may not write."""
    stamp = venv_folder("complete.json")
    return os.path.exists(stamp) and not may_write(stamp)


def own_folder(*names: str) -> str:
    """Return the folder of a person who opens a shared installation, or a path in it."""
    return os.path.join(full_path("~"), "cnnlab-course", *names)


def written_folder(*names: str, venv: str = ".venv") -> str:
    """Return where JupyterLab's settings and log go: into .venv, or into the person's own folder."""
    return own_folder(".cnnlab", *names) if is_shared() else venv_folder(*names, venv=venv)


def copy_notebooks() -> None:
    """Bring the course's notebooks into the person's own folder."""
    if subprocess.call([venv_python(), "-I", tool("copy_notebooks.py")]):
        raise SystemExit(1)  # it has said why


# --- JupyterLab: opening the course.


def system_locale() -> str:
    """Return the name of the operating system's locale, such as "id_ID.UTF-8"; "" where it is not known."""
    names = [os.environ.get(name, "") for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    if any(names):
        return next(filter(None, names))
    if sys.platform == "win32":
        import ctypes

        name = ctypes.create_unicode_buffer(85)  # the most that Windows needs: LOCALE_NAME_MAX_LENGTH
        return name.value if ctypes.windll.kernel32.GetUserDefaultLocaleName(name, len(name)) else ""
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            status, output = run("defaults", "read", "-g", "AppleLocale")
            return "" if status else output.strip()
    return ""


def system_language() -> str:
    """Return "id" where the operating system's locale is Indonesian ("in" is an old name of it), and "en" elsewhere."""
    return "id" if re.match(r"(id|in|indonesian)(?![a-z])", system_locale().lower()) else "en"


def course_environment(python: str, venv: str = ".venv") -> dict:
    """Return the environment variables for JupyterLab and the scripts in tools/, without the person's own settings."""
    personal = ("JUPYTER", "IPYTHON", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "MPLBACKEND")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(personal)}
    environment["PATH"] = os.path.dirname(python) + os.pathsep + environment.get("PATH", "")
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    # PyTorch's threads spin while they wait for each other, which takes the processor from whatever else is busy: two
    # trainings at once took 19.6 s instead of 2.9 s. With short spins one alone takes 0.9 s instead of 0.8 s (measured
    # on two cores, Linux).
    environment.setdefault("GOMP_SPINCOUNT", "1000")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        environment[name] = written_folder("settings", name.lower(), venv=venv)
        os.makedirs(environment[name], exist_ok=True)  # IPython warns where it is missing
    return environment


def free_port(port: int) -> int:
    """Return `port` if it is free; for port 0, return a free one."""
    with socket.socket() as listener:
        if os.name != "nt":  # there, the option would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            raise SystemExit(
                f"Port {port} is in use or not allowed: give another, or leave --port out to get a free one."
            ) from None
        return listener.getsockname()[1]


def has_display() -> bool:
    """Return whether a browser window opened here would be seen."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def decline_news() -> None:
    """Set JupyterLab not to ask whether it may fetch news, unless the person has answered before."""
    folder = written_folder("settings", "jupyter_config_dir", "lab", "user-settings")
    folder = os.path.join(folder, "@jupyterlab", "apputils-extension")
    path = os.path.join(folder, "notification.jupyterlab-settings")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"fetchNews": "false"}\n')


def start_server(python: str, port: int, token: str, browser: bool, language: str = "en") -> subprocess.Popen:
    """Start JupyterLab on 127.0.0.1; its log goes to jupyter.log in .venv, or in the person's own folder."""
    root_dir = own_folder() if is_shared() else ROOT
    command = [python, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={root_dir}"]
    command += [f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOKS[language]}", f"--ServerApp.open_browser={browser}"]
    command += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]  # no questions, no network
    # Sliders answer at once.
    command += ["--ServerApp.kernel_websocket_connection_class=cnnlab.cli.jupyter.PromptConnection"]
    command += ["--HTMLExporter.preprocessors=cnnlab.cli.export.AltText"]  # File > Save and Export Notebook As > HTML
    extensions = os.path.join(ROOT, "cnnlab", "cli", "labextensions")
    command += [f"--LabApp.extra_labextensions_path={extensions}"]  # alt text of pictures, in JupyterLab itself
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        say("You are root, so JupyterLab is started with --allow-root; an ordinary account is safer.")
        command.append("--allow-root")
    decline_news()
    # The token is no argument: every user of a computer can read the arguments of every program.
    environment = dict(course_environment(python), JUPYTER_TOKEN=token)
    with open(written_folder("jupyter.log"), "w", encoding="utf-8") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def status_on(port: int, token: str) -> int:
    """Return the HTTP status of the server on `port` for a request with this token; 0 for no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/api/contents", headers={"Authorization": f"token {token}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def wait_until_ready(server: subprocess.Popen, port: int, token: str) -> None:
    """Wait until the server accepts its token, and stop unless it refuses a wrong one."""
    while server.poll() is None:
        if status_on(port, token) == 200:
            status = status_on(port, "wrong")
            if status == 403:
                return
            raise SystemExit(
                f"JupyterLab answers {status} to a visitor without the token, who must get 403: a setting on this "
                "computer, in /etc/jupyter for one, is in the way."
            )
        time.sleep(0.1)
    stop_with_log()


def stop_with_log() -> None:
    """Stop with the last line of JupyterLab's log."""
    path = written_folder("jupyter.log")
    with open(path, encoding="utf-8", errors="replace") as log:
        last = log.read().strip().splitlines()[-1:]
    name = path if is_shared() else ".venv/jupyter.log"
    raise SystemExit(f"JupyterLab ended by itself, {name} says more: {''.join(last)}")


def open_course(python: str, port: int, browser: bool, language: str = "en") -> int:
    """Open the first notebook in JupyterLab, say its address, and wait until JupyterLab ends."""
    port, token = free_port(port), secrets.token_hex(24)
    if is_shared():
        copy_notebooks()
    say("Starting JupyterLab.")
    server = start_server(python, port, token, browser, language)
    try:
        wait_until_ready(server, port, token)
        say(f"The course is open at\n  http://127.0.0.1:{port}/lab/tree/{FIRST_NOTEBOOKS[language]}?token={token}")
        say(HOW_TO_CHANGE[language])
        say("Leave this window open while you work; Ctrl-C here ends it.")
        if server.wait():
            stop_with_log()
        say("JupyterLab was shut down.")
    except KeyboardInterrupt:  # Ctrl-C has reached JupyterLab as well, which needs a moment to end its kernels
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(5)
        raise
    finally:
        end(server)
    return 0


# --- The command line. The commands of COMMANDS are scripts in tools/, which the installation's own Python runs.

# command -> (the extra of pyproject.toml that it needs, its script)
COMMANDS = {
    "test": ("test", "run_tests.py"),
    "check": ("lab", "check_notebooks.py"),
    "test-colab": ("test", "run_colab_tests.py"),
}


def tool(name: str) -> str:
    return os.path.join(ROOT, "tools", name)


def run_tool(name: str, arguments: list) -> int:
    """Run a script of tools/ in the folder where the person is, and return its exit status."""
    process = subprocess.Popen([venv_python(), tool(name), *arguments], env=course_environment(venv_python()))
    try:
        return process.wait()
    finally:
        end(process)


def split_arguments(arguments: list) -> tuple:
    """Return (the command or "", the arguments for parse_arguments, the arguments that the command reads itself)."""
    command = arguments[0] if arguments else ""
    asks_for_help = command in ("test", "check") and {"-h", "--help"} & set(arguments)
    if command == "test" and not asks_for_help:
        own = 3 if arguments[1:2] == ["--from"] else 1
        return command, arguments[1:own], arguments[own:]
    if (command in ("wheels", "check") and not asks_for_help) or arguments == ["test-colab"]:
        return command, [], arguments[1:]
    return "", arguments, []


def parse_arguments(arguments: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="start.py",
        usage="python start.py [--language {en,id}] [--from FOLDER] [--port PORT] [--no-browser]\n"
        "       python start.py test [--from FOLDER] [arguments for pytest]\n"
        "       python start.py check [--language {en,id}] [--lax] [notebook ...]\n       python start.py test-colab\n"
        "       python start.py wheels FOLDER [--test]",
        description="Set up the course in .venv, then open it in JupyterLab, run every test, run the notebooks alone "
        "and compare what they print with what is stored (check), or run the course as on Colab.",
    )
    words = "English or Indonesian (that of this computer otherwise)"
    parser.add_argument("--language", choices=sorted(FIRST_NOTEBOOKS), default="", help=words)
    parser.add_argument("--from", dest="wheels", metavar="FOLDER", default="", help="install what `wheels` put there")
    parser.add_argument("--port", type=int, default=0, help="where JupyterLab listens (a free port otherwise)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"--port must be 1 to 65535, got {options.port}")
    options.wheels = options.wheels and full_path(options.wheels)
    options.language = options.language or system_language()
    return options


def without_traceback(work: Callable, *arguments: object) -> int:
    """Call `work` and return its exit status, 130 after Ctrl-C; an error of the system is said in one sentence.

    SIGTERM raises SystemExit, so that every program started here is ended, too.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return work(*arguments)
    except KeyboardInterrupt:
        return 130
    except PermissionError as error:
        raise SystemExit(
            f"{error}: use a folder that you may read and write, then start again; where the course is installed for "
            "many, its owner must let everybody read it."
        ) from error
    except OSError as error:
        raise SystemExit(str(error)) from error


def set_up_and_run(command: str, options: argparse.Namespace, arguments: list) -> int:
    """Complete the installation, then run the command, or open the course where there is none."""
    if command == "wheels":
        return collect_wheels(arguments)
    extra, script = COMMANDS.get(command, ("lab", ""))
    if not is_complete(extra):  # a complete installation is not written to: it may be a shared one
        with only_one():
            prepare(extra, options.wheels)
    check_data()
    if script:
        return run_tool(script, arguments)
    return open_course(venv_python(), options.port, has_display() and not options.no_browser, options.language)


def main(arguments: list) -> int:
    check_python(sys.version_info)
    command, own, others = split_arguments(arguments)
    options = parse_arguments(own)
    check_platform()
    use_utf8()
    if command == "test-colab":
        check_colab_python(sys.version_info)
    status = without_traceback(set_up_and_run, command, options, others)
    if status == 130:
        say("\nEnded. Start again to go on.")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
