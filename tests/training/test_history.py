"""A record goes to JSON and back, and to a table; a metric that it lacks is named."""

import json

import pytest
from small_training import quiet, small

from cnnlab.errors import ConfigError
from cnnlab.training.history import History


def test_history_goes_to_json_and_to_a_table(data):
    history = quiet(small(), data, epochs=2)
    again = History.from_json(history.to_json())
    assert again == history
    assert json.loads(history.to_json())["settings"]["optimizer"] == "adam"
    frame = history.to_frame()
    assert frame.columns.tolist() == [
        "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds",
    ]  # fmt: skip
    assert frame["validation_loss"].tolist() == history["validation_loss"]
    assert frame["epoch"].tolist() == [1, 2]
    with pytest.raises(ConfigError, match=r"unknown metric 'validation_los'; did you mean 'validation_loss'?"):
        history["validation_los"]


def test_what_was_not_recorded_is_named_with_the_remedy(data):
    history = quiet(small(), data, epochs=1)
    for metric in ("dead_share", "conv1.update_ratio"):
        with pytest.raises(
            ConfigError, match=rf"{metric} was not recorded in these runs; train with on_epoch=Recorder"
        ):
            history[metric]
    with pytest.raises(ConfigError, match=r"unknown metric 'conv1\.colour'"):
        history["conv1.colour"]
