"""Write to standard output, also where its encoding lacks a sign of ours: in ASCII and cp437, "×" becomes "x"."""

from __future__ import annotations

import codecs
import sys

PLAIN = {"×": "x", "≈": "~", "–": "-", "−": "-", "…": "...", "→": "->", "±": "+-", "·": "."}


def _write_plainly(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the signs that can't be written: "?" for those that are not in `PLAIN`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error("cnnlab.plain", _write_plainly)


def print_anywhere() -> None:
    """Let `print` write every text to standard output; where it could do so already, nothing changes."""
    try:
        "".join(PLAIN).encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        if hasattr(sys.stdout, "reconfigure") and sys.stdout.errors in ("strict", "surrogateescape"):
            sys.stdout.reconfigure(errors="cnnlab.plain")
    except (AttributeError, TypeError, LookupError):
        pass  # standard output is closed, or something that is no file


def write_line(sentence: str) -> None:
    """Write a line to standard output that stays, and flush it: so a notebook keeps each line in one piece."""
    try:
        sys.stdout.write(f"{sentence}\n")
    except UnicodeEncodeError:
        sys.stdout.write(sentence.encode(sys.stdout.encoding, "cnnlab.plain").decode(sys.stdout.encoding) + "\n")
    sys.stdout.flush()
