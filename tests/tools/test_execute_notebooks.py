"""What tools/execute_notebooks.py keeps, and that the notebooks can become scripts, texts and pages."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shlex
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from jupytext.cli import jupytext
from matplotlib.figure import Figure
from nbconvert import ScriptExporter
from PIL import Image
from places import NOTEBOOKS, REPOSITORY
from scripts import load_script

from cnnlab import DrawDigit, course_folder

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


script = load_script(REPOSITORY / "tools" / "execute_notebooks.py")

# --- What is kept

WRITTEN_INTO_CELLS = {
    "tags": ["nbval-ignore-output"],
    "name": "intro",
    "jupyter": {"source_hidden": True},
    "alt": "Two curves that fall",
    "slideshow": {"slide_type": "fragment"},
    "nbgrader": {"grade": True, "grade_id": "cell-1", "locked": True, "points": 2, "schema_version": 3},
    "editable": False,
    "deletable": False,
    "raw_mimetype": "text/markdown",
    "cnnlab": {"numbers": {"5.4": "49 / 9"}},
    # jupytext's
    "title": "A title",
    "active": "ipynb",
    "cell_marker": '"""',
    "lines_to_next_cell": 2,
}
LEFT_BY_A_RUN = {
    "execution": {"iopub.execute_input": "2026-01-01T00:00:00Z"},
    "ExecuteTime": {"end_time": "2026-01-01T00:00:00"},
    "collapsed": True,
    "scrolled": False,
    "trusted": True,
    "papermill": {"duration": 1.5},
}
WRITTEN_INTO_NOTEBOOKS = {
    "jupytext": {"formats": "ipynb,py:percent", "text_representation": {"extension": ".py"}},
    "nbgrader": {"course": "vision"},
    "rise": {"scroll": True},
    "title": "Pooling",
    "authors": [{"name": "Grace"}],
}
LEFT_IN_NOTEBOOKS = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}, "toc-showtags": True}


@pytest.mark.parametrize("kind", ["code", "markdown", "raw"])
def test_what_an_author_wrote_into_a_cell_stays_and_what_a_run_left_goes(kind):
    new = getattr(nbformat.v4, f"new_{kind}_cell")
    notebook = nbformat.v4.new_notebook(cells=[new("x", metadata=WRITTEN_INTO_CELLS | LEFT_BY_A_RUN)])
    script.tidy(notebook)
    assert notebook.cells[0].metadata == WRITTEN_INTO_CELLS
    nbformat.validate(notebook)


def test_what_an_author_wrote_into_the_notebook_stays_and_the_rest_goes():
    notebook = nbformat.v4.new_notebook(metadata=WRITTEN_INTO_NOTEBOOKS | LEFT_IN_NOTEBOOKS)
    script.tidy(notebook)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook.metadata.pop("kernelspec") == kernel
    assert "version" not in notebook.metadata.pop("language_info")
    assert notebook.metadata == WRITTEN_INTO_NOTEBOOKS


def test_language_info_is_the_kernels_without_pythons_version():
    # In a process of its own: ipykernel, once imported, gives every widget of the process another way to the page.
    code = "import json; from ipykernel.ipkernel import IPythonKernel as K; print(json.dumps(K.language_info))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    info = dict(json.loads(answer.stdout), codemirror_mode={"name": "ipython", "version": 3})
    del info["version"]
    assert info == script.LANGUAGE


def test_an_execution_keeps_the_metadata_of_its_notebook(tmp_path):
    path = tmp_path / "one.ipynb"
    cell = nbformat.v4.new_code_cell("print(6 * 7)", id="product", metadata=WRITTEN_INTO_CELLS | LEFT_BY_A_RUN)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=WRITTEN_INTO_NOTEBOOKS), path)
    script.execute(path)
    (after,) = nbformat.read(path, as_version=4).cells
    assert (after.id, after.outputs[0].text, after.metadata) == ("product", "42\n", WRITTEN_INTO_CELLS)


@pytest.mark.parametrize(
    ("tags", "jupyter", "after"),
    [
        (["answer"], {}, {"outputs_hidden": True}),
        (["answer"], {"source_hidden": True}, {"source_hidden": True, "outputs_hidden": True}),
        ([], {"outputs_hidden": True, "source_hidden": True}, {"source_hidden": True}),
        ([], {"outputs_hidden": True}, None),
    ],
)
def test_the_outputs_of_answers_are_folded_and_no_others(tags, jupyter, after):
    cell = nbformat.v4.new_code_cell("x", metadata={"tags": tags, "jupyter": jupyter})
    script.tidy(nbformat.v4.new_notebook(cells=[cell]))
    assert cell.metadata.get("jupyter") == after


def test_a_picture_looks_the_same_and_takes_half_the_bytes_or_less():
    figure = Figure(figsize=(5, 3))
    curve, picture = figure.subplots(1, 2)
    curve.plot([3, 1, 2], label="loss")
    curve.legend()
    picture.imshow(np.linspace(0, 1, 30).reshape(5, 6))
    content = io.BytesIO()
    figure.savefig(content, transparent=True)
    before = base64.b64encode(content.getvalue()).decode()
    output = nbformat.v4.new_output("display_data", {"image/png": before})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    script.tidy(notebook)
    after = notebook.cells[0].outputs[0].data["image/png"]
    assert len(after) < len(before) / 2
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGBA"), int) for each in (before, after)
    ]
    on_white = 255 + (pixels[0][..., :3] - 255) * pixels[0][..., 3:] / 255
    differences = np.abs(on_white - pixels[1][..., :3]).max(2)
    assert np.quantile(differences, 0.995) < 16  # of 255
    script.tidy(notebook)
    assert notebook.cells[0].outputs[0].data["image/png"] == after


