"""A control for every field of `Experiment`: made from what `experiments/fields.py` knows of the field."""

from __future__ import annotations

import contextlib
from typing import Any

import ipywidgets

from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, Experiment, in_order
from cnnlab.experiments.fields import Setting
from cnnlab.widgets.base import offer

GROUPS = {
    group: tuple(name for name, known in FIELDS.items() if known.group == group and not known.automatic)
    for group in ("Data", "Network", "Training")
}


def make_controls(base: Experiment) -> dict[str, Any]:
    """Return a control for every field that a person sets, with its value in `base`; an unusual value is added.

    >>> make_controls(Experiment())["kernel_size"].value
    3
    """
    fields = {name: known for name, known in FIELDS.items() if not known.automatic}
    return {name: _make_control(name, known, getattr(base, name)) for name, known in fields.items()}


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
    for name, known in FIELDS.items():
        if not _can_be_usual(known) or not _is_shown(name, experiment.dataset):
            continue
        with contextlib.suppress(ConfigError):  # the other values may need one of its own
            usual = experiment.replace(**{name: None}).resolved()[name]
            label = known.none if usual is None else f"{known.none} ({_label(known, usual)})"
            control = controls[name]
            options = [(label if word == known.none else old, word) for old, word in control.options]
            if options != list(control.options):
                offer(control, options, otherwise=known.none)


def _can_be_usual(known: Setting) -> bool:
    """Return whether the field may be left open, for a value that the control can name."""
    return bool(known.choices or known.steps) and known.default is None and known.none == "usual"


def _is_shown(name: str, dataset: str) -> bool:
    known = FIELDS[name]
    return not known.automatic and (not known.datasets or dataset in known.datasets)


def _read(name: str, shown: Any) -> Any:
    """Return the field's value from what its control shows."""
    known = FIELDS[name]
    if known.kind is tuple:
        return known.read(name, shown)
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
    # The readout of a slider would have no room for "usual (0.001)".
    kind = ipywidgets.Dropdown if known.choices or _can_be_usual(known) else ipywidgets.SelectionSlider
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
