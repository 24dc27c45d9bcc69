"""Test in a real JupyterLab that a stored answer is folded until the student runs its cell."""

import browser
import nbformat
from places import REPOSITORY
from playwright.sync_api import expect
from scripts import load_script

script = load_script(REPOSITORY / "tools" / "execute_notebooks.py")
CELLS = [
    ('print("asked")', []),
    ('print("the answer is 5")', ["answer"]),
]


def test_a_stored_answer_is_folded_and_opens_when_its_cell_runs(shared_lab):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": tags}) for source, tags in CELLS]
    path = shared_lab.folder / "folded.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    script.execute(path)
    with shared_lab.page() as page:
        browser.switch_notebook(page, path.name, shared_lab.kernel)
        outputs = page.locator(".jp-OutputArea-output")
        expect(outputs).to_have_text(["asked\n"])
        for _ in CELLS:
            page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
        expect(outputs).to_have_text(["asked\n", "the answer is 5\n"])
