"""Find the folders that cnnlab uses, and write a file completely or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import filelock


def data_folder() -> Path:
    """Return the folder of the data that comes with cnnlab: in the installed package, or `data/` in the repository."""
    package = Path(__file__).resolve().parent
    shipped = package / "shipped"
    return shipped if shipped.is_dir() else package.parent / "data"


def cache_folder() -> Path:
    """Return the folder for downloads: `$CNNLAB_CACHE`, or `~/.cache/cnnlab`; it may not exist yet."""
    return Path(os.environ.get("CNNLAB_CACHE") or Path.home() / ".cache" / "cnnlab")


def course_folder() -> Path:
    """Return the folder of what a student makes in the course, such as predictions; it may not exist yet.

    It is `$CNNLAB_COURSE`; else `my_course/` in the working folder (that of the notebook), if that can be written; else
    `~/my_course`.

    >>> course_folder()
    PosixPath('/home/ada/course/notebooks/my_course')
    """
    if chosen := os.environ.get("CNNLAB_COURSE"):
        return Path(chosen).expanduser()
    here = Path.cwd() / "my_course"
    return here if _can_write(here if here.is_dir() else here.parent) else Path.home() / "my_course"


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

    Raises FileNotFoundError where the folder of path does not exist. Raises OSError, with the path in its message,
    where the file can't be written (a full disk, a read-only folder); the old file stays as it was. The file gets the
    permissions of a new file.

    >>> atomic_write("settings.json", b"{}")
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} can't be saved: the folder {path.parent} does not exist; make it first")
    # In the same folder, since os.replace works within one file system. Made by `open`, which gives the permissions of
    # a new file: those of the module tempfile are for their owner alone.
    temporary = path.parent / f".{path.name[:40]}.{os.urandom(8).hex()}"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno, f"{path} was not saved ({error.strerror}); the earlier file, if any, is intact"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def folder_version(folder: str | Path | None) -> tuple[int, int]:
    """Return two numbers that change with the content of a folder: its number of entries, and the latest change.

    Entries are counted at all depths; the change is a time in nanoseconds since 1970. folder=None gives (0, 0).
    """
    times = [path.lstat().st_mtime_ns for path in Path(folder).rglob("*")] if folder else []
    return len(times), max(times, default=0)
