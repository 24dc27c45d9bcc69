"""The line of a sweep: what it counts, when it is drawn, and the time left."""

import contextlib
import re
import sys

from terminal import Terminal, stop_the_clock

from cnnlab.experiments.sweep_progress import SweepProgress


def test_a_sweep_says_no_time_left_before_as_many_runs_are_done_as_go_on_together(monkeypatch):
    monkeypatch.setattr("cnnlab.progress_line.PAUSE", 1e-9)
    terminal = Terminal()
    with contextlib.redirect_stdout(terminal), SweepProgress(True) as line:
        line.plan(8, 80)
        line.show(2, 0)
        stop_the_clock(line.line, 5)
        line.done(1, 10)
        line.show(2, 0)
        assert " left" not in terminal.getvalue()
        stop_the_clock(line.line, 10)
        line.done(1, 10)
        line.show(2, 0)
    assert "2 of 8 runs done, 2 running, about 30 s left" in terminal.getvalue()


def test_a_sweep_says_at_once_that_it_has_begun_and_then_is_drawn_by_the_clock(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("cnnlab.progress_line.PAUSE", 3600)
    with SweepProgress(True) as line:
        assert sys.stdout.getvalue() == ""  # nothing may be left to do
        line.plan(2, 20)
        line.show(1, 0)
        line.done(1, 10)
        line.show(1, 0)
        assert re.findall(r"\d of 2 runs done, \d running", sys.stdout.getvalue()) == ["0 of 2 runs done, 1 running"]
    assert sys.stdout.getvalue().rpartition("\r")[2].strip() == ""
    assert sys.stdout.getvalue().count("\r") > 1  # it was removed
