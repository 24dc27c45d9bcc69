"""Sweeps of a tiny experiment, and what the tests of them share."""

import time
from pathlib import Path

from places import PATIENCE

from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.sweep import sweep

TINY = Experiment(
    dataset="patterns", size=12, classes=2, train_size=64, validation_size=32, channels=(2,), hidden=8, epochs=2,
    batch_size=32, learning_rate=0.01,
)  # fmt: skip
MISSING_PICTURES = Experiment(dataset="images", folder="nowhere at all")


def quiet(experiments, store=None, **settings):
    return sweep(experiments, store, **{"workers": 1, "progress": False} | settings)


def numbers(history):
    """Return all of a history but its seconds."""
    plain = history.to_dict()
    plain["columns"].pop("seconds", None)
    return plain


def records(folder):
    """Return the name of each record with the time of its last change."""
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.json")}


def wait_for(what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
