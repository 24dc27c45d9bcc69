"""Metrics of curves, worked out by hand."""

import math

import pytest

from cnnlab.errors import ConfigError
from cnnlab.training.curve_metrics import (
    check_curve_metric,
    curve_value,
    epochs_to_reach,
    fluctuation,
    split_metric,
)
from cnnlab.training.history import History


def curves(**columns) -> History:
    """Return a history with these columns."""
    history = History({}, {})
    names, rows = list(columns), zip(*columns.values(), strict=True)
    history.rows = [{"epoch": epoch} | dict(zip(names, row, strict=True)) for epoch, row in enumerate(rows, start=1)]
    return history


def test_a_target_stands_behind_its_metric():
    assert split_metric("epochs_to_reach:0.9") == ("epochs_to_reach", 0.9)
    assert split_metric("epochs_to_reach:1") == ("epochs_to_reach", 1)
    for metric in ("train_loss", "epochs_to_reach", "epochs_to_reach:0", "epochs_to_reach:1.1", "epochs_to_reach:nan"):
        assert split_metric(metric) == (metric, None)


def test_what_is_no_metric_is_refused_in_words():
    assert check_curve_metric("epochs_to_reach:0.5", ["train_loss"]) == "epochs_to_reach"
    assert check_curve_metric("train_loss", ["train_loss"]) == "train_loss"
    with pytest.raises(ConfigError, match="say which validation accuracy is to be reached"):
        check_curve_metric("epochs_to_reach:90", ["train_loss"])
    with pytest.raises(ConfigError, match="unknown metric 'train_los'"):
        check_curve_metric("train_los", ["train_loss"])


def test_the_first_epoch_at_the_target_counts_also_if_a_later_one_is_below():
    history = curves(validation_accuracy=[0.5, 0.9, 0.7, 0.95])
    assert [epochs_to_reach(history, target) for target in (0.4, 0.9, 0.91, 0.96)] == [1, 2, 4, None]


def test_fluctuation_is_of_the_second_half_and_without_zeros():
    history = curves(train_loss=[8.0, 1.0, 0.5, 0.5, 1.0, 0.0], validation_loss=[1.0, 1.0, 1.0, 4.0, 1.0, 4.0])
    assert fluctuation(history) == pytest.approx(math.log(2))  # 0.5 → 1; 1 → 0 has no logarithm
    assert fluctuation(history, "validation_loss") == pytest.approx(math.log(4))
    assert fluctuation(curves(train_loss=[1.0])) is None


def test_the_gap_is_that_of_the_epoch():
    history = curves(train_loss=[1.0, 0.25], validation_loss=[1.5, 1.0])
    gaps = [curve_value(history, "generalization_gap", epoch) for epoch in (1, 2, 3)]
    assert gaps == [0.5, 0.75, None]
    assert curve_value(curves(train_loss=[1.0]), "generalization_gap", 1) is None
    assert curve_value(history, "train_loss", 2) == 0.25


def test_a_metric_of_the_whole_curve_is_the_same_at_every_epoch():
    history = curves(train_loss=[1.0, 2.0, 1.0], validation_loss=[1.0, 1.0, 4.0], validation_accuracy=[0.5, 0.8, 0.9])
    for epoch in (1, 3):
        assert curve_value(history, "fluctuation", epoch) == pytest.approx(math.log(2))
        assert curve_value(history, "fluctuation_validation", epoch) == pytest.approx(math.log(4))
        assert curve_value(history, "epochs_to_reach:0.8", epoch) == 2
        assert curve_value(history, "epochs_to_reach", epoch) is None  # of what?
