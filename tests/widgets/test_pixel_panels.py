"""The panels without a browser: controls set from Python, and what the pictures then hold."""

import gc
import threading
import weakref

import matplotlib
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.patches import Rectangle
from pictures import pixels_of
from scipy import ndimage

from cnnlab.errors import ConfigError
from cnnlab.model.convolution import make_kernel
from cnnlab.widgets import ConvolutionExplorer, convolution
from cnnlab.widgets.web.canvas import NumberGrid, PixelCanvas, diverging_pixels, grey_pixels
from cnnlab.widgets.web.drawing_canvas import DrawingCanvas
from cnnlab.widgets.web.live_plot import LivePlot, run_lengths
from cnnlab.widgets.web.status_line import StatusLine, errors_shown_in

IMAGES = torch.rand(3, 1, 7, 9, generator=torch.Generator().manual_seed(0))
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def panel():
    return ConvolutionExplorer(IMAGES)


def picture(canvas: PixelCanvas) -> np.ndarray:
    return np.frombuffer(canvas.pixels, dtype=np.uint8).reshape(canvas.height, canvas.width, 4)


def expected_output(image: int, kernel: torch.Tensor) -> np.ndarray:
    """What the output canvas must hold, by scipy's correlation."""
    output = ndimage.correlate(IMAGES[image, 0].numpy(), kernel.numpy(), mode="constant")
    return diverging_pixels(torch.from_numpy(output), float(np.abs(output).max()))


def assert_same_colours(one: np.ndarray, other: np.ndarray) -> None:
    """Equal but for the last bit, which rounding in the sums may tip."""
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


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


def test_at_the_start_all_three_pictures_are_shown(panel):
    kernel = make_kernel("vertical edges")
    assert (picture(panel.input) == grey_pixels(IMAGES[0, 0])).all()
    assert (picture(panel.kernel) == diverging_pixels(kernel, 1 / 3)).all()
    assert_same_colours(picture(panel.output), expected_output(0, kernel))


def test_every_control_changes_the_output(panel):
    panel.image_index.value = 2
    panel.preset.value = "sharpen"
    panel.kernel_size.value = 5
    assert (picture(panel.input) == grey_pixels(IMAGES[2, 0])).all()
    assert_same_colours(picture(panel.output), expected_output(2, make_kernel("sharpen", 5)))
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
    assert_same_colours(picture(panel.output), expected_output(0, kernel))


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


def test_any_exception_in_a_callback_is_shown_escaped(panel, monkeypatch):
    def fail(*_):
        raise RuntimeError(NASTY)

    monkeypatch.setattr(convolution, "apply_kernel", fail)
    panel.kernel_size.value = 5
    shown = '<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>'
    assert panel.status.value == shown
    assert isinstance(panel.status.error, RuntimeError)
    monkeypatch.undo()
    panel.kernel_size.value = 7
    assert panel.status.value.startswith("row 3, column 4: 49 products")
    assert panel.status.error is None


def test_an_interrupt_is_not_taken_for_an_error():
    status = StatusLine()
    with pytest.raises(KeyboardInterrupt), errors_shown_in(status):
        raise KeyboardInterrupt
    assert status.error is None


def test_words_are_escaped_too():
    status = StatusLine()
    status.say(NASTY)
    assert status.value == "&lt;img src=x onerror=alert(1)&gt;"


def test_a_change_from_another_thread_waits_for_the_drawing_and_is_drawn(panel, monkeypatch):
    drawing, go_on = threading.Event(), threading.Event()
    real = convolution.apply_kernel

    def slow(image, kernel):
        drawing.set()
        assert go_on.wait(10)
        return real(image, kernel)

    def choose(control, value):
        control.value = value

    monkeypatch.setattr(convolution, "apply_kernel", slow)
    first = threading.Thread(target=choose, args=(panel.kernel_size, 5))
    second = threading.Thread(target=choose, args=(panel.preset, "blur"))
    first.start()
    assert drawing.wait(10)
    second.start()
    second.join(0.2)
    go_on.set()
    for thread in (first, second):
        thread.join(10)
    assert panel.status.error is None
    assert_same_colours(picture(panel.output), expected_output(0, make_kernel("blur", 5)))


def test_one_change_is_one_message_a_picture(panel, monkeypatch):
    sent = []
    monkeypatch.setattr(PixelCanvas, "send_state", lambda self, key=None: sent.append((self.title, set(key))))
    panel.kernel_size.value = 5
    assert [message for message in sent if message[1]] == [
        ("Output", {"pixels", "caption"}),
        ("Input", {"rectangle"}),
        ("Kernel 5×5", {"width", "height", "pixels", "title", "label", "caption"}),
    ]


