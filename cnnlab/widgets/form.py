"""A control for every field of `Experiment`: made from what `experiments/fields.py` knows of the field."""

from __future__ import annotations

from typing import Any

import ipywidgets

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, Experiment, in_order, knobs_of
from cnnlab.experiments.fields import Setting

GROUPS = {
    group: tuple(name for name, known in FIELDS.items() if known.group == group and not known.automatic)
    for group in ("Data", "Network", "Training")
}


def make_controls(base: Experiment) -> dict[str, Any]:
    """Return a control for every field, set to the value in `base`; an unusual value is added to the usual ones.

    >>> make_controls(Experiment())["kernel_size"].value
    3
    """
    return {name: _make_control(name, known, getattr(base, name)) for name, known in FIELDS.items()}


def read_experiment(controls: dict[str, Any]) -> Experiment:
    """Return the experiment that the controls show; ConfigError, in words, for what can't be trained.

    The fields of another data set than the chosen one, which are hidden, are left out.
    """
    dataset = controls["dataset"].value
    return Experiment(**{name: _read(name, controls[name].value) for name in FIELDS if _is_shown(name, dataset)})


def show_knobs(controls: dict[str, Any]) -> None:
    """Show the fields of the chosen data set, and hide those of the others."""
    for name, control in controls.items():
        if FIELDS[name].datasets:
            control.layout.display = None if _is_shown(name, controls["dataset"].value) else "none"


def _is_shown(name: str, dataset: str) -> bool:
    return not FIELDS[name].automatic and (not FIELDS[name].datasets or name in knobs_of(dataset))


def _read(name: str, shown: Any) -> Any:
    """Return the field's value from what its control shows."""
    known = FIELDS[name]
    if known.kind is tuple:
        return _read_widths(shown)
    has_word = known.choices or known.steps  # a word for None stands among the values
    return None if has_word and known.default is None and shown == known.none else shown


def _make_control(name: str, known: Setting, value: Any) -> ipywidgets.DOMWidget:
    description = name.replace("_", " ")
    if known.kind is tuple:
        usual = [", ".join(map(str, widths)) for widths in known.steps]
        widths = ", ".join(map(str, value))
        return ipywidgets.Combobox(value=widths, options=usual, description=description, continuous_update=False)
    if known.span is not None:
        low, high, step = known.span
        return ipywidgets.IntSlider(value, min(low, value), max(high, value), step, description=description)
    if not known.choices and not known.steps:
        return ipywidgets.Text(value=value or "", description=description, continuous_update=False)
    kind = ipywidgets.Dropdown if known.choices else ipywidgets.SelectionSlider
    values = _values(known, value)
    # ipywidgets takes a value of None for nothing chosen, so that a word stands for it
    options = [(_label(known, option), known.none if option is None else option) for option in values]
    return kind(options=options, value=known.none if value is None else value, description=description)


def _values(known: Setting, value: Any) -> list:
    """Return the values that a control offers, `value` among them."""
    values = list(known.steps)
    if known.choices:
        values = [None] * (known.default is None) + list(known.choices)
    if value in values:
        return values
    first = values[: values[0] is None]  # None stays where it was: in_order has it last
    return [*first, *sorted({*values, value} - {*first}, key=in_order)]


def _label(known: Setting, value: Any) -> str:
    if value is None:
        return known.none
    return f"{value:,}" if type(value) is int else f"{value:g}" if isinstance(value, float) else str(value)


def _read_widths(text: str) -> tuple[int, ...]:
    """Return the widths that somebody typed: "16, 32" gives (16, 32)."""
    try:
        return tuple(int(width) for width in text.replace(",", " ").split())
    except ValueError:
        raise ConfigError(f"channels wants whole numbers with commas between, got {text!r}; try 16, 32") from None
