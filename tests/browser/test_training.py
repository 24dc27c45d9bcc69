"""Test TrainingPanel in a real JupyterLab: Start, live curves, Stop, Start again, and other cells meanwhile."""

import re

import browser
import nbformat
import pytest
from playwright.sync_api import expect

CELLS = [
    """
from cnnlab import Experiment, TrainingPanel
base = Experiment(dataset="patterns", size=12, train_size=200, validation_size=100, channels=(2,), hidden=4, epochs=350)
panel = TrainingPanel(base)
panel""",
    "panel",
    "answer = 6 * 7\nanswer",
]
CUT = """() => [...document.querySelectorAll('.jp-OutputArea-output .widget-label')]
  .filter(label => label.scrollWidth > label.clientWidth + 1).map(label => label.textContent)"""
SHORTEST_SLIDER = """() => Math.min(...[...document.querySelectorAll('.jp-OutputArea-output .noUi-target')]
  .filter(slider => slider.offsetParent).map(slider => slider.offsetWidth))"""
FORGET = """
import shutil
from cnnlab.files import course_folder
shutil.rmtree(course_folder() / "panel_runs", ignore_errors=True)
"""
BELOW = "(one, other) => Math.round(one.getBoundingClientRect().y - other.getBoundingClientRect().y)"
READ = "canvas => canvas.toDataURL()"


@pytest.fixture(scope="module")
def notebook(shared_lab):
    """Yield the page with one open notebook for all tests of this file."""
    with shared_lab.running(CELLS, height=2200) as page:
        yield page


@pytest.fixture
def lab(notebook):
    """Yield the page with a fresh panel in it, shown twice; no earlier run is kept."""
    browser.execute(notebook, FORGET)
    with browser.anew(notebook):
        expect(notebook.locator(".cnnlab-status").first).to_contain_text("1 run of 350 epochs")
        yield notebook


def button(page, name):
    return page.locator("button.jupyter-button", has_text=name).first


def show(page, words):
    """Press one of the panel's tabs, with the keyboard."""
    tab = page.locator("button.widget-toggle-button", has_text=words).first
    tab.focus()
    page.keyboard.press("Enter")
    panel = page.locator(".cnnlab-panel").first
    expect(panel.get_by_role("button", pressed=True)).to_have_text(words)  # a screen reader says so


