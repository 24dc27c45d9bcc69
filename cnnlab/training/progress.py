"""Show how far a training is, and the time left, in one line; at the end one sentence on standard output stays."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable

from cnnlab.cell_display import count_in_the_cell
from cnnlab.data.dataset import Data
from cnnlab.printing import write_line
from cnnlab.progress_line import ProgressLine
from cnnlab.training.history import History

# The time left of a training is said once it has gone on for so many seconds, and for such a share of its batches,
# after the first batch. On a busy computer it was then right within a factor of 2.1 in 17 of 18 trainings of 7 to 52
# seconds; after a whole second in all 18. Counted from the start, with the data to load, it was up to 40 times too
# long.
SURE, ENOUGH = 0.5, 0.02


class TrainingWarning(UserWarning):
    """Warns that a training diverged, or had no epoch; the `History` says the same."""


class TimeLeft:
    """Estimate the time left of a training by its mean rate after the first batch.

    >>> left = TimeLeft()
    >>> left.seconds(0.1)   # None: nothing is known yet
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def seconds(self, share: float) -> float | None:
        """Return the seconds left when this share is done, 0–1; None while that can't be said well."""
        now = time.monotonic()
        begun, first = self._first = self._first or (now, share)
        if now - begun <= SURE or share - first <= ENOUGH:
            return None
        return (now - begun) / (share - first) * (1 - share)


class Progress(contextlib.AbstractContextManager):
    """Show the progress of one training: the epoch, the latest accuracy and the time left.

    Parameters
    ----------
    shown : bool or function
        Whether to show a line. A function is called after each batch with the share that is done, 0–1; then nothing is
        written.
    data : Data
        The data to train on: their number of batches counts.
    settings : dict
        The settings of the training: batch_size and epochs count.
    """

    def __init__(self, shown: bool | Callable[[float], None], data: Data, settings: dict) -> None:
        self.call = shown if callable(shown) else None
        self.shown = bool(shown) and self.call is None
        self.batches = math.ceil(len(data.train) / settings["batch_size"])
        self.total, self.done = settings["epochs"] * self.batches, 0
        count = count_in_the_cell() if self.shown else 1
        words = f"training {count} in this cell" if count > 1 else "training"  # nobody knows how many will follow
        self.which = f"{words}, " if count > 1 else ""
        # At once, since the first batch may take long. Other trainings may follow in the cell.
        self.line = ProgressLine(self.total, self.shown, words, delay=0, of_what=" in this training")
        self.left = TimeLeft()

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def begin(self, history: History) -> None:
        """Start after the epochs that the history has, which a checkpoint may have brought."""
        self.done = self.line.n = self.line.initial = self.line.last_print_n = len(history) * self.batches

    def batch_done(self) -> None:
        """Count one batch."""
        self.done += 1
        self.line.seconds_left = self.left.seconds(self.done / self.total)
        self.line.update()
        if self.call:
            self.call(self.done / self.total)

    def epoch_done(self, history: History) -> None:
        """Show the epoch and its accuracy."""
        metric = "validation_accuracy" if history["validation_accuracy"] else "train_accuracy"
        accuracy = f"{metric.replace('_', ' ')} {history[metric][-1]:.3f}"
        self.line.show(f"{self.which}epoch {len(history)} of {history.settings['epochs']}: {accuracy}")

    def end(self, history: History) -> None:
        """Write the history's message; if nothing is shown, warn if the training diverged or had no epochs."""
        self.line.close()
        if self.shown:
            write_line(history.message)
        elif self.call is None and (history.diverged or history.settings["epochs"] == 0):
            warnings.warn(history.message, TrainingWarning, stacklevel=4)
