"""Write the code that repeats the experiments of a lab report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cnnlab.errors import ConfigError
from cnnlab.experiments.code import call_in_code, seeds_in_code
from cnnlab.experiments.experiment import FIELDS, Experiment, in_order, without_defaults

Settings = list[dict[str, Any]]


def repeating_code(experiments: Iterable[Experiment], *, snapshots: Iterable[int], insides: bool) -> str:
    """Return Python that trains these experiments and makes a report of them.

    Parameters
    ----------
    experiments : iterable of Experiment
        One for each run.
    snapshots : iterable of int
        The epochs whose weights were kept.
    insides : bool
        Whether numbers from inside were recorded.

    >>> print(repeating_code(grid(Experiment(), kernel_size=[3, 5], seed=range(5)), snapshots=(), insides=False))
    from cnnlab import Experiment, grid, lab_report, sweep
    <BLANKLINE>
    base = Experiment()
    runs = sweep(
        [
            *grid(base, kernel_size=[3, 5], seed=range(5)),
        ],
        store="runs/again",
    )
    lab_report(runs, "report.html")
    """
    settings = _distinct(experiment.resolved() | {"fingerprint": None} for experiment in experiments)
    own = _base(settings)
    lines = [f"        *grid({_grid(part, own)}),\n" for part in _grids(settings)]
    options = [f"    {option},\n" for option in _options(snapshots, insides)]
    return (
        "from cnnlab import Experiment, grid, lab_report, sweep\n\n"
        f"base = {call_in_code('Experiment', own)}\n"
        f"runs = sweep(\n    [\n{''.join(lines)}    ],\n{''.join(options)})\n"
        'lab_report(runs, "report.html")'
    )


def _distinct(settings: Iterable[dict[str, Any]]) -> Settings:
    return list({tuple(each.items()): each for each in settings}.values())


def _base(settings: Settings) -> dict[str, Any]:
    """Return the values that all settings have, or all of the first one where the others would make no experiment."""
    common = {name: value for name, value in settings[0].items() if all(each[name] == value for each in settings)}
    own = next(known for known in (common, settings[0]) if _is_sound(known))
    return without_defaults(own | {"seed": 0})


def _is_sound(fields: dict[str, Any]) -> bool:
    try:
        Experiment(**fields)
    except ConfigError:
        return False
    return True


def _options(snapshots: Iterable[int], insides: bool) -> list[str]:
    snapshots = tuple(snapshots)
    kept = [f"snapshots={snapshots!r}"] if snapshots else []
    return ['store="runs/again"', *kept, *(["insides=True"] if insides else [])]


def _grids(settings: Settings) -> list[Settings]:
    """Return the settings in parts that are each a whole grid; they are split by one field at a time."""
    varied = _varied(settings)
    if len(settings) == math.prod(map(len, varied.values())):
        return [settings]

    def split(name: str) -> list[Settings]:
        return [[each for each in settings if each[name] == value] for value in varied[name]]

    def unfinished(name: str) -> tuple[int, int]:
        parts = split(name)
        whole = [len(part) == math.prod(map(len, _varied(part).values())) for part in parts]
        return whole.count(False), len(parts)

    best = min(varied, key=unfinished)
    return [grid for part in split(best) for grid in _grids(part)]


def _varied(settings: Settings) -> dict[str, list[Any]]:
    """Return field → its values, for the fields that differ."""
    values = {name: {each[name] for each in settings} for name in FIELDS}
    return {name: sorted(known, key=in_order) for name, known in values.items() if len(known) > 1}


def _grid(settings: Settings, own: dict[str, Any]) -> str:
    """Return the arguments of `grid` for settings that are a whole grid; own: what the base has."""
    varied, first = _varied(settings), settings[0]
    changed = {name: value for name, value in first.items() if value != own.get(name, FIELDS[name].default)}
    own_values = {name: value for name, value in changed.items() if name != "seed"}
    fixed = {name: value for name, value in own_values.items() if name not in varied}
    if not _is_sound(own | fixed):  # with the base's value of a field that the grid varies
        fixed = own_values
    lists = {name: str(values) for name, values in varied.items() if name != "seed"}
    lists["seed"] = seeds_in_code(varied.get("seed", [first["seed"]]))
    start = call_in_code("base.replace", fixed) if fixed else "base"
    return ", ".join([start, *(f"{name}={text}" for name, text in lists.items())])
