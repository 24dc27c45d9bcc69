"""Run cells of a notebook in this process, as a student would who has changed some of them."""

import ast
import contextlib
import io
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import nbformat
from places import NOTEBOOKS


class Page(NamedTuple):
    """What a run of cells left.

    Parameters
    ----------
    names : dict
        The notebook's variables.
    printed : dict
        Cell id → what the cell printed.
    values : dict
        Cell id → the value of the cell's last line, if that is an expression; else None.
    """

    names: dict[str, Any]
    printed: dict[str, str]
    values: dict[str, Any]


def run_cells(
    notebook: str,
    changes: Mapping[str, Iterable[tuple[str, str]]] | None = None,
    *,
    only: Iterable[str] | None = None,
    until: str | None = None,
    names: dict[str, Any] | None = None,
) -> Page:
    """Run a notebook's code cells from top to bottom, after some texts in them were replaced.

    Parameters
    ----------
    notebook : str
        Its name, such as "01_kernel_size".
    changes : mapping
        Cell id → pairs of an old text, which must be there, and its new text.
    only : iterable of str, optional
        Ids of the cells to run, in the notebook's order; by default all but the set-up cell.
    until : str, optional
        Id of the last cell to run.
    names : dict, optional
        The variables to begin with, such as those of an earlier run.
    """
    changes, page = dict(changes or {}), Page({} if names is None else names, {}, {})
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    code = {cell.id: cell.source for cell in cells if cell.cell_type == "code" and cell.id != "setup"}
    unknown = {*changes, *(only or ()), *([until] if until else ())} - code.keys()
    assert not unknown, f"{notebook} has no such cells: {unknown}"
    for cell, source in code.items():
        for old, new in changes.get(cell, ()):
            assert old in source, f"{notebook}/{cell} has no {old!r}"
            source = source.replace(old, new)
        if only is None or cell in set(only):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                page.values[cell] = _run(source, page.names)
            page.printed[cell] = output.getvalue()
            plt.close("all")
        if cell == until:
            break
    return page


def _run(source: str, names: dict[str, Any]) -> Any:
    """Run the source of a cell, and return the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
