"""Where files live and how they are written: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def data_folder() -> Path:
    """Return the folder of the shipped data: inside the package in a wheel, else the repository's `data/`."""
    package = Path(__file__).resolve().parent
    shipped = package / "shipped"
    return shipped if shipped.is_dir() else package.parent / "data"


def cache_folder() -> Path:
    """Return the folder for downloads: `$CNNLAB_CACHE`, else `~/.cache/cnnlab`. It may not exist yet."""
    return Path(os.environ.get("CNNLAB_CACHE") or Path.home() / ".cache" / "cnnlab")


def atomic_write(path: str | os.PathLike, content: bytes) -> None:
    """Write content to path so that a reader sees the old file or the new one, never half of one.

    The temporary file stands in the same folder, so that `os.replace` stays within one file system.
    Raises OSError in words when the disk is full; the earlier file is intact then.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} can't be saved: the folder {path.parent} does not exist; make it first")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _usual_mode())  # a temporary file is closed to others; what is saved should not be
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno, f"{path} was not saved ({error.strerror}); the earlier file, if any, is intact"
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _usual_mode() -> int:
    """Return the mode that open() gives a new file."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def last_change(folder: str | Path | None) -> tuple[int, int]:
    """Return how many files lie in the folder, and when the newest was changed, in ns; without a folder (0, 0)."""
    changed = [path.lstat().st_mtime_ns for path in Path(folder).rglob("*")] if folder else []
    return len(changed), max(changed, default=0)