def test_start_stop_and_start_again(lab):
    start, stop = button(lab, "Start"), button(lab, "Stop")
    news = lab.locator(".cnnlab-status").nth(1)
    curves = lab.get_by_role("img", name=re.compile("^loss over the epochs")).first
    empty = curves.evaluate(READ)
    below = curves
    far = below.evaluate(BELOW, start.element_handle())
    expect(lab.get_by_text(re.compile(r"^takes about \d+ (s|min)")).first).to_be_visible()
    expect(stop).to_be_disabled()
    start.click()
    expect(news).to_have_text("Training run 1 of 1, seed 0.")
    expect(start).to_be_disabled()
    expect(curves).to_have_attribute("aria-label", re.compile(r"after epoch \d+: train loss \d"))
    assert curves.evaluate(READ) != empty
    expect(lab.get_by_text(re.compile(r"about [\dhmins ]+ left")).first).to_be_visible()

    # another cell answers while it trains
    lab.evaluate("""() => {
      const notebook = window.jupyterapp.shell.currentWidget.content;
      notebook.activeCellIndex = 2;
      return window.jupyterapp.commands.execute('notebook:run-cell');
    }""")
    expect(lab.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output")).to_have_text("42")
    expect(start).to_be_disabled()

    stop.click()
    expect(news).to_have_text(
        re.compile(r"Run 1 of 1, seed 0: stopped in epoch \d+: kept the weights of epoch \d+; a run")
    )
    expect(start).to_be_enabled()
    assert below.evaluate(BELOW, start.element_handle()) == far  # long news move nothing
    show(lab, "Comparison")
    expect(lab.get_by_text("No runs yet.").first).to_be_visible()

    slider = lab.get_by_role("slider", name="epochs").first
    slider.focus()
    lab.keyboard.press("Home")
    expect(lab.locator(".cnnlab-status").first).to_contain_text("1 run of 1 epoch")
    start.click()
    expect(news).to_have_text("Run 1 of 1, seed 0: trained 1 epoch.")
    expect(curves).to_be_visible()  # Start shows them
    show(lab, "Comparison")
    expect(lab.locator(".cnnlab-table").first).to_contain_text("one setting")
    # the panel is shown twice, and both views are live
    expect(lab.locator(".cnnlab-table")).to_have_count(2)
    expect(lab.locator(".cnnlab-table").nth(1)).to_contain_text("one setting")


def test_an_impossible_setting_is_red_at_once_and_can_not_be_started(lab):
    status = lab.locator(".cnnlab-status").first
    slider = lab.get_by_role("slider", name="momentum").first
    slider.focus()
    lab.keyboard.press("ArrowRight")
    expect(status.locator(".cnnlab-error")).to_contain_text("momentum=0.5 is for 'sgd' and 'rmsprop'")
    expect(button(lab, "Start")).to_be_disabled()
    lab.get_by_role("combobox", name="optimizer").first.select_option("sgd")
    expect(status).to_contain_text("parameters; 1 run of 350 epochs")
    show(lab, "Code")
    expect(lab.get_by_text(re.compile(r"optimizer='sgd', momentum=0\.5")).first).to_be_visible()
    expect(button(lab, "Start")).to_be_enabled()


@pytest.mark.parametrize("width", [1280, 1440])
def test_settings_start_and_curves_are_on_one_screen_and_stay_where_they_are(lab, width):
    lab.set_viewport_size({"width": width, "height": 900})
    page = lab.locator(".jp-WindowedPanel-outer").first
    heading = lab.get_by_role("heading", name="Data").first
    heading.evaluate("heading => heading.scrollIntoView()")
    seen = {
        "settings": heading,
        "start": button(lab, "Start"),
        "stop": button(lab, "Stop"),
        "bar": lab.locator(".cnnlab-panel .widget-hprogress").first,
        "news": lab.locator(".cnnlab-status").nth(1),
        "curves": lab.get_by_role("img", name=re.compile("^loss over the epochs")).first,
    }
    before = {name: part.bounding_box() for name, part in seen.items()}
    place = page.bounding_box()
    for name, box in before.items():
        assert box["y"] >= place["y"] - 1, name  # scrolled to a part of a pixel
        assert box["y"] + box["height"] <= place["y"] + place["height"], name
    assert before["start"]["y"] < before["news"]["y"] < before["curves"]["y"]
    show(lab, "Layers")
    layers = lab.get_by_role("region", name="layers").first
    slider = lab.get_by_role("slider", name="convs per block").first
    slider.focus()
    lab.keyboard.press("End")
    expect(layers).to_contain_text("conv1_3")
    show(lab, "Curves")
    expect(layers).not_to_be_visible()
    assert {name: part.bounding_box() for name, part in seen.items()} == before


def test_forgetting_asks(lab):
    lab.get_by_role("slider", name="epochs").first.focus()
    lab.keyboard.press("Home")
    button(lab, "Start").click()
    expect(lab.locator(".cnnlab-status").nth(1)).to_have_text("Run 1 of 1, seed 0: trained 1 epoch.")
    show(lab, "Comparison")
    question = lab.get_by_text(re.compile(r"Forget \d+ runs?( \(\d of them from earlier\))?\? They cannot")).first
    expect(button(lab, "Forget them")).not_to_be_visible()
    button(lab, "Forget these runs").click()
    expect(question).to_be_visible()
    button(lab, "Keep them").click()
    expect(question).not_to_be_visible()
    expect(lab.locator(".cnnlab-table").first).to_contain_text("one setting")
    button(lab, "Forget these runs").click()
    button(lab, "Forget them").click()
    expect(lab.get_by_text("No runs yet.").first).to_be_visible()


def test_labels_are_whole_and_sliders_long_on_a_page_of_any_width(lab):
    # no label is cut, and every slider is long enough to be moved, on a page of any width
    for width in (1600, 1280, 800, 640):
        lab.set_viewport_size({"width": width, "height": 800})
        browser.wait_until_still(lab.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first)
        assert lab.evaluate(CUT) == []
        assert lab.evaluate(SHORTEST_SLIDER) > 40


def test_runs_are_shown_again_after_a_restart_of_the_kernel(shared_lab, notebook):
    """Last, because the page leaves the notebook of the other tests, and comes back to it."""
    name = notebook.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    again = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELLS[0])])
    nbformat.write(again, shared_lab.folder / "again.ipynb")
    with browser.new_kernel(notebook, "again.ipynb"):
        browser.execute(notebook, FORGET)
        browser.run_all_cells(notebook)
        browser.execute(notebook, "panel.epochs.value, panel.seeds.value = 1, 3\npanel.train()")
        notebook.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        browser.run_all_cells(notebook)
        table = notebook.locator(".cnnlab-table").first
        expect(table).to_be_visible()  # without a click
        expect(table.locator("td")).to_contain_text(["A", "one setting", "reference", "3"])
        expect(notebook.get_by_text("earlier runs (3)").first).to_be_visible()
        expect(button(notebook, "Start")).to_be_enabled()
    browser.switch_notebook(notebook, name, shared_lab.kernel)
