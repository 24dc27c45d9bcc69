"""Stop Python code that takes too long."""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
from collections.abc import Iterator


class OutOfTime(BaseException):
    """Raised in code that takes too long; no Exception, so that `except Exception` in that code does not catch it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds.

    Only the main thread can be stopped, and only between two steps of Python: one long call of torch goes on to its
    end. In another thread there is no limit.

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
    is_late = is_over = False

    def interrupt() -> None:
        nonlocal is_late
        is_late = True
        _thread.interrupt_main()  # also on Windows, which has no alarm signal

    def handle(number: int, _: object) -> None:
        if not is_late:
            signal.default_int_handler(number, None)  # the person's own interrupt
        if not is_over:
            raise OutOfTime

    earlier = signal.signal(signal.SIGINT, handle)
    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        is_over = True
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, earlier)  # handles a late interrupt first
