"""Test PredictThenRun in a real JupyterLab and Chromium: guess with keys and a click, and see no answer before."""

import browser
import pytest
from playwright.sync_api import Locator, Page, expect

NASTY = "<img src=x onerror=document.title='x'>"
MAKE_PANEL = f"""
from cnnlab import PredictThenRun, bank, compare, load_runs, show_guesses

def answer():
    if broken:
        raise RuntimeError("{NASTY}")
    runs = load_runs(bank("pooling")).filter(dataset="mnist", learning_rate=0.001)
    return compare(runs, by="pooling")

broken = False
show_guesses(clear="all")
panel = PredictThenRun("{NASTY}: which pooling reads best?", answer, choices=["max", "avg"])
panel
"""
PIXELS = "canvas => canvas.toDataURL()"
NAME_OF_FOCUSED = "() => document.activeElement.ariaLabel ?? document.activeElement.labels?.[0].textContent"
RIGHT = (
    "Your guess: max (75 % sure). Right: max is best. "
    "Brier score 0.09 (0 is perfect, knowing nothing gives 0.67)."  # 0.25² + 2 × 0.125²
)


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with one open notebook for all tests of this file."""
    with shared_lab.running([MAKE_PANEL], height=1100) as page:
        yield page


@pytest.fixture
def page(lab):
    """Yield the page with a fresh question in it."""
    with browser.anew(lab):
        expect(radio(lab, "max")).to_be_visible()
        yield lab
        assert lab.title() != "x"


def radio(page: Page, name: str) -> Locator:
    return page.locator(".widget-radio label", has_text=name).locator("input")


def button(page: Page, name: str) -> Locator:
    return page.locator("button.jupyter-button", has_text=name)


def guess(page: Page) -> None:
    """Choose "max" and 75 % by keys, and click."""
    radio(page, "max").focus()
    page.keyboard.press("Space")
    slider = page.get_by_role("slider", name="confidence (%)")
    slider.focus()
    for per_cent in range(40, 80, 5):  # each press is seen before the next: the page may still be answering
        page.keyboard.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuenow", f"{per_cent}.0")
    browser.wait_in_kernel(page, "panel.confidence.value == 75")
    button(page, "Commit").click()


def test_a_guess_is_committed_by_keys_and_shown_with_the_comparison(page):
    status, score = page.get_by_role("status").all()
    canvas = page.locator("canvas.cnnlab-plot")
    expect(canvas).to_have_attribute("aria-label", "no comparison yet")
    expect(page.locator(".widget-radio input:checked")).to_have_count(0)
    before = canvas.evaluate(PIXELS)
    button(page, "Commit").click()
    expect(status).to_have_text("choose an answer, say how sure you are, and commit then")
    expect(status.locator(".cnnlab-error")).to_have_css("color", "rgb(211, 47, 47)")
    assert canvas.evaluate(PIXELS) == before
    guess(page)
    expect(status).to_have_text(RIGHT)
    expect(score).to_contain_text(
        "1 prediction scored, 1 right (100 %). Where you said how sure you are (1): 75 % sure on average"
    )
    page.wait_for_function("before => document.querySelector('canvas.cnnlab-plot').toDataURL() !== before", arg=before)
    for control in (radio(page, "max"), radio(page, "avg"), button(page, "Committed")):
        expect(control).to_be_disabled()
    expect(page.locator(".jp-OutputArea-output img")).to_have_count(0)  # the question is text


def test_a_run_that_raises_is_red_and_can_be_tried_again(page):
    status = page.get_by_role("status").first
    browser.execute(page, "broken = True")
    guess(page)
    expect(status).to_have_text(f"RuntimeError: {NASTY}")
    expect(status.locator(".cnnlab-error")).to_have_css("color", "rgb(211, 47, 47)")
    expect(radio(page, "max")).to_be_disabled()
    browser.execute(page, "broken = False")
    button(page, "Show the comparison").click()
    expect(status).to_have_text(RIGHT)
    expect(page.get_by_role("status").nth(1)).to_contain_text("1 prediction scored, 1 right")


def test_tab_alone_reaches_every_control_and_each_has_a_name(page):
    radio(page, "max").focus()
    names = []
    for _ in range(6):
        names.append(page.evaluate("() => document.activeElement.textContent") or page.evaluate(NAME_OF_FOCUSED))
        page.keyboard.press("Tab")
    assert "confidence (%)" in names
    assert "Commit" in names


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_fits_a_narrow_page_in_both_themes(page, theme):
    browser.use_theme(page, theme)
    page.set_viewport_size({"width": 800, "height": 1100})
    page.wait_for_function("() => document.querySelector('.jp-OutputArea-output:has(.cnnlab-panel)').clientWidth < 500")
    panel = page.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first
    assert panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") == 0
