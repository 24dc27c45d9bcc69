"""Test the panels that train: Start and Stop, the thread, errors, and training in a cell."""

import threading

import ipywidgets
import pytest
import torch
from living import living_widgets
from places import PATIENCE

import cnnlab
from cnnlab import Experiment, TrainingPanel, run
from cnnlab.errors import ConfigError
from cnnlab.experiments.duration import learn_speed
from cnnlab.widgets import trainer

SMALL = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=32, channels=(2,), hidden=4, epochs=2, batch_size=16
)
TINY = Experiment(train_size=100, validation_size=50, channels=(4,), hidden=8, epochs=2)
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def panel():
    panel = TrainingPanel(SMALL)
    yield panel
    panel.close()


def test_start_trains_in_a_thread_what_run_trains(panel):
    panel.seeds.value = 2
    panel.start.click()
    panel.wait(PATIENCE)
    assert [one.experiment for one in panel.runs] == [SMALL, SMALL.replace(seed=1)]
    alone = run(SMALL, progress=False)
    plain = panel.runs[0].history
    assert plain["validation_loss"] == alone.history["validation_loss"]
    assert panel.news.value == "Run 2 of 2, seed 1: trained 2 epochs."
    assert panel.bar.value == 1
    assert panel.time_left.value == ""
    assert not panel.start.disabled
    assert panel.stop.disabled
    for name, line in panel.curves.lines.items():
        assert list(line.get_ydata()) == panel.runs[1].history[name]
    last = panel.runs[1].history.last("validation_accuracy")
    assert panel.curves.plots["accuracy"].label.endswith(f"validation accuracy {last:.3f}")


def test_the_time_is_said_before_the_start_and_hours_are_hours(panel):
    learn_speed(SMALL, 2.0)  # 1 s for an epoch
    panel.epochs.value, panel.seeds.value = 350, 2
    assert panel.estimate.value == "takes about 12 min"  # 700 s
    panel.epochs.value, panel.seeds.value = 10, 2
    assert panel.estimate.value == "takes about 20 s"
    panel.patience.value = 3
    assert panel.estimate.value == "takes about 20 s at most"
    learn_speed(SMALL, 7.25)
    panel.epochs.value, panel.seeds.value = 350, 10
    assert panel.estimate.value == "takes about 3 h 31 min at most"  # 12,687.5 s
    panel.channels.value = "none"
    assert panel.estimate.value == ""


def test_train_does_the_same_in_the_cell_itself(panel):
    panel.train()
    assert panel.runs[0].history["train_loss"] == run(SMALL, progress=False).history["train_loss"]
    assert panel._thread is None


def test_stop_ends_within_a_batch_and_start_works_again(panel, monkeypatch):
    draw, is_drawn = panel._after_epoch, threading.Event()

    def draw_and_say(state):
        draw(state)
        if len(panel.curves.lines["train_loss"].get_xdata()) > 0:
            is_drawn.set()

    monkeypatch.setattr(panel, "_after_epoch", draw_and_say)
    panel.epochs.value = 350
    panel.start.click()
    assert is_drawn.wait(PATIENCE)
    threads = [thread for thread in threading.enumerate() if thread.name == "cnnlab training"]
    assert len(threads) == 1
    assert panel.start.disabled
    panel.stop.click()
    panel.wait(PATIENCE)
    assert "stopped in epoch" in panel.news.value
    assert len(panel.runs) == 0  # what is not finished is not compared
    panel.epochs.value = 1
    panel.start.click()
    panel.wait(PATIENCE)
    assert len(panel.runs) == 1


def test_start_is_never_seen_off_while_another_setting_is_drawn(panel, monkeypatch):
    sent = []
    monkeypatch.setattr(panel.start, "send_state", lambda key=None: sent.append((key, panel.start.disabled)))
    panel.kernel_size.value = 5
    assert all(not disabled for _, disabled in sent)
    panel.channels.value = "none"  # and where it can't be trained, it is off
    assert panel.start.disabled
    assert sent[-1][1] is True


