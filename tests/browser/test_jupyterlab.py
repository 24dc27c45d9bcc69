"""Test ConvolutionExplorer in a real JupyterLab and Chromium: real keys and pointer, and the pixels in the page."""

import re

import browser
import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from scipy import ndimage

from cnnlab.model.convolution import make_kernel
from cnnlab.widgets.web.canvas import diverging_pixels, grey_pixels

IMAGES = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
IMAGE = IMAGES[0, 0]
MAKE_PANEL = """
import torch
from cnnlab.widgets import ConvolutionExplorer
panel = ConvolutionExplorer(torch.load("images.pt"))
panel
"""
SHOW_IT_AGAIN = "panel"
NASTY = "<img src=x onerror=document.title='x'>"


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with one open notebook for all tests of this file."""
    torch.save(IMAGES, shared_lab.folder / "images.pt")
    with shared_lab.running([MAKE_PANEL, SHOW_IT_AGAIN], height=1700) as page:
        yield page


@pytest.fixture
def page(lab):
    """Yield the page with a fresh panel in it, shown twice."""
    with browser.anew(lab):
        expect(lab.get_by_role("group", name="kernel")).to_have_count(2)
        yield lab


def output_of(page: Page, view: int = 0) -> Locator:
    return page.get_by_role("application", name="output").nth(view)


def expect_pixels(frame: Locator, expected: np.ndarray) -> None:
    """Wait until the canvas holds the expected pixels, except for the last bit, which may be rounded differently."""

    def are_there() -> bool:
        found = browser.read_pixels(frame)
        return found.shape == expected.shape and np.abs(found - expected.astype(int)).max() <= 1

    browser.wait_for(frame.page, are_there)


def output_pixels(kernel: torch.Tensor) -> np.ndarray:
    output = ndimage.correlate(IMAGE.numpy(), kernel.numpy(), mode="constant")
    return diverging_pixels(torch.from_numpy(output), float(np.abs(output).max()))


def words_at(kernel: torch.Tensor, row: int, column: int) -> str:
    total = ndimage.correlate(IMAGE.numpy(), kernel.numpy(), mode="constant")[row, column]
    return f"row {row}, column {column}: {kernel.numel()} products, sum {total:.2f}".replace("-", "−")


def kernel_cell(page: Page, row: int, column: int) -> Locator:
    return page.get_by_role("group", name="kernel").first.get_by_label(f"row {row}, column {column}")


def test_all_three_pictures_hold_the_right_pixels(page):
    kernel = make_kernel("vertical edges")
    expect_pixels(page.get_by_role("img", name="input").first, grey_pixels(IMAGE))
    expect_pixels(page.get_by_role("img", name="Kernel 3×3").first, diverging_pixels(kernel, 1 / 3))
    expect_pixels(output_of(page), output_pixels(kernel))
    expect(page.get_by_role("status").first).to_have_text(words_at(kernel, 14, 14))


def test_the_kernel_size_slider_obeys_the_keyboard(page):
    slider = page.get_by_role("slider", name="kernel size").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert float(slider.get_attribute("aria-valuenow")) == 5
    kernel = make_kernel("vertical edges", 5)
    expect_pixels(output_of(page), output_pixels(kernel))
    expect_pixels(page.get_by_role("img", name="Kernel 5×5").first, diverging_pixels(kernel, 0.1))
    expect(page.get_by_role("group", name="kernel").first.locator("input")).to_have_count(25)


def test_pointing_at_an_output_pixel_tells_its_sum_and_marks_what_it_reads(page):
    box = output_of(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 20.5 / 28, box["y"] + box["height"] * 3.5 / 28)
    kernel = make_kernel("vertical edges")
    expect(page.get_by_role("status").first).to_have_text(words_at(kernel, 3, 20))
    mark = page.get_by_role("img", name="input").first.locator(".cnnlab-rectangle.cnnlab-over")
    assert [mark.get_attribute(name) for name in ("y", "x", "height", "width")] == ["2", "19", "3", "3"]
    total = words_at(kernel, 3, 20).split()[-1]
    expect(page.get_by_text(f"= products, sum {total}").first).to_be_visible()
    patch = page.get_by_role("group", name="patch").first.locator("input")
    shown = [float(patch.nth(place).input_value()) for place in range(9)]
    np.testing.assert_allclose(shown, IMAGE[2:5, 19:22].flatten(), atol=0.0051)


def test_a_number_says_in_which_grid_it_stands(page):
    for grid in ("patch of the image", "kernel", "products"):
        expect(page.get_by_role("textbox", name=f"{grid}, row 0, column 2", exact=True)).to_have_count(2)  # two views


def test_the_arrow_keys_move_the_cursor_and_nothing_else(page):
    chosen_cell = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    output_of(page).focus()
    before = page.evaluate(chosen_cell)
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_role("status").first).to_have_text(words_at(make_kernel("vertical edges"), 13, 15))
    assert page.evaluate(chosen_cell) == before
    for _ in range(14):
        page.keyboard.press("ArrowUp")  # one more than there is room
    expect(page.get_by_role("status").first).to_contain_text("row 0, column 15")


def test_another_preset_shows_another_output(page):
    page.get_by_role("combobox", name="kernel").first.focus()
    page.keyboard.press("b")  # in JupyterLab also the command that adds a cell
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)
    expect_pixels(output_of(page), output_pixels(make_kernel("blur")))


def test_a_typed_number_is_used(page):
    kernel_cell(page, 0, 0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(kernel_cell(page, 1, 1)).to_be_focused()
    page.keyboard.type("-2.5")
    page.keyboard.press("Enter")
    kernel = make_kernel("vertical edges")
    kernel[1, 1] = -2.5
    expect_pixels(output_of(page), output_pixels(kernel))
    expect(page.get_by_role("combobox", name="kernel").first).to_have_value("your own numbers")


def test_a_bad_number_is_answered_in_red_and_as_text(page):
    status = page.get_by_role("status").first
    kernel_cell(page, 0, 2).fill(NASTY)
    page.keyboard.press("Enter")
    expect(status).to_contain_text(f"row 0, column 2 must be a number from −1000 to 1000, got {NASTY!r}"[:90])
    expect(status.locator("img")).to_have_count(0)
    expect(status.locator(".cnnlab-error")).to_have_css("color", "rgb(211, 47, 47)")
    assert page.title() != "x"
    kernel_cell(page, 0, 2).fill("1")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("9 products")
    expect(status.locator(".cnnlab-error")).to_have_count(0)


def test_a_second_view_is_as_live_as_the_first(page):
    page.get_by_role("slider", name="kernel size").nth(1).focus()
    page.keyboard.press("ArrowRight")
    for view in (0, 1):
        expect_pixels(output_of(page, view), output_pixels(make_kernel("vertical edges", 5)))
    output_of(page, 1).focus()
    page.keyboard.press("ArrowUp")
    for view in (0, 1):
        expect(page.get_by_role("status").nth(view)).to_contain_text("row 13, column 14")


def test_tab_alone_reaches_every_control_and_each_has_a_name(page):
    name_of_focused = """() => {
      const focused = document.activeElement;
      return focused.closest('[role=group]')?.ariaLabel ?? focused.ariaLabel ?? focused.labels[0].textContent;
    }"""
    page.get_by_role("slider", name="image").first.focus()
    names = []
    for _ in range(9):
        names.append(page.evaluate(name_of_focused))
        page.keyboard.press("Tab")
    controls = ["image", "image, as a number", "kernel", "kernel size", "kernel size, as a number"]
    output = "output, 28 by 28 pixels; the arrow keys move the cursor"
    assert names == [*controls, output, "patch of the image", "kernel", "products"]


@pytest.mark.parametrize(("theme", "is_dark"), [("JupyterLab Light", False), ("JupyterLab Dark", True)])
def test_it_fits_a_narrow_page_in_both_themes(page, theme, is_dark):
    browser.use_theme(page, theme)
    page.set_viewport_size({"width": 800, "height": 1700})
    page.wait_for_function("() => document.querySelector('.jp-OutputArea-output:has(.cnnlab-panel)').clientWidth < 500")
    panel = page.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first
    assert panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") == 0
    pictures = panel.locator(".cnnlab-frame")
    assert min(picture.bounding_box()["width"] for picture in pictures.all()) > 160  # in two rows
    ink = panel.locator(".cnnlab-title").first.evaluate("title => getComputedStyle(title).color")
    assert (max(map(int, re.findall(r"\d+", ink)[:3])) > 128) == is_dark


def test_without_chromium_the_tests_are_skipped_with_the_words_that_get_one(monkeypatch):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"`sudo apt install chromium`.*`brew install .*`winget install"):
        browser.chromium_or_skip()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="`sudo apt install chromium`"):
        browser.chromium_or_skip()


def test_a_chromium_in_another_place_is_found_by_its_variable(monkeypatch, tmp_path):
    chromium = tmp_path / "my chromium"
    chromium.touch()
    monkeypatch.setenv("CNNLAB_CHROMIUM", str(chromium))
    assert browser.find_chromium() == str(chromium)
    chromium.unlink()
    with pytest.raises(FileNotFoundError, match=r"CNNLAB_CHROMIUM says .*my chromium, and there is no such file"):
        browser.find_chromium()
