"""What every notebook of the course must be, without running it; strict nbval runs them."""

import ast
import itertools
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from places import NOTEBOOKS

from cnnlab.cli.export import AltText
from cnnlab.plots.alt_text import LONGEST

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
# Ask with commit_guess and answer with score_guess; in the end all of them.
LINES = 20
COMPARED = 8


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def notebook(request):
    notebook = nbformat.read(request.param, as_version=4)
    nbformat.validate(notebook)
    notebook.path = request.param
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def is_ignored(cell):
    """Whether strict nbval runs the cell and compares nothing: by a tag, so that no student has to read it."""
    assert "NBVAL" not in cell.source
    return "nbval-ignore-output" in cell.metadata.get("tags", [])


def compared_outputs(cell):
    """The outputs of a cell that strict nbval compares and that say more than the size of a figure."""
    if cell.execution_count is None or is_ignored(cell):
        return []
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return [text for text in texts if text and not text.startswith("<Figure")]


def test_the_notebooks_that_are_due_are_there():
    assert [path.stem for path in FILES] == [
        "00_start_here", "01_kernel_size", "02_pooling", "03_epochs", "04_optimizers", "05a_signals",
        "05b_saliency", "06_mnist_experiment", "07_full_grid", "08_playground", "09_clinic", "10_your_own_pictures",
    ]  # fmt: skip


def test_it_opens_and_closes_as_the_others(notebook):
    cells = prose(notebook)
    assert re.match(r"# .+\?\n", cells[0])  # a question
    assert "**What you will find out**" in cells[0]
    assert re.search(r"\*\*What you need:\*\* .*minutes", cells[0], re.DOTALL)
    headings = re.findall(r"^## (.+)$", "\n".join(cells), re.MULTILINE)
    assert headings[-3:] == ["What you saw", "Try it", "Read further"]
    assert code_cells(notebook)[0].source.startswith("# Set-up. On your own computer this cell does nothing;")


def test_no_heading_leaves_out_a_level(notebook):
    words = re.sub(r"```.*?```", "", "\n".join(prose(notebook)), flags=re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", words, re.MULTILINE)]
    assert all(lower <= upper + 1 for upper, lower in itertools.pairwise(levels))


def test_set_up_is_the_same_everywhere(notebook):
    first = nbformat.read(FILES[0], as_version=4)
    assert code_cells(notebook)[0].source == code_cells(first)[0].source


def test_it_asks_for_a_guess_first(notebook):
    cells = code_cells(notebook)
    written = [cell for cell in cells if re.match(r"my_\w+(, my_\w+)* = ", cell.source) and not calls(cell, "check")]
    guesses = [cell for cell in cells if cell in written or calls(cell, "commit_guess")]
    assert guesses
    for guess in guesses:
        before = notebook.cells[notebook.cells.index(guess) - 1]
        assert before.cell_type == "markdown"
        assert "redict" in before.source


def calls(cell, function):
    """The calls of a function in a cell."""
    nodes = ast.walk(ast.parse(cell.source))
    return [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == function]


def first_argument(call):
    """A question's name, or the name of the variable that holds it."""
    return getattr(call.args[0], "value", getattr(call.args[0], "id", None))


def given(cell):
    """Name → what the cell assigns to it, of what a student fills in: `my_guess…` and `my_confidence…`."""
    values = {}
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            values |= {name.id: value for name, value in pairs if isinstance(name, ast.Name)}
    return {name: value for name, value in values.items() if re.match("my_(guess|confidence)", name)}


def is_empty(value):
    """Whether a value is `...`, or a dict of nothing else."""
    parts = value.values if isinstance(value, ast.Dict) else [value]
    return all(isinstance(part, ast.Constant) and part.value is ... for part in parts)


def printed(cell):
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts)


def test_each_question_is_asked_empty_once_and_answered_once_below(notebook):
    cells = code_cells(notebook)
    asked = [(place, first_argument(call)) for place, cell in enumerate(cells) for call in calls(cell, "commit_guess")]
    scored = [(place, first_argument(call)) for place, cell in enumerate(cells) for call in calls(cell, "score_guess")]
    assert asked
    assert sorted(name for _, name in asked) == sorted({name for _, name in asked})
    assert sorted(name for _, name in scored) == sorted(name for _, name in asked)
    later = {name: place for place, name in scored}
    assert all(place < later[name] for place, name in asked)
    number = notebook.path.stem.split("_")[0]
    assert all(re.fullmatch(rf"{number}-[a-z0-9-]+|my_question", name) for _, name in asked)


