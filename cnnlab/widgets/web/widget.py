"""What stands in the page and follows Python: a widget whose script and style are files beside this one."""

from __future__ import annotations

from pathlib import Path

import anywidget


def file(name: str) -> str:
    """Return the text of a script or a style: a path instead, anywidget would watch, and keep its widget for ever."""
    return (Path(__file__).parent / name).read_text("utf-8")


class Live(anywidget.AnyWidget):
    """A widget of ours. Its subclass has `_esm = file("….js")`, and says in `what` what it is."""

    _css = file("panel.css")
    what = ""

    def send_together(self, **traits: object) -> None:
        """Set several traits in one message: the page never shows half of it."""
        with self.hold_sync():
            for name, value in traits.items():
                self.set_trait(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.what}>"