def test_the_panel_shows_the_same_text_in_every_kernel():
    texts = {
        "<ConvolutionExplorer: a live panel; run this cell to use it>": lambda: ConvolutionExplorer(IMAGES),
        "<PixelCanvas: a live picture>": PixelCanvas,
        "<NumberGrid: a live table of numbers>": NumberGrid,
        "<StatusLine: a live line of words>": StatusLine,
    }
    for text, make in texts.items():
        assert DisplayFormatter().format(make())[0]["text/plain"] == text == repr(make())


def test_every_control_and_picture_has_a_name(panel):
    controls = (panel.image_index, panel.preset, panel.kernel_size)
    assert [control.description for control in controls] == ["image", "kernel", "kernel size"]
    parts = (panel.input, panel.kernel, panel.output, panel.patch, panel.weights, panel.products)
    assert all(part.label for part in parts)


def test_a_closed_panel_is_forgotten_with_all_its_parts():
    panel = ConvolutionExplorer(IMAGES)
    parts = [weakref.ref(one) for one in (panel, panel.input, panel.weights, panel.status)]
    plot, sheet = LivePlot(1, 1, label="empty"), DrawingCanvas()
    parts += [weakref.ref(plot), weakref.ref(plot.figure), weakref.ref(sheet)]
    for one in (panel, plot, sheet):
        one.close()
    del panel, plot, sheet, one
    gc.collect()
    assert [part() for part in parts] == [None] * 7


def test_the_runs_of_a_picture_are_its_colours_and_their_lengths_row_by_row():
    red, blue = [255, 0, 0, 255], [0, 0, 255, 255]
    pixels = np.array([[red, red, blue], [blue, blue, blue]], dtype=np.uint8)
    assert run_lengths(pixels) == bytes([*red, *blue, *blue, 2, 0, 1, 0, 3, 0])
    wide = np.zeros((1, 300, 4), dtype=np.uint8)
    assert run_lengths(wide)[4:] == bytes([44, 1])  # 300 = 44 + 256


def test_a_live_plot_sends_what_matplotlib_has_drawn_pixel_for_pixel():
    plot = LivePlot(2, 1, label="a line")
    moving = plot.figure.subplots().plot([0, 1, 0.5])
    plot.freeze(moving)
    plot.show()
    assert (pixels_of(plot) == np.asarray(plot.figure.canvas.buffer_rgba())).all()
    assert len(np.unique(pixels_of(plot).reshape(-1, 4), axis=0)) > 10


def test_a_live_plot_draws_what_moves_on_words_that_change_now_and_then_on_what_stands():
    plot = LivePlot(2, 1, label="three layers")
    stands, words, moves = (Rectangle((left, 0.25), 0.2, 0.5, color=color) for left, color in _LAYERS)
    for part in (stands, words, moves):
        plot.figure.add_artist(part)
    words.set_animated(True)
    plot.freeze([moves])

    def colours():
        plot.show()
        return [tuple(pixels_of(plot)[50, x, :3].tolist()) for x in (20, 100, 180)]

    red, green, blue, white = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    assert colours() == [red, white, blue]
    plot.freeze_on_top([words])
    moves.set_visible(False)
    assert colours() == [red, green, white]
    words.set_facecolor("blue")
    assert colours() == [red, green, white]  # they stand
    words.set_x(0.8)
    words.set_edgecolor("blue")
    plot.freeze_on_top([words])
    assert colours() == [red, white, blue]  # and leave nothing behind


_LAYERS = ((0.0, "#ff0000"), (0.4, "#00ff00"), (0.8, "#0000ff"))


def test_images_may_come_without_a_channel():
    panel = ConvolutionExplorer(IMAGES[:, 0].double())
    assert (picture(panel.input) == grey_pixels(IMAGES[0, 0])).all()


def test_without_images_it_shows_the_ten_digits():
    panel = ConvolutionExplorer()
    assert panel.images.shape == (10, 28, 28)
    assert panel.image_index.max == 9


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(2, 3, 4, 4), "want float images (N, 1, H, W) or (N, H, W), got (2, 3, 4, 4)"),
        (torch.zeros(4, 4), "want float images (N, 1, H, W) or (N, H, W), got (4, 4)"),
        (torch.zeros(0, 4, 4), "want float images (N, 1, H, W) or (N, H, W), got (0, 4, 4)"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), "want float images (N, 1, H, W) or (N, H, W), got torch.uint8"),
        ([1], "want float images (N, 1, H, W) or (N, H, W), got list"),
        (torch.full((1, 2, 2), -0.5), "images must lie in 0–1, got -0.5 to -0.5; try data.train.pixels"),
        (torch.full((1, 2, 2), torch.nan), "images must lie in 0–1, got nan to nan; try data.train.pixels"),
    ],
)
def test_images_that_can_not_be_shown_are_refused(images, words):
    with pytest.raises(ConfigError) as caught:
        ConvolutionExplorer(images)
    assert str(caught.value) == words
