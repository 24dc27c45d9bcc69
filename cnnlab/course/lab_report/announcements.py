"""Say what goes on while a lab report is written: whoever shows it listens, and the functions that work announce."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Listener = Callable[[str], None]
_listener: ContextVar[Listener] = ContextVar("listener", default=lambda _: None)


@contextlib.contextmanager
def announced_to(listener: Listener) -> Iterator[None]:
    """Within the block, call listener with the words of each announcement."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def announce(words: str) -> None:
    """Say what begins now, in English; nothing happens where nobody listens.

    >>> announce("picture 1 of 2")
    """
    _listener.get()(words)
