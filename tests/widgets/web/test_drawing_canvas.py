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


def test_the_sheet_shows_the_same_text_in_every_kernel():
    text = "<DrawingCanvas: a live sheet to draw on>"
    assert DisplayFormatter().format(DrawingCanvas())[0]["text/plain"] == text == repr(DrawingCanvas())
