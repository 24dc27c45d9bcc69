"""An experiment that trains in a fraction of a second, for all attacks."""

from cnnlab import Experiment

TINY = Experiment(
    dataset="patterns", size=12, classes=2, train_size=64, validation_size=32, channels=(2,), hidden=8, epochs=2,
    batch_size=32,
)  # fmt: skip
