"""Show how far a piece of work is, and the time left, in one line that is replaced in place.

At the end the line is empty: notebook runners compare and keep the outputs of a cell, which must not differ from run to
run.
"""

from __future__ import annotations

import contextlib
import html
import io
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

from cnnlab.cell_display import bundle, display_of_the_cell

WORDS = "{desc}{left}"
PAUSE = 0.25  # seconds between two updates of the line


class ProgressLine(tqdm):
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
    delay : float, optional
        Seconds before the line is drawn at all.
    """

    def __init__(self, shown: bool, words: str, total: float, delay: float = 0) -> None:
        self.line = ProgressLine(total, shown, words, delay)
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


def in_steps(items: Sequence[Any], words: str, *, delay: float = 0) -> Iterator[Any]:
    """Yield the items one by one; a line, drawn after `delay` seconds, shows how many are done, and the time left.

    >>> for method in in_steps(METHODS, "saliency methods"):
    ...     maps[method] = saliency(model, images, method=method)
    """
    count = len(items)
    with StepProgress(count > 0, f"0 of {count} {words} done", count, delay) as line:
        for done, item in enumerate(items, start=1):
            yield item
            line.done(f"{done} of {count} {words} done")


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
