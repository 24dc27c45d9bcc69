"""Test each panel's room and its keys, in a real JupyterLab and Chromium, with the list of files open.

A person who moves a control must see what it changes: both are on one screen of a small laptop, 1280 by 900. One who
uses no pointer reaches every control with Tab, and one who sees nothing hears its name and what it shows.
"""

import browser
import pytest
from panel_cells import MAKE, PANELS, QUESTION
from playwright.sync_api import Locator, expect

LARGEST = 900  # CSS pixels, the height of a panel
SMALLEST = 160  # CSS pixels, the side of a picture on a narrow page
CELL = 365  # CSS pixels, the width of a wide picture on a narrow page: tests/notebooks/test_runs.py counts on it
LETTERS = 9  # CSS pixels, of the words around the pictures of a panel
PICTURE = "from PIL import Image\nImage.new('RGB', (900, 90), 'navy')"
# Panel → the label of a control, and a selector of the pictures that it changes.
CHANGES = {
    "ConvolutionExplorer": ("kernel size", "canvas, .cnnlab-numbers"),
    "DrawDigit": ("turn (degrees)", ".cnnlab-sheet, [aria-label^='what the networks'], .cnnlab-plot"),
    "KernelExperiment": ("seeds", ".cnnlab-plot"),
    "OptimizerExplorer": ("SGD rate", ".cnnlab-plot"),
    "PoolingExplorer": ("shift right", "canvas"),
    "RunExplorer": ("after epoch", "canvas"),
    "StoppingExplorer": ("patience", ".cnnlab-plot"),
    "PredictThenRun": ("confidence (%)", ".cnnlab-plot"),
    "TrainingPanel": ("epochs", ".cnnlab-plot"),
    "Clinic": ("after epoch", ".cnnlab-plot"),
}
# The size of the letters of all words that are seen, text → CSS pixels.
WORD_SIZES = """panel => Object.fromEntries(
  [...panel.querySelectorAll('*')].filter(e => e.checkVisibility() && e.getBoundingClientRect().width > 1
    && [...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()))
    .map(e => [e.textContent.trim().slice(0, 40), parseFloat(getComputedStyle(e).fontSize)]))"""
READOUTS = """panel => [...panel.querySelectorAll('.widget-slider')].filter(slider => slider.checkVisibility())
  .map(slider => [slider.querySelector('.noUi-handle'), slider.querySelector('.widget-readout')])
  .map(([handle, readout]) => [handle.ariaValueText, readout.textContent])"""
