"""Runs and recordings with given numbers, without any training."""

import numpy as np

from cnnlab.comparison.compare import Comparison, compare
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run
from cnnlab.training.history import History

LOSSES = [1.0, 0.6, 0.5, 0.55, 0.52, 0.45, 0.6, 0.7, 0.8, 0.9]
ACCURACIES = [0.2, 0.5, 0.6, 0.7, 0.65, 0.8, 0.7, 0.7, 0.7, 0.75]
WINNER = {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59], 7: [0.51, 0.58, 0.42]}
TWO_LEFT = {
    3: [0.50, 0.60, 0.40, 0.55, 0.45],
    5: [0.70, 0.81, 0.59, 0.75, 0.66],
    7: [0.71, 0.80, 0.60, 0.76, 0.65],
}
NO_IMAGES = "no validation images: train with a larger validation_size"
QUESTION = "Which kernel size reads best?"


def made(accuracies=0.5, *, stopped_by="epochs", seconds=1.0, environment=None, **fields) -> Run:
    """A finished run with this validation accuracy in each epoch, and a validation loss of 1 − accuracy."""
    accuracies = [accuracies] if isinstance(accuracies, (int, float)) else list(accuracies)
    rows = [
        {"epoch": place + 1, "train_loss": (1 - value) / 2, "validation_loss": 1 - value, "validation_accuracy": value}
        for place, value in enumerate(accuracies)
    ]
    best_epoch = int(np.argmax(accuracies)) + 1 if accuracies else 0
    experiment = Experiment(**fields)
    history = History(experiment.to_dict(), environment or {}, rows, best_epoch, stopped_by, len(rows))
    return Run(experiment, history, seconds, (1, 28, 28), ("0", "1"))


def unvalidated(accuracy=0.5, **fields):
    """A finished run without validation images."""
    run = made(accuracy, validation_size=0, **fields)
    run.history.rows[:] = [{"epoch": 1, "train_loss": 1.0, "train_accuracy": accuracy}]
    run.history.best_epoch = 0
    return run


def levels_of(by, table, **fields):
    """One run a level and seed, from level → one accuracy a seed."""
    return [made(value, **{by: level}, seed=seed, **fields)
            for level, values in table.items() for seed, value in enumerate(values)]  # fmt: skip


def optimizers(**rates):
    return [made(0.5 + 0.1 * place + 0.01 * seed * (place + 1), optimizer=optimizer, learning_rate=rate, seed=seed)
            for place, (optimizer, rate) in enumerate(rates.items()) for seed in range(3)]  # fmt: skip


def comparison(table=None, **options) -> Comparison:
    return compare(levels_of("kernel_size", table or WINNER), by="kernel_size", **options)


def recorded(losses, accuracies=None, *, stopped_by="epochs") -> History:
    """A recording with these validation losses; the training loss is half of each."""
    accuracies = accuracies or [0.5] * len(losses)
    rows = [
        {"epoch": place + 1, "train_loss": loss / 2, "train_accuracy": 0.9, "validation_loss": loss,
         "validation_accuracy": accuracy, "seconds": 1.0}
        for place, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True))
    ]  # fmt: skip
    settings = {"epochs": len(losses), "patience": None, "min_delta": 0.0, "learning_rate": 0.1}
    best = losses.index(min(losses)) + 1 if losses else 0
    return History(settings, {}, rows, best, stopped_by, len(losses))


def bare_loop(losses, epochs, patience, min_delta):
    """Early stopping in the fewest words: the last epoch trained, and the epoch that is kept."""
    best, best_epoch = losses[0], 1
    for epoch in range(2, epochs + 1):
        if epoch - 1 - best_epoch > patience:
            return epoch - 1, best_epoch
        if losses[epoch - 1] < best - min_delta:
            best, best_epoch = losses[epoch - 1], epoch
    return epochs, best_epoch
