"""Test DrawDigit without a browser: set controls from Python, and check pictures, bars and words."""

import io

import ipywidgets
import numpy as np
import pytest
import torch
from living import living_widgets
from pictures import assert_all_within, picture
from PIL import Image
from shown import texts_shown
from torch import nn

from cnnlab import DrawDigit, build_cnn, load_data
from cnnlab.data.dataset import Split
from cnnlab.data.digits import as_mnist, turn_and_shift
from cnnlab.errors import ConfigError
from cnnlab.files import course_folder
from cnnlab.widgets import draw
from cnnlab.widgets.draw import uploaded_bytes
from cnnlab.widgets.web.canvas import diverging_pixels, grey_pixels, sequential_pixels
from cnnlab.widgets.web.drawing_canvas import EMPTY

NASTY = "<img src=x onerror=alert(1)>"
DATA = load_data("mnist", train=100, validation=200, test=10)
# No max pooling: on an even background it takes the largest of equal values, which the last bit decides.
MODELS = {
    "small": build_cnn(3, "avg", channels=(4, 4), seed=1),
    "wide": build_cnn(5, "none", channels=(6, 3), seed=2),
}
NOTHING = "nothing drawn yet: draw a digit, or take a sample"


@pytest.fixture
def panel():
    return DrawDigit(MODELS, DATA)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.abs(one.astype(int) - other.astype(int)).max() <= 1


def a_stroke() -> torch.Tensor:
    ink = torch.zeros(112, 112)
    ink[20:90, 60:70] = 1
    ink[20:30, 30:70] = 1
    return ink


def heights(panel: DrawDigit, name: str) -> list[float]:
    return [bar.get_height() for bar in panel._axes[name].patches]


def expected_image(panel: DrawDigit) -> torch.Tensor:
    seen = turn_and_shift(
        as_mnist(panel.canvas.read()), degrees=panel.degrees.value, right=panel.right.value, down=panel.down.value
    )
    return ((seen - DATA.train.mean) / DATA.train.std)[None]


def assert_all_is_right(panel: DrawDigit) -> None:
    """Compare every picture with bare calls of the networks, and with torch's own gradient."""
    image = expected_image(panel).requires_grad_()
    assert same(picture(panel.seen), grey_pixels((image * DATA.train.std + DATA.train.mean)[0, 0]))
    words = []
    for name, model in MODELS.items():
        probabilities = model.eval()(image)[0].softmax(0).detach()
        np.testing.assert_allclose(heights(panel, name), probabilities.tolist(), atol=1e-5)
        top = panel._axes[name].lines[0].get_xdata()
        assert list(top) == [int(probabilities.argmax())]
        words.append(f"{name} reads {int(probabilities.argmax())} ({float(probabilities.max()):.2f})")
    assert panel.status.value.split(";")[0] == ", ".join(words)
    model = MODELS[panel.model.value]
    values, maps = image, None
    for layer, module in model.named_children():
        values = module(values)
        if layer == panel.layer.value:
            maps = values[0].detach().clone()
    (gradient,) = torch.autograd.grad(values.max(), image)
    assert same(picture(panel.saliency), diverging_pixels(gradient[0, 0], float(gradient.abs().max())))
    shown, limit = picture(panel.maps), float(maps.max())
    height, width = maps.shape[1:]
    for place, one in enumerate(maps):
        left = place * (width + 1)
        assert same(shown[:height, left : left + width], sequential_pixels(one, limit))


def test_at_the_start_nothing_is_drawn_and_no_answer_is_given(panel):
    assert panel.canvas.ink == EMPTY
    assert panel.status.value == NOTHING
    assert heights(panel, "small") == heights(panel, "wide") == [0] * 10
    assert len(panel._axes["small"].lines[0].get_xdata()) == 0
    assert picture(panel.seen)[..., :3].max() == 0
    assert (picture(panel.saliency)[..., :3] == 247).all()
    assert panel.saliency.label == "saliency, nothing drawn yet"
    assert panel.bars.picture


