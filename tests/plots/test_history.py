"""Test that histories are drawn with their numbers."""

import matplotlib
import pytest

from cnnlab.errors import ConfigError
from cnnlab.plots.history import plot_history
from cnnlab.plots.style import TRAIN, VALIDATION
from cnnlab.training.history import History

matplotlib.use("agg")


def made(losses, settings=None, environment=None):
    rows = [
        {"epoch": i + 1, "train_loss": v / 2, "validation_loss": v, "validation_accuracy": 1 - v}
        for i, v in enumerate(losses)
    ]
    return History(settings or {"epochs": 9, "patience": None}, environment or {}, rows)


def test_history_has_the_same_colour_for_the_same_thing():
    ax = plot_history(made([0.5, 0.25, 0.3]))
    train, validation = ax.lines
    assert train.get_ydata().tolist() == [0.25, 0.125, 0.15]
    assert validation.get_ydata().tolist() == [0.5, 0.25, 0.3]
    assert validation.get_xdata().tolist() == [1, 2, 3]
    for line, look in ((train, TRAIN), (validation, VALIDATION)):
        assert (line.get_color(), line.get_linestyle(), line.get_marker(), line.get_label()) == tuple(look.values())
    assert ax.get_ylabel() == "loss (nats)"


def test_several_histories_show_their_validation():
    ax = plot_history({"sgd": made([0.5, 0.4]), "adam": made([0.3, 0.2])}, "accuracy")
    assert [line.get_label() for line in ax.lines] == ["sgd", "adam"]
    assert ax.lines[1].get_ydata().tolist() == [0.7, 0.8]
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert ax.get_ylabel() == "validation accuracy (0–1)"


def test_a_comparison_across_threads_or_versions_warns():
    first, second = (made([0.5], environment={"threads": threads, "torch": "2.15.0"}) for threads in (1, 2))
    with pytest.warns(UserWarning, match=r"these runs differ in threads \(1, 2\): the same seed gives other bits"):
        plot_history({"a": first, "b": second})
    plot_history({"a": first, "b": first})  # a warning here would be an error


def test_what_can_not_be_drawn_is_said():
    cases = [
        (lambda: plot_history(made([1]), "speed"), "unknown metric 'speed'; choose from 'loss', 'accuracy'"),
        (lambda: plot_history([made([1])]), "plot_history wants one History, or a dict of name: History; got list"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
