"""A small copy of the course, for tests of start.py and of the scripts that it runs: no data, one empty notebook."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from places import REPOSITORY

SCRIPTS_RUN = pytest.mark.skipif(os.name == "nt", reason="a script stands in for Python, and Windows runs no scripts")
NO_NETWORK = (
    "pip can't reach its package index: check the network (and HTTPS_PROXY, where there is a proxy), then start again "
    "to complete the installation."
)


def make_small_course(root: Path) -> None:
    """Write start.py, the files that it reads before it installs anything, and an empty notebook into a new folder."""
    (root / "notebooks").mkdir(parents=True)
    for name in ("start.py", "constraints.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, root)
    nbformat.write(nbformat.v4.new_notebook(), root / "notebooks" / "00_start_here.ipynb")


def refused(call: Callable, *arguments: object) -> str:
    """Return the one sentence with which the call stops."""
    with pytest.raises((SystemExit, ConnectionError)) as stopped:
        call(*arguments)
    sentence = str(stopped.value)
    assert "\n" not in sentence
    return sentence
