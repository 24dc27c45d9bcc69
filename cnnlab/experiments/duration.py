"""Estimate how long an experiment trains, before it does: a formula, times the speed of this computer.

The formula counts what a training computes. The speed is measured in a fraction of a second, and again in each training
that `learn_speed` is given, so that a busy computer is known as a slow one.
"""

from __future__ import annotations

import functools
import math
import time

import torch
from torch import nn

from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.one_thread import one_thread
from cnnlab.model.cnn import build_cnn

# Seconds on a processor of 2020, fitted to 15 experiments of all shapes: right within a quarter for each of them.
FOR_A_MULTIPLY_ADD = 7.7e-12
FOR_A_VALUE = 1.3e-9  # each output of a layer
FOR_A_STEP = 1.9e-3  # a step is a batch
FOR_A_PARAMETER = 5.2e-9  # in each step
BACKWARD = 3  # a step costs three times what it costs to only evaluate: forward, and two gradients backward
ALL = {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000, "patterns": 10_000}  # images, without the test set
MEASURED = Experiment(train_size=256, validation_size=0, epochs=1)  # by `measure_speed`

_speed: float | None = None  # seconds for each second of the formula


def estimate_seconds(experiment: Experiment) -> float | None:
    """Return about how many seconds the experiment trains here; None if that is not known yet.

    It is not known before `measure_speed` or `learn_speed` was called, nor for a folder of pictures without sizes.

    >>> estimate_seconds(Experiment(train_size=2000))
    4.2
    """
    seconds = _formula(experiment)
    return None if _speed is None or seconds is None else seconds * _speed


def measure_speed() -> None:
    """Measure how fast this computer is, once for this process: a tenth of a second, best in a thread of its own."""
    if _speed is None:
        learn_speed(MEASURED, _time_epoch(MEASURED))


def learn_speed(experiment: Experiment, seconds: float, epochs: int | None = None) -> None:
    """Learn the speed from a training of these seconds, which may have ended after fewer epochs than planned."""
    global _speed
    formula = _formula(experiment.replace(epochs=experiment.epochs if epochs is None else epochs, patience=None))
    if formula and seconds > 0:
        _speed = seconds / formula


@functools.lru_cache(maxsize=100)
def _formula(experiment: Experiment) -> float | None:
    """Return how many seconds the experiment would train on the processor to which the constants were fitted."""
    images = _count_images(experiment)
    if images is None:
        return None
    train, validation = images
    rows = experiment.layer_table()
    for_an_image = sum(row.multiply_adds for row in rows) * FOR_A_MULTIPLY_ADD
    for_an_image += sum(math.prod(row.output_shape) for row in rows) * FOR_A_VALUE
    for_a_step = FOR_A_STEP + sum(row.parameters for row in rows) * FOR_A_PARAMETER
    steps = math.ceil(train / experiment.batch_size)
    return experiment.epochs * ((BACKWARD * train + validation) * for_an_image + steps * for_a_step)


def _count_images(experiment: Experiment) -> tuple[int, int] | None:
    """Return the numbers of training and validation images; None if only the pictures of a folder would tell."""
    train, validation = experiment.train_size, experiment.validation_size
    whole = ALL.get(experiment.dataset)
    if whole is None and (train is None or validation is None):
        return None
    validation = (whole or 0) // 10 if validation is None else validation
    return (whole or 0) - validation if train is None else train, validation


def _time_epoch(experiment: Experiment) -> float:
    """Return the seconds that one epoch of the experiment takes, on noise in place of its images."""
    with one_thread():
        model = build_cnn(**experiment.network())
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        shape = (experiment.batch_size, *experiment.network()["input_shape"])
        images = torch.rand(shape, dtype=torch.float32, device="cpu")  # as the network
        labels = torch.zeros(experiment.batch_size, dtype=torch.long, device="cpu")
        steps = (experiment.train_size or 0) // experiment.batch_size
        for place in range(steps + 1):  # the first step, which prepares, is not timed
            if place == 1:
                begun = time.perf_counter()
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        return time.perf_counter() - begun
