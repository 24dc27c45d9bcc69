"""Several seeds of one setting, and whether two ranges meet."""

import signal
import threading

import pytest

from cnnlab.errors import ConfigError
from cnnlab.loading import load_data
from cnnlab.model import build_cnn
from cnnlab.seeds import last, ranges_overlap, train_seeds
from cnnlab.training import fit


def test_each_seed_is_one_run_of_build_cnn_and_fit(capsys):
    data = load_data("mnist", train=128, validation=50)
    settings = {"kernel_size": 5, "channels": (4, 4), "hidden": 8}
    histories = train_seeds(data, seeds=[0, 3], epochs=2, learning_rate=0.01, **settings)
    assert capsys.readouterr().out.rpartition("\r")[2] == "trained 2 networks\n"
    alone = fit(build_cnn(**settings, seed=3), data, epochs=2, learning_rate=0.01, seed=3, progress=False)
    assert histories[1]["validation_loss"] == alone["validation_loss"]
    assert histories[0]["validation_loss"] != alone["validation_loss"]
    assert last(histories)[1] == alone["validation_accuracy"][-1]
    assert last(histories, "train_loss")[1] == alone["train_loss"][-1]


def test_the_network_is_made_for_the_data():
    data = load_data("patterns", train=64, validation=10, classes=3)
    assert len(train_seeds(data, seeds=[0], epochs=1, progress=False)) == 1


def test_an_unknown_setting_is_named():
    data = load_data("mnist", train=64, validation=10)
    with pytest.raises(ConfigError, match=r"unknown setting 'kernal_size'; did you mean 'kernel_size'?"):
        train_seeds(data, epochs=1, kernal_size=3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2], [3, 4], False),
        ([3, 4], [1, 2], False),
        ([1, 3], [2, 4], True),
        ([1, 4], [2, 3], True),
        ([1, 2], [2, 3], True),
    ],
)
def test_ranges(first, second, expected):
    assert ranges_overlap(first, second) is expected
    assert ranges_overlap(iter(first), iter(second)) is expected


def test_an_interrupt_ends_the_whole_and_not_one_network_of_it():
    data = load_data("mnist", train=64, validation=10)
    epochs = 0

    def interrupt(_):
        nonlocal epochs
        epochs += 1
        if epochs == 3:
            signal.raise_signal(signal.SIGINT)

    settings = {"channels": (4,), "hidden": 8, "epochs": 2, "progress": False}
    with pytest.raises(KeyboardInterrupt, match="seed 1 stopped in epoch 1: kept the weights of epoch 1"):
        train_seeds(data, on_epoch=interrupt, **settings)
    assert epochs == 3
    stop = threading.Event()
    stop.set()
    stopped = train_seeds(data, stop=stop, **settings)
    assert len(stopped) == 1
    with pytest.raises(ConfigError, match=r"validation_accuracy: no epoch has one \(stopped in epoch 1"):
        last(stopped)
