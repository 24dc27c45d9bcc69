"""Test the picture of a panel that stays in a saved notebook."""

import base64
import io

import ipywidgets
import numpy as np
import pytest
import torch
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.text import Text
from panel_cells import PANELS, make_panel
from PIL import Image

from cnnlab import widgets
from cnnlab.widgets import base, panel_picture
from cnnlab.widgets.panel_picture import png_of
from cnnlab.widgets.web.canvas import diverging_pixels
from cnnlab.widgets.web.live_plot import LivePlot

LARGEST = 60_000  # bytes, as base64 in the notebook
NARROW = 365  # CSS pixels, the width of a cell in a small window: tests/browser/test_sizes.py measures it
USED = {"DrawDigit": "panel.samples[4].click()"}


@pytest.fixture
def published(monkeypatch):
    """What is sent to the notebook; InteractiveShell is what `display` publishes through."""
    publisher = CapturingDisplayPublisher()
    shell = type("Shell", (), {"display_pub": publisher})
    monkeypatch.setattr(InteractiveShell, "initialized", lambda: True)
    monkeypatch.setattr(InteractiveShell, "instance", lambda: shell)
    return publisher.outputs


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_leaves_a_small_picture(name):
    panel = make_panel(name)
    png = png_of(panel.picture())
    assert len(base64.b64encode(png)) <= LARGEST
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    assert 420 <= pixels.shape[1] <= 540
    assert (pixels != 255).any(axis=2).mean() > 0.005
    panel.close()


@pytest.mark.parametrize("name", PANELS)
def test_it_stays_small_whatever_is_chosen(name):
    panel = make_panel(name, USED.get(name, ""))
    for control in controls_of(panel):
        if isinstance(control, (ipywidgets.IntSlider, ipywidgets.FloatSlider)):
            control.value = control.max
        else:
            control.index = len(control.options) - 1
        assert len(base64.b64encode(png_of(panel.picture()))) <= LARGEST, control.description
    panel.close()


def controls_of(parent):
    """Return the sliders and the choices in a panel, in the order of the page."""
    chosen = (ipywidgets.IntSlider, ipywidgets.FloatSlider, ipywidgets.Dropdown, ipywidgets.SelectionSlider)
    chosen += (ipywidgets.ToggleButtons,)
    within = [control for child in getattr(parent, "children", ()) for control in controls_of(child)]
    return [parent, *within] if isinstance(parent, chosen) else within


def test_the_picture_shows_the_present_state():
    panel = widgets.ConvolutionExplorer()
    before = png_of(panel.picture())
    panel.preset.value = "blur"
    figure = panel.picture()
    assert png_of(figure) != before
    kernel = figure.axes[1].images[0].get_array()  # after the input
    np.testing.assert_array_equal(kernel, diverging_pixels(torch.full((3, 3), 1 / 9), 1 / 9))
    assert "kernel: blur" in "".join(text.get_text() for text in figure.texts)
    panel.close()


@pytest.mark.parametrize("name", PANELS)
def test_few_colours_look_like_all_of_them(name):
    panel = make_panel(name, USED.get(name, ""))
    figure = panel.picture()
    png = np.asarray(Image.open(io.BytesIO(png_of(figure))).convert("RGB")).astype(int)
    whole = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    assert np.abs(png - whole).max() < 30  # of 255; the cursor and the highest values are yellow
    grey = (whole.max(axis=2) == whole.min(axis=2)) & (whole.max(axis=2) > 128)
    assert np.ptp(png[grey], axis=1).max() < 10  # a grey band, or white, has no colour
    panel.close()


@pytest.mark.parametrize("name", PANELS)
def test_its_letters_can_be_read_on_a_narrow_page(name):
    panel = make_panel(name, USED.get(name, ""))
    figure = panel.picture()
    share = NARROW / (figure.get_figwidth() * figure.dpi)
    assert min(sizes_of(figure)) * share >= 9
    rows = panel_picture._rows_of(panel)
    page = panel_picture._page_width(rows)
    parts = [part for row in rows for line in panel_picture._lines(row, page) for part in line]
    plots = [(part, width / panel_picture._natural_width(part)) for part, width in parts if isinstance(part, LivePlot)]
    for plot, scale in plots:
        assert min(sizes_of(plot.figure)) * scale * share >= 8, plot.label
    panel.close()


def sizes_of(figure):
    """Return the sizes of the letters that are seen in a figure, in its own pixels."""
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text.get_fontsize() * figure.dpi / 72 for text in texts]


def words_of(panel):
    return "\n".join(text.get_text() for text in panel.picture().texts)


