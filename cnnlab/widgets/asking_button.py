"""A button that asks before it acts, for what cannot be undone."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets


class AskingButton(ipywidgets.HBox):
    """Show a button; pressed, it asks a question with two answers beside it. Only the first answer acts.

    Parameters
    ----------
    description, icon : str
        The words and the picture of the button.
    question : function
        Returns the question in words.
    yes, no : str
        The answers.

    Attributes
    ----------
    button, yes, no : Button
        The button and the answers.
    question : HTML
        The question; empty until the button is pressed.

    >>> asking = AskingButton("Forget", "trash", lambda: "Forget 3 runs?", yes="Forget", no="Keep")
    """

    def __init__(self, description: str, icon: str, question: Callable[[], str], *, yes: str, no: str) -> None:
        self._words = question
        self.button = ipywidgets.Button(description=description, icon=icon, disabled=True)
        self.question = ipywidgets.HTML()
        self.yes = ipywidgets.Button(description=yes, button_style="danger")
        self.no = ipywidgets.Button(description=no)
        self._answers = ipywidgets.HBox([self.question, self.yes, self.no])
        for box in (self._answers, self):
            box.layout.flex_flow, box.layout.grid_gap = "row wrap", "0 8px"
        for button in (self.button, self.yes, self.no):
            button.layout.width = "auto"
        super().__init__([self.button, self._answers], layout=self.layout)
        self.no.on_click(lambda _button: self.close_question())
        self.close_question()

    def ask(self) -> None:
        """Show the question and its answers; if they are shown already, hide them."""
        if self.question.value:
            return self.close_question()
        self.question.value = html.escape(self._words())
        self._answers.layout.display = None
        return None

    def close_question(self) -> None:
        """Hide the question and its answers."""
        self.question.value = ""
        self._answers.layout.display = "none"
