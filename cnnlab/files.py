"""Find the folders that cnnlab uses, and write a file completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cnnlab.checks import shown
from cnnlab.errors import ConfigError

if TYPE_CHECKING:
    import filelock


def data_folder() -> Path:
    """Return the folder of the data that comes with cnnlab: in the installed package, or `data/` in the repository."""
    package = Path(__file__).resolve().parent
    shipped = package / "shipped"
    return shipped if shipped.is_dir() else package.parent / "data"


def cache_folder() -> Path:
    """Return the folder for downloads: `$CNNLAB_CACHE`, or `~/.cache/cnnlab`; it may not exist yet."""
    return check_path("CNNLAB_CACHE", os.environ.get("CNNLAB_CACHE") or "~/.cache/cnnlab")


def check_path(field: str, value: object) -> Path:
    """Return a path with `~` expanded; raise ConfigError unless it is a text or a Path that is not empty.

    >>> check_path("store", "~/runs")
    PosixPath('/home/ada/runs')
    """
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"{field} wants the path of a file or folder, such as 'my_runs', got {shown(value)}")
    try:
        path = Path(text).expanduser()
        os.stat(path)
    except RuntimeError as error:
        raise ConfigError(f"{field}={text!r:.60}: the home folder is not known; write the whole path") from error
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:
            words = f"{field}={text!r:.60} can't be a file or folder: it can't be read, written or locked"
            raise ConfigError(f"{words} ({error!s:.60}); give another folder or file") from error
    return path


def check_output_file(field: str, value: object) -> Path:
    """Return the path of a file to write, with `~` expanded, and change nothing.

    Raises ConfigError if there is anything but an ordinary file, or if its folder is missing or can't be written.
    """
    path = check_path(field, value)
    try:
        folder = Path(os.path.realpath(path)).parent
        can_be_a_file = folder.is_dir() and (path.is_file() or not path.exists())
    except OSError as error:  # in a folder that may not be looked into
        raise ConfigError(f"{field}={str(value)!r:.200} can't be a file ({error}); give another path") from error
    if not can_be_a_file:
        raise ConfigError(
            f"{field} wants a file in a folder that exists, such as 'run.safetensors', got {str(value)!r}"
        )
    if not _can_write(folder):
        raise ConfigError(f"{field}={str(value)!r}: the folder {folder} can't be written; give another path")
    return path


def course_folder() -> Path:
    """Return the folder of what a student makes in the course, such as predictions; it may not exist yet.

    It is `$CNNLAB_COURSE`; else `my_course/` in the folder of the notebooks (see `notebooks_folder`), if that can be
    written; else `~/my_course`.

    >>> course_folder()
    PosixPath('/home/ada/course/notebooks/my_course')
    """
    if chosen := os.environ.get("CNNLAB_COURSE"):
        return check_path("CNNLAB_COURSE", chosen)
    here = notebooks_folder() / "my_course"
    return here if _can_write(here if here.is_dir() else here.parent) else check_path("CNNLAB_COURSE", "~/my_course")


def notebooks_folder() -> Path:
    """Return the working folder (that of the notebook), or for the notebooks in Indonesian the folder above it.

    Those are in the folder `id`, below the English ones of the same names. Both languages share what a student makes.

    >>> notebooks_folder()
    PosixPath('/home/ada/course/notebooks')
    """
    here = Path.cwd()
    is_translation = here.name == "id" and any((here.parent / path.name).is_file() for path in here.glob("*.ipynb"))
    return here.parent if is_translation else here


def _can_write(folder: Path) -> bool:
    """Return whether a file can be made in the folder; only a trial tells, on a read-only disk or on Windows."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def file_lock(path: Path) -> filelock.BaseFileLock | NoLock:
    """Return a lock that one process at a time can hold; make its folder where that is missing.

    Some mounted folders, such as those of a cloud drive, have no locks. There nothing is locked, and a warning says so.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(path) if _can_lock(path.parent) else NoLock()


class NoLock(contextlib.nullcontext):
    """Stand in for a lock where there are none: a lock that everybody gets."""

    def acquire(self, blocking: bool = True) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""


@functools.cache
def _can_lock(folder: Path) -> bool:
    """Return whether files in the folder can be locked; warn once if not."""
    try:
        import fcntl
    except ImportError:
        return True  # Windows
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:  # read-only: FileLock says it better
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            warnings.warn(
                f"{folder} can't lock files ({error.strerror}), so use it from one notebook at a time", stacklevel=3
            )
            return False
    return True


def atomic_write(path: str | os.PathLike, content: bytes) -> None:
    """Write content to path in one step: a reader sees the old file or the new one, never a part of either.

    A file that is replaced keeps its permissions, and its owner where the system lets us; a new one gets those of any
    new file. A link stays: the file that it leads to is replaced.

    Raises FileNotFoundError where the folder of path does not exist. Raises OSError, with the path in its message,
    where the file can't be written (a full disk, a read-only folder, something that is no ordinary file); the old file
    stays as it was.

    >>> atomic_write("settings.json", b"{}")
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} can't be saved: the folder {path.parent} does not exist; make it first")
    # In the same folder as the file, since os.replace works within one file system.
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".{target.name[:40]}.{os.urandom(8).hex()}"
    try:
        earlier = _ordinary_file(target)
        with open(temporary, "xb") if earlier is None else _open_alike(temporary, earlier) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace_file(temporary, target)
    except OSError as error:
        raise OSError(
            error.errno, f"{path} was not saved ({error.strerror}); the earlier file, if any, is intact"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _ordinary_file(path: Path) -> os.stat_result | None:
    """Return what the system knows of a file; None if there is none. Raise OSError for a device, a folder or a link."""
    try:
        known = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(known.st_mode):
        raise OSError(errno.EINVAL, "it is no ordinary file")
    return known


def _open_alike(path: Path, earlier: os.stat_result) -> BinaryIO:
    """Open a new file with the owner, the group and the permissions of an earlier one; never is it more readable."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    if hasattr(os, "fchown"):  # not on Windows
        mode = stat.S_IMODE(earlier.st_mode)
        with contextlib.suppress(OSError):
            os.fchown(file, earlier.st_uid, earlier.st_gid)
        if os.fstat(file).st_gid != earlier.st_gid:
            mode &= ~stat.S_IRWXG  # it has another group, which may not have been allowed to read the earlier file
        os.fchmod(file, mode)
    return open(file, "wb")


def replace_file(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Rename a file to target, and replace the file that is there; if that is refused, try again for a second.

    On Windows a virus scanner, or a program that reads the target, refuses it for a moment.
    """
    end = time.monotonic() + 1
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def folder_version(folder: str | Path | None) -> tuple[int, int]:
    """Return two numbers that change with the content of a folder: its number of entries, and the latest change.

    Entries are counted at all depths; the change is a time in nanoseconds since 1970. folder=None gives (0, 0).
    """
    times = [path.lstat().st_mtime_ns for path in Path(folder).rglob("*")] if folder else []
    return len(times), max(times, default=0)