def test_ink_from_the_browser_is_read_by_every_network(panel):
    before = panel.bars.picture
    grey = (a_stroke().numpy() * 255).astype(np.uint8)
    panel.canvas.set_state({"ink": memoryview(grey.tobytes())})  # as it comes from the browser
    assert panel.status.error is None
    assert torch.equal(panel.canvas.read(), a_stroke())
    assert_all_is_right(panel)
    assert panel.bars.picture != before
    assert panel.bars.label == f"probability of each class; {panel.status.value}"


@pytest.mark.parametrize(
    ("control", "value"), [("right", 5), ("down", -3), ("degrees", 90), ("model", "wide"), ("layer", "conv2")]
)
def test_each_control_changes_what_it_says_and_all_stays_right(panel, control, value):
    panel.canvas.show(a_stroke())
    before = [panel.seen.pixels, panel.maps.pixels]
    getattr(panel, control).value = value
    assert_all_is_right(panel)
    assert [panel.seen.pixels, panel.maps.pixels] != before
    assert (panel.seen.pixels == before[0]) == (control in ("model", "layer"))


def test_the_line_says_how_the_drawing_was_moved(panel):
    panel.canvas.show(a_stroke())
    assert "The drawing is" not in panel.status.value
    panel.degrees.value, panel.right.value, panel.down.value = 90, -3, 2
    assert panel.status.value.endswith(". The drawing is turned 90° and moved 3 left, 2 down")
    panel.right.value = panel.down.value = 0
    assert panel.status.value.endswith(". The drawing is turned 90°")


def test_another_network_brings_its_own_layers_and_keeps_the_layer_where_it_has_it():
    models = {"deep": build_cnn(channels=(2, 3, 4)), "flat": nn.Sequential(nn.Flatten(), nn.Linear(784, 10))}
    panel = DrawDigit(models | MODELS, DATA)
    panel.layer.value = "pool3"
    panel.model.value = "small"
    assert (panel.layer.value, "pool3" in panel.layer.options) == ("conv1", False)
    panel.layer.value = "relu2"
    panel.model.value = "wide"
    assert panel.layer.value == "relu2"
    panel.canvas.show(a_stroke())
    panel.model.value = "flat"
    assert (panel.layer.value, panel.maps.title) == (None, "This network has no feature maps")
    assert panel.status.error is None
    assert not panel.status.value.startswith("nothing")


def test_every_sample_puts_its_digit_on_the_sheet(panel):
    first = {int(label): place for place, label in reversed(list(enumerate(DATA.validation.labels)))}
    assert [button.description for button in panel.samples] == list("0123456789")
    for label, button in enumerate(panel.samples):
        button.click()
        digit = DATA.validation.pixels[first[label], 0]
        assert torch.equal(panel.canvas.read(), (as_mnist(digit, scale=4) * 255).round() / 255)
        assert (as_mnist(panel.canvas.read()) - digit).abs().mean() < 0.05
    assert_all_is_right(panel)


def test_clear_takes_the_ink_away(panel):
    panel.samples[3].click()
    assert panel.status.value != NOTHING
    panel.clear.click()
    assert panel.canvas.ink == EMPTY
    assert panel.status.value == NOTHING
    assert heights(panel, "small") == [0] * 10


def test_the_last_drawing_is_kept_for_the_next_panel(panel):
    assert not (course_folder() / "drawing.png").exists()
    panel.canvas.show(a_stroke())
    other = DrawDigit({"wide": MODELS["wide"]}, DATA)  # such as that of another notebook
    assert other.canvas.ink == panel.canvas.ink
    assert other.status.value.startswith("wide reads ")
    assert other.status.value.endswith(". This is your last drawing")
    image = expected_image(other)
    probabilities = MODELS["wide"].eval()(image)[0].softmax(0).detach()
    np.testing.assert_allclose(heights(other, "wide"), probabilities.tolist(), atol=1e-5)
    other.samples[4].click()
    assert "your last drawing" not in other.status.value
    assert DrawDigit(MODELS, DATA).canvas.ink == other.canvas.ink
    other.clear.click()
    assert DrawDigit(MODELS, DATA).status.value == NOTHING
    assert not (course_folder() / "drawing.png").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", "half", "small"])
