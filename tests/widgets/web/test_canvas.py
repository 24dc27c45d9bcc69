"""Test the colours of pixels, their words, and the canvases."""

import matplotlib
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from pictures import picture

from cnnlab.widgets.web.canvas import NumberGrid, PixelCanvas, blue_to_red, diverging_pixels, grey_pixels


def test_grey_goes_from_black_to_white():
    pixels = grey_pixels(torch.tensor([[0.0, 0.5, 1.0, 2.0]]))
    assert pixels.dtype == np.uint8
    assert pixels[0].tolist() == [[0, 0, 0, 255], [128, 128, 128, 255], [255] * 4, [255] * 4]


def test_the_diverging_map_is_matplotlibs_red_blue_centred_on_zero():
    values = torch.linspace(-2, 2, 101)[None]
    ours = diverging_pixels(values, limit=2)
    theirs = matplotlib.colormaps["RdBu_r"](values.numpy() / 4 + 0.5, bytes=True)
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 4  # theirs has 256 steps
    assert ours[0, 50].tolist() == [247, 247, 247, 255]


def test_a_picture_of_nothing_but_zeros_is_white():
    assert np.unique(diverging_pixels(torch.zeros(2, 3), limit=0)).tolist() == [247, 255]


def test_the_scale_of_small_numbers_is_never_told_as_zero():
    assert [blue_to_red(limit) for limit in (0.004, 0.5, 0)] == [
        "blue −0.004, white 0, red 0.004", "blue −0.50, white 0, red 0.50", "all zero",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "text"),
    [(PixelCanvas, "<PixelCanvas: a live picture>"), (NumberGrid, "<NumberGrid: a live table of numbers>")],
)
def test_a_canvas_shows_the_same_text_in_every_kernel(make, text):
    assert DisplayFormatter().format(make())[0]["text/plain"] == text == repr(make())


def test_a_picture_and_its_traits_are_one_message(monkeypatch):
    sent = []
    canvas = PixelCanvas()
    monkeypatch.setattr(canvas, "send_state", lambda key=None: sent.append(set(key)))
    canvas.show(grey_pixels(torch.zeros(2, 3)), title="black")
    assert sent == [{"width", "height", "pixels", "title"}]
    assert (picture(canvas)[..., :3] == 0).all()
