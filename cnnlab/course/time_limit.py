"""Stop Python code that takes too long."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


class OutOfTime(BaseException):
    """Raised in code that takes too long; no Exception, so that `except Exception` in that code does not catch it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds.

    Only the main thread can be stopped, and only between two steps of Python: one long call of torch goes on to its
    end. An import goes on to its end, too, since a module that is half there would break what comes later (the first
    use of torch.optim imports for some seconds); the block then gets its seconds anew. In another thread there is no
    limit.

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
    imports = _count_imports(sys._getframe())
    main = threading.get_ident()

    def interrupt() -> None:
        nonlocal is_late
        is_late = True
        if hasattr(signal, "pthread_kill"):  # this also ends a sleep
            signal.pthread_kill(main, signal.SIGINT)
        else:  # Windows
            _thread.interrupt_main()

    def start() -> threading.Timer:
        timer = threading.Timer(seconds, interrupt)
        timer.daemon = True
        timer.start()
        return timer

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_late, timer
        if not is_late:
            signal.default_int_handler(number, None)  # the person's own interrupt
        is_late = False
        if not is_over and _count_imports(frame) > imports:
            timer = start()
        elif not is_over:
            raise OutOfTime(f"stopped after {seconds:g} seconds")

    earlier = signal.signal(signal.SIGINT, handle)
    timer = start()
    try:
        yield
    finally:
        is_over = True
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, earlier)  # handles a late interrupt first


def _count_imports(frame: FrameType | None) -> int:
    """Return how many steps of the import system are under way in this frame."""
    count = 0
    while frame is not None:
        count += frame.f_globals.get("__name__") == "importlib._bootstrap"
        frame = frame.f_back
    return count
