"""Describe each field of `Experiment`: its allowed values, its check, its description, its control in a panel.

A new field is one line of `Experiment`, with `data_field`, `network_field` or `training_field`. The command line, the
JSON, the checks and the panels read what they need from there.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

from cnnlab.checks import check_choice, check_number, check_whole, shown
from cnnlab.errors import ConfigError

KINDS = {  # what a value of each kind is called in messages
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    tuple: "whole numbers with commas, such as 16,32",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """What is known of one field of `Experiment` besides its name.

    Parameters
    ----------
    default : object
        The value where none is given. None means that the field may be left open.
    kind : type
        int, float, bool, str, or tuple for a tuple of whole numbers.
    group : str
        "Data", "Network" or "Training": the part of the form that has the field's control.
    description : str
        One line that says what the field means.
    least, below : float, optional
        The bounds of a number: least <= value < below. Those of a network's or a training's field are checked by
        `check_architecture` and `checked_settings`, so that they are left out here.
    choices : tuple
        The only values, in the order in which the course names them. Empty: any value of the kind.
    steps : tuple
        The usual values, from which a control chooses; others are allowed, too.
    span : tuple of int, optional
        First value, last value and step of a slider of whole numbers.
    none : str
        The word for None in a control.
    datasets : tuple of str
        The data sets that have this field. Empty: all.
    automatic : bool
        True if `run` and `sweep` fill it in: no panel shows a control of it.
    """

    default: Any
    kind: type
    group: str
    description: str
    least: float | None = None
    below: float = math.inf
    choices: tuple = ()
    steps: tuple = ()
    span: tuple[int, int, int] | None = None
    none: str = "usual"
    datasets: tuple[str, ...] = ()
    automatic: bool = False

    def check_value(self, name: str, value: Any) -> None:
        """Raise ConfigError, naming field, value and remedy, unless the field can have this value."""
        if value is None and self.default is None:
            return
        if self.kind is bool:
            if not isinstance(value, bool):
                raise ConfigError(f"{name} must be True or False, got {shown(value)}")
        elif self.choices:
            check_choice(name, value, self.choices)
        elif self.kind is int and self.least is not None:
            check_whole(name, value, int(self.least))
        elif self.kind is float and self.least is not None:
            check_number(name, value, self.least, self.below)

    def convert(self, value: Any) -> Any:
        """Return a checked value as one of Python's own: numpy's numbers and lists become plain.

        >>> FIELDS["channels"].convert([numpy.int64(8), 16])
        (8, 16)
        """
        if value is None or (self.kind is not tuple and type(value) is self.kind):
            return value
        return tuple(int(width) for width in value) if self.kind is tuple else self.kind(value)

    def read(self, name: str, word: str) -> Any:
        """Return the value that a typed word means: "none" where the field may be left open, "8,16" for widths.

        Raises ConfigError if the word has the wrong kind.
        """
        if word.lower() == "none" and self.default is None:
            return None
        try:
            if self.kind is tuple:
                return tuple(int(width) for width in word.replace(",", " ").split())
            return {"true": True, "false": False}[word.lower()] if self.kind is bool else self.kind(word)
        except (ValueError, KeyError):
            raise ConfigError(f"{name} wants {KINDS[self.kind]}, got {word!r}") from None


def make_field(default: Any, kind: type, description: str, *, group: str, **known: Any) -> Any:
    """Return a dataclass field whose metadata hold its `Field`; the parameters are those of `Field`."""
    known |= {"default": default, "kind": kind, "description": description, "group": group}
    return field(default=default, metadata={"field": Field(**known)})


data_field = functools.partial(make_field, group="Data")
network_field = functools.partial(make_field, group="Network")  # an argument of build_cnn
training_field = functools.partial(make_field, group="Training")  # an argument of fit