def test_no_cell_makes_a_guess_for_the_student(notebook):
    for cell in code_cells(notebook):
        empty = given(cell)
        assert all(map(is_empty, empty.values())), cell.id
        for call in calls(cell, "commit_guess"):
            sure = [word.value for word in call.keywords if word.arg == "confidence"]
            assert {argument.id for argument in (call.args[1], *sure)} <= empty.keys(), cell.id
            assert "No prediction yet. Write " in printed(cell), cell.id
        assert ".commit.click" not in cell.source


def test_answers_are_folded_until_the_student_runs_the_cell(notebook):
    for cell in code_cells(notebook):
        is_answer = "answer" in cell.metadata.get("tags", [])
        assert cell.metadata.get("jupyter", {}).get("outputs_hidden", False) is is_answer, cell.id
        if calls(cell, "score_guess"):
            assert is_answer, cell.id
            assert "No prediction was made. The answer: " in printed(cell), cell.id


def test_cells_are_short_and_never_more_than_two_without_words_between(notebook):
    kinds = "".join("c" if cell.cell_type == "code" else "m" for cell in notebook.cells)
    assert "ccc" not in kinds
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= LINES, cell.id


def test_everything_was_run_in_order_and_enough_is_compared(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert sum(bool(compared_outputs(cell)) for cell in code_cells(notebook)) >= COMPARED
    assert sum(is_ignored(cell) for cell in code_cells(notebook)) <= 6


def test_pictures_are_kept_and_nothing_that_should_not_be(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2
    assert max(map(len, pictures)) < 200_000
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert "widgets" not in notebook.metadata
    kinds = {kind for cell in code_cells(notebook) for output in cell.outputs for kind in output.get("data", {})}
    assert not [kind for kind in kinds if "widget" in kind]  # its kernel has ended
    assert notebook.path.stat().st_size < 1_500_000


def test_ids_are_stable_slugs(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in ids)


def test_every_picture_is_introduced_and_read(notebook):
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and "plt.show()" in cell.source:
            around = notebook.cells[max(0, index - 2) : index] + notebook.cells[index + 1 : index + 3]
            words = [other.source for other in around if other.cell_type == "markdown"]
            assert len(words) >= 2, cell.id


def test_every_picture_has_an_alt_text_of_its_own(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    words = [output.metadata.get("image/png", {}).get("alt", "") for output in pictures]
    assert pictures
    assert [text for text in words if not 20 <= len(text) <= LONGEST] == []
    assert len(set(words)) == len(words), sorted(text for text in words if words.count(text) > 1)
    html, _ = HTMLExporter(preprocessors=[AltText]).from_notebook_node(notebook)
    images = BeautifulSoup(html, "html.parser").select(".jp-OutputArea-output img")
    assert [image["alt"] for image in images] == words


def test_axes_that_a_cell_draws_itself_have_two_spines_as_all_plots_of_the_course(notebook):
    for cell in code_cells(notebook):
        is_grid = "sharex=True, sharey=True" in cell.source  # its frames keep the plots apart
        if re.search(r"\w\]?\.(hist|bar|plot|scatter)\(", cell.source) and not is_grid:
            assert ".spines[" in cell.source, cell.id


def test_every_panel_has_left_its_picture(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if "a live panel" in data.get("text/plain", ""):
                assert 1000 < len(data["image/png"]) <= 60_000, cell.id


def test_prose_is_plain(notebook):
    text = "\n".join(prose(notebook))
    assert not re.search(r"\b(simply|obviously|of course)\b", text, re.IGNORECASE)
    assert "!" not in re.sub(r"!\[", "", text)


def test_nothing_is_read_through_a_path_beside_the_notebook(notebook):
    assert "../" not in "\n".join(cell.source for cell in code_cells(notebook))


@pytest.mark.parametrize("number", range(len(FILES)), ids=lambda number: FILES[number].stem)
def test_it_ends_with_one_link_to_the_next_and_the_last_with_one_to_the_first(number):
    cells = nbformat.read(FILES[number], as_version=4).cells
    links = [link for cell in cells for link in re.findall(r"\]\(([^)]*\.ipynb)\)", cell.source) if cell.id != "colab"]
    following = FILES[(number + 1) % len(FILES)]
    assert links == [f"id/{FILES[number].name}", following.name]  # on GitHub as in JupyterLab; first itself, translated
    assert all((NOTEBOOKS / link).is_file() for link in links)
    last = cells[-1].source.splitlines()[-1]
    before = "This was the last notebook. Back to the first:" if following == FILES[0] else "Next:"
    assert last.startswith(f"- {before} [{following.stem}]({following.name})")
