"""Show how far a training or a sweep is, and the time left, in one line that is replaced in place; say times in words.

At the end the line is empty: notebook runners compare and keep the outputs of a cell, which must not differ from run to
run. What stays is one sentence on standard output.
"""

from __future__ import annotations

import contextlib
import html
import io
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from cnnlab.cell_display import bundle, count_in_the_cell, display_of_the_cell
from cnnlab.data.dataset import Data
from cnnlab.printing import write_line
from cnnlab.training.history import History

WORDS = "{desc}{left}"
PAUSE = 0.25  # seconds between two updates of the line
# The time left of a training is said once it has gone on for so many seconds, and for such a share of its batches,
# after the first batch. On a busy computer it was then right within a factor of two, in trainings of all sizes; counted
# from the start, with the data to load, it was up to 40 times too long.
SURE, ENOUGH = 1.0, 0.02


class TrainingWarning(UserWarning):
    """Warns that a training diverged, or had no epoch; the `History` says the same."""


class _Line(tqdm):
    """Draw the line: in a notebook as a display, in a terminal as tqdm's bar, in a pipe or a file not at all.

    Parameters
    ----------
    total : float
        What to count up to: batches of a training, the cost of a sweep.
    shown : bool
        Whether to draw at all.
    words : str
        The text before the first update.
    delay : float, optional
        Seconds before the line is drawn at all; 0: at once. None: PAUSE.
    of_what : str
        What the time left belongs to, such as " in this training"; "" for all that the cell does.

    Attributes
    ----------
    seconds_left : float or None
        The estimate of the time left; None while it is unknown. Whoever counts sets it.
    """

    monitor_interval = 0  # else tqdm starts a thread for the process, which outlives the line

    def __init__(self, total: float, shown: bool, words: str, delay: float | None = None, of_what: str = "") -> None:
        self.seconds_left: float | None = None
        self.of_what = of_what
        self.cell_display = display_of_the_cell() if shown else None
        notebook = self.cell_display is not None
        super().__init__(
            total=total, desc=words, leave=False, mininterval=PAUSE, delay=PAUSE if delay is None else delay,
            miniters=0, file=io.StringIO() if notebook else sys.stdout or io.StringIO(),  # None in pythonw
            bar_format=WORDS if notebook else "|{bar:10}| {percentage:3.0f} %, " + WORDS,
            disable=None if shown and not notebook else not shown,  # None: unless it is a terminal
        )  # fmt: skip

    @property
    def format_dict(self) -> dict[str, Any]:
        """Return what tqdm puts into the line, and `left`: the time left in words, "" as long as it is unknown."""
        left = "" if self.seconds_left is None else f", about {time_in_words(self.seconds_left)} left{self.of_what}"
        return {**super().format_dict, "left": left}

    def estimate(self) -> None:
        """Set the time left to what the mean rate so far gives."""
        elapsed = super().format_dict["elapsed"]
        self.seconds_left = elapsed / self.n * (self.total - self.n) if self.n else None

    def show(self, words: str) -> None:
        """Change the text, and draw it unless the line was drawn less than PAUSE seconds ago."""
        self.set_description_str(words, refresh=False)
        self.update(0)

    def show_at_once(self, words: str) -> None:
        """Change the text, and draw it whenever it was drawn last."""
        self.delay = 0  # tqdm removes no line that it takes for delayed
        self.set_description_str(words)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool | None:
        """Draw msg, or the line as it is now; tqdm calls this."""
        if self.cell_display is None:
            return super().display(msg, pos)
        words = str(self) if msg is None else msg
        bar = f'<progress value="{self.n}" max="{self.total}"></progress>'
        self.cell_display.update(bundle(words, f"<label>{bar} {html.escape(words)}</label>" if words else ""), raw=True)
        return None


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


def time_in_words(seconds: float) -> str:
    """Return a time as a person says it, and no more precise than an estimate is: to 5 seconds, later to a minute.

    >>> [time_in_words(seconds) for seconds in (0.2, 21, 97, 1500, 25403)]
    ['1 s', '20 s', '1 min 40 s', '25 min', '7 h 3 min']
    """
    short = round(seconds) if seconds < 9.5 else 5 * round(seconds / 5)
    if short < 60:
        return f"{max(1, short)} s"
    tens = 10 * round(seconds / 10)
    if tens < 600:
        return _two_units(*divmod(tens, 60), "min", "s")
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else _two_units(*divmod(minutes, 60), "h", "min")


def _two_units(large: int, small: int, unit: str, part: str) -> str:
    return f"{large} {unit} {small} {part}" if small else f"{large} {unit}"


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
        self.line = _Line(self.total, self.shown, words, delay=0, of_what=" in this training")
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


class SweepProgress(contextlib.AbstractContextManager):
    """Show the progress of a sweep: runs done, running and failed, and the time left at the mean rate so far."""

    def __init__(self, shown: bool) -> None:
        self.total, self.finished, self.is_shown = 0, 0, False
        self.line = _Line(0, shown, "sweep")

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def plan(self, runs: int, cost: int) -> None:
        """Add runs to the total; cost is the share of the line that they take, in any unit."""
        self.total += runs
        self.line.total += cost

    def done(self, runs: int, cost: int) -> None:
        """Count finished runs, with the cost that `plan` was given for them."""
        self.finished += runs
        self.line.n += cost

    def show(self, running: int, failed: int) -> None:
        """Show how many runs are done, running and failed."""
        if self.finished >= running:  # of those that began together, each has its share in the rate
            self.line.estimate()
        failing = f", {failed} failed" if failed else ""
        words = f"{self.finished - failed} of {self.total} runs done, {running} running{failing}"
        (self.line.show if self.is_shown else self.line.show_at_once)(words)  # the first run may take long
        self.is_shown = True


class StepProgress(contextlib.AbstractContextManager):
    """Show at once what is going on in other work, and the time left as soon as a part of it is done.

    Parameters
    ----------
    shown : bool
        Whether to show a line.
    words : str
        What is going on first.
    total : float
        The cost of all steps, in any unit.
    """

    def __init__(self, shown: bool, words: str, total: float) -> None:
        self.line = _Line(total, shown, words, delay=0)
        self.end: float | None = None  # of all steps, on time.monotonic()'s clock

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def begin(self, words: str) -> None:
        """Say at once what begins now: it may take long."""
        if self.end is not None:
            self.line.seconds_left = max(0.0, self.end - time.monotonic())
        self.line.show_at_once(words)

    def done(self, words: str, cost: float = 1) -> None:
        """Count work that is done, with its cost, and say what goes on."""
        self.line.n += cost
        self.line.estimate()
        if self.line.seconds_left is not None:
            self.end = time.monotonic() + self.line.seconds_left
        self.line.show(words)


def in_steps(things: Sequence[Any], words: str) -> Iterator[Any]:
    """Yield the things one by one; a line shows how many are done, and the time left.

    >>> for method in in_steps(METHODS, "saliency methods"):
    ...     maps[method] = saliency(model, images, method=method)
    """
    count = len(things)
    with StepProgress(count > 0, f"0 of {count} {words} done", count) as line:
        for done, thing in enumerate(things, start=1):
            yield thing
            line.done(f"{done} of {count} {words} done")
