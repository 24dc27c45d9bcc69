"""Test StoppingExplorer without a browser: set controls from Python, and check picture and words."""

import ipywidgets
import numpy as np
import pytest
from made_runs import ACCURACIES, LOSSES, bare_loop, made, recorded
from pictures import pixels_of
from shown import texts_shown

from cnnlab import Experiment, run
from cnnlab.errors import ConfigError
from cnnlab.training.early_stopping import stopping
from cnnlab.widgets import StoppingExplorer
from cnnlab.widgets import stopping as module

HISTORY = recorded(LOSSES, ACCURACIES)
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def panel():
    return StoppingExplorer(HISTORY)


def picture(panel: StoppingExplorer) -> np.ndarray:
    return pixels_of(panel.plot) / 255


def marks(panel: StoppingExplorer) -> tuple[float, float]:
    """Return the epochs of the stop line and of the kept weights."""
    return panel._picture.stop.get_xdata()[0], panel._picture.kept.get_xdata()[0]


def test_every_control_moves_the_marks_to_where_a_bare_loop_says(panel):
    for patience in (0, 1, 2, 3):
        panel.patience.value = patience
        for epochs in (10, 4, 7):
            panel.epochs.value = epochs
            for min_delta in (0, 0.1):
                before = picture(panel)
                panel.min_delta.value = min_delta
                assert marks(panel) == bare_loop(LOSSES, epochs, patience, min_delta)
                assert panel.status.value == (
                    stopping(HISTORY, epochs=epochs, patience=patience, min_delta=min_delta).words
                )
                assert picture(panel).shape == before.shape == (400, 540, 4)


def test_the_picture_itself_changes_and_comes_back(panel):
    panel.patience.value = 1
    one = picture(panel)
    panel.patience.value = 0  # stops in epoch 4, not in epoch 5; keeps the same epoch
    other = picture(panel)
    changed = (one != other).any(axis=(0, 2)).nonzero()[0]  # columns
    assert 0 < changed.max() - changed.min() < 0.2 * 540  # about one epoch of ten is wide
    panel.patience.value = 1
    assert (picture(panel) == one).all()


def test_no_patience_keeps_the_last_weights(panel):
    panel.patience.value = "none"
    assert marks(panel) == (10, 10)
    assert panel.status.value.startswith("Trained all 10 epochs, kept the last weights")
    panel.patience.value = 0
    assert marks(panel) == (4, 3)


def test_the_metric_changes_the_curves_and_not_the_rule(panel):
    panel.patience.value = 1
    words = panel.status.value
    panel.metric.value = "accuracy"
    assert list(panel._picture.curves["validation"].get_ydata()) == ACCURACIES
    assert marks(panel) == (5, 3)
    assert panel.status.value == words
    assert panel.plot.label == (
        "training and validation accuracy over 10 epochs; stopped after epoch 5, weights of epoch 3 kept"
    )


def test_several_runs_are_recordings_each_at_its_longest():
    runs = [made(ACCURACIES[:length], seed=seed, epochs=length) for seed in (1, 0) for length in (4, 9 + seed)]
    panel = StoppingExplorer(runs)
    panel.patience.value = "none"
    assert panel.recording.options == ("seed 0", "seed 1")
    assert marks(panel) == (9, 9)  # of the ten planned, nine are recorded
    panel.recording.value = "seed 1"
    assert marks(panel) == (10, 10)
    assert panel.recording in panel.children[0].children
    assert StoppingExplorer(runs[:2]).recording not in StoppingExplorer(runs[:2]).children[0].children


def test_runs_that_differ_in_a_setting_are_named_by_it():
    panel = StoppingExplorer([made(ACCURACIES, kernel_size=size, epochs=10) for size in (5, 3)])
    assert sorted(panel.recording.options) == ["kernel_size 3", "kernel_size 5"]


def test_without_a_recording_five_seeds_come_from_the_bank():
    panel = StoppingExplorer()
    assert panel.recording.options == tuple(f"seed {seed}" for seed in range(5))
    stops = []
    for name, history in panel.recordings.items():
        panel.recording.value = name
        stops.append(marks(panel))
        assert len(history) == 350
        assert history["validation_loss"][-1] > 1.5 * min(history["validation_loss"])  # it overfits
        assert marks(panel) == bare_loop(history["validation_loss"], 350, 10, 0)
    assert len(set(stops)) == 5  # the best epoch has a noise floor


def test_the_picture_begins_with_the_epochs_in_which_something_happens():
    panel = StoppingExplorer()
    assert panel.view.options == (25, 50, 100, 200, 350)
    assert panel.view in panel.children[0].children
    last = max(bare_loop(history["validation_loss"], 350, 10, 0)[0] for history in panel.recordings.values())
    assert panel.view.value == min(view for view in panel.view.options if view >= last) < 350
    ax = panel._picture.ax
    assert ax.get_xlim()[1] == pytest.approx(panel.view.value, rel=0.02)
    stop = bare_loop(panel.recordings["seed 0"]["validation_loss"], 350, 10, 0)[0]
    assert panel._picture.untrained.get_x() == stop
    assert panel._picture.untrained.get_width() == ax.get_xlim()[1] - stop
    panel.patience.value = "none"
    assert panel.status.value.endswith("This is beyond the picture: show more epochs.")
    assert panel._picture.untrained.get_width() == 0
    panel.view.value = 350
    assert "beyond" not in panel.status.value
    assert ax is not panel._picture.ax  # drawn anew
    assert panel._picture.ax.get_xlim()[1] > 350
    panel.close()


