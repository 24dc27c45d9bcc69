"""Test DrawDigit in a real JupyterLab and Chromium: draw a 7 by mouse, keys, finger and pen, and read the answers."""

import contextlib
import io
import re
from collections.abc import Iterator

import browser
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

MAKE_PANEL = """
from cnnlab import DrawDigit, course_folder
(course_folder() / "drawing.png").unlink(missing_ok=True)  # what the last test has drawn
panel = DrawDigit()
panel
"""
SHOW_IT_AGAIN = "panel"
NOTHING = "nothing drawn yet: draw a digit, or take a sample"


@pytest.fixture(scope="module")
def lab(shared_lab):
    """Yield the page with one open notebook for all tests of this file."""
    with shared_lab.running([MAKE_PANEL, SHOW_IT_AGAIN], height=2400) as page:
        yield page


@pytest.fixture
def page(lab):
    """Yield the page with a fresh panel in it, shown twice."""
    with browser.anew(lab):
        expect(lab.get_by_role("application", name="drawing")).to_have_count(2)
        expect(lab.get_by_role("status").first).to_have_text(NOTHING)
        yield lab


def sheet(page: Page, view: int = 0) -> Locator:
    return page.get_by_role("application", name="drawing").nth(view)


def status(page: Page) -> Locator:
    return page.get_by_role("status").first


def pixels(frame: Locator) -> np.ndarray:
    return browser.read_pixels(frame).astype(int)


def stroke(page: Page, *places: tuple[float, float]) -> None:
    """Draw with the mouse through these places, (x, y) in shares of the sheet."""
    box = sheet(page).bounding_box()
    at = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def wait_until_still(page: Page) -> None:
    """Wait until the sheet is visible and does not move: another theme or size lays out the page anew."""
    box = None
    while sheet(page).bounding_box() != box:
        sheet(page).scroll_into_view_if_needed()  # a low page may show the cell that ran last
        box = sheet(page).bounding_box()
        browser.wait_until_still(sheet(page))


def draw_seven(page: Page) -> None:
    wait_until_still(page)
    stroke(page, (0.28, 0.2), (0.72, 0.2))
    stroke(page, (0.72, 0.2), (0.45, 0.85))


def test_a_seven_drawn_with_two_strokes_of_the_mouse_is_read_in_both_views(page):
    draw_seven(page)
    expect(status(page)).to_have_text(re.compile(r"^3×3 max reads 7 .*5×5 max reads 7 .*5×5 avg reads 7 \(\d\.\d\d\)$"))
    expect(page.get_by_role("img", name="probability of each class; 3×3 max reads 7").first).to_be_visible()
    ink = pixels(sheet(page))
    assert ink.shape == (112, 112, 4)
    assert (ink[22, 40, 0], ink[100, 10, 0]) == (255, 0)
    assert (pixels(sheet(page, 1)) == ink).all()
    seen = pixels(page.get_by_role("img", name="what the networks see").first)
    rows, columns = np.nonzero(seen[..., 0])
    assert seen.shape == (28, 28, 4)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    browser.wait_in_kernel(page, "any(panel.canvas.ink) and DrawDigit().canvas.ink == panel.canvas.ink")  # it is kept
    page.get_by_role("button", name="Clear").first.click()
    expect(status(page)).to_have_text(NOTHING)
    for view in (0, 1):
        assert pixels(sheet(page, view))[..., 0].max() == 0


# --- Finger and pen: what Chromium gets from a screen or a tablet, sent through its DevTools protocol

SEVEN = [[(0.28, 0.2), (0.72, 0.2)], [(0.72, 0.2), (0.45, 0.85)]]
LISTEN = """sheet => {
  window.heard = [];
  const kinds = ["pointerdown", "pointerup", "pointercancel"];
  for (const kind of kinds) sheet.addEventListener(kind, one => heard.push(`${one.pointerType} ${one.type}`));
}"""
SCROLLED = "() => [...document.querySelectorAll('*')].map(one => one.scrollTop).reduce((a, b) => a + b)"
ZOOM = "() => visualViewport.scale"


@pytest.fixture
def devtools(page):
    """Yield a session in which `send` sends touches and a pen to Chromium; `heard` lists the events of the sheet."""
    page.set_viewport_size({"width": 1280, "height": 800})  # too low for the panel: it can be scrolled
    sheet(page).evaluate(LISTEN)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    yield session
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    session.detach()


