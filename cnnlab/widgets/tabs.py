"""Show one of several parts of a panel, chosen by a row of buttons; unlike ipywidgets' Tab, it works on Colab, too."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets


class Tabs(ipywidgets.VBox):
    """Show one of the pages at a time; the keys Tab and Enter choose it as well as the mouse.

    Parameters
    ----------
    pages : dict
        The words on a button → the widget that it shows. The first is shown at the start.

    Attributes
    ----------
    choice : ToggleButtons
        The buttons; its value is the words of the shown page.

    >>> Tabs({"Curves": panel.curves, "Layers": panel.layers}).choice.value
    'Curves'
    """

    def __init__(self, pages: Mapping[str, ipywidgets.DOMWidget]) -> None:
        self.pages = dict(pages)
        self.choice = ipywidgets.ToggleButtons(options=list(pages))
        self.choice.style.button_width = "auto"
        super().__init__([self.choice, *pages.values()])
        self.choice.observe(lambda _change: self._show(), "value")
        self._show()

    def _show(self) -> None:
        for words, page in self.pages.items():
            page.layout.display = None if words == self.choice.value else "none"
