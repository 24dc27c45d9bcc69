"""No callback fails silently: a status line for words and errors, and the one wrapper round every callback."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator

import traitlets

from cnnlab.widgets.web.widget import Live, file


class StatusLine(Live):
    """One line of words under a panel's pictures; an error stands there in red until the next good words.

    value: HTML, always escaped here. error: the exception that is shown, or None; a test can raise it again.

    >>> status = StatusLine()
    >>> status.say("row 12, column 7: 9 products, sum 0.84")
    """

    what = "a live line of words"
    _esm = file("status.js")
    value = traitlets.Unicode().tag(sync=True)
    error = traitlets.Instance(Exception, allow_none=True)

    def say(self, words: str) -> None:
        """Show the words, and forget an earlier error."""
        self.error = None
        self.value = html.escape(words)

    def say_error(self, error: Exception) -> None:
        """Show the error in red: a ValueError's own sentence, any other with the name of its class."""
        words = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        self.error = error
        self.value = f'<span class="cnnlab-error">{html.escape(words)}</span>'


@contextlib.contextmanager
def errors_shown_in(status: StatusLine) -> Iterator[None]:
    """Show any exception of the block in the status line: Jupyter would hide one that a widget's callback raises.

    >>> with errors_shown_in(status):
    ...     draw()
    """
    try:
        yield
    except Exception as error:
        status.say_error(error)
