"""Test what all panels share: guarded callbacks, the lock, options, and closing."""

import contextlib
import gc
import threading
import weakref

import ipywidgets
import pytest
import torch
from panel_cells import PANELS, make_panel
from pictures import assert_same_colours, expected_output, picture
from places import PATIENCE

from cnnlab.model.convolution import make_kernel
from cnnlab.widgets import ConvolutionExplorer, convolution
from cnnlab.widgets.base import Panel, offer
from cnnlab.widgets.panel_picture import png_of
from cnnlab.widgets.web.drawing_canvas import DrawingCanvas
from cnnlab.widgets.web.live_plot import LivePlot

IMAGES = torch.rand(3, 1, 7, 9, generator=torch.Generator().manual_seed(0))
NASTY = "<img src=x onerror=alert(1)>"
MOVES = {
    "ConvolutionExplorer": "panel.kernel_size.value = 5",
    "DrawDigit": "panel.samples[4].click()",
    "KernelExperiment": "panel.seeds.value = 4",
    "OptimizerExplorer": "panel.steps.value = 60",
    "PoolingExplorer": "panel.stride.value = 1",
    "PredictThenRun": "panel.answer.value = panel.choices[0]\npanel.commit.click()",
    "RunExplorer": "panel.image_index.value = 3",
    "StoppingExplorer": "panel.patience.value = 5",
    "TrainingPanel": "panel.kernel_size.value = 5",
    "Clinic": "panel.patient.value = 3",
}


@pytest.fixture
def panel():
    return ConvolutionExplorer(IMAGES)


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


def test_a_guarded_callback_returns_its_exception(panel):
    def fail():
        raise error

    error = RuntimeError("broken")
    assert panel._guarded(fail) is error
    assert panel.status.error is error
    assert panel._guarded(lambda: panel.status.say("whole")) is None


def test_an_interrupt_is_not_taken_for_an_error(panel):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        panel._guarded(interrupt)
    assert panel.status.error is None
    panel.kernel_size.value = 7  # and later changes are drawn
    assert panel.kernel.title == "Kernel 7×7"


def test_a_change_from_another_thread_waits_for_the_drawing_and_is_drawn(panel, monkeypatch):
    drawing, go_on = threading.Event(), threading.Event()
    real = convolution.apply_kernel

    def slow(image, kernel):
        drawing.set()
        assert go_on.wait(PATIENCE)
        return real(image, kernel)

    def choose(control, value):
        control.value = value

    monkeypatch.setattr(convolution, "apply_kernel", slow)
    first = threading.Thread(target=choose, args=(panel.kernel_size, 5))
    second = threading.Thread(target=choose, args=(panel.preset, "blur"))
    first.start()
    assert drawing.wait(PATIENCE)
    second.start()
    second.join(0.2)
    go_on.set()
    for thread in (first, second):
        thread.join(PATIENCE)
    assert panel.status.error is None
    assert_same_colours(picture(panel.output), expected_output(IMAGES[0, 0], make_kernel("blur", 5)))


class Doubling(Panel):
    """A panel whose drawing sets its own control."""

    def __init__(self):
        super().__init__()
        self.number, self.draws = ipywidgets.IntText(1), 0
        self._watch(self.number)

    def _draw(self):
        self.draws += 1
        self.number.value *= 2


def test_a_control_that_the_drawing_sets_does_not_draw_again():
    panel = Doubling()
    panel.number.value = 5
    assert (panel.number.value, panel.draws) == (10, 1)


def test_options_keep_the_chosen_value_where_it_is_among_them():
    control = ipywidgets.Dropdown(options=["a", "b"], value="b")
    offer(control, ["b", "c"], otherwise="c")
    assert control.value == "b"
    offer(control, [("first", "a"), ("third", "c")], otherwise="c")
    assert (control.value, control.options) == ("c", (("first", "a"), ("third", "c")))
    offer(control, ["c"], otherwise="c")
    offer(control, ["a", "c"], otherwise="a")
    assert control.value == "a"  # the only option was not chosen by anybody


def test_a_panel_is_made_on_one_thread_and_the_number_comes_back():
    class Counting(Panel):
        def __init__(self):
            super().__init__()
            self.seen = torch.get_num_threads()

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert Counting().seen == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def unusual_torch():
    """Let torch make no gradients, and tensors on a device that holds no values."""
    with torch.device("meta"), torch.inference_mode():
        yield


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_the_same_whatever_torch_is_set_to(name, monkeypatch, tmp_path):
    pictures = []
    for ambient in (unusual_torch, contextlib.nullcontext):
        monkeypatch.setenv("CNNLAB_COURSE", str(tmp_path / ambient.__name__))  # which keeps the last drawing
        with ambient():
            made = make_panel(name)
            before = png_of(made.picture())
            exec(MOVES[name], {"panel": made})
            assert made.status.error is None
            assert torch.is_inference_mode_enabled() == (ambient is unusual_torch)
        pictures.append((before, png_of(made.picture())))
        made.close()
    assert pictures[0] == pictures[1]
    assert pictures[0][0] != pictures[0][1]


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
