"""Test PoolingExplorer, KernelExperiment and RunExplorer in a real JupyterLab: each control by keys or pointer."""

import re
from collections.abc import Iterator

import browser
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

PANELS = ["PoolingExplorer", "KernelExperiment", "RunExplorer"]


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with all three panels in one notebook."""
    cells = [f"import cnnlab\npanel = cnnlab.{name}()\npanel" for name in PANELS]
    with shared_lab.running(cells, height=2900) as page:
        yield page


@pytest.fixture
def pooling(lab):
    """Yield the cell with a fresh PoolingExplorer."""
    yield from fresh(lab, "PoolingExplorer")


@pytest.fixture
def kernel(lab):
    """Yield the cell with a fresh KernelExperiment."""
    yield from fresh(lab, "KernelExperiment")


@pytest.fixture
def runs(lab):
    """Yield the cell with a fresh RunExplorer."""
    yield from fresh(lab, "RunExplorer")


def fresh(lab: Page, name: str) -> Iterator[Locator]:
    place = PANELS.index(name)
    cell = lab.locator(".jp-CodeCell").nth(place)
    with browser.anew(lab, cell=place):
        expect(cell.get_by_role("status").first).not_to_be_empty()
        yield cell


def press(control: Locator, key: str) -> None:
    control.focus()
    control.page.keyboard.press(key)


def expect_other_pixels(picture: Locator, before: np.ndarray) -> np.ndarray:
    """Wait until the picture has changed, and return its pixels."""
    browser.wait_for(picture.page, lambda: not np.array_equal(browser.read_pixels(picture), before))
    return browser.read_pixels(picture)


# --- PoolingExplorer


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("image", "row 3, column 3"),
        ("feature map", "row 3, column 3"),
        ("window size", "maximum of 9 values"),
        ("shift right", "Moved 1 right, 0 down: the map changed by 0."),
        ("shift down", "Moved 0 right, 1 down: the map changed by 0."),
    ],
)
def test_every_slider_of_the_pooling_explorer_changes_the_pooled_map(pooling, name, words):
    pooled = pooling.get_by_role("application", name="pooled map")
    before = browser.read_pixels(pooled)
    press(pooling.get_by_role("slider", name=name, exact=True), "ArrowRight")
    expect(pooling.get_by_role("status")).to_contain_text(words)
    expect_other_pixels(pooled, before)


def test_pooling_by_mean_with_another_stride_and_the_window_under_the_pointer(pooling):
    press(pooling.get_by_role("slider", name="window size"), "ArrowRight")
    pooling.get_by_role("combobox", name="pooling").select_option("average")
    expect(pooling.get_by_role("status")).to_contain_text("the mean of 9 values")
    pooling.get_by_role("combobox", name="stride").select_option("1")
    pooled = pooling.get_by_role("application", name="pooled map, 26×26")
    box = pooled.bounding_box()
    pooling.page.mouse.move(box["x"] + box["width"] * 10.5 / 26, box["y"] + box["height"] * 4.5 / 26)
    expect(pooling.get_by_role("status")).to_contain_text("row 4, column 10: the mean of 9 values")
    mark = pooling.get_by_role("img", name="feature map").locator(".cnnlab-rectangle.cnnlab-over")
    assert [mark.get_attribute(name) for name in ("y", "x", "height", "width")] == ["4", "10", "3", "3"]
    press(pooled, "ArrowDown")
    expect(pooling.get_by_role("status")).to_contain_text("row 5, column 10")


# --- KernelExperiment


def test_the_kernel_experiment_answers_its_switches(kernel):
    status = kernel.get_by_role("status").first
    plot = kernel.get_by_role("img", name=re.compile("^kernel sizes compared"))
    before = browser.read_pixels(plot)
    press(kernel.get_by_role("slider", name="seeds"), "ArrowRight")
    before = expect_other_pixels(plot, before)
    kernel.get_by_role("combobox", name="data").select_option("coarse patterns")
    expect(status).to_contain_text("7×7 better")  # notebook 01 says so by verdict
    before = expect_other_pixels(plot, before)
    kernel.get_by_role("combobox", name="against").select_option("7×7")
    expect(status).to_contain_text("Against 7×7")
    expect_other_pixels(plot, before)
    kernel.get_by_role("combobox", name="data").select_option("digits")
    for name, words in (("match parameters", "5×5 24,960"), ("two 3×3 for one", "two 3×3"), ("7×7", "two 3×3")):
        press(kernel.get_by_role("checkbox", name=name), "Space")
        expect(status).to_contain_text(words)
    expect(status).not_to_contain_text("7×7 27")
    kernel.get_by_role("combobox", name="compared by").select_option("validation_loss")
    kernel.get_by_role("combobox", name="padding").select_option("valid")
    kernel.get_by_role("combobox", name="pooling").select_option("avg")
    expect(status).to_contain_text("Not trained yet: ")
    start = kernel.locator("button.jupyter-button", has_text="Start")
    expect(start).to_be_enabled()
    start.click()
    expect(kernel.get_by_role("status").nth(1)).to_contain_text("Training run 1 of ")
    kernel.locator("button.jupyter-button", has_text="Stop").click()
    expect(kernel.get_by_role("status").nth(1)).to_contain_text("stopped in epoch")
    expect(start).to_be_enabled()


# --- RunExplorer


def test_one_slider_moves_every_picture_of_the_run_explorer(runs):
    pictures = [
        runs.get_by_role("img", name=re.compile("^loss and gradient flow")),
        runs.get_by_role("img", name=re.compile("^activations and weights")),
        *runs.get_by_role("application", name=re.compile("^maps of relu1")).all(),
        *runs.get_by_role("img", name=re.compile("^Saliency")).all(),
    ]
    assert len(pictures) == 6
    before = [browser.read_pixels(picture) for picture in pictures]
    press(runs.get_by_role("slider", name="after epoch"), "Home")
    expect(runs.get_by_role("status")).to_contain_text("After epoch 0: kernel_size=3, pooling=")
    for picture, old in zip(pictures, before, strict=True):
        expect_other_pixels(picture, old)
    expect(pictures[0]).to_have_attribute("aria-label", re.compile("after epoch 0: untrained"))


def test_a_unit_under_the_pointer_shows_what_it_sees(runs):
    maps = runs.get_by_role("application", name=re.compile("^maps of relu1")).first
    box = maps.bounding_box()
    width, height = maps.locator("canvas").evaluate("c => [c.width, c.height]")
    runs.page.mouse.move(box["x"] + box["width"] * (29 + 10.5) / width, box["y"] + box["height"] * (1 + 7.5) / height)
    expect(runs.get_by_role("status")).to_contain_text(
        re.compile(
            r"relu1, unit 1, row 7, column 10: .* it sees in the first run rows 6 to 8, columns 9 to 11, "
            r"and in the second run rows 5 to 9, columns 8 to 12\."
        )
    )
    mark = runs.get_by_role("img", name="image 0").locator(".cnnlab-rectangle.cnnlab-over")
    assert [mark.get_attribute(name) for name in ("y", "x", "height", "width")] == ["6", "9", "3", "3"]


def test_another_run_layer_and_image(runs):
    old = browser.read_pixels(runs.get_by_role("img", name="image 0"))
    press(runs.get_by_role("slider", name="image"), "ArrowRight")
    expect_other_pixels(runs.get_by_role("img", name="image 1"), old)
    runs.get_by_role("combobox", name="layer").select_option("pool2")
    expect(runs.get_by_role("status")).to_contain_text("pool2, unit")
    name = runs.get_by_role("combobox", name="second run").locator("option").nth(3).text_content()
    runs.get_by_role("combobox", name="second run").select_option(index=3)
    expect(runs.get_by_role("status")).to_contain_text(f"{name} reads")
    runs.get_by_role("combobox", name="first run").select_option(index=3)
    expect(runs.get_by_role("status")).to_contain_text(f"{name} reads")
