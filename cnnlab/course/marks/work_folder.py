"""Make a folder for strangers' files, and remove it whatever they have made of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cnnlab.errors import ConfigError

MAKE_ROOM = "make room there, or set TMPDIR (on Windows TEMP) to a folder on another disk, and start it again"

LEAST_FREE = 500_000_000  # bytes: a submission may have 200 MB, and its notebooks may write half of what is free


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Give an empty folder, and remove it after the block; a folder that can't be removed stays.

    Raises ConfigError where its disk is full, or nearly so.

    >>> with work_folder() as folder:
    ...     (folder / "a.txt").write_text("a")
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="cnnlab-marks-"))
    except OSError as error:
        raise ConfigError(f"no folder for the students' files can be made ({error.strerror}); {MAKE_ROOM}") from error
    try:
        check_room(folder.parent, LEAST_FREE, MAKE_ROOM)
        yield folder
    finally:
        remove(folder)


def check_room(folder: Path, least: int, remedy: str) -> None:
    """Raise ConfigError, with the remedy, where a folder's disk has fewer bytes left than `least`."""
    if (free := shutil.disk_usage(folder).free) < least:
        left = f"the disk of {folder} has {free / 1e6:.0f} MB left"
        raise ConfigError(f"{left}, and a marking needs {least / 1e6:.0f}; {remedy}")


def remove(folder: Path) -> None:
    """Remove a folder and what is in it; what can't be removed stays."""
    with contextlib.suppress(RecursionError):  # folders in folders, a thousand deep
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder) and os.name != "nt":
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, str(folder)], stderr=subprocess.DEVNULL, check=False)