def test_a_single_red_mark_does_not_become_orange():
    figure = Figure(figsize=(5.4, 6))
    for ax in (axes := figure.subplots(3, 1)):
        for place, colour in enumerate(("#0173b2", "#de8f05", "#029e73")):
            for alpha in (0.4, 0.8, 1):
                ax.plot(np.linspace(0, 1, 9), np.full(9, place + alpha / 3), "os^"[place], color=colour, alpha=alpha)
        ax.axvspan(0.3, 0.4, color="0.92")
    axes[2].plot(0.1, 1.9, "^", color="#d55e00")
    content = io.BytesIO()
    figure.savefig(content)
    after = script._with_palette(base64.b64encode(content.getvalue()).decode())
    before = np.asarray(Image.open(content).convert("RGB"))
    stored = np.asarray(Image.open(io.BytesIO(base64.b64decode(after))).convert("RGB"), int)
    for colour, most in (((213, 94, 0), 8), ((222, 143, 5), 8), ((255, 255, 255), 0)):  # orange is 49 from red
        assert np.abs(stored[(before == colour).all(2)] - colour).max() <= most


def test_an_execution_sees_no_predictions_of_the_author(tmp_path):
    code = "from cnnlab import commit_guess\nprint(commit_guess('01', 5, tolerance=1))"
    path = tmp_path / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
    for _ in range(2):
        script.execute(path)
        assert nbformat.read(path, as_version=4).cells[0].outputs[-1].text == "Written down: 5.\n"
    assert not course_folder().exists()
    assert [file.name for file in tmp_path.iterdir()] == ["one.ipynb"]


def test_the_sheets_in_the_stored_notebooks_have_a_seven():
    course_folder().mkdir()
    script._draw_seven(course_folder() / "drawing.png")
    assert re.match(r"3×3 max reads 7 .*, 5×5 max reads 7 .*, 5×5 avg reads 7 ", DrawDigit().status.value)


@every_notebook
def test_the_courses_notebooks_are_tidy(path):
    notebook = nbformat.read(path, as_version=4)
    script.tidy(notebook)
    assert notebook == nbformat.read(path, as_version=4)


# --- Scripts


@every_notebook
def test_nbconvert_makes_a_script_of_plain_python(path, tmp_path):
    text, resources = ScriptExporter().from_filename(str(path))
    assert resources["output_extension"] == ".py"
    assert "get_ipython" not in text  # a magic
    compile(text, str(path), "exec")
    (tmp_path / "plain.py").write_text(text, encoding="utf-8")
    assert unknown_names(tmp_path / "plain.py") == ""
    jupytext(["--quiet", "--to", "py:percent", "--output", str(tmp_path / "script.py"), str(path)])
    text = (tmp_path / "script.py").read_text(encoding="utf-8")
    assert "# %%" in text
    compile(text, str(path), "exec")


def unknown_names(script):
    """Return ruff's findings of names that plain Python does not know, such as `display`, which only IPython has."""
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", "--select=F821"]
    return subprocess.run([*ruff, str(script)], capture_output=True, encoding="utf-8").stdout


def test_a_name_that_only_ipython_has_is_found(tmp_path):
    (tmp_path / "plain.py").write_text("display(1)\n")
    assert "F821 Undefined name `display`" in unknown_names(tmp_path / "plain.py")


@pytest.mark.parametrize("name", ["08_playground", "09_clinic"])  # both show panels, which a script does not have
def test_such_a_script_runs(name, tmp_path):
    text, _ = ScriptExporter().from_filename(str(NOTEBOOKS / f"{name}.ipynb"))
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONUTF8": "1"}
    answer = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert answer.returncode == 0, answer.stderr


# --- Text formats


@every_notebook
@pytest.mark.parametrize("form", ["py:percent", "md"])
def test_there_and_back_with_jupytext_everything_is_kept(path, form, tmp_path):
    (tmp_path / path.name).write_bytes(path.read_bytes())
    text, back = tmp_path / f"text.{form[:2]}", tmp_path / path.name
    jupytext(["--quiet", "--to", form, "--output", str(text), str(back)])
    before = nbformat.read(path, as_version=4)
    # A text has no ids and no outputs: --update takes those of the notebook that is there.
    jupytext(["--quiet", "--to", "ipynb", "--output", str(tmp_path / "new.ipynb"), str(text)])
    after = nbformat.read(tmp_path / "new.ipynb", as_version=4)
    assert [(cell.cell_type, cell.source, cell.metadata) for cell in after.cells] == [
        (cell.cell_type, cell.source, cell.metadata) for cell in before.cells
    ]
    jupytext(["--quiet", "--to", "ipynb", "--update", "--output", str(back), str(text)])
    assert nbformat.read(back, as_version=4) == before


# --- Exports


@pytest.mark.parametrize("form", ["html", "script"])
def test_an_export_with_the_documented_command_has_no_set_up_cell(form, tmp_path):
    page = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = (line for line in page.splitlines() if line.startswith("jupyter nbconvert "))
    words = shlex.split(line.split("#")[0].replace("--to html", f"--to {form}"))[1:]
    command = [sys.executable, "-m", *words, "--output-dir", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (path,) = tmp_path.iterdir()
    text = path.read_text(encoding="utf-8")
    assert "What does pooling throw away?" in text
    assert "Set-up. On your own computer" not in text