def test_the_vertical_axis_fits_the_epochs_that_are_shown():
    recording = recorded([9.0] * 30 + [1.0] * 30, [0.5] * 60)
    panel = StoppingExplorer(recording)
    panel.view.value = 25
    low, high = panel._picture.ax.get_ylim()
    assert low > 1
    panel.view.value = 60
    low, high = panel._picture.ax.get_ylim()
    assert low < 1 < 9 < high
    panel.close()


def test_a_short_recording_has_nothing_to_zoom(panel):
    assert panel.view.options == (10,)
    assert panel.view not in panel.children[0].children


def test_an_exception_in_a_callback_is_shown_escaped_until_the_next_good_words(panel, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError(NASTY)

    monkeypatch.setattr(module, "stopping", fail)
    before = panel.plot.picture
    panel.epochs.value = 5
    shown = '<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>'
    assert panel.status.value == shown
    assert panel.plot.picture == before
    monkeypatch.undo()
    panel.epochs.value = 6
    assert panel.status.error is None
    assert "cnnlab-error" not in panel.status.value


def test_one_change_is_one_picture(panel, monkeypatch):
    sent = []
    monkeypatch.setattr(module.LivePlot, "send_state", lambda _self, key=None: sent.append(set(key)))
    panel.patience.value = 1
    assert [message for message in sent if message] == [{"picture", "label"}]


def test_every_control_has_a_name_and_the_text_is_the_same_in_every_kernel(panel):
    controls = (panel.recording, panel.metric, panel.epochs, panel.patience, panel.min_delta, panel.view)
    names = ["recording", "metric", "epochs", "patience", "min_delta", "show up to epoch"]
    assert [control.description for control in controls] == names
    text = "<StoppingExplorer: a live panel; run this cell to use it>"
    assert texts_shown(panel) == [text] == [repr(panel)]


def test_close_leaves_nothing():
    living = ipywidgets.widgets.widget._instances
    before = set(living)
    panel = StoppingExplorer([made(ACCURACIES, seed=seed, epochs=10) for seed in (0, 1)])
    assert len(set(living) - before) > 10
    panel.close()
    assert set(living) - before == set()


def test_the_recording_of_one_run_may_be_given_as_the_run():
    assert StoppingExplorer(made(ACCURACIES, epochs=10)).epochs.options == (*range(1, 11),)


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (3, "wanted a History, such as fit() returns or run(…).history, got int"),
        ([1], "wanted runs, such as sweep() or load_runs() returns, got int"),
        ([], "there is nothing to show: got 0 runs; a filter may have left none"),
        (recorded([]), "this recording has no finished epoch (trained 0 epochs: the model is untouched); take another"),
    ],
)
def test_what_is_no_recording_is_refused(recording, words):
    with pytest.raises(ConfigError) as caught:
        StoppingExplorer(recording)
    assert str(caught.value).startswith(words)


TINY = Experiment(train_size=100, validation_size=50, channels=(4,), hidden=8, epochs=2)


def test_trainings_that_differ_in_patience_alone_are_one_recording_at_its_longest():
    runs = [run(TINY), run(TINY.replace(epochs=4, patience=3)), run(TINY.replace(epochs=8))]
    panel = StoppingExplorer(runs)
    assert [len(history) for history in panel.recordings.values()] == [8]
    panel.close()


def test_a_run_without_a_recording_is_left_out_and_the_panel_says_so():
    diverged = run(TINY.replace(optimizer="sgd", learning_rate=1e30, seed=1))
    assert len(diverged.history) == 0
    panel = StoppingExplorer([run(TINY), diverged])
    assert len(panel.recordings) == 1
    assert panel.status.value.endswith("Left out: 1 of 2 recordings, without a validation loss.")
    panel.close()
    with pytest.raises(ConfigError, match="no finished epoch"):
        StoppingExplorer(diverged)


def test_one_press_moves_by_a_step_that_a_person_would_choose():
    panel = StoppingExplorer()  # 350 epochs
    lengths = panel.epochs.options
    assert lengths[-1] == panel.epochs.value == 350
    assert lengths[-2:] == (325, 350)
    assert lengths.index(350) - lengths.index(50) == 15  # presses: 10 of 25 epochs, and 5 of 10
    assert lengths[:5] == (1, 2, 3, 4, 5)
    panel.close()


def test_nearly_everything_is_not_everything():
    panel = StoppingExplorer()
    panel.epochs.value = 1
    assert "349 of 350 epochs (99 %)" in panel.status.value
    panel.close()


def test_a_training_that_diverged_is_called_so(panel):
    assert "diverged" not in panel.status.value
    far = StoppingExplorer(recorded([*LOSSES[:-1], 5e6], ACCURACIES))
    assert "All its epochs: diverged at learning_rate=" in far.status.value
