"""The exercises in the notebooks: each stands once, empty, in its own notebook, with words above it and a hint."""

import ast
import itertools
import re

import nbformat
import pytest
from places import NOTEBOOKS

from cnnlab.course.practice import all_exercises

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
EVERY = all_exercises()


def number_of(path):
    return path.stem.partition("_")[0]


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def checks(cell):
    """Return the exercises that a cell checks, by name."""
    if cell.cell_type != "code":
        return []
    calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    return [name for call in calls if getattr(call.func, "id", "") == "check" for name in names_of(call.args[0])]


def names_of(argument):
    """Return the exercises that an argument of check stands for: f"09-cure-{number}" in a loop for many."""
    if not isinstance(argument, ast.JoinedStr):
        return [ast.literal_eval(argument)]
    parts = [re.escape(part.value) if isinstance(part, ast.Constant) else r"\d+" for part in argument.values]
    return [name for name in EVERY if re.fullmatch("".join(parts), name)]


def is_loop(cell):
    """Return whether a cell checks many exercises, as those of notebook 09 for the eleven patients."""
    return len(checks(cell)) > 1


def all_checks():
    return [(path, cell, name) for path in FILES for cell in cells_of(path) for name in checks(cell)]


def test_every_exercise_stands_in_one_cell_of_its_own_notebook():
    names = [name for _, _, name in all_checks()]
    assert sorted(names) == sorted(EVERY)
    assert all(EVERY[name].notebook == number_of(path) for path, _, name in all_checks())


def test_there_are_enough():
    assert len(EVERY) >= 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_notebook_has_four_or_more(path):
    assert sum(exercise.notebook == number_of(path) for exercise in EVERY.values()) >= 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_exercise_is_asked_above_its_cell_and_checked_in_its_last_line(path):
    cells = cells_of(path)
    for above, cell in itertools.pairwise(cells):
        for name in checks(cell):
            assert above.cell_type == "markdown", name
            if is_loop(cell):
                assert any(f'hint("{number_of(path)}-' in each.source for each in cells), name
                continue
            assert cell.metadata.get("tags", []) == ["exercise"], name
            assert "**Exercise.**" in above.source, name
            assert f'`hint("{name}")`' in above.source, name
            assert re.fullmatch(rf'check\("{name}", \w+\)', cell.source.splitlines()[-1]), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_cell_solves_an_exercise(path):
    for cell in cells_of(path):
        for name in checks(cell):
            assert "..." in cell.source, name
            (output,) = cell.outputs
            if is_loop(cell):
                lines = output.text.splitlines()
                assert len(lines) == len(checks(cell)), name
                assert all(re.match(r" *\d+ ○ Not attempted\.", line) for line in lines), name
                continue
            assert output.data["text/plain"].startswith("○ Not attempted."), name
            assert not {"text/html", "image/png"} & set(output.data), name
    text = "\n".join(cell.source for cell in cells_of(path))
    for exercise in EVERY.values():
        last = ast.get_source_segment(exercise.solution, ast.parse(exercise.solution).body[-1])
        assert last not in text, exercise.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_student_calls_is_imported(path):
    if any(checks(cell) for cell in cells_of(path)):
        code = "\n".join(cell.source for cell in cells_of(path) if cell.cell_type == "code")
        imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
        names = {alias.name for node in imports if node.module == "cnnlab" for alias in node.names}
        assert {"check", "hint", "solution"} <= names


@pytest.mark.parametrize(("path", "cell", "name"), all_checks(), ids=lambda part: part if isinstance(part, str) else "")
def test_a_function_is_asked_for_with_the_arguments_of_its_solution(path, cell, name):
    asked, solved = (arguments(source) for source in (cell.source, EVERY[name].solution))
    assert not asked or list(asked.values())[-1] == list(solved.values())[-1], path


def arguments(source):
    """Return the functions that a source defines: name → names of its arguments."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return {function.name: [argument.arg for argument in function.args.args] for function in functions}
