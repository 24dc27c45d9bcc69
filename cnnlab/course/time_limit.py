"""Stop Python code that takes too long."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

AGAIN = 1.0  # seconds until code that has caught OutOfTime is stopped again, at most


class OutOfTime(BaseException):
    """Raised in code that takes too long; no Exception, so that `except Exception` in that code does not catch it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds.

    Only the main thread can be stopped, and only between two steps of Python: one long call of torch goes on to its
    end. An import goes on to its end, too, since a module that is half there would break what comes later (the first
    use of torch.optim imports for some seconds); the block then gets its seconds anew. A function of the block that
    catches OutOfTime and goes on (`except:`) is stopped again, then also in the line that catches. In another thread
    there is no limit.

    Parameters
    ----------
    seconds : float
        How long the block may take.

    >>> with time_limit(5):
    ...     while True: pass
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    limit = _Limit(seconds, sys._getframe(2))  # 1 is contextlib's
    try:
        yield
    finally:
        limit.end()


class _Limit:
    """Interrupt the main thread when the time is up, and again until `end` is called.

    Parameters
    ----------
    seconds : float
        How long the block may take.
    block : frame
        The frame of the function that holds the block.
    """

    def __init__(self, seconds: float, block: FrameType) -> None:
        self.seconds, self.block, self.imports = seconds, block, _count_imports(block)
        self.until = time.monotonic() + seconds
        self.is_interrupt_ours, self.stops, self.lines = False, 0, 0
        self.is_over = threading.Event()
        self.earlier, self.earlier_trace = signal.signal(signal.SIGINT, self.handle), sys.gettrace()
        self.clock = threading.Thread(target=self.interrupt, args=[threading.get_ident()], daemon=True)
        self.clock.start()

    def interrupt(self, main: int) -> None:
        """Interrupt the main thread each time that the time is up; this runs in a thread of its own."""
        while not self.is_over.wait(max(self.until - time.monotonic(), min(self.seconds, AGAIN))):
            self.is_interrupt_ours = True
            if hasattr(signal, "pthread_kill"):  # this also ends a sleep
                signal.pthread_kill(main, signal.SIGINT)
            else:  # Windows
                _thread.interrupt_main()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise OutOfTime in the block, but not in an import, nor in the code that ends the block."""
        if not self.is_interrupt_ours:
            signal.default_int_handler(number, None)  # the person's own interrupt
        self.is_interrupt_ours = False
        called = self._called_by_block(frame)
        is_ending = called[-1].f_globals.get("__name__") == "contextlib" if called else self.stops > 0
        if self.is_over.is_set() or is_ending or time.monotonic() < self.until:
            return
        if _count_imports(frame) > self.imports:
            self.until = time.monotonic() + self.seconds
            return
        if self.stops:  # the earlier one was caught
            self.lines = self.stops  # one more each time: it may be caught in several places
            for function in called:
                function.f_trace = self._stop_at_line
            sys.settrace(lambda *_: None)
        self.stops += 1
        raise OutOfTime(f"stopped after {self.seconds:g} seconds")

    def _stop_at_line(self, _: FrameType, event: str, __: Any) -> Any:
        """Raise OutOfTime after so many `lines`: the first one catches an earlier one. Python then ends the tracing."""
        if event == "line" and not self.is_over.is_set():
            self.lines -= 1
            if not self.lines:
                raise OutOfTime(f"stopped after {self.seconds:g} seconds")
        return self._stop_at_line

    def _called_by_block(self, frame: FrameType | None) -> list[FrameType]:
        """Return the frames from the one that is at work to the one that the block has called."""
        frames = []
        while frame is not None and frame is not self.block:
            frames.append(frame)
            frame = frame.f_back
        return frames

    def end(self) -> None:
        """Stop the clock, and put back what handled interrupts before."""
        self.is_over.set()
        self.clock.join()
        if self.stops > 1:
            sys.settrace(self.earlier_trace)
        signal.signal(signal.SIGINT, self.earlier)  # handles a late interrupt first


def _count_imports(frame: FrameType | None) -> int:
    """Return how many steps of the import system are under way in this frame."""
    count = 0
    while frame is not None:
        count += frame.f_globals.get("__name__") == "importlib._bootstrap"
        frame = frame.f_back
    return count
