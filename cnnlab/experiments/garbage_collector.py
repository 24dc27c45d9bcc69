"""Switch Python's garbage collector off while many objects are made that stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def garbage_collector_off() -> Iterator[None]:
    """Switch Python's garbage collector off, for the whole process, until the block ends.

    Loading makes many objects that stay. The collector would search all of them again and again, and find nothing to
    free. What no name refers to any more is freed as ever; only cycles of objects wait until the block ends.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
