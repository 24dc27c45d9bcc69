"""Knock at the doors of cnnlab with nonsense, and sort what happens.

A call may succeed where the value makes sense. Else it is refused in words: ConfigError or DataError, or an error that
the door's docstring names. Everything else is a finding.
"""

from __future__ import annotations

import contextlib
import io
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
from door_list import Door
from nonsense import MORE, VALUES, OwnError, fits, takes_functions, variants

import cnnlab

plt.switch_backend("agg")


FINDINGS = ("raw", "nonsense", "hangs")
SECONDS = 10  # a call that takes longer hangs
# Errors that a docstring names, besides the two of cnnlab.
DOCUMENTED: dict[str, tuple[type[Exception], ...]] = {
    "save_weights": (FileNotFoundError, OSError),
    "fit": (MemoryError,),
    "capture": (MemoryError,),
    "TrainingPanel.wait": (TimeoutError,),
    "KernelExperiment.wait": (TimeoutError,),
}


class Knock(NamedTuple):
    """A call with one changed argument; `make` makes the value."""

    door: Door
    argument: str
    value_name: str
    make: Callable[[], Any]

    def __str__(self) -> str:
        return f"{self.door.name}({self.argument}={self.value_name})"


class Answer(NamedTuple):
    """What happened, and in words where and how: "fine", "refused", "slow", or one of FINDINGS."""

    verdict: str
    words: str = ""


class _TooLong(BaseException):
    pass


def knocks(doors: list[Door], more: bool = False) -> Iterator[Knock]:
    """Yield every knock: each argument of each door with each value, and an argument that does not exist.

    more: the further values, not the usual ones.
    """
    for door in doors:
        working = door.arguments()
        for argument in {**door.kinds, **working}:
            values = MORE if more else VALUES | (variants(working[argument]) if argument in working else {})
            for value_name, make in values.items():
                yield Knock(door, argument, value_name, make)
        yield Knock(door, "no_such_argument", "1", lambda: 1)


def sample(doors: list[Door], count: int, seed: int = 0, more: bool = False) -> list[Knock]:
    """Return a few knocks of every argument of every door, always the same for one seed."""
    draw = random.Random(seed)
    by_argument: dict[tuple[str, str], list[Knock]] = {}
    for knock in knocks(doors, more):
        by_argument.setdefault((knock.door.name, knock.argument), []).append(knock)
    return [knock for group in by_argument.values() for knock in draw.sample(group, min(count, len(group)))]


def answer(knock: Knock, seconds: float = SECONDS) -> Answer:
    """Call the door, and sort what happens."""
    try:
        value = knock.make()
    except (RuntimeError, TypeError, IndexError):
        return Answer("fine", "no such variant")
    arguments = knock.door.arguments() | {knock.argument: value}
    allowed = (cnnlab.ConfigError, cnnlab.DataError, OwnError, *DOCUMENTED.get(knock.door.name, ()))
    try:
        with quietly(), _at_most(seconds):
            close(knock.door.call(**arguments))
    except allowed as error:
        return Answer("refused", _text(error))
    except _TooLong as error:  # what makes sense may take long, such as 100,000 images
        return Answer("slow" if _makes_sense(knock, value) else "hangs", _where(error))
    except Exception as error:
        if isinstance(error, TypeError) and knock.argument == "no_such_argument" and "unexpected keyword" in str(error):
            return Answer("refused", _text(error))
        if callable(value) and (takes_functions(_kind(knock)) or str(knock).startswith("score_guess(evidence=")):
            return Answer("refused", "the error of a function of the person's own, such as a network called wrongly")
        return Answer("raw", f"{type(error).__name__}: {_text(error):.80} | {_where(error)}")
    return Answer("fine") if _makes_sense(knock, value) else Answer("nonsense", "accepted")


def _kind(knock: Knock) -> Any:
    return knock.door.kinds.get(knock.argument, object)


def _makes_sense(knock: Knock, value: Any) -> bool:
    kind = _kind(knock)
    return knock.argument != "no_such_argument" and fits(knock.door.name, knock.argument, kind, value)


def close(result: Any) -> None:
    """Close the figures and the panel that a call made."""
    if isinstance(result, ipywidgets.Widget):
        result.close()
    plt.close("all")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # it holds a whole number of more than 4,300 digits
        return "without words"


def _where(error: BaseException) -> str:
    """Return the innermost line of cnnlab in a traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/cnnlab/" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "outside"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def limited_memory(gigabytes: float) -> Iterator[None]:
    """Let a call in the block that takes too much memory fail, not the computer; on Linux alone."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + int(gigabytes * 1e9), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise _TooLong in the block if it takes longer; not on Windows, which has no alarm."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    begin, left = time.monotonic(), signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # the alarm of pytest's own time limit goes on
            signal.setitimer(signal.ITIMER_REAL, max(0.1, left - (time.monotonic() - begin)))


def in_words(answers: list[tuple[Knock, Answer]]) -> str:
    counts = Counter(each.verdict for _, each in answers)
    return f"{len(answers):,} calls: " + ", ".join(f"{verdict} {count:,}" for verdict, count in sorted(counts.items()))
