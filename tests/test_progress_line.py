"""The line of progress by itself: its words, its times, and that nothing of it stays."""

import contextlib
import re
import sys

import pytest
from terminal import Terminal, stop_the_clock

from cnnlab.progress_line import ProgressLine, StepProgress, in_steps, time_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 s"), (0.4, "1 s"), (7.4, "7 s"), (9.4, "9 s"), (9.6, "10 s"), (12, "10 s"), (13, "15 s"), (57, "55 s"),
        (57.6, "1 min"), (64, "1 min"), (66, "1 min 10 s"), (594, "9 min 50 s"), (596, "10 min"), (1500, "25 min"),
        (3569, "59 min"), (3571, "1 h"), (25403, "7 h 3 min"), (180_000, "50 h"),
    ],
)  # fmt: skip
def test_a_time_is_said_as_a_person_says_it(seconds, words):
    assert time_in_words(seconds) == words


def test_hours_are_hours_in_the_line_and_nothing_is_said_before_anything_is_known(monkeypatch):
    monkeypatch.setattr("cnnlab.progress_line.PAUSE", 1e-9)
    terminal = Terminal()
    with contextlib.redirect_stdout(terminal):
        line = ProgressLine(1000, shown=True, words="sweep")
        stop_the_clock(line, 1)
        line.estimate()
        line.show("epoch 0 of 10")
        stop_the_clock(line, 100)
        line.n = 10
        line.estimate()
        line.show("epoch 1 of 10")
        line.close()
    shown = terminal.getvalue()
    assert "epoch 0 of 10 " in shown.replace("\r", " \r") + " "
    assert "?" not in shown
    assert "epoch 1 of 10, about 2 h 45 min left" in shown  # 100 s for 10 of 1000, so 990 × 10 s


def test_other_work_says_at_once_what_begins_and_the_time_left_once_a_part_is_done(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    with StepProgress(True, "lab report: the experiment", 4) as line:
        assert "  0 %, lab report: the experiment" in sys.stdout.getvalue()
        line.begin("lab report: curves")  # at once, however short the last step was
        assert "  0 %, lab report: curves" in sys.stdout.getvalue()
        assert " left" not in sys.stdout.getvalue()
        monkeypatch.setattr(line.line, "mininterval", 0)
        line.done("lab report: curves, 1 picture", 3)
        assert re.search(r" 75 %, lab report: curves, 1 picture, about \d+ s left", sys.stdout.getvalue())
    assert sys.stdout.getvalue().rpartition("\r")[2].strip() == ""  # and nothing of it stays


def test_the_time_left_is_that_of_the_cost_that_is_left(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    with StepProgress(True, "lab report", 10) as line:
        stop_the_clock(line.line, 60)
        line.done("lab report", 2.5)
        assert line.line.seconds_left == pytest.approx(180)


def test_a_loop_of_steps_has_the_line_and_yields_each_thing_once(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("cnnlab.progress_line.PAUSE", 1e-9)
    assert list(in_steps([], "saliency methods")) == []
    assert sys.stdout.getvalue() == ""
    things = in_steps(["gradient", "occlusion"], "saliency methods")
    assert next(things) == "gradient"
    assert "  0 %, 0 of 2 saliency methods done" in sys.stdout.getvalue()
    assert next(things) == "occlusion"
    assert re.search(r" 50 %, 1 of 2 saliency methods done, about \d+ s left", sys.stdout.getvalue())
    assert list(things) == []
    assert sys.stdout.getvalue().rpartition("\r")[2].strip() == ""
