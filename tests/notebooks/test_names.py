"""A student goes back to an earlier cell: the names that it reads are still those that it read at first."""

import ast

import nbformat
import pytest
from places import NOTEBOOKS

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
# Names that mean the same in every cell, so that an earlier cell takes the later value rightly.
SAME_THING = {"00_start_here": {"model"}, "05a_signals": {"my_guess"}}


def names_of(source):
    """Return the names that a cell reads before it sets them itself, and the names that it sets."""
    tree = ast.parse(source)
    inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef)]
    inner += [node for node in ast.walk(tree) if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp)]
    inner += [node for node in ast.walk(tree) if isinstance(node, ast.GeneratorExp)]
    local = {id(node) for part in inner for node in ast.walk(part) if node is not part}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in names if id(node) in local and isinstance(node.ctx, ast.Store)}
    own |= {argument.arg for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
    set_here = {node.id for node in names if isinstance(node.ctx, ast.Store) and id(node) not in local}
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return read - set_here - own, set_here


def names_used_for_two_things(cells):
    """Return a line for each name that a later cell sets anew although an earlier one reads it.

    Parameters
    ----------
    cells : dict
        Cell id → its code, in the notebook's order.
    """
    known, readers, faults = {}, {}, []
    for cell, source in cells.items():
        read, set_here = names_of(source)
        faults += [f"{name}: {cell} sets it anew, {readers[name]} reads it" for name in set_here & readers.keys()]
        readers |= dict.fromkeys(read & known.keys(), cell)
        known |= dict.fromkeys(set_here, cell)
    return sorted(faults)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_later_cell_sets_a_name_anew_that_an_earlier_one_reads(path):
    cells = nbformat.read(path, as_version=4).cells
    faults = names_used_for_two_things({cell.id: cell.source for cell in cells if cell.cell_type == "code"})
    assert {fault.partition(":")[0] for fault in faults} == SAME_THING.get(path.stem, set()), "\n".join(faults)


def test_a_name_that_is_used_for_two_things_is_named():
    cells = {"a": "wrong = 1", "b": "print(wrong)", "c": "wrong = {}"}
    assert names_used_for_two_things(cells) == ["wrong: c sets it anew, b reads it"]
    assert names_used_for_two_things(cells | {"b": "wrong = 2\nprint(wrong)"}) == []  # b sets its own
    assert names_used_for_two_things(cells | {"b": "print([wrong for wrong in range(3)])"}) == []
    assert names_used_for_two_things(cells | {"b": "def f(wrong):\n    return wrong"}) == []
