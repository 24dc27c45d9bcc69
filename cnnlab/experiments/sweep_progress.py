"""Show how far a sweep is, and the time left, in one line."""

from __future__ import annotations

import contextlib

from cnnlab.progress_line import ProgressLine


class SweepProgress(contextlib.AbstractContextManager):
    """Show the progress of a sweep: runs done, running and failed, and the time left at the mean rate so far."""

    def __init__(self, shown: bool) -> None:
        self.total, self.finished, self.is_shown = 0, 0, False
        self.line = ProgressLine(0, shown, "sweep")

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
