"""Test the sheet to draw on: ink from Python, and from the browser."""

import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from cnnlab.errors import ConfigError
from cnnlab.widgets.web.drawing_canvas import EMPTY, DrawingCanvas


def test_ink_is_read_as_it_was_shown_and_cleared():
    sheet = DrawingCanvas()
    ink = torch.zeros(112, 112)
    ink[3, 5], ink[111, 0] = 1.0, 0.2  # 0.2 is 51 of 255
    sheet.show(ink)
    assert torch.equal(sheet.read(), ink)
    assert sheet.ink[3 * 112 + 5] == 255
    sheet.clear()
    assert sheet.ink == EMPTY
    assert not sheet.read().any()


def test_ink_of_another_size_is_refused():
    sheet = DrawingCanvas()
    sheet.set_state({"ink": memoryview(b"123")})  # as it comes from the browser
    with pytest.raises(ConfigError, match=r"the drawing must be 112×112 bytes, got 3; clear it and draw again"):
        sheet.read()


@pytest.mark.parametrize(
    ("ink", "words"),
    [
        ([[0.0]], r"ink must be a float tensor \(H, W\) with pixels, got list"),
        (torch.zeros(112, 112, dtype=torch.uint8), r"ink must be a float tensor \(H, W\) with pixels, got uint8"),
        (
            torch.zeros(28, 28),
            r"ink must have the shape \(112, 112\), got \(28, 28\); as_mnist\(ink, scale=4\) resizes it",
        ),
        (torch.full((112, 112), 255.0), "ink must lie in 0–1, got 255 to 255; divide by 255 if it is 0 to 255"),
        (torch.full((112, 112), -0.5), "ink must lie in 0–1, got -0.5 to -0.5"),
        (torch.full((112, 112), float("nan")), "ink must lie in 0–1, got nan to nan"),
    ],
)
def test_ink_that_the_sheet_cannot_show_is_refused(ink, words):
    sheet = DrawingCanvas()
    with pytest.raises(ConfigError, match=words):
        sheet.show(ink)
    assert sheet.ink == EMPTY


def test_the_sheet_shows_the_same_text_in_every_kernel():
    text = "<DrawingCanvas: a live sheet to draw on>"
    assert DisplayFormatter().format(DrawingCanvas())[0]["text/plain"] == text == repr(DrawingCanvas())
