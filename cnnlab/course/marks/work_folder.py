"""Make a folder for strangers' files, and remove it whatever they have made of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Give an empty folder, and remove it after the block; a folder that can't be removed stays.

    >>> with work_folder() as folder:
    ...     (folder / "a.txt").write_text("a")
    """
    folder = Path(tempfile.mkdtemp(prefix="cnnlab-marks-"))
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder and what is in it; what can't be removed stays."""
    with contextlib.suppress(RecursionError):  # folders in folders, a thousand deep
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder) and os.name != "nt":
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, str(folder)], stderr=subprocess.DEVNULL, check=False)
