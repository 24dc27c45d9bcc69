"""Write a line to standard output."""

from __future__ import annotations

import sys


def write_line(sentence: str) -> None:
    """Write a line to standard output that stays, and flush it: so a notebook keeps each line in one piece.

    A sign that the encoding lacks is written as `cnnlab/__init__.py` says. A program without standard output (pythonw)
    writes nothing.
    """
    if sys.stdout is None:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(sentence.encode(encoding, "cnnlab.plain").decode(encoding) + "\n")
    sys.stdout.flush()