def test_it_says_what_is_asked_and_which_setting_a_letter_stands_for():
    asking = make_panel("PredictThenRun")
    assert "Which?\nChoices: max, avg, cannot tell.\nChoose an answer" in words_of(asking)
    training = make_panel("TrainingPanel", "panel.views.choice.value = 'Comparison'")
    names = "A: pooling=max; B: pooling=avg"
    assert names in words_of(training)
    training.views.choice.value = "Curves"
    assert names not in words_of(training)
    for panel in (asking, training):
        panel.close()


def test_the_pictures_of_a_row_of_five_are_in_two_lines_of_one_scale():
    panel = widgets.RunExplorer()
    places = [ax.get_position() for ax in panel.picture().axes]
    maps, saliency, image, other_maps, other_saliency = places[-5:]
    assert maps.y1 == pytest.approx(saliency.y1) == pytest.approx(image.y1)
    assert other_maps.y1 == pytest.approx(other_saliency.y1)
    assert other_maps.y1 < maps.y0
    assert other_saliency.width == saliency.width
    assert other_maps.width == maps.width
    panel.close()


def test_it_is_shown_beside_the_view_in_an_output_that_jupyterlab_hides(published):
    panel = widgets.ConvolutionExplorer()
    panel._ipython_display_()
    view, picture = published
    assert view["data"] == {base.VIEW: {"version_major": 2, "version_minor": 0, "model_id": panel.model_id}}
    assert picture["data"]["text/plain"] == "<ConvolutionExplorer: a live panel; run this cell to use it>"
    assert picture["data"][base.VIEW]["model_id"] == ""
    assert picture["metadata"]["image/png"]["alt"].startswith("ConvolutionExplorer: row 14, column 14: 9 products")
    panel.close()


ALT_TEXTS = {
    "ConvolutionExplorer": (
        "panel.preset.value = 'blur'",
        "ConvolutionExplorer: row 14, column 14: 9 products, sum 0.00. input, 28 by 28 pixels. Kernel 3×3, blur. "
        "output, 28 by 28 pixels. patch of the image. kernel. products",
    ),
    "DrawDigit": (
        "",
        "DrawDigit: nothing drawn yet: draw a digit, or take a sample. Draw a digit. what the networks see, 28×28. "
        "saliency, nothing drawn yet. probability of each class. feature maps of relu1: 8 maps of 28×28",
    ),
    "KernelExperiment": (
        "",
        "KernelExperiment: Against 3×3: 5×5 cannot tell; 7×7 cannot tell. Parameters: 3×3 26,698, 5×5 28,874, "
        "7×7 32,138. kernel sizes compared",
    ),
    "TrainingPanel": (
        "panel.views.choice.value = 'Comparison'",
        "TrainingPanel: validation_accuracy by setting, after the last epoch, against setting=pooling=max: "
        "pooling=avg: cannot tell. 105,866 parameters; 1 run of 5 epochs A: pooling=max; B: pooling=avg",
    ),
}


@pytest.mark.parametrize("name", ALT_TEXTS)
def test_its_alt_text_says_what_the_pictures_show_and_the_verdicts_first(name, published):
    more, words = ALT_TEXTS[name]
    panel = make_panel(name, more)
    panel._ipython_display_()
    assert published[1]["metadata"]["image/png"]["alt"] == words
    panel.close()


def test_the_alt_text_of_curves_has_their_ends():
    panel = make_panel("RunExplorer")
    words = panel_picture.alt_text_of(panel, "a word. " * 10)
    assert "kernel_size=3, pooling=avg validation loss 0.202" in words
    assert len(panel_picture.alt_text_of(panel, "a word " * 200)) <= 600
    panel.close()


def test_it_is_renewed_once_when_the_panel_rests(published, monkeypatch):
    monkeypatch.setattr(base, "REST", 0.3)
    panel = widgets.ConvolutionExplorer()
    panel._ipython_display_()
    first = published[1]
    for image in (1, 2, 3):
        panel.image_index.value = image
    panel._resting.join()
    assert len(published) == 3
    assert published[2]["transient"] == first["transient"]
    assert published[2]["data"]["image/png"] != first["data"]["image/png"]
    panel.image_index.value = 4
    panel.close()
    panel._resting.join()
    assert len(published) == 3


def test_on_colab_the_view_is_shown_alone_as_before(published, monkeypatch):
    monkeypatch.setitem(base.sys.modules, "google.colab", base)
    panel = widgets.ConvolutionExplorer()
    panel._ipython_display_()
    (view,) = published
    assert set(view["data"]) == {"text/plain", base.VIEW}
    panel.close()
