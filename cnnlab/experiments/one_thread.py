"""Let torch use one thread of the processor for a while, also where several Python threads ask for it at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

# What `one_thread` has to remember for the whole process.
_lock = threading.Lock()
_open_blocks = 0
_threads_before = 0  # torch's number of threads before the first of the open blocks
_in_this_thread = threading.local()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Set torch's number of threads to one until the block ends. This is a setting of the whole process.

    torch keeps a number for each Python thread that uses it, and a number for all that have not used it yet.
    `torch.set_num_threads` changes its caller's number and the second one. So inside the block, a Python thread that
    uses torch for the first time gets one thread, too.

    Blocks may overlap in several Python threads. Each sets its own thread's number back to what it was before the first
    of them began. A block inside another block of the same Python thread changes nothing.

    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    global _open_blocks, _threads_before
    if getattr(_in_this_thread, "is_open", False):
        yield
        return
    with _lock:
        threads = torch.get_num_threads()  # from here on, other Python threads no longer change this thread's number
        if _open_blocks == 0:
            _threads_before = threads
        _open_blocks += 1
        torch.set_num_threads(1)
        _in_this_thread.is_open = True
    try:
        yield
    finally:
        with _lock:
            _in_this_thread.is_open = False
            _open_blocks -= 1
            torch.set_num_threads(_threads_before)
