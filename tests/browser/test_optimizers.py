"""Test OptimizerExplorer in a real JupyterLab and Chromium: real keys, and the words and pixels that follow."""

import re

import browser
import pytest
from matplotlib.colors import to_rgb
from playwright.sync_api import Locator, Page, expect

from cnnlab.plots.style import PALETTE
from cnnlab.training.descent import descend, describe_descents

NAMES = {"SGD": "sgd", "momentum": "sgd", "RMSprop": "rmsprop", "Adam": "adam"}
MAKE_PANEL = """
from cnnlab import OptimizerExplorer
panel = OptimizerExplorer()
panel
"""
BREAK_IT = """
from cnnlab.widgets import optimizers
def fail(**_):
    raise RuntimeError("<img src=x onerror=document.title='x'>")
real, optimizers.descend = optimizers.descend, fail
panel.steps.value = 5
optimizers.descend = real
"""
# How many pixels have exactly this colour.
COUNT = """(canvas, [red, green, blue]) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) found++;
  return found;
}"""


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with one open notebook for all tests of this file."""
    with shared_lab.running([MAKE_PANEL], height=1500) as page:
        yield page


@pytest.fixture
def page(lab):
    """Yield the page with a fresh panel in it."""
    with browser.anew(lab):
        expect_words(lab, "ravine", dict.fromkeys(NAMES, 0.1))
        yield lab


def expect_words(page: Page, surface: str, rates: dict, *, momentum=0.9, steps=80, start=None) -> None:
    descents = {
        name: descend(
            surface,
            NAMES[name],
            learning_rate=rate,
            steps=steps,
            start=start,
            momentum=momentum if name == "momentum" else 0.0,
        )
        for name, rate in rates.items()
    }
    expect(page.get_by_role("status")).to_have_text(describe_descents(descents))


def press(page: Page, slider: str, key: str, times: int = 1) -> Locator:
    handle = page.get_by_role("slider", name=slider, exact=True)
    handle.focus()
    for _ in range(times):
        page.keyboard.press(key)
    return handle


def pixels_of(page: Page, name: str, picture: str) -> int:
    colour = [round(part * 255) for part in to_rgb(PALETTE[list(NAMES).index(name)])]
    return page.get_by_role("img", name=re.compile(f"^{picture}")).evaluate(COUNT, colour)


def expect_drawn(page: Page, name: str, drawn: bool) -> None:
    browser.wait_for(page, lambda: (pixels_of(page, name, "map") > 0) == drawn)


def test_one_key_moves_all_four_rates_and_untied_only_one(page):
    press(page, "RMSprop rate", "ArrowRight", 3)
    expect_words(page, "ravine", dict.fromkeys(NAMES, 0.3))
    for name in NAMES:
        slider = page.locator(".widget-slider", has_text=f"{name} rate")
        expect(slider.locator(".widget-readout")).to_have_text("0.3")
    page.get_by_label("same learning rate for all").focus()
    page.keyboard.press("Space")
    press(page, "SGD rate", "ArrowRight", 3)
    expect_words(page, "ravine", dict.fromkeys(NAMES, 0.3) | {"SGD": 1.0})


def test_a_screen_reader_says_what_a_slider_shows(page):
    rate = press(page, "Adam rate", "ArrowRight")
    expect(rate).to_have_attribute("aria-valuetext", "0.15")
    expect(page.get_by_role("slider", name="SGD rate")).to_have_attribute("aria-valuetext", "0.15")  # moved by Python
    press(page, "Adam rate", "Home")
    expect(rate).to_have_attribute("aria-valuetext", "0.001")
    expect(press(page, "steps", "ArrowRight")).to_have_attribute("aria-valuetext", "81")


def test_momentum_and_steps_and_start_obey_the_keyboard(page):
    press(page, "momentum", "ArrowLeft", 5)
    press(page, "steps", "ArrowRight", 3)
    press(page, "start x", "ArrowRight", 2)
    press(page, "start y", "ArrowLeft", 2)
    expect_words(page, "ravine", dict.fromkeys(NAMES, 0.1), momentum=0.85, steps=83, start=(-8, 1.4))


def test_a_hidden_optimizer_goes_from_the_map_and_the_words(page):
    expect_drawn(page, "Adam", True)
    page.get_by_label("show Adam").click()
    expect_drawn(page, "Adam", False)
    expect_words(page, "ravine", {"SGD": 0.1, "momentum": 0.1, "RMSprop": 0.1})
    page.get_by_label("show Adam").click()
    expect_drawn(page, "Adam", True)


def test_another_surface_comes_with_its_own_start_and_it_stays(page):
    page.get_by_role("combobox", name="surface").focus()
    page.keyboard.press("s")
    expect(page.get_by_role("img", name="map of the saddle")).to_be_visible()
    expect_words(page, "saddle", dict.fromkeys(NAMES, 0.1), start=(-2, 0.05))
    press(page, "steps", "ArrowRight")  # a page that corrected the start would have said so before this
    expect_words(page, "saddle", dict.fromkeys(NAMES, 0.1), steps=81, start=(-2, 0.05))
    assert float(page.get_by_role("slider", name="start x").get_attribute("aria-valuenow")) == -2


def test_the_start_of_a_wider_surface_is_not_cut_to_the_one_before(page):
    """The page may take the parts of a message in any order; -9 lies outside of the bowl."""
    surface = page.get_by_role("combobox", name="surface")
    for _ in range(3):
        surface.select_option("bowl")
        expect_words(page, "bowl", dict.fromkeys(NAMES, 0.1), start=(-2.5, 1.5))
        page.get_by_role("slider", name="start x").press("Home")
        expect_words(page, "bowl", dict.fromkeys(NAMES, 0.1), start=(-3, 1.5))
        surface.select_option("ravine")
        press(page, "steps", "ArrowRight")
        press(page, "steps", "ArrowLeft")
        expect_words(page, "ravine", dict.fromkeys(NAMES, 0.1), start=(-9, 1.5))
        assert float(page.get_by_role("slider", name="start x").get_attribute("aria-valuenow")) == -9


def test_an_exception_is_shown_in_red_and_as_text(page):
    browser.execute(page, BREAK_IT)
    error = page.get_by_role("status").locator(".cnnlab-error")
    expect(error).to_have_text("RuntimeError: <img src=x onerror=document.title='x'>")
    expect(error).to_have_css("color", "rgb(211, 47, 47)")
    assert page.title() != "x"
    press(page, "steps", "ArrowRight")
    expect_words(page, "ravine", dict.fromkeys(NAMES, 0.1), steps=6)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_fits_a_narrow_page_in_both_themes(page, theme):
    browser.use_theme(page, theme)
    page.set_viewport_size({"width": 800, "height": 1500})
    page.wait_for_function("() => document.querySelector('.jp-OutputArea-output:has(.cnnlab-panel)').clientWidth < 500")
    panel = page.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first
    assert panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") == 0
    labels = panel.locator(".widget-label")
    assert labels.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length") == 0
    plots = panel.locator(".cnnlab-plot").all()
    assert len(plots) == 2
    assert min(plot.bounding_box()["width"] for plot in plots) > 300
    page.set_viewport_size({"width": 1280, "height": 1500})
    page.wait_for_function("() => document.querySelector('.jp-OutputArea-output:has(.cnnlab-panel)').clientWidth > 700")
    assert labels.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length") == 0
