"""The line of words below a panel's pictures, which also shows errors."""

from __future__ import annotations

import html

import traitlets

from cnnlab.widgets.web.widget import WebWidget, read_asset


class StatusLine(WebWidget):
    """Show a line of words; an error stands there in red until the next words.

    Attributes
    ----------
    value : str
        The HTML in the page. `say` and `say_error` escape their words.
    error : Exception or None
        The exception that is shown; a test can raise it again.

    >>> status = StatusLine()
    >>> status.say("row 12, column 7: 9 products, sum 0.84")
    """

    summary = "a live line of words"
    _esm = read_asset("status.js")
    value = traitlets.Unicode().tag(sync=True)
    error = traitlets.Instance(Exception, allow_none=True)

    def say(self, words: str) -> None:
        """Show the words, and forget an earlier error."""
        self.error = None
        self.value = html.escape(words)

    def say_error(self, error: Exception) -> None:
        """Show the error in red: the message of a ValueError; for any other exception, its class and message."""
        words = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        self.error = error
        self.value = f'<span class="cnnlab-error">{html.escape(words)}</span>'
