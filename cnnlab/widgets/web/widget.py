"""Base class for our anywidgets: a subclass takes its script from a file of this folder."""

from __future__ import annotations

from pathlib import Path

import anywidget


def read_asset(name: str) -> str:
    """Return the text of a script or a style sheet of this folder.

    A widget gets the text, not the path: anywidget would watch a path for changes and never free the widget.

    >>> read_asset("canvas.js").startswith("//")
    True
    """
    return (Path(__file__).parent / name).read_text("utf-8")


class WebWidget(anywidget.AnyWidget):
    """Base class for our anywidgets.

    A subclass sets `_esm = read_asset("….js")`, the script that runs in the page, and `summary`, the words that a
    notebook shows where no page is.
    """

    _css = read_asset("panel.css")
    summary = ""

    def send_together(self, **traits: object) -> None:
        """Set several traits in one message, so that the page never shows a part of them."""
        with self.hold_sync():
            for name, value in traits.items():
                self.set_trait(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.summary}>"