# Focus the first of the elements that Tab should reach, in the order of the page, and count them.
FOCUS_FIRST = """panel => {
  const kinds = "button, input, select, summary, a[href], [role=slider], [role=application], [contenteditable]";
  panel.stops = [...panel.querySelectorAll(kinds)]
    .filter(one => one.checkVisibility() && !one.disabled && (one.tabIndex >= 0 || one.isContentEditable));
  panel.stops[0].focus();
  return panel.stops.length;
}"""
FOCUSED = """panel => {
  const one = document.activeElement;
  const name = one.ariaLabel || one.labels?.[0]?.textContent || one.textContent || one.title;
  return panel.contains(one) ? [panel.stops.indexOf(one), name.trim()] : null;
}"""
# What a screen reader finds, in this order, in panels whose tests have no such list: role, name and state.
FOUND = {
    "OptimizerExplorer": """
- combobox "surface"
- slider "start x"
- textbox "start x, as a number"
- slider "start y"
- slider "momentum"
- slider "steps"
- checkbox "same learning rate for all" [checked]
- slider "SGD rate"
- slider "momentum rate"
- slider "RMSprop rate"
- slider "Adam rate"
- checkbox "show SGD" [checked]
- checkbox "show Adam" [checked]
- 'img "map of the ravine with paths: SGD, momentum, RMSprop, Adam"'
- 'img "loss over 80 steps: SGD, momentum, RMSprop, Adam"'
- status: /SGD 29% after 80 steps/
- group: /Words. optimizer, learning rate, momentum/
""",
    "DrawDigit": """
- button /Clear/
- button "0"
- button "9"
- button /Upload a picture/
- application /drawing. mouse, finger or pen; or keys/
- img "what the networks see, 28×28"
- img "saliency, nothing drawn yet"
- slider "shift right"
- slider "shift down"
- slider "turn (degrees)"
- textbox "turn (degrees), as a number"
- status: "nothing drawn yet: draw a digit, or take a sample"
- img /probability of each class/
- combobox "look inside"
- combobox "layer"
- img /feature maps of relu1. 8 maps of 28×28/
- group: /Words. feature map, ReLU, saliency map/
""",
    "Clinic": """
- group "patient":
  - button "0 (healthy)" [pressed]
  - button "11"
- group "look at":
  - button "curves" [pressed]
  - button "inputs"
- slider "after epoch"
- textbox "after epoch, as a number"
- img /patient 0, curves, after epoch 12. loss \\(nats\\) over epoch 1 to 12. training from 2.25 to 0.336/
- status: /Patient 0, curves, after epoch 12 of 12/
- group: /Words. nat, dead unit/
""",
}
NO_DRAWING = "from cnnlab import course_folder\n(course_folder() / 'drawing.png').unlink(missing_ok=True)\n"
CELLS = [QUESTION if name == "PredictThenRun" else MAKE.format(name) for name in CHANGES]


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with the panels in one notebook."""
    cells = [f"{NO_DRAWING}{cell}" if "DrawDigit" in cell else cell for cell in CELLS]
    with shared_lab.running([*cells, PICTURE], height=900) as page:
        browser.use_dejavu(page, ".cnnlab-panel")
        yield page


def show(lab, name: str, width: int) -> Locator:
    """Return the panel in a window of this width and 900 pixels height, laid out and in sight."""
    lab.set_viewport_size({"width": width, "height": 900})
    panel = lab.locator(".jp-CodeCell").nth(list(CHANGES).index(name)).locator(".cnnlab-panel").first
    panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")
    panel.locator("canvas:visible").last.wait_for()
    browser.wait_until_still(panel)
    expect(lab.locator("#filebrowser")).to_be_visible()
    return panel


def test_every_panel_has_its_line():
    assert set(CHANGES) == set(PANELS)


@pytest.mark.parametrize("width", [1280, 1440])
@pytest.mark.parametrize("name", list(CHANGES))
def test_a_control_and_what_it_changes_are_on_one_screen(lab, name, width):
    panel = show(lab, name, width)
    assert panel.bounding_box()["height"] <= LARGEST
    label, pictures = CHANGES[name]
    boxes = [picture.bounding_box() for picture in panel.locator(f":is({pictures}):visible").all()]
    boxes.append(panel.get_by_role("slider", name=label, exact=True).bounding_box())
    assert len(boxes) > 1
    extent = max(box["y"] + box["height"] for box in boxes) - min(box["y"] for box in boxes)
    assert extent <= lab.locator(".jp-WindowedPanel-outer").first.bounding_box()["height"]


@pytest.mark.parametrize("name", list(CHANGES))
def test_on_a_narrow_page_no_picture_is_tiny(lab, name):
    pictures = show(lab, name, 800).locator("canvas:visible").all()
    widths = {picture.evaluate("canvas => canvas.clientWidth") for picture in pictures}
    assert min(widths) >= SMALLEST


def test_a_wide_picture_is_as_wide_as_its_cell(lab):
    lab.set_viewport_size({"width": 800, "height": 900})
    picture = lab.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output img")
    picture.evaluate("image => image.scrollIntoView()")
    browser.wait_until_still(picture)
    assert picture.evaluate("image => image.naturalWidth") > 800
    assert CELL <= picture.evaluate("image => image.getBoundingClientRect().width") < CELL + 10


@pytest.mark.parametrize("name", list(CHANGES))
def test_on_a_narrow_page_no_words_around_a_picture_are_tiny(lab, name):
    panel = show(lab, name, 800)
    sizes = panel.evaluate(WORD_SIZES)
    assert min(sizes.values()) >= LETTERS, sizes


@pytest.mark.parametrize(("name", "count"), [("Clinic", 2), ("DrawDigit", 3)])
def test_on_a_narrow_page_axes_that_are_side_by_side_stand_below_each_other(lab, name, count):
    plot = show(lab, name, 1280).locator(".cnnlab-plot:visible").first
    wide = plot.evaluate("canvas => [canvas.width, canvas.height]")
    assert wide[0] == 820
    show(lab, name, 800)
    browser.wait_for(lab, lambda: plot.evaluate("canvas => canvas.height") == count * wide[1])
    shown, drawn = plot.evaluate("canvas => [canvas.clientWidth, canvas.width]")
    assert shown >= 0.85 * drawn  # the letters are nearly as large as on a wide page
    show(lab, name, 1280)
    browser.wait_for(lab, lambda: plot.evaluate("canvas => [canvas.width, canvas.height]") == wide)


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_screen_reader_says_what_every_slider_shows(lab, name):
    panel = show(lab, name, 1280)
    before = panel.evaluate(READOUTS)
    assert before
    handle = panel.get_by_role("slider", name=CHANGES[name][0], exact=True)
    low, now, high = (float(handle.get_attribute(f"aria-value{part}")) for part in ("min", "now", "max"))
    keys = ["ArrowRight", "ArrowLeft"] if now < high else ["ArrowLeft", "ArrowRight"]
    handle.press(keys[0])
    browser.wait_for(lab, lambda: panel.evaluate(READOUTS) != before)
    after = panel.evaluate(READOUTS)
    handle.press(keys[1])
    browser.wait_for(lab, lambda: panel.evaluate(READOUTS) == before)
    assert low < high
    for said, shown in (*before, *after):
        assert said == shown != ""


@pytest.mark.parametrize("name", list(CHANGES))
def test_tab_alone_reaches_every_control_in_order_and_each_has_a_name(lab, name):
    panel = show(lab, name, 1280)
    count, names = panel.evaluate(FOCUS_FIRST), []
    for stop in range(count):
        place, words = panel.evaluate(FOCUSED)
        assert place == stop
        names.append(words)
        lab.keyboard.press("Tab")
    assert all(names), names
    assert panel.evaluate(FOCUSED) is None  # Tab leads out of the panel again


@pytest.mark.parametrize("name", list(FOUND))
def test_a_screen_reader_finds_every_part_of_the_panel(lab, name):
    expect(show(lab, name, 1280)).to_match_aria_snapshot(FOUND[name])
