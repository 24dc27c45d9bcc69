"""A small network, and trainings of it that show no progress."""

from types import SimpleNamespace

import torch

from cnnlab.model.cnn import build_cnn
from cnnlab.training.fit import fit


def small(**settings):
    return build_cnn(**({"channels": (4, 8), "hidden": 16} | settings))


def quiet(model, data, **settings):
    return fit(model, data, progress=False, **settings)


def same_weights(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def plateau(monkeypatch, losses):
    """Make `fit` see these validation losses, one an epoch."""
    values = iter(losses)
    monkeypatch.setattr("cnnlab.training.loop.evaluate", lambda *_: SimpleNamespace(loss=next(values), accuracy=0.5))
