"""A control for every field of `Experiment`: made from what `experiments/fields.py` knows of the field."""

from __future__ import annotations

import contextlib
from typing import Any

import ipywidgets

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, Experiment, in_order
from cnnlab.experiments.fields import Field
from cnnlab.widgets.base import ChoiceSlider, offer

GROUPS = {
    group: tuple(name for name, field in FIELDS.items() if field.group == group and not field.automatic)
    for group in ("Data", "Network", "Training")
}


def make_controls(base: Experiment) -> dict[str, Any]:
    """Return a control for every field that a person sets, with its value in `base`; an unusual value is added.

    >>> make_controls(Experiment())["kernel_size"].value
    3
    """
    fields = {name: field for name, field in FIELDS.items() if not field.automatic}
    return {name: _make_control(name, field, getattr(base, name)) for name, field in fields.items()}


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


def name_usual_values(controls: dict[str, Any], experiment: Experiment) -> None:
    """Write beside each "usual" of the shown controls the value that it means, as in "usual (0.001)"."""
    for name, field in FIELDS.items():
        if not _can_be_usual(field) or not _is_shown(name, experiment.dataset):
            continue
        with contextlib.suppress(ConfigError):  # the other values may need one of its own
            usual = experiment.replace(**{name: None}).resolved()[name]
            label = field.none if usual is None else f"{field.none} ({_label(field, usual)})"
            control = controls[name]
            options = [(label if word == field.none else old, word) for old, word in control.options]
            if options != list(control.options):
                offer(control, options, otherwise=field.none)


def _can_be_usual(field: Field) -> bool:
    """Return whether the field may be left open, for a value that the control can name."""
    return bool(field.choices or field.steps) and field.default is None and field.none == "usual"


def _is_shown(name: str, dataset: str) -> bool:
    field = FIELDS[name]
    return not field.automatic and (not field.datasets or dataset in field.datasets)


def _read(name: str, shown: Any) -> Any:
    """Return the field's value from what its control shows."""
    field = FIELDS[name]
    if field.kind is tuple:
        return field.read(name, shown)
    has_word = field.choices or field.steps  # a word for None stands among the values
    return None if has_word and field.default is None and shown == field.none else shown


def _make_control(name: str, field: Field, value: Any) -> ipywidgets.DOMWidget:
    description = name.replace("_", " ")
    if field.kind is tuple:
        usual = [", ".join(map(str, widths)) for widths in field.steps]
        widths = ", ".join(map(str, value))
        return ipywidgets.Combobox(value=widths, options=usual, description=description, continuous_update=False)
    if field.span is not None:
        low, high, step = field.span
        return ipywidgets.IntSlider(value, min(low, value), max(high, value), step, description=description)
    if not field.choices and not field.steps:
        return ipywidgets.Text(value=value or "", description=description, continuous_update=False)
    # The readout of a slider would have no room for "usual (0.001)".
    kind = ipywidgets.Dropdown if field.choices or _can_be_usual(field) else ChoiceSlider
    values = _values(field, value)
    # ipywidgets takes a value of None for nothing chosen, so that a word stands for it
    options = [(_label(field, option), field.none if option is None else option) for option in values]
    return kind(options=options, value=field.none if value is None else value, description=description)


def _values(field: Field, value: Any) -> list:
    """Return the values that a control offers, `value` among them."""
    values = list(field.steps)
    if field.choices:
        values = [None] * (field.default is None) + list(field.choices)
    if value in values:
        return values
    first = values[: values[0] is None]  # None stays where it was: in_order has it last
    return [*first, *sorted({*values, value} - {*first}, key=in_order)]


def _label(field: Field, value: Any) -> str:
    if value is None:
        return field.none
    return f"{value:,}" if type(value) is int else f"{value:g}" if isinstance(value, float) else str(value)
