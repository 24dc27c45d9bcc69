"""Test in a real browser what a used and saved notebook, and the notebooks of the course, show as an HTML page."""

import base64
import io

import browser
import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from panel_cells import PANELS
from PIL import Image
from places import NOTEBOOKS
from playwright.sync_api import expect

from cnnlab.cli.export import AltText

PANEL = "import cnnlab\npanel = cnnlab.ConvolutionExplorer()\npanel"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4], label='rise')\nplt.title('A title')\nplt.show()"
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.model.toJSON().cells.map(cell => cell.outputs)"""
IMAGES = "images => images.map(image => [image.alt, image.naturalWidth, image.src.split(',')[1]])"


@pytest.fixture(scope="module")
def page(shared_lab):
    with shared_lab.running([PANEL, PLOT]) as page:
        page.lab = shared_lab
        yield page


def picture_of(page):
    """The output with the panel's picture, as the notebook would save it."""
    return page.evaluate(OUTPUTS)[0][-1]


def exported(page):
    """Save the notebook, export it as the menu does, and return (alt, width, PNG) of its images, and its text."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    path = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    export = page.context.new_page()
    try:
        export.goto(f"{page.lab.address}/nbconvert/html/{path}?token={browser.TOKEN}")
        words = " ".join(export.locator(".jp-OutputArea-output").all_inner_texts())
        return export.locator(".jp-OutputArea-output img").evaluate_all(IMAGES), words
    finally:
        export.close()


def test_a_picture_has_its_alt_text_in_jupyterlab_itself(page):
    picture = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output img")
    expect(picture).to_have_attribute("alt", "A title: curves 0 to 2: rise from 1 to 4.")


def test_the_picture_follows_the_panel_which_keeps_its_focus_and_the_export_shows_both_pictures(page):
    first = picture_of(page)
    outputs = page.locator(".jp-Cell").first.locator(".jp-OutputArea-child")
    expect(outputs.last.locator("img")).to_have_count(0)  # beside the live panel no picture of it is seen
    assert outputs.last.bounding_box()["height"] < 12
    slider = page.get_by_role("slider", name="kernel size")
    slider.focus()
    slider.evaluate("slider => { slider.isTheSame = true; }")
    page.keyboard.press("ArrowRight")
    browser.wait_for(page, lambda: picture_of(page)["data"]["image/png"] != first["data"]["image/png"])
    assert slider.evaluate("slider => slider.isTheSame && document.activeElement === slider")
    expect(page.get_by_role("img", name="Kernel 5×5")).to_be_visible()

    last = picture_of(page)
    assert "25 products" in last["metadata"]["image/png"]["alt"]
    images, words = exported(page)
    plot = page.evaluate(OUTPUTS)[1][0]["metadata"]["image/png"]["alt"]
    assert [alt for alt, _, _ in images] == [last["metadata"]["image/png"]["alt"], plot]
    assert plot == "A title: curves 0 to 2: rise from 1 to 4."
    assert all(width > 300 for _, width, _ in images)
    assert "a live panel" not in words
    shown, stored = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        for data in (images[0][2], last["data"]["image/png"])
    )
    np.testing.assert_array_equal(shown, stored)


def cells_with_panels():
    """Return the cells of the course's notebooks whose outputs name a live panel."""
    notebooks = [nbformat.read(path, as_version=4) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    cells = [cell for notebook in notebooks for cell in notebook.cells if cell.cell_type == "code"]
    return [nbformat.v4.new_code_cell(outputs=cell.outputs) for cell in cells if "a live panel" in str(cell.outputs)]


def test_every_panel_of_the_stored_notebooks_is_a_picture_on_an_exported_page(page, tmp_path):
    cells = cells_with_panels()
    html, _ = HTMLExporter(preprocessors=[AltText]).from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    (tmp_path / "exported.html").write_text(html, encoding="utf-8")
    export = page.context.new_page()
    try:
        export.route("http*://**", lambda route: route.abort())  # what typesets formulas comes from the network
        export.goto((tmp_path / "exported.html").as_uri())
        images = export.locator(".jp-OutputArea-output img").evaluate_all(IMAGES)
        words = " ".join(export.locator(".jp-OutputArea-output").all_inner_texts())
    finally:
        export.close()
    shown = [alt.partition(":")[0] for alt, _, _ in images]
    assert len(shown) == len(cells)
    assert set(shown) == set(PANELS)
    assert not any("nothing drawn yet" in alt for alt, _, _ in images)  # a sheet has a digit on it
    assert all(width > 300 for _, width, _ in images)
    assert "a live panel" not in words
