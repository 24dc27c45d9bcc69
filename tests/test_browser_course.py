"""A notebook of the course as a student meets it: opened, run from top to bottom, and its panel used."""

import shutil
from pathlib import Path

import browser
import numpy as np
from playwright.sync_api import expect

from cnnlab.kernels import explain_pixel, make_kernel
from cnnlab.widgets.convolution import ConvolutionExplorer

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "01_kernel_size.ipynb"
READ = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"


def test_notebook_01_runs_and_its_panel_answers(tmp_path):
    copy = Path(shutil.copy(NOTEBOOK, tmp_path))
    digit = ConvolutionExplorer().images[0]  # what the notebook's panel shows first
    with browser.open_page(height=1200) as page, browser.jupyterlab(tmp_path, tmp_path / "settings") as address:
        browser.open_notebook(page, address, copy.name)
        browser.run_all_cells(page, timeout=280)
        output = page.get_by_role("application", name="output")
        output.scroll_into_view_if_needed()
        before = output.locator("canvas").evaluate(READ)

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
        after = output.locator("canvas").evaluate(READ)
        assert not np.array_equal(before, after)
        assert page.faults == []
