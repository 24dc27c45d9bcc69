"""A training that continues from its checkpoint equals the one that never stopped, bit for bit."""

import threading

import pytest
from small_training import quiet, same_weights, small

import cnnlab.files
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.9, "patience": 1},
        {"optimizer": "rmsprop", "weight_decay": 0.01},
    ],
    ids=["adam", "sgd", "momentum and patience", "rmsprop"],
)
def test_a_continued_run_is_bit_identical(data, tmp_path, settings):
    whole, parts, path = small(dropout=0.4), small(dropout=0.4), tmp_path / "run.safetensors"
    expected = quiet(whole, data, epochs=5, **settings)

    stop = threading.Event()

    def stop_after_2(state):
        if state.epoch == 2:
            stop.set()

    quiet(parts, data, epochs=5, checkpoint=path, stop=stop, on_epoch=stop_after_2, **settings)
    fresh = small(dropout=0.4, seed=99)
    continued = quiet(fresh, data, epochs=5, checkpoint=path, **settings)
    assert same_weights(fresh, whole)
    for metric in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert continued[metric] == expected[metric]
    assert continued.best_epoch == expected.best_epoch
    assert (continued.stopped_by, continued.stopped_in) == (expected.stopped_by, expected.stopped_in)
    if "patience" not in settings:
        longer = quiet(small(dropout=0.4, seed=5), data, epochs=7, checkpoint=path, **settings)
        assert longer["train_loss"] == quiet(small(dropout=0.4), data, epochs=7, **settings)["train_loss"]


def test_a_checkpoint_of_something_else_is_refused(data, tmp_path):
    path = tmp_path / "run.safetensors"
    quiet(small(), data, epochs=2, checkpoint=path)
    remedy = f"; delete {path} or give another path"
    cases = [
        (small(), data, {"learning_rate": 0.1}, f"checkpoint was made with learning_rate=0.001, got 0.1{remedy}"),
        (small(), data, {"seed": 1}, f"checkpoint was made with seed=0, got 1{remedy}"),
        (small(), data, {"epochs": 1}, f"checkpoint already holds 2 epochs, got epochs=1{remedy}"),
        (small(hidden=8), data, {}, f"checkpoint was made with other images or another network{remedy}"),
        (small(pooling="avg"), data, {}, "with other images or another network"),
        (small(dropout=0.5), data, {}, "with other images or another network"),
        (small(), load_data("mnist", train=330, validation=100, seed=1), {}, "with other images or another network"),
    ]
    for model, images, settings, words in cases:
        with pytest.raises(ConfigError) as caught:
            quiet(model, images, checkpoint=path, **({"epochs": 3} | settings))
        assert words in str(caught.value)


def test_a_full_disk_is_said_in_words_and_the_earlier_file_is_intact(data, tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    quiet(small(), data, epochs=1, checkpoint=path)
    earlier = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cnnlab.files.os, "fsync", full)
    with pytest.raises(OSError, match=r"was not saved .No space left on device.; the earlier file, if any, is intact"):
        quiet(small(), data, epochs=2, checkpoint=path)
    assert path.read_bytes() == earlier
    assert len(list(tmp_path.iterdir())) == 1


def test_a_rate_that_on_epoch_changed_is_continued(data, tmp_path):
    path, stop = tmp_path / "run", threading.Event()

    def halve(state):
        state.optimizer.param_groups[0]["lr"] /= 2
        if state.epoch == 2:
            stop.set()

    whole, parts = small(), small()
    expected = quiet(whole, data, epochs=4, on_epoch=halve)
    stop.clear()
    quiet(parts, data, epochs=4, on_epoch=halve, stop=stop, checkpoint=path)
    continued = quiet(small(seed=9), data, epochs=4, on_epoch=halve, checkpoint=path)
    assert continued["train_loss"] == expected["train_loss"]


def test_a_checkpoint_from_other_versions_warns(data, tmp_path, monkeypatch):
    quiet(small(), data, epochs=1, checkpoint=tmp_path / "run")
    monkeypatch.setattr("cnnlab.training.environment.platform.python_version", lambda: "3.99.0")
    with pytest.warns(UserWarning, match=r"these runs differ in python \(3.*, 3.99.0\)"):
        quiet(small(), data, epochs=2, checkpoint=tmp_path / "run")
