"""Test every panel on a narrow page, in a real JupyterLab and Chromium: nothing is cut off or outside the panel.

A browser that zooms a window of 1280 pixels to 200 % gives the page 640 CSS pixels, each two screen pixels wide. The
tests set this width, with JupyterLab's list of files and without it, and the 800 pixels of a small window. Content that
is wider than its place, such as a table or a line of code, scrolls there, and nowhere else.
"""

import browser
import pytest
from panel_cells import CELLS
from playwright.sync_api import Page, expect

FAULTS = """output => {
  const faults = [];
  const name = one => one.getAttribute("aria-label") || one.textContent.trim().slice(0, 40) || one.className;
  const seen = one => one.getClientRects().length && getComputedStyle(one).visibility !== "hidden";
  const all = kinds => [...output.querySelectorAll(kinds)].filter(seen);
  const wide = one => one.scrollWidth - one.clientWidth;
  const panel = output.querySelector(".widget-vbox");
  for (const one of [output.closest(".jp-OutputArea"), output, ...all(".widget-box")])
    if (wide(one) > 0) faults.push(`${one.className} is ${wide(one)} px wider than its place`);
  for (const one of all(".widget-label, .widget-readout, button"))
    if (wide(one) > 0) faults.push(`${name(one)}: ${wide(one)} px are cut off`);
  const box = panel.getBoundingClientRect();
  for (const one of all("input, select, button, .noUi-handle, .widget-label, .widget-readout, canvas, [role]")) {
    const { left, right, top, bottom } = one.getBoundingClientRect();
    const out = Math.max(box.left - left, right - box.right, box.top - top, bottom - box.bottom);
    if (out > 1) faults.push(`${name(one)} is ${out.toFixed(1)} px outside the panel`);
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def notebook(shared_lab):
    """Yield the page with all panels in one notebook."""
    with shared_lab.running([*CELLS.values()], height=1400) as page:
        yield page


@pytest.fixture
def lab(notebook):
    """Yield the page, zoomed to 200 % by `set_width`; afterwards restore its size."""
    notebook.faults.clear()
    devtools = notebook.context.new_cdp_session(notebook)
    zoomed = {"height": 1400, "deviceScaleFactor": 2, "mobile": False}
    notebook.set_width = lambda width: devtools.send("Emulation.setDeviceMetricsOverride", zoomed | {"width": width})
    yield notebook
    devtools.detach()
    show_files(notebook, True)
    assert notebook.faults == []


def show_files(page: Page, wanted: bool) -> None:
    if page.locator("#filebrowser").is_visible() != wanted:
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    expect(page.locator("#filebrowser")).to_be_visible(visible=wanted)


@pytest.mark.parametrize("files", ["shown", "hidden"])
@pytest.mark.parametrize("width", [640, 800])
def test_every_panel_fits_a_zoomed_and_a_narrow_page(lab, width, files):
    lab.set_width(width)
    show_files(lab, files == "shown")
    assert lab.evaluate("[innerWidth, devicePixelRatio]") == [width, 2]
    browser.wait_until_still(lab.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first)
    faults = {}
    for place, name in enumerate(CELLS):
        outputs = lab.locator(".jp-CodeCell").nth(place).locator(".jp-OutputArea-output")
        output = outputs.filter(has=lab.locator(".widget-vbox")).last  # the one after it holds the panel's picture
        output.scroll_into_view_if_needed()
        expect(output.locator("canvas, select, .widget-radio").first).to_be_visible()
        lab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        box = output.bounding_box()
        assert 250 < box["width"] < box["x"] + box["width"] <= width
        faults |= {name: found} if (found := output.evaluate(FAULTS)) else {}
    assert faults == {}