def test_start_twice_trains_once(panel):
    panel.epochs.value = 350
    panel.start.click()
    first = panel._thread
    panel.start.click()
    assert panel._thread is first
    with pytest.raises(ConfigError, match="a training is under way; stop it"):
        panel.train()
    with pytest.raises(TimeoutError, match=r"has not ended within 0\.01 s"):
        panel.wait(0.01)
    panel.stop.click()
    panel.wait(PATIENCE)


def test_a_training_that_raises_is_shown_and_raised_again_by_wait(panel, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError(NASTY)

    monkeypatch.setattr(trainer, "run", fail)
    panel.start.click()
    with pytest.raises(RuntimeError):
        panel.wait(PATIENCE)
    assert panel.news.value == '<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>'
    assert not panel.start.disabled
    monkeypatch.undo()
    panel.start.click()
    panel.wait(PATIENCE)
    assert panel.news.error is None


def test_an_interrupt_in_the_cell_stops_the_training_and_no_further_seed_begins(panel, monkeypatch):
    panel.seeds.value = 3
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    panel.train()
    assert (
        panel.news.value == "Run 1 of 3, seed 0: stopped in epoch 1: the model is untouched; "
        "a run that was stopped is not compared."
    )
    assert not panel.start.disabled


def test_no_epochs_and_an_early_end_leave_a_full_bar():
    panel = TrainingPanel(SMALL.replace(epochs=0))
    panel.train()
    assert panel.news.value == "Run 1 of 1, seed 0: trained 0 epochs: the model is untouched."
    assert panel.bar.value == 1
    panel.close()
    panel = TrainingPanel(SMALL.replace(epochs=100, patience=0, learning_rate=0.0))
    with pytest.warns(UserWarning, match="nothing will be learnt"):
        panel.train()
    assert len(panel.runs[0].history) == 2
    assert panel.bar.value == 1
    panel.close()


def test_a_stop_that_comes_too_late_says_nothing(panel):
    panel.train()
    before = panel.news.value
    panel._end()
    assert panel.news.value == before


def test_closing_stops_the_training_and_leaves_no_widget():
    before = living_widgets()
    panel = TrainingPanel(SMALL.replace(epochs=100_000))
    panel.start.click()
    thread = panel._thread
    panel.close()
    assert not thread.is_alive()
    assert living_widgets() == before


def test_on_colab_a_cell_trains(monkeypatch):
    monkeypatch.setattr(trainer, "ON_COLAB", True)
    panel = TrainingPanel(SMALL)
    everything = _below(panel)
    assert panel.start not in everything
    assert panel.stop not in everything
    (words,) = [part.value for part in everything if isinstance(part, ipywidgets.HTML) and "Colab" in part.value]
    assert "<code>panel.train()</code>" in words
    panel.train()
    assert len(panel.runs) == 1
    panel.close()


def _below(widget):
    return [widget, *(part for child in getattr(widget, "children", ()) for part in _below(child))]


def test_wait_raises_what_start_could_not_begin():
    panel = cnnlab.TrainingPanel(TINY)
    panel.channels.value = "x"
    panel.start.click()
    with pytest.raises(ConfigError, match="channels"):
        panel.wait()
    panel.close()


def test_wait_raises_what_broke_while_the_training_was_drawn(monkeypatch):
    panel = cnnlab.KernelExperiment(TINY)
    panel.seeds.value = 2

    def broken(_words):
        raise RuntimeError("cannot draw")

    monkeypatch.setattr(panel, "_show", broken)
    panel.start.click()
    with pytest.raises(RuntimeError, match="cannot draw"):
        panel.wait()
    panel.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda _: cnnlab.TrainingPanel("x"), "base wants an Experiment, got 'x'"),
        (lambda _: cnnlab.KernelExperiment(5), "base wants an Experiment, got 5"),
    ],
)
def test_wrong_arguments_are_told_in_words_and_leave_no_widget_behind(wrong, words):
    before = living_widgets()
    with pytest.raises(ConfigError, match=words):
        wrong(None)
    assert living_widgets() == before
