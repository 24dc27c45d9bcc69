"""Every field of an Experiment as a control: a base experiment in, controls out; controls in, the experiment out."""

from __future__ import annotations

from typing import Any

import ipywidgets

from cnnlab.data.loading import DATASETS
from cnnlab.data.patterns import STRUCTURES
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import KNOBS, Experiment, in_order
from cnnlab.model.cnn import PADDINGS, POOLINGS
from cnnlab.training.options import OPTIMIZERS

GROUPS = {
    "Data": (
        "dataset", "train_size", "validation_size", "data_seed",
        "structure", "scale", "noise", "classes", "folder", "size", "grey",
    ),
    "Network": ("kernel_size", "pooling", "channels", "convs_per_block", "hidden", "padding", "dropout"),
    "Training": (
        "epochs", "optimizer", "learning_rate", "momentum", "weight_decay", "batch_size", "patience", "min_delta",
        "seed",
    ),
}  # fmt: skip
CHOICES = {
    "dataset": [*DATASETS, "images"],
    "structure": [None, *STRUCTURES],
    "grey": [None, True, False],
    "pooling": list(POOLINGS),
    "padding": list(PADDINGS),
    "optimizer": list(OPTIMIZERS),
}
WHOLE = {"data_seed": (0, 9, 1), "seed": (0, 20, 1), "kernel_size": (1, 11, 2), "convs_per_block": (1, 3, 1)}
STEPS = {
    "train_size": [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, None],
    "validation_size": [100, 200, 500, 1000, 2000, 5000, None],
    "scale": [None, 1, 2, 3, 4, 6, 8, 12],
    "noise": [None, 0.0, 0.05, 0.1, 0.2, 0.3, 0.5],
    "classes": [None, 2, 3, 4, 6, 8],
    "size": [None, 16, 20, 28, 32, 48, 64],
    "hidden": [8, 16, 32, 64, 128, 256, 512],
    "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    "epochs": [1, 2, 3, 5, 10, 20, 30, 50, 100, 250, 350],
    "learning_rate": [None, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.3, 1.0],
    "momentum": [0.0, 0.5, 0.8, 0.9, 0.95, 0.99],
    "weight_decay": [0.0, 0.00001, 0.0001, 0.001, 0.01, 0.1],
    "batch_size": [8, 16, 32, 64, 128, 256, 512],
    "patience": [None, 0, 1, 2, 3, 5, 10, 20, 50],
    "min_delta": [0.0, 0.0001, 0.001, 0.01, 0.1],
}
NONE = {"train_size": "all", "validation_size": "a tenth", "patience": "none"}
WIDTHS = ["4, 8", "8, 16", "16", "16, 32", "32, 64", "16, 32, 64"]


def make_controls(base: Experiment) -> dict[str, ipywidgets.Widget]:
    """Return a control for every field, set to what base has; a value outside the usual ones becomes one of them.

    >>> make_controls(Experiment())["kernel_size"].value
    3
    """
    return {name: _make_control(name, getattr(base, name)) for names in GROUPS.values() for name in names}


def read_experiment(controls: dict[str, ipywidgets.Widget]) -> Experiment:
    """Return the experiment that the controls say; ConfigError, in words, for what can't be trained.

    Knobs of another data set than the chosen one, which are hidden, are left out.
    """
    knobs = KNOBS.get(controls["dataset"].value, ())
    every = set().union(*KNOBS.values())
    shown = {name: control.value for name, control in controls.items() if name not in every or name in knobs}
    worded = {**CHOICES, **STEPS}  # where a word stands for None
    values = {name: None if name in worded and value == _none(name) else value for name, value in shown.items()}
    return Experiment(**values | {"channels": _read_widths(values["channels"])})


def show_knobs(controls: dict[str, ipywidgets.Widget]) -> None:
    """Show the knobs of the chosen data set, and hide those of the others."""
    for knob in set().union(*KNOBS.values()):
        is_own = knob in KNOBS.get(controls["dataset"].value, ())
        controls[knob].layout.display = None if is_own else "none"


def _make_control(name: str, value: Any) -> ipywidgets.Widget:
    description = name.replace("_", " ")
    if name == "channels":
        widths = ", ".join(map(str, value))
        return ipywidgets.Combobox(value=widths, options=WIDTHS, description=description, continuous_update=False)
    if name == "folder":
        return ipywidgets.Text(value=value or "", description=description, continuous_update=False)
    if name in WHOLE:
        low, high, step = WHOLE[name]
        return ipywidgets.IntSlider(value, min(low, value), max(high, value), step, description=description)
    kind = ipywidgets.Dropdown if name in CHOICES else ipywidgets.SelectionSlider
    values = CHOICES[name] if name in CHOICES else STEPS[name]
    if value not in values:
        first = values[: values[0] is None]  # None stays where it was: in_order has it last
        values = [*first, *sorted({*values, value} - {*first}, key=in_order)]
    # ipywidgets takes a value of None for nothing chosen, so that a word stands for it
    options = [(_label(name, one), _none(name) if one is None else one) for one in values]
    return kind(options=options, value=_none(name) if value is None else value, description=description)


def _none(name: str) -> str:
    """Return the word for None: for what the Experiment takes where nothing is said."""
    return NONE.get(name, "usual")


def _label(name: str, value: Any) -> str:
    if value is None:
        return _none(name)
    return f"{value:,}" if type(value) is int else f"{value:g}" if isinstance(value, float) else str(value)


def _read_widths(text: str) -> tuple[int, ...]:
    """Return the widths that somebody typed: "16, 32" gives (16, 32)."""
    try:
        return tuple(int(width) for width in text.replace(",", " ").split())
    except ValueError:
        raise ConfigError(f"channels wants whole numbers with commas between, got {text!r}; try 16, 32") from None
