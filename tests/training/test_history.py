"""A record goes to JSON and back, and to a table; a metric that it lacks is named, and so is a divergence."""

import json

import pytest
from small_training import quiet, small

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.training.early_stopping import replay
from cnnlab.training.history import History
from cnnlab.training.progress import TrainingWarning


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


def ended(train_loss, validation_loss=None, *, stopped_by="epochs", patience=None, classes=0):
    """A record of two epochs; the second ends with these losses."""
    last = {"epoch": 2, "train_loss": train_loss, "train_accuracy": 0.1}
    last |= {} if validation_loss is None else {"validation_loss": validation_loss, "validation_accuracy": 0.1}
    settings = {"epochs": 2, "learning_rate": 1.0, "patience": patience}
    return History(settings, {}, [last | {"epoch": 1, "train_loss": 1.0}, last], 1, stopped_by, 2, 0, classes)


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ((5.4e24, 3.4e25), True),
        ((5.4e24, 2.37), True),  # back at guessing among ten classes
        ((10.1, 0.70), True),  # guessing between two classes costs ln 2 = 0.693
        ((10.1, 0.69), False),  # a leap from which the network has recovered
        ((10.0, 99.0), False),
        ((0.01, 99.0), False),  # overfitting
        ((2.31, 2.30), False),  # never better than guessing, but no worse
        ((10.1, None), True),
        ((10.0, None), False),
    ],
)
def test_a_finite_loss_far_above_guessing_is_a_divergence(losses, diverged):
    assert ended(*losses).diverged == diverged
    assert ended(*losses).message.startswith("diverged at learning_rate=1: " if diverged else "trained 2 epochs")


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [  # of ten classes: guessing costs ln 10 = 2.303 nats, and 1,000 times that is 2,302.6
        ((24.7, 2.15), False),  # an epoch that has recovered from its leap
        ((24.7, 2.31), True),
        ((2302.5, 2.15), False),
        ((2302.6, 2.15), True),
        ((0.01, 2302.5), False),
        ((0.01, 2302.6), True),  # the last steps of the epoch went astray
        ((5.4e24, 3.4e25), True),
        ((10.0, None), False),
        ((10.1, None), True),
    ],
)
def test_with_the_number_of_classes_a_guess_is_known_exactly(losses, diverged):
    assert ended(*losses, classes=10).diverged == diverged
    assert ended(*losses, classes=10).stopped_by == "epochs"


def test_the_loss_that_is_far_above_guessing_is_named():
    assert ended(0.01, 5e6, classes=10).message.startswith(
        "diverged at learning_rate=1: the validation loss of epoch 2 is 5e+06, far worse than guessing; "
    )


def test_every_history_knows_its_number_of_classes(data):
    history = quiet(small(), data, epochs=2)
    assert history.classes == len(data.classes)
    assert replay(history, epochs=1).classes == replay(history, epochs=2, patience=0).classes == len(data.classes)
    old = history.to_dict()
    del old["classes"]  # as earlier versions wrote it
    assert History.from_dict(old).classes == 0


def test_a_divergence_is_called_one_in_every_sentence():
    assert ended(5.4e24, 2.37).message == (
        "diverged at learning_rate=1: the training loss of epoch 2 is 5.4e+24, far worse than guessing; "
        "kept the weights of epoch 2; try a smaller learning_rate"
    )
    assert "; kept the weights of epoch 1; " in ended(5.4e24, 2.37, stopped_by="patience", patience=1).message
    assert "last epoch: train_loss 5.4e+24, train_accuracy 0.100, validation_loss 2.370" in repr(ended(5.4e24, 2.37))
    assert ended(5.4e24, stopped_by="diverged").diverged
    for before_the_end in ("stop", "interrupt", ""):
        assert not ended(5.4e24, stopped_by=before_the_end).diverged
    assert not History({"epochs": 0, "patience": None}, {}, stopped_by="epochs").diverged


def test_plain_sgd_at_a_rate_of_1000_diverges_without_an_infinite_loss():
    blobs = load_data("patterns", train=64, validation=32, size=12, classes=2, seed=0)
    model = build_cnn(channels=(2,), hidden=8, input_shape=(1, 12, 12), classes=2)
    with pytest.warns(TrainingWarning, match=r"^diverged at learning_rate=1000: the training loss of epoch 3 is"):
        history = quiet(model, blobs, epochs=3, optimizer="sgd", learning_rate=1000)
    assert (len(history), history.stopped_by, history.kept_epoch) == (3, "epochs", 3)  # whole, and usable
    assert history.last("train_loss") > 100
