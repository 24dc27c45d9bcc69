"""Small runs, trained as replicas of one network and alone, both in float64."""

import dataclasses

import pytest
import torch

from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.replicas import train_replicas
from cnnlab.training.fit import fit

TINY = Experiment(
    dataset="patterns", size=12, classes=3, train_size=70, validation_size=40, channels=(2, 3), hidden=8, epochs=3,
    batch_size=32, learning_rate=0.01,
)  # fmt: skip
WILD = TINY.replace(optimizer="sgd", learning_rate=1e200)  # too much for float64, too
NUMBERS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def together(experiments, **settings):
    """Return the runs of experiments that were trained as one network, in float64."""
    payloads = [{"experiment": each.to_dict(), "snapshots": [0, 3]} for each in experiments]
    runs = {}
    for ended in train_replicas(payloads, "cpu", **{"dtype": torch.float64} | settings):
        assert not runs.keys() & ended.keys()
        runs |= ended
    return [runs[place] for place in range(len(experiments))]


def alone(experiment):
    """Return the model and the history of a training by `fit`, in float64."""
    data = experiment.load_data()
    train, validation = (
        dataclasses.replace(split, images=split.images.double()) for split in (data.train, data.validation)
    )
    data = dataclasses.replace(data, train=train, validation=validation)
    model = experiment.build_cnn(data).double()
    return model, fit(model, data, **experiment.training(), device="cpu", progress=lambda _: None)


def assert_alike(history, other, *, tolerance=1e-9):
    for name in NUMBERS:
        assert history[name] == pytest.approx(other[name], rel=tolerance), name
    ends = [(each.stopped_by, each.stopped_in, each.diverged_in_batch, each.best_epoch) for each in (history, other)]
    assert ends[0] == ends[1]
    assert history.settings == other.settings
