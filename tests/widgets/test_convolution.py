"""Test ConvolutionExplorer without a browser: set controls from Python, and check the pictures."""

import numpy as np
import pytest
import torch
from pictures import assert_same_colours, expected_output, picture
from shown import texts_shown

from cnnlab.model.convolution import make_kernel
from cnnlab.widgets import ConvolutionExplorer
from cnnlab.widgets.web.canvas import PixelCanvas, diverging_pixels, grey_pixels

IMAGES = torch.rand(3, 1, 7, 9, generator=torch.Generator().manual_seed(0))
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def panel():
    return ConvolutionExplorer(IMAGES)


def test_at_the_start_all_three_pictures_are_shown(panel):
    kernel = make_kernel("vertical edges")
    assert (picture(panel.input) == grey_pixels(IMAGES[0, 0])).all()
    assert (picture(panel.kernel) == diverging_pixels(kernel, 1 / 3)).all()
    assert_same_colours(picture(panel.output), expected_output(IMAGES[0, 0], kernel))


def test_every_control_changes_the_output(panel):
    panel.image_index.value = 2
    panel.preset.value = "sharpen"
    panel.kernel_size.value = 5
    assert (picture(panel.input) == grey_pixels(IMAGES[2, 0])).all()
    assert_same_colours(picture(panel.output), expected_output(IMAGES[2, 0], make_kernel("sharpen", 5)))
    assert panel.kernel.title == "Kernel 5×5"


def test_the_cursor_moves_the_patch_its_products_and_their_sum(panel):
    panel.output.cursor = [0, 8]
    patch = np.zeros((3, 3), dtype=np.float32)
    patch[1:, :2] = IMAGES[0, 0, :2, 7:]
    total = (-patch[:, 0].sum() + patch[:, 2].sum()) / 3
    assert panel.input.rectangle == [-1, 7, 3, 3]
    assert panel.patch.values == patch.flatten().tolist()
    np.testing.assert_allclose(panel.products.values, (patch * [-1 / 3, 0, 1 / 3]).flatten(), rtol=1e-6)
    words = f"sum −{abs(total):.2f}"
    assert panel.products.title == f"= products, {words}"
    assert panel.status.value == f"row 0, column 8: 9 products (5 with a zero from outside the picture), {words}"


def test_a_typed_number_makes_the_kernel_your_own(panel):
    panel.weights.values = ["2", *panel.weights.values[1:]]
    kernel = make_kernel("vertical edges")
    kernel[0, 0] = 2
    assert panel.preset.value == "your own numbers"
    assert panel.weights.values == kernel.flatten().tolist()
    assert_same_colours(picture(panel.output), expected_output(IMAGES[0, 0], kernel))


def test_your_own_numbers_survive_another_size_and_end_with_a_preset(panel):
    panel.preset.value = "your own numbers"
    panel.weights.values = list(range(9))
    panel.kernel_size.value = 5
    assert np.reshape(panel.weights.values, (5, 5))[1:4, 1:4].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    panel.preset.value = "identity"
    assert panel.weights.values == make_kernel("identity", 5).flatten().tolist()


def test_a_bad_number_is_shown_escaped_and_red_until_the_next_good_one(panel):
    before = picture(panel.output).copy()
    panel.weights.values = [NASTY, *panel.weights.values[1:]]
    assert panel.status.value == (
        '<span class="cnnlab-error">the kernel&#x27;s number at row 0, column 0 must be a number from −1000 to 1000, '
        "got &#x27;&lt;img src=x onerror=alert(1)&gt;&#x27;; try 0.5</span>"
    )
    assert (picture(panel.output) == before).all()
    panel.weights.values = [1, *panel.weights.values[1:]]
    assert "cnnlab-error" not in panel.status.value
    assert not (picture(panel.output) == before).all()


def test_one_change_is_one_message_a_picture(panel, monkeypatch):
    sent = []
    monkeypatch.setattr(PixelCanvas, "send_state", lambda self, key=None: sent.append((self.title, set(key))))
    panel.kernel_size.value = 5
    assert [message for message in sent if message[1]] == [
        ("Output", {"pixels", "caption"}),
        ("Input", {"rectangle"}),
        ("Kernel 5×5", {"width", "height", "pixels", "title", "label", "caption"}),
    ]


def test_every_control_and_picture_has_a_name(panel):
    controls = (panel.image_index, panel.preset, panel.kernel_size)
    assert [control.description for control in controls] == ["image", "kernel", "kernel size"]
    parts = (panel.input, panel.kernel, panel.output, panel.patch, panel.weights, panel.products)
    assert all(part.label for part in parts)


def test_images_may_come_without_a_channel():
    panel = ConvolutionExplorer(IMAGES[:, 0].double())
    assert (picture(panel.input) == grey_pixels(IMAGES[0, 0])).all()


def test_without_images_it_shows_the_ten_digits():
    panel = ConvolutionExplorer()
    assert panel.images.shape == (10, 28, 28)
    assert panel.image_index.max == 9


def test_the_panel_shows_the_same_text_in_every_kernel(panel):
    text = "<ConvolutionExplorer: a live panel; run this cell to use it>"
    assert texts_shown(panel) == [text] == [repr(panel)]
