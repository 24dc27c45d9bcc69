"""Let a function be interrupted once (■, Ctrl-C): what it then puts right is not interrupted again."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

AGAIN = 3.0  # seconds; a later interrupt is a new one, so that nothing can make a notebook hang


class OneInterrupt:
    """Handle interrupts while a function works; the caller uses it with `try` and `finally`.

    The first interrupt goes to the handler that was there before, which usually raises KeyboardInterrupt. Further ones
    within three seconds are ignored. While `held` is True, an interrupt waits; `came` says whether one was let through.
    In a thread that gets no interrupts, or where Python handles none, this does nothing.

    >>> interrupts = OneInterrupt()
    >>> try:
    ...     set_up()                  # not interrupted: `held` is True at first
    ...     interrupts.release()
    ...     work()
    ... finally:
    ...     interrupts.held = True
    ...     put_right()
    ...     interrupts.end()
    """

    def __init__(self) -> None:
        self.held, self._waits, self._last = True, False, -AGAIN
        self.came = False
        self._before: Any = None
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.held:
            self._waits = True
        elif time.monotonic() - self._last >= AGAIN:
            self._last, self.came = time.monotonic(), True
            self._before(number, frame)

    def release(self) -> None:
        """Let interrupts through from now on, and the one that waits, if any."""
        self.held = False
        if self._waits:
            self._waits = False
            self._handle(signal.SIGINT, None)

    def end(self) -> None:
        """Give interrupts back to the earlier handler; one that waited goes to it, unless it repeats the first one."""
        if self._before is None:
            return
        if signal.getsignal(signal.SIGINT) == self._handle:  # a callback may have put another one there
            signal.signal(signal.SIGINT, self._before)
        if self._waits and time.monotonic() - self._last >= AGAIN:
            self._before(signal.SIGINT, None)
