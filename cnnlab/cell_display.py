"""Find the display of the notebook cell that runs now, in which lines of progress are shown and removed again."""

from __future__ import annotations

import functools
import html
from typing import Any

from tqdm import tqdm


def bundle(plain: str = "", html: str = "") -> dict[str, str]:
    """Return the data of a Jupyter display, by MIME type."""
    return {"text/plain": plain, "text/html": html}


def display_of_the_cell():
    """Return the display of the notebook cell that runs now; None outside a notebook.

    A cell gets it whether or not a line is shown in it, so that its outputs are the same on every run.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if not hasattr(shell, "get_parent"):  # a kernel's shell has it, that of IPython in a terminal has not
        return None
    return _display(shell.get_parent().get("header", {}).get("msg_id"))


@functools.lru_cache(maxsize=1)
def _display(cell: str):  # noqa: ARG001 (the key of the cache)
    """Make an empty display in the cell of this id; for the same id, return the same one again.

    The process keeps the latest one, so that a cell has one display however many trainings it has.
    """
    from IPython.display import display

    return display(bundle(), raw=True, display_id=True)


class CellLine(tqdm):
    """A line of progress: in a notebook in the display of its cell, elsewhere as tqdm draws it."""

    monitor_interval = 0  # else tqdm starts a thread for the process, which outlives the line
    cell_display: Any = None  # a line sets it before tqdm's own __init__, which may draw

    def display(self, msg: str | None = None, pos: int | None = None) -> bool | None:
        """Draw msg, or the line as it is now; tqdm calls this."""
        if self.cell_display is None:
            return super().display(msg, pos)
        words = str(self) if msg is None else msg
        self.cell_display.update(bundle(words, self.as_html(words) if words else ""), raw=True)
        return None

    def as_html(self, words: str) -> str:
        """Return the line with these words as a notebook shows it."""
        return html.escape(words)
