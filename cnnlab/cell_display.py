"""Find the display of the notebook cell that runs now, in which lines of progress are shown and removed again."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
from collections.abc import Iterator

from cnnlab.formulas import without_formulas

LOADING = "loading PyTorch: some seconds, longer the first time"


def bundle(plain: str = "", html: str = "") -> dict[str, str]:
    """Return the data of a Jupyter display, by MIME type."""
    return {"text/plain": plain, "text/html": without_formulas(html)}


def display_of_the_cell():
    """Return the display of the notebook cell that runs now; None outside a notebook.

    A cell gets it whether or not a line is shown in it, so that its outputs are the same on every run.
    """
    cell = _cell()
    return None if cell is None else _display(cell)[0]


@contextlib.contextmanager
def saying_that_torch_loads() -> Iterator[None]:
    """Show in a notebook's cell that PyTorch is being loaded, until the block is left; do nothing if it is there.

    A bar that moves by itself stands beside the words: Python can't count while it imports.
    """
    display = None if "torch" in sys.modules or "IPython" not in sys.modules else display_of_the_cell()
    if display is None:
        yield
        return
    display.update(bundle(LOADING, f"<label><progress></progress> {LOADING}</label>"), raw=True)
    try:
        yield
    finally:
        display.update(bundle(), raw=True)


def count_in_the_cell() -> int:
    """Return how many trainings of the notebook cell that runs now show their progress, this one included.

    It is 1 outside a notebook.
    """
    cell = _cell()
    return 1 if cell is None else next(_display(cell)[1])


def _cell() -> str | None:
    """Return the id of the notebook cell that runs now; None outside a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    if not hasattr(shell, "get_parent"):  # a kernel's shell has it, that of IPython in a terminal has not
        return None
    return shell.get_parent().get("header", {}).get("msg_id", "")


@functools.lru_cache(maxsize=1)
def _display(cell: str):  # noqa: ARG001 (the key of the cache)
    """Make an empty display in the cell of this id, and a counter from 1; for the same id, return the same ones again.

    The process keeps the latest one, so that a cell has one display however many trainings it has.
    """
    from IPython.display import display

    return display(bundle(), raw=True, display_id=True), itertools.count(1)
