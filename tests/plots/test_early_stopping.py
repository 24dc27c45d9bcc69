"""Test that the picture of a stopped training shows the numbers of `stopping`."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest
from made_runs import ACCURACIES, LOSSES, recorded

from cnnlab.errors import ConfigError
from cnnlab.plots.early_stopping import StoppingPicture, plot_stopping
from cnnlab.training.early_stopping import stopping

HISTORY = recorded(LOSSES, ACCURACIES)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def labelled(ax) -> dict:
    """Return label → artist, for every artist of the legend."""
    return {artist.get_label(): artist for artist in [*ax.lines, *ax.patches] if artist.get_label()[0] != "_"}


def test_curves_marks_and_areas_stand_where_the_numbers_say():
    ax = plot_stopping(HISTORY, patience=1)  # stops in epoch 5, keeps epoch 3; epoch 6 would have been better
    parts = labelled(ax)
    assert list(parts["validation"].get_xdata()) == list(range(1, 11))
    assert list(parts["validation"].get_ydata()) == LOSSES
    assert list(parts["training"].get_ydata()) == [loss / 2 for loss in LOSSES]
    assert list(parts["stopped"].get_xdata()) == [5, 5]
    assert (list(parts["weights kept"].get_xdata()), list(parts["weights kept"].get_ydata())) == ([3], [0.5])
    assert (list(parts["lowest loss"].get_xdata()), list(parts["lowest loss"].get_ydata())) == ([6], [0.45])
    wait, untrained = parts["no improvement: waiting"], parts["not trained"]
    assert (wait.get_x(), wait.get_width()) == (3, 2)
    assert (untrained.get_x(), untrained.get_x() + untrained.get_width()) == (5, pytest.approx(ax.get_xlim()[1]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (nats)")
    assert {text.get_text() for text in ax.get_legend().get_texts()} == set(parts)


def test_accuracy_is_drawn_at_the_same_epochs():
    ax = plot_stopping(HISTORY, patience=1, metric="accuracy")
    parts = labelled(ax)
    assert list(parts["validation"].get_ydata()) == ACCURACIES
    assert (list(parts["weights kept"].get_xdata()), list(parts["weights kept"].get_ydata())) == ([3], [0.6])
    assert (list(parts["lowest loss"].get_xdata()), list(parts["lowest loss"].get_ydata())) == ([6], [0.8])
    assert ax.get_ylabel() == "accuracy (0–1)"


def test_without_patience_nobody_waits_and_nothing_is_left_out():
    parts = labelled(plot_stopping(HISTORY))
    assert parts["no improvement: waiting"].get_width() == parts["not trained"].get_width() == 0


def test_recordings_that_are_compared_share_their_scale():
    ax = plt.figure().subplots()
    picture = StoppingPicture([HISTORY, recorded([3.0] * 20)], "loss", ax)
    for history in (HISTORY, recorded([3.0] * 20)):
        picture.show(history, stopping(history))
        assert ax.get_xlim()[1] > 20
        assert ax.get_ylim()[0] < 0.225  # half of 0.45, the lowest training loss
        assert ax.get_ylim()[1] > 3
    assert {id(artist) for artist in picture.moving} >= {id(artist) for artist in labelled(ax).values()}


def test_one_epoch_alone_can_be_drawn():
    ax = plot_stopping(recorded([0.5]), patience=0)
    ax.figure.canvas.draw()
    assert list(labelled(ax)["validation"].get_ydata()) == [0.5]


def test_a_metric_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="unknown metric 'lost'; did you mean 'loss'"):
        plot_stopping(HISTORY, metric="lost")


def test_a_training_that_diverged_is_called_so():
    assert plot_stopping(HISTORY).get_title() == ""
    far = recorded([*LOSSES[:-1], 5e6], ACCURACIES)
    assert plot_stopping(far, patience=3).get_title() == "this training diverged"
