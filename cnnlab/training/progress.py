"""Show how far a training or a sweep is, and the time left, in a line that is replaced in place and ends empty.

Notebook runners compare and keep what a cell leaves: an empty display, and one line on the stream that never differs.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import sys
import warnings
from collections.abc import Callable

from tqdm import tqdm

from cnnlab.data.dataset import Data
from cnnlab.training.history import History

WORDS = "{desc}, {remaining} left"
PAUSE = 0.25  # seconds between two looks of the line


class TrainingWarning(UserWarning):
    """Warns that a training diverged, or had no epoch; the `History` says the same."""


class _Line(tqdm):
    """The line: in a notebook a display, in a terminal tqdm's own bar; in a pipe or a file there is none."""

    monitor_interval = 0  # start no thread

    def __init__(self, total: int, shown: bool, words: str, smoothing: float = 0.3) -> None:
        self.place = _display_of_the_cell() if shown else None
        notebook = self.place is not None
        super().__init__(
            total=total, desc=words, leave=False, mininterval=PAUSE, delay=PAUSE, miniters=0,
            smoothing=smoothing, file=io.StringIO() if notebook else sys.stdout,
            bar_format=WORDS if notebook else "|{bar:10}| {percentage:3.0f} %, " + WORDS,
            disable=None if shown and not notebook else not shown,  # None: unless it is a terminal
        )  # fmt: skip

    def show(self, words: str) -> None:
        self.set_description_str(words, refresh=False)
        self.update(0)  # which draws, unless it has just done so

    def display(self, msg: str | None = None, pos: int | None = None) -> bool | None:
        """Draw what tqdm asks for: msg, or the line as it is now."""
        if self.place is None:
            return super().display(msg, pos)
        words = str(self) if msg is None else msg
        bar = f'<progress value="{self.n}" max="{self.total}"></progress>'
        self.place.update(_bundle(words, f"<label>{bar} {words}</label>" if words else ""), raw=True)
        return None


def _bundle(plain: str = "", html: str = "") -> dict[str, str]:
    return {"text/plain": plain, "text/html": html}


def _display_of_the_cell():
    """Return the display of the cell that runs now; None outside a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    if not hasattr(shell, "get_parent"):  # of a kernel; IPython in a terminal has none
        return None
    return _display(shell.get_parent().get("header", {}).get("msg_id"))


@functools.lru_cache(maxsize=1)
def _display(cell: str):  # noqa: ARG001 (one display a cell, however many trainings are in it)
    from IPython.display import display

    return display(_bundle(), raw=True, display_id=True)


class Progress(contextlib.AbstractContextManager):
    """The line of one training, with the latest accuracy.

    Parameters
    ----------
    shown : bool or function
        A function is called with the share of the training that is done, and nothing is written.
    """

    def __init__(self, shown: bool | Callable[[float], None], data: Data, settings: dict) -> None:
        self.tell = shown if callable(shown) else None
        self.shown = bool(shown) and self.tell is None
        self.batches = math.ceil(len(data.train) / settings["batch_size"])
        self.total, self.done = settings["epochs"] * self.batches, 0
        self.line = _Line(self.total, self.shown, "training")

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def begin(self, history: History) -> None:
        """Start where the checkpoint ended."""
        self.done = self.line.n = self.line.initial = self.line.last_print_n = len(history) * self.batches

    def batch_done(self) -> None:
        self.line.update()
        self.done += 1
        if self.tell:
            self.tell(self.done / self.total)

    def epoch_done(self, history: History) -> None:
        metric = "validation_accuracy" if history["validation_accuracy"] else "train_accuracy"
        accuracy = f"{metric.replace('_', ' ')} {history[metric][-1]:.3f}"
        self.line.show(f"epoch {len(history)} of {history.settings['epochs']}: {accuracy}")

    def end(self, history: History) -> None:
        """Write the history's one sentence; if nothing is shown, warn of what must not be missed."""
        self.line.close()
        if self.shown:
            write_line(history.message)
        elif self.tell is None and (history.stopped_by == "diverged" or history.settings["epochs"] == 0):
            warnings.warn(history.message, TrainingWarning, stacklevel=3)


class SweepProgress(contextlib.AbstractContextManager):
    """The line of a sweep: runs done, running and failed, and the time left at the rate so far."""

    def __init__(self, shown: bool) -> None:
        self.total, self.finished = 0, 0
        self.line = _Line(0, shown, "sweep", smoothing=0)  # the time left: at the rate of all runs so far

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def plan(self, runs: int, cost: int) -> None:
        self.total += runs
        self.line.total += cost

    def done(self, runs: int, cost: int) -> None:
        self.finished += runs
        self.line.n += cost

    def show(self, running: int, failed: int) -> None:
        failing = f", {failed} failed" if failed else ""
        self.line.show(f"{self.finished - failed} of {self.total} runs done, {running} running{failing}")


def write_line(sentence: str) -> None:
    """Write the line that stays, at once: a notebook keeps each as one piece."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
