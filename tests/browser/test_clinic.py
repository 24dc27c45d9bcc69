"""Test the panel of the clinic in a real JupyterLab: it fits a small laptop, and its buttons change the picture."""

import browser
import pytest
from panel_cells import MAKE
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def page(shared_lab):
    with shared_lab.running([MAKE.format("Clinic")], height=900) as page:
        yield page


def test_it_fits_on_a_small_laptop_and_follows_its_buttons(page):
    page.set_viewport_size({"width": 1280, "height": 900})
    panel = page.locator(".cnnlab-panel").first
    panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")
    panel.locator("canvas").first.wait_for()
    browser.wait_until_still(panel)
    room = page.locator(".jp-WindowedPanel-outer").first.bounding_box()["height"]
    assert panel.bounding_box()["height"] <= room <= 900
    for button, words in (("3", "Patient 3, after epoch 12 of 12"), ("inputs", "Patient 3, ")):
        panel.locator("button", has_text=button).last.click()
        expect(panel.get_by_text(words)).to_be_visible()
    expect(panel.locator("[aria-label^='patient 3, inputs: ']").first).to_be_visible()
    browser.wait_until_still(panel)
    assert panel.bounding_box()["height"] <= room
    group = panel.get_by_role("group", name="patient")
    expect(group.get_by_role("button", pressed=True)).to_have_text("3")
    expect(panel.get_by_role("group", name="look at").get_by_role("button", pressed=True)).to_have_text("inputs")
    slider = panel.get_by_role("slider", name="after epoch")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(panel.get_by_text("Patient 3, after epoch 11 of 12")).to_be_visible()
