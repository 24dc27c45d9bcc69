"""A small experiment for RunExplorer, and its training with weights of every epoch."""

from cnnlab import Experiment
from cnnlab.experiments.run import run

BASE = Experiment(
    dataset="patterns", size=12, train_size=64, validation_size=40, channels=(5, 3), hidden=4, epochs=2, batch_size=16
)


def train(experiment, **options):
    return run(experiment, snapshots=(0, 1, 2), progress=False, **options)
