"""Code that catches what should stop it is stopped all the same, and nothing of that is left."""

import signal
import sys
import threading
import time

import pytest

from cnnlab import check
from cnnlab.course.student_functions import Mistake, try_function
from cnnlab.course.time_limit import OutOfTime, time_limit

STUBBORN = {
    "catches all": """
while True:
    try: time.sleep(1)
    except: pass
""",
    "catches in two places": """
while True:
    try:
        while True:
            try: time.sleep(1)
            except KeyboardInterrupt: pass
    except BaseException: continue
""",
    "catches in three places": """
while True:
    with contextlib.suppress(BaseException):
        try:
            try: sum(range(1000))
            except BaseException: pass
        except BaseException: pass
""",
    "goes on at the end": """
while True:
    try: time.sleep(1)
    finally: continue
""",
    "calls what catches": """
def sleep():
    try: time.sleep(1)
    except BaseException: return
while True: sleep()
""",
}


@pytest.mark.parametrize("name", STUBBORN)
def test_a_loop_that_catches_everything_is_stopped(name):
    handler, tracing, before = signal.getsignal(signal.SIGINT), sys.gettrace(), {*threading.enumerate()}
    body = STUBBORN[name].replace("\n", "\n    ")
    place = {}
    exec(f"import contextlib, time\ndef endless():{body}pass", place)
    with pytest.raises(Mistake, match=r"stopped after 0.05 seconds. Does its loop end\?"):
        try_function(place["endless"], seconds=0.05)
    assert signal.getsignal(signal.SIGINT) is handler
    assert sys.gettrace() is tracing
    assert {*threading.enumerate()} <= before


def test_check_stops_an_endless_answer_after_five_seconds():
    def relu(values):
        while True:
            values = values + 1

    words = "Your function was stopped after 5 seconds. Does its loop end? Tried with a tensor of shape (7,)."
    assert check("05a-relu", relu).message == words


def test_what_cleans_up_is_left_alone():
    done = []

    def cleans_up():
        try:
            time.sleep(600)
        finally:
            done.extend(range(3))

    with pytest.raises(OutOfTime, match=r"stopped after 0.1 seconds"), time_limit(0.1):
        cleans_up()
    assert done == [0, 1, 2]


def test_the_block_itself_is_stopped():
    with pytest.raises(OutOfTime), time_limit(0.05):  # noqa: PT012
        while True:
            pass