def on_the_sheet(page: Page, *places: tuple[float, float]) -> list[dict]:
    """Return the places, in shares of the sheet, as the protocol's touch points; the first is finger 0."""
    box = sheet(page).bounding_box()
    return [
        {"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y, "id": finger}
        for finger, (x, y) in enumerate(places)
    ]


def touch(devtools, kind: str, points: list[dict]) -> None:
    devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def between(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """Return eight places on the line from start to end, including end."""
    return [tuple(a + (b - a) * step / 8 for a, b in zip(start, end, strict=True)) for step in range(1, 9)]


def draw_seven_by_finger(page: Page, devtools, others: tuple[tuple[float, float], ...] = ()) -> None:
    """Draw with one finger; others: where, in the middle of each stroke, a second one comes down, and where it moves.

    A finger that a touchMove does not name any more has been lifted.
    """
    for start, end in SEVEN:
        touch(devtools, "touchStart", on_the_sheet(page, start))
        places = between(start, end)
        for place in places[:4]:
            touch(devtools, "touchMove", on_the_sheet(page, place))
        for number, other in enumerate(others):
            touch(devtools, "touchMove" if number else "touchStart", on_the_sheet(page, places[3], other))
        for place in places[4:]:
            touch(devtools, "touchMove", on_the_sheet(page, place))
        touch(devtools, "touchEnd", [])


def ink_at_rest(page: Page) -> np.ndarray:
    """Return the sheet's pixels when the other view has them, too: Python has received all strokes."""
    browser.wait_for(page, lambda: (pixels(sheet(page, 1)) == pixels(sheet(page))).all())
    return pixels(sheet(page))


def test_a_finger_draws_a_seven_and_the_page_stays_where_it_is(page, devtools):
    wait_until_still(page)
    before, box = page.evaluate(SCROLLED), sheet(page).bounding_box()
    draw_seven_by_finger(page, devtools)
    expect(status(page)).to_contain_text("3×3 max reads 7")
    assert page.evaluate("heard") == ["touch pointerdown", "touch pointerup"] * 2
    assert (page.evaluate(SCROLLED), page.evaluate(ZOOM), sheet(page).bounding_box()) == (before, 1, box)
    with one_finger_on_the_words(page, devtools):  # elsewhere the same finger does scroll the page
        browser.wait_for(page, lambda: page.evaluate(SCROLLED) > before + 50)


@contextlib.contextmanager
def one_finger_on_the_words(page: Page, devtools) -> Iterator[None]:
    """Drag a finger upwards from the status line."""
    box = status(page).bounding_box()
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    touch(devtools, "touchStart", [{"x": x, "y": y}])
    for far in range(20, 220, 20):
        touch(devtools, "touchMove", [{"x": x, "y": y - far}])
    yield
    touch(devtools, "touchEnd", [])


def test_a_second_finger_does_not_disturb_the_stroke(page, devtools):
    wait_until_still(page)
    draw_seven_by_finger(page, devtools)
    expect(status(page)).to_contain_text("3×3 max reads 7")
    alone = ink_at_rest(page)
    page.get_by_role("button", name="Clear").first.click()
    expect(status(page)).to_have_text(NOTHING)
    draw_seven_by_finger(page, devtools, others=((0.15, 0.6), (0.15, 0.7), (0.2, 0.9)))
    expect(status(page)).to_contain_text("3×3 max reads 7")
    assert page.evaluate("heard").count("touch pointerdown") == 2 + 2 + 2  # the sheet heard the second finger
    assert "touch pointercancel" not in page.evaluate("heard")
    assert page.evaluate(ZOOM) == 1
    assert (ink_at_rest(page) == alone).all()
    assert alone[90, 20, 0] == 0


def test_a_pen_draws_a_seven(page, devtools):
    def pen(kind: str, place: tuple[float, float], buttons: int) -> None:
        [point] = on_the_sheet(page, place)
        event = {"type": kind, "x": point["x"], "y": point["y"], "pointerType": "pen", "force": 0.5 * buttons}
        event |= {"button": "left" if buttons or kind == "mouseReleased" else "none", "buttons": buttons}
        devtools.send("Input.dispatchMouseEvent", event | {"clickCount": int(kind != "mouseMoved")})

    wait_until_still(page)
    pen("mouseMoved", (0.1, 0.9), 0)  # a pen that only hovers leaves no ink
    pen("mouseMoved", (0.28, 0.2), 0)
    assert pixels(sheet(page))[..., 0].max() == 0
    for start, end in SEVEN:
        pen("mousePressed", start, 1)
        for place in between(start, end):
            pen("mouseMoved", place, 1)
        pen("mouseReleased", end, 0)
    expect(status(page)).to_contain_text("3×3 max reads 7")
    assert page.evaluate("heard") == ["pen pointerdown", "pen pointerup"] * 2


# --- Everything else


def test_keys_alone_draw_and_clear_and_nothing_else_happens(page):
    sheet(page).focus()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")  # the pen is down
    expect(page.get_by_text("the pen is down").first).to_be_visible()
    for _ in range(11):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    for key in ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"] * 6:
        page.keyboard.press(f"Shift+{key}")
    expect(status(page)).to_contain_text("3×3 max reads 7")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)
    page.keyboard.press("Delete")
    expect(status(page)).to_have_text(NOTHING)


def test_a_sample_and_each_slider_change_what_the_networks_see(page):
    page.get_by_role("button", name="4", exact=True).first.click()
    expect(status(page)).to_contain_text("3×3 max reads 4")
    seen = page.get_by_role("img", name="what the networks see").first
    before = pixels(seen)
    for name, expected in {
        "shift right": np.roll(before, 1, 1),
        "shift down": np.roll(np.roll(before, 1, 1), 1, 0),
    }.items():
        page.get_by_role("slider", name=name).first.focus()
        page.keyboard.press("ArrowRight")
        browser.wait_for(page, lambda expected=expected: np.abs(pixels(seen) - expected).max() <= 1)
    turned = pixels(seen)
    page.get_by_role("slider", name="turn (degrees)").first.focus()
    page.keyboard.press("ArrowRight")
    browser.wait_for(page, lambda: np.abs(pixels(seen) - turned).max() > 20)
    maps = page.get_by_role("img", name="feature maps of relu1: 8 maps of 28×28").first
    assert pixels(maps).shape == (28, 8 * 29 - 1, 4)
    page.get_by_role("combobox", name="layer").first.select_option("conv2")
    assert pixels(page.get_by_role("img", name="feature maps of conv2: 16 maps of 14×14").first).shape == (29, 119, 4)
    page.get_by_role("combobox", name="look inside").first.select_option("5×5 avg")
    expect(page.get_by_role("img", name=re.compile(r"saliency for the \d that 5×5 avg reads")).first).to_be_visible()


def test_an_upload_is_read_and_what_is_no_picture_is_refused_in_red(page):
    paper = np.full((90, 70), 250, np.uint8)
    paper[10:80, 30:38] = 20  # a dark 1 on light paper
    file = io.BytesIO()
    Image.fromarray(paper).save(file, "PNG")
    for _ in range(2):  # the same file twice
        give_file(page, "one.png", "image/png", file.getvalue())
        expect(status(page)).to_contain_text("5×5 max reads 1")
        page.get_by_role("button", name="Clear").first.click()
        expect(status(page)).to_have_text(NOTHING)
    give_file(page, "<img>.png", "image/png", b"<img src=x onerror=document.title='x'>")
    expect(status(page).locator(".cnnlab-error")).to_have_text(
        "this file can't be read as a picture; take a PNG or a JPEG"
    )
    page.get_by_role("button", name="1", exact=True).first.click()
    expect(status(page)).to_contain_text("5×5 max reads 1")
    expect(status(page).locator(".cnnlab-error")).to_have_count(0)


def give_file(page: Page, name: str, kind: str, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a picture").first.click()
    chooser.value.set_files({"name": name, "mimeType": kind, "buffer": content})


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1280), ("JupyterLab Dark", 800)])
def test_it_fits_wide_and_narrow_pages_in_both_themes(page, theme, width):
    browser.use_theme(page, theme)
    page.set_viewport_size({"width": width, "height": 2400})
    draw_seven(page)
    expect(status(page)).to_contain_text("3×3 max reads 7")
    panel = page.locator(".jp-OutputArea-output:has(.cnnlab-panel)").first
    browser.wait_for(page, lambda: panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") == 0)
    boxes = [
        sheet(page).bounding_box()["width"],
        page.get_by_role("img", name="saliency").first.bounding_box()["width"],
    ]
    assert boxes[0] > 220
    assert boxes[1] > 140
