"""Arrange runs in rows and columns by their settings, as heat maps and galleries show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnnlab.checks import check_choice
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run

Fields = tuple[str, ...]
Cell = tuple[tuple, tuple]  # the settings of a row, and those of a column


def check_fields(rows: str | Fields, columns: str | Fields) -> tuple[Fields, Fields]:
    """Return the fields of the rows and those of the columns; raise ConfigError for a name that is no field."""
    rows, columns = ((names,) if isinstance(names, str) else tuple(names) for names in (rows, columns))
    for name in (*rows, *columns):
        check_choice("field of Experiment", name, FIELDS)
    return rows, columns


def cell_of(run: Run, rows: Fields, columns: Fields) -> Cell:
    """Return the cell in which a run stands.

    >>> cell_of(run, ("optimizer", "pooling"), ("kernel_size",))
    (('adam', 'max'), (3,))
    """
    settings = run.experiment.resolved()
    return tuple(settings[name] for name in rows), tuple(settings[name] for name in columns)


def cell_words(names: Iterable[str], values: Iterable[Any]) -> str:
    """Return the settings of a row, a column or a cell in words, such as "kernel_size 3 · max"."""
    named = zip(names, values, strict=True)
    return " · ".join(value if isinstance(value, str) else f"{name} {value}" for name, value in named)


def rows_and_columns(cells: Iterable[Cell]) -> tuple[list[tuple], list[tuple]]:
    """Return the settings of each row and of each column of these cells, in the course's order."""
    rows, columns = (sorted(set(side), key=lambda key: [*map(in_order, key)]) for side in zip(*cells, strict=True))
    return rows, columns
