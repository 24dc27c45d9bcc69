"""Test the estimate of a training's time: what it grows with, and that it follows the speed of the computer."""

import threading

import pytest
import torch

from cnnlab import Experiment
from cnnlab.experiments import duration
from cnnlab.experiments.duration import estimate_seconds, learn_speed, measure_speed

BASE = Experiment(train_size=1000, validation_size=500, epochs=10)


@pytest.fixture(autouse=True)
def _unknown(monkeypatch):
    monkeypatch.setattr(duration, "_speed", None)


def test_nothing_is_said_before_the_speed_is_known():
    assert estimate_seconds(BASE) is None
    measure_speed()
    assert estimate_seconds(BASE) > 0


def test_the_speed_is_measured_whatever_the_notebook_has_set(monkeypatch):
    """In a thread of its own, as a panel does it: an error there would only be printed."""
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    torch.set_default_dtype(torch.float64)
    try:
        thread = threading.Thread(target=measure_speed)
        thread.start()
        thread.join()
    finally:
        torch.set_default_dtype(torch.float32)
    assert failed == []
    assert estimate_seconds(BASE) > 0


def test_a_training_is_its_own_best_estimate_and_epochs_count_once_each():
    learn_speed(BASE, 20.0)
    assert estimate_seconds(BASE) == pytest.approx(20)
    assert estimate_seconds(BASE.replace(epochs=350)) == pytest.approx(700)
    learn_speed(BASE, 20.0, epochs=5)  # it stopped early, so that an epoch takes 4 s
    assert estimate_seconds(BASE) == pytest.approx(40)
    assert estimate_seconds(BASE.replace(epochs=0)) == 0


def test_validation_costs_a_third_of_training_and_smaller_batches_cost_more():
    learn_speed(BASE, 20.0)
    rows = BASE.layer_table()
    alone = sum(row.multiply_adds for row in rows) * 7.7e-12 + 1.3e-9 * 44_042  # per image; 44,042 values
    ten_epochs = 10 * (3500 * alone + 16 * (1.9e-3 + 5.2e-9 * sum(row.parameters for row in rows)))
    without = 10 * (3000 * alone + 16 * (1.9e-3 + 5.2e-9 * sum(row.parameters for row in rows)))
    assert estimate_seconds(BASE.replace(validation_size=0)) == pytest.approx(20 * without / ten_epochs)
    assert estimate_seconds(BASE.replace(batch_size=8)) > 25
    assert estimate_seconds(BASE.replace(kernel_size=11)) > 25


@pytest.mark.parametrize(
    ("left_open", "said"),
    [
        ({"train_size": None, "validation_size": None}, {"train_size": 54_000, "validation_size": 6000}),
        ({"dataset": "cifar10", "train_size": None}, {"dataset": "cifar10", "train_size": 49_500}),
    ],
)
def test_sizes_left_open_are_those_of_the_data_set(left_open, said):
    learn_speed(BASE, 20.0)
    assert estimate_seconds(BASE.replace(**left_open)) == estimate_seconds(BASE.replace(**said))


def test_of_a_folder_without_sizes_nothing_is_known():
    learn_speed(BASE, 20.0)
    own = Experiment(dataset="images", folder="mine", train_size=100, validation_size=50)
    assert estimate_seconds(own) > 0
    assert estimate_seconds(own.replace(train_size=None)) is None


def test_a_training_without_epochs_teaches_nothing():
    learn_speed(BASE, 20.0)
    learn_speed(BASE, 0.0, epochs=0)
    assert estimate_seconds(BASE) == pytest.approx(20)
