"""Test the panel of the clinic in a real JupyterLab: it fits a small laptop, and its buttons change the picture."""

import browser
import pytest
from panel_cells import MAKE
from playwright.sync_api import expect

SLOW = """
import pathlib, time
import cnnlab.course.clinic.panel as clinic_panel

def wait_and_plot(*choice, **options):
    while not pathlib.Path({!r}).exists():
        time.sleep(0.05)
    return cnnlab.plot_patient(*choice, **options)

clinic_panel.plot_patient = wait_and_plot
"""


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
    for button, words in (("3", "Patient 3, curves, after epoch 12 of 12"), ("inputs", "Patient 3, inputs, after")):
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
    expect(panel.get_by_text("Patient 3, inputs, after epoch 11 of 12")).to_be_visible()


def test_the_old_picture_is_dimmed_while_the_next_one_is_drawn(page, tmp_path):
    drawn = tmp_path / "drawn"
    browser.execute(page, SLOW.format(str(drawn)))
    panel = page.locator(".cnnlab-panel").first
    picture, dimmed = panel.locator(".cnnlab-plot"), panel.locator(".cnnlab-outdated")
    words = picture.get_attribute("aria-label")
    panel.locator("button", has_text="activations").click()
    expect(dimmed).to_have_css("opacity", "0.35")
    expect(picture.and_(dimmed)).to_be_visible()
    assert picture.get_attribute("aria-label") == words
    drawn.touch()
    expect(dimmed).to_have_count(0)
    expect(panel.get_by_text(", activations, after epoch")).to_be_visible()
    assert ", activations, after epoch" in picture.get_attribute("aria-label")
