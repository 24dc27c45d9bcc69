"""Test a notebook of the course as a student uses it: open it, run it from top to bottom, use its panel."""

import shutil

import browser
import numpy as np
from places import NOTEBOOKS, REPOSITORY
from playwright.sync_api import expect

from cnnlab.model.convolution import explain_pixel, make_kernel
from cnnlab.widgets.convolution import ConvolutionExplorer

NOTEBOOK = NOTEBOOKS / "01_kernel_size.ipynb"


def test_notebook_01_runs_and_its_panel_answers(shared_lab):
    shutil.copy(NOTEBOOK, shared_lab.folder)
    digit = ConvolutionExplorer().images[0]  # what the notebook's panel shows first
    with shared_lab.page(height=1200) as page, browser.new_kernel(page, NOTEBOOK.name):
        browser.run_all_cells(page, timeout=280)
        output = page.get_by_role("application", name="output")
        output.scroll_into_view_if_needed()
        before = browser.read_pixels(output)

        slider = page.get_by_role("slider", name="kernel size")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert float(slider.get_attribute("aria-valuenow")) == 5
        expect(page.get_by_role("img", name="Kernel 5×5")).to_be_visible()
        box = output.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 10.5 / 28, box["y"] + box["height"] * 8.5 / 28)
        *_, total = explain_pixel(digit, make_kernel("vertical edges", 5), row=8, column=10)
        written = f"{abs(total):.2f}"
        expect(page.get_by_role("status").first).to_contain_text("row 8, column 10: 25 products, sum ")
        expect(page.get_by_role("status").first).to_contain_text(written)
        after = browser.read_pixels(output)
        assert not np.array_equal(before, after)
        assert page.faults == []


OPEN_PATH = "() => window.jupyterapp.shell.currentWidget.context.path"


def test_an_indonesian_notebook_opens_and_its_links_lead_to_its_sister_and_the_glossary(shared_lab):
    (shared_lab.folder / "notebooks" / "id").mkdir(parents=True)
    sister, path = (f"notebooks/{folder}{NOTEBOOK.name}" for folder in ("", "id/"))
    for name in ("notebooks/glossary.md", sister, path):
        shutil.copy(REPOSITORY / name, shared_lab.folder / name)
    with shared_lab.page(height=1200) as page, browser.new_kernel(page, path):
        expect(page.get_by_role("heading", name="Apakah kernel yang lebih besar melihat lebih banyak")).to_be_visible()
        for place in (1, 3):  # the set-up cell, the panel
            browser.run_cell(page, place)
        browser.wait_in_kernel(page, "__import__('os').environ['CNNLAB_LANGUAGE'] == 'id'")
        page.locator(".cnnlab-words summary").click()
        page.get_by_role("link", name="All words of the course").click()
        expect(page.locator(".jp-MarkdownViewer").get_by_role("heading", name="Words of the course")).to_be_visible()
        assert page.evaluate(OPEN_PATH) == "notebooks/glossary.md"
        browser.close_all_but(page, path)

        page.get_by_role("link", name=NOTEBOOK.stem, exact=True).click()
        page.wait_for_function(browser.IS_SWITCHED, arg=sister)
        expect(page.get_by_role("heading", name="Does a bigger kernel see more, or only cost more?")).to_be_visible()
        assert page.faults == []
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        browser.close_all_but(page, path)
