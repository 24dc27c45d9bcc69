"""Test StoppingExplorer in a real JupyterLab and Chromium: real keys, and the marks in the page."""

import browser
import pytest
from made_runs import ACCURACIES, LOSSES, bare_loop, recorded
from playwright.sync_api import Locator, Page, expect

from cnnlab.training.early_stopping import stopping

HISTORY = recorded(LOSSES, ACCURACIES)
MAKE_PANEL = f"""
from cnnlab import History, StoppingExplorer
panel = StoppingExplorer(History.from_json('''{HISTORY.to_json()}'''))
panel
"""
BREAK_IT = """
def fail(*_arguments, **_options):
    raise RuntimeError("<img src=x onerror=document.title='x'>")

from cnnlab.widgets import stopping
whole, stopping.stopping = stopping.stopping, fail
"""
RED = (0xD5, 0x5E, 0x00)  # the stop line
NAME_OF_FOCUSED = "() => document.activeElement.ariaLabel ?? document.activeElement.labels?.[0].textContent"
REDDEST_COLUMN = """(canvas, red) => {
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const counts = new Array(width).fill(0);
  for (let row = 100; row < height; row++)  // below the legend
    for (let column = 0; column < width; column++) {
      const place = 4 * (row * width + column);
      if (red.every((value, channel) => Math.abs(data[place + channel] - value) < 40)) counts[column]++;
    }
  const most = Math.max(...counts);
  return [counts.indexOf(most), most];
}"""


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with one open notebook for all tests of this file."""
    with shared_lab.running([MAKE_PANEL]) as page:
        yield page


@pytest.fixture
def page(lab):
    """Yield the page with a fresh panel in it."""
    with browser.anew(lab):
        expect(plot_of(lab)).to_be_visible()
        yield lab


def plot_of(page: Page) -> Locator:
    return page.locator("canvas.cnnlab-plot")


def stop_line(page: Page) -> int:
    """Return the column of the picture with most pixels in the red of the stop line, below the legend."""
    column, most = plot_of(page).evaluate(REDDEST_COLUMN, RED)
    assert most > 20
    return column


def expect_stop(page: Page, epochs: int, patience: int, min_delta: float = 0.0) -> None:
    """Wait for the words and the label of the epoch at which a bare loop stops."""
    stopped, kept = bare_loop(LOSSES, epochs, patience, min_delta)
    words = stopping(HISTORY, epochs=epochs, patience=patience, min_delta=min_delta).words
    expect(page.get_by_role("status")).to_have_text(words)
    label = f"training and validation loss over 10 epochs; stopped after epoch {stopped}, weights of epoch {kept} kept"
    expect(plot_of(page)).to_have_attribute("aria-label", label)


def test_each_slider_obeys_the_keyboard_and_the_line_moves(page):
    expect_stop(page, 10, 10)
    last = stop_line(page)
    slider = page.get_by_role("slider", name="epochs")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect_stop(page, 7, 10)
    seventh = stop_line(page)
    page.get_by_role("slider", name="patience").focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("status")).to_contain_text("Trained all 7 epochs, kept the last weights")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect_stop(page, 7, 1)
    fifth = stop_line(page)
    assert last - seventh == pytest.approx(1.5 * (seventh - fifth), abs=3)  # three epochs, and two
    page.get_by_role("slider", name="min_delta").focus()
    page.keyboard.press("End")
    page.get_by_role("slider", name="patience").focus()
    page.keyboard.press("ArrowLeft")
    expect_stop(page, 7, 0, 0.1)
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length") == 1


def test_the_metric_is_chosen_by_key(page):
    page.get_by_role("combobox", name="metric").focus()
    page.keyboard.press("a")
    expect(plot_of(page)).to_have_attribute("aria-label", "training and validation accuracy over 10 epochs; stopped "
                                            "after epoch 10, weights of epoch 6 kept")  # fmt: skip


def test_an_exception_in_a_callback_is_red_and_text(page):
    browser.execute(page, BREAK_IT)
    page.get_by_role("slider", name="epochs").focus()
    page.keyboard.press("ArrowLeft")
    status = page.get_by_role("status")
    expect(status).to_have_text("RuntimeError: <img src=x onerror=document.title='x'>")
    expect(status.locator(".cnnlab-error")).to_have_css("color", "rgb(211, 47, 47)")
    browser.execute(page, "stopping.stopping = whole")
    page.keyboard.press("ArrowLeft")
    expect_stop(page, 8, 10)
    assert page.title() != "x"


def test_tab_alone_reaches_every_control_and_each_has_a_name(page):
    page.get_by_role("combobox", name="metric").focus()
    names = []
    for _ in range(7):
        names.append(page.evaluate(NAME_OF_FOCUSED))
        page.keyboard.press("Tab")
    # Readouts of choices are no stops: nobody can type into them, also after another value.
    assert names[:4] == ["metric", "epochs", "patience", "min_delta"]
    page.get_by_role("slider", name="epochs").press("ArrowLeft")
    page.get_by_role("slider", name="epochs").press("ArrowRight")
    page.get_by_role("slider", name="epochs").press("Tab")
    assert page.evaluate(NAME_OF_FOCUSED) == "patience"


@pytest.mark.parametrize(("theme", "dims"), [("JupyterLab Light", "none"), ("JupyterLab Dark", "brightness(0.86)")])
def test_it_fits_a_narrow_page_in_both_themes(page, theme, dims):
    browser.use_theme(page, theme)
    page.set_viewport_size({"width": 800, "height": 900})
    page.wait_for_function("() => document.querySelector('.jp-OutputArea-output:has(.cnnlab-panel)').clientWidth < 500")
    panel = page.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first
    assert panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") == 0
    expect(plot_of(page)).to_have_css("filter", dims)