def test_a_file_that_is_no_drawing_gives_an_empty_sheet(content):
    file = io.BytesIO()
    Image.new("L", (112, 112) if content == "half" else (28, 28), 255).save(file, "PNG")
    course_folder().mkdir()
    half = file.getvalue()[:-40]
    (course_folder() / "drawing.png").write_bytes({"half": half, "small": file.getvalue()}.get(content, content))
    panel = DrawDigit(MODELS, DATA)
    assert (panel.canvas.ink, panel.status.value) == (EMPTY, NOTHING)
    panel.canvas.show(a_stroke())
    assert DrawDigit(MODELS, DATA).canvas.ink == panel.canvas.ink


def test_a_drawing_that_cannot_be_kept_is_read_all_the_same(panel):
    course_folder().write_text("a file where the folder should be")
    panel.canvas.show(a_stroke())
    assert panel.status.error is None
    assert "small reads " in panel.status.value
    assert ". The drawing is not kept: " in panel.status.value


def a_file() -> bytes:
    file = io.BytesIO()
    Image.fromarray((255 - 255 * a_stroke().numpy()).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_picture_is_read(panel):
    file = {"name": "7.png", "type": "image/png", "size": 1, "last_modified": 0}
    panel.upload.set_state({"value": [file | {"content": memoryview(a_file())}]})
    assert panel.status.error is None
    assert (as_mnist(panel.canvas.read()) - as_mnist(a_stroke())).abs().mean() < 0.02
    assert_all_is_right(panel)
    panel.clear.click()
    panel.upload.set_state({"value": [file | {"content": memoryview(a_file())}]})  # the same file once more
    assert panel.status.value != NOTHING
    before = panel.canvas.ink
    panel.upload.set_state({"value": [file | {"name": NASTY, "content": memoryview(NASTY.encode())}]})
    assert panel.status.value == (
        '<span class="cnnlab-error">this file can&#x27;t be read as a picture; take a PNG or a JPEG</span>'
    )
    assert panel.canvas.ink == before


def test_uploads_of_both_ipywidgets_are_understood():
    assert uploaded_bytes(({"name": "a", "content": memoryview(b"a")},)) == b"a"
    old = {"a.png": {"metadata": {}, "content": b"a"}, "b.png": {"metadata": {}, "content": b"b"}}
    assert uploaded_bytes(old) == b"b"
    assert uploaded_bytes(()) is uploaded_bytes({}) is None


def test_disagreement_is_said(panel):
    counts = set()
    for button in panel.samples:
        button.click()
        tops = {int(np.argmax(heights(panel, name))) for name in MODELS}
        assert panel.status.value.endswith("; the two disagree") == (len(tops) == 2)
        counts.add(len(tops))
    assert 2 in counts  # untrained networks: they do


def test_a_drawing_of_another_size_and_any_exception_are_shown_escaped_until_the_next_good_one(panel, monkeypatch):
    panel.canvas.set_state({"ink": memoryview(b"123")})
    assert panel.status.value == (
        '<span class="cnnlab-error">the drawing must be 112×112 bytes, got 3; clear it and draw again</span>'
    )

    def fail(*_, **__):
        raise RuntimeError(NASTY)

    monkeypatch.setattr(draw, "as_mnist", fail)
    panel.canvas.show(a_stroke())
    assert panel.status.value == '<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>'
    monkeypatch.undo()
    panel.right.value = 1
    assert panel.status.error is None
    assert_all_is_right(panel)


def test_a_network_that_went_wrong_is_named_and_the_others_go_on():
    broken = build_cnn(channels=(2, 2))
    with torch.no_grad():
        broken.conv1.weight.fill_(torch.nan)
    panel = DrawDigit({"broken": broken, "small": MODELS["small"]}, DATA)
    panel.canvas.show(a_stroke())
    assert panel.status.error is None
    assert panel.status.value.startswith("broken reads nothing (its output is NaN), small reads ")


def test_names_are_text_however_long_and_odd():
    panel = DrawDigit({NASTY: MODELS["small"], "$x^{" + "y" * 300: MODELS["wide"]}, DATA)
    panel.samples[0].click()
    assert panel.status.error is None
    assert "&lt;img" in panel.status.value
    assert "<img" not in panel.status.value
    assert len(panel._axes["$x^{" + "y" * 300].get_title()) == 26


def test_the_networks_stay_as_they_were(panel):
    model = MODELS["small"].train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    panel.samples[0].click()
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    model.eval()


def test_the_banks_networks_read_their_samples():
    panel = DrawDigit()
    assert list(panel.models) == ["3×3 max", "5×5 max", "5×5 avg"]
    right = 0
    for label, button in enumerate(panel.samples):
        button.click()
        right += [int(np.argmax(heights(panel, name))) for name in panel.models].count(label)
    assert right >= 28


def test_close_leaves_nothing():
    module = ipywidgets.widgets.widget
    alive = module._instances if hasattr(module, "_instances") else ipywidgets.Widget.widgets  # ipywidgets 8, 7
    before = set(alive)
    panel = DrawDigit(MODELS, DATA)
    assert len(set(alive) - before) > 30
    panel.close()
    assert set(alive) - before == set()


def test_the_panel_shows_the_same_text_in_every_kernel(panel):
    text = "<DrawDigit: a live panel; run this cell to use it>"
    assert texts_shown(panel) == [text] == [repr(panel)]


def test_every_control_and_picture_has_a_name(panel):
    controls = (panel.clear, panel.upload, panel.right, panel.down, panel.degrees, panel.model, panel.layer)
    names = ["Clear", "Upload a picture", "shift right", "shift down", "turn (degrees)", "look inside", "layer"]
    assert [control.description for control in controls] == names
    assert all(one.label for one in (panel.canvas, panel.seen, panel.bars, panel.saliency, panel.maps))
    assert "arrows move the pen" in panel.canvas.label


@pytest.mark.parametrize(
    ("models", "data", "words"),
    [
        (MODELS, None, "data: give the Data that the networks were trained with, or a Split of it; got NoneType"),
        (MODELS, DATA.train[:0], "data: give the Data that the networks were trained with, or a Split of it; got an"),
        (None, DATA, "models wants a dict of name: network, 1 to 6, got NoneType; try {'mine': model}"),
        ({}, DATA, "models wants a dict of name: network, 1 to 6, got 0 of them; try {'mine': model}"),
        (MODELS["small"], DATA, "models wants a dict of name: network, 1 to 6, got Sequential; try {'mine': model}"),
        ({"a": 1}, DATA, "model must be an nn.Module, such as build_cnn(), got 1"),
        ({"a": build_cnn(classes=3)}, DATA, "model 'a' knows 3 classes, the data 10; give its own data"),
        (
            MODELS,
            Split(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]), ("a", "b"), torch.zeros(3, 1, 1), torch.ones(1)),
            "a drawing is an image of 1×28×28, got data of 3×32×32; take networks trained on MNIST",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(models, data, words):
    with pytest.raises(ConfigError) as caught:
        DrawDigit(models, data)
    assert str(caught.value).startswith(words)


def test_a_panels_network_is_in_eval_mode_and_the_given_one_stays_as_it_was():
    model = build_cnn(dropout=0.5).train()
    panel = DrawDigit({"mine": model}, DATA)
    assert model.training
    assert not panel.models["mine"].training
    panel.close()


def test_five_networks_leave_the_sixth_place_empty():
    images, network = load_data("mnist", train=100, validation=20, test=10), build_cnn()
    panel = DrawDigit({f"network {place}": network for place in range(5)}, images)
    assert [ax.axison for ax in panel.bars.figure.axes] == [True] * 5 + [False]
    panel.close()


@pytest.mark.parametrize("count", [1, 3, 5])
def test_the_bars_are_within_their_figure_and_do_not_overlap(count):
    panel = DrawDigit({"n" * 40 + str(place): MODELS["small"] for place in range(count)}, DATA)
    assert_all_within(panel.bars)
    panel.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda _: DrawDigit({}), "1 to 6"),
    ],
)
def test_wrong_arguments_are_told_in_words_and_leave_no_widget_behind(wrong, words):
    before = living_widgets()
    with pytest.raises(ConfigError, match=words):
        wrong(None)
    assert living_widgets() == before
