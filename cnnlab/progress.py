"""News of a training, or of a sweep, in; a bar with the time left out. It ends as one line, the same on every run."""

from __future__ import annotations

import contextlib
import math
import sys
import warnings
from collections.abc import Callable

from tqdm import tqdm

from cnnlab.data import Data
from cnnlab.history import History


class _Bar(contextlib.AbstractContextManager):
    bar: tqdm

    def __exit__(self, *exception: object) -> None:
        self.bar.close()


class Progress(_Bar):
    """A bar with time left and the latest accuracy, which ends as one line that is the same on every run.

    shown may be a function, too: it is told the share of the training that is done, and nothing is written.
    """

    def __init__(self, shown: bool | Callable[[float], None], data: Data, settings: dict) -> None:
        self.tell = shown if callable(shown) else None
        self.shown = shown = bool(shown) and self.tell is None
        batches = math.ceil(len(data.train) / settings["batch_size"])
        self.total, self.done = max(1, settings["epochs"] * batches), 0
        look = "{desc} |{bar:20}| {percentage:3.0f} %, {remaining} left{postfix}"
        self.bar = tqdm(
            total=settings["epochs"] * batches, file=sys.stdout, leave=False, disable=not shown, bar_format=look,
            desc="training",
        )  # fmt: skip
        self.batches = batches

    def batch_done(self) -> None:
        self.bar.update()
        self.done += 1
        if self.tell:
            self.tell(self.done / self.total)

    def epoch_done(self, history: History) -> None:
        self.done = len(history) * self.batches
        if self.shown:
            self.bar.n = self.done  # a continued run starts where its checkpoint ended
            shown = "validation_accuracy" if history["validation_accuracy"] else "train_accuracy"
            accuracy = f"{shown.replace('_', ' ')} {history[shown][-1]:.3f}"
            self.bar.set_postfix_str(f"epoch {len(history)} of {history.settings['epochs']}: {accuracy}")

    def end(self, history: History) -> None:
        """Write the history's one sentence where the bar was; without a bar, warn of what must not be missed."""
        self.bar.close()
        if self.shown:
            sys.stdout.write(f"{history.message}\n")
        elif self.tell is None and (history.stopped_by == "diverged" or history.settings["epochs"] == 0):
            warnings.warn(history.message, stacklevel=3)


class SweepProgress(_Bar):
    """The bar: runs done, running and failed, and the time left at the rate so far."""

    def __init__(self, runs: int, cost: int, shown: bool) -> None:
        self.total, self.finished = runs, 0
        look = "{desc} |{bar:20}| {percentage:3.0f} %, {remaining} left"
        self.bar = tqdm(
            total=cost, file=sys.stdout, leave=False, disable=not shown, bar_format=look, smoothing=0, desc="sweep"
        )

    def show(self, running: int, failed: int) -> None:
        failing = f", {failed} failed" if failed else ""
        done = self.finished - failed
        self.bar.set_description_str(f"{done} of {self.total} runs done, {running} running{failing}")

    def done(self, runs: int, cost: int) -> None:
        self.finished += runs
        self.bar.update(cost)
