"""Test that a number of numpy or of `fractions` does what the same number of Python does."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from cnnlab import (
    activation_statistics,
    build_cnn,
    evaluate_all,
    load_data,
    make_patterns,
    saliency,
)

SIZES = {"train": 20, "validation": 10}


@pytest.fixture(scope="module")
def data():
    return load_data("patterns", **SIZES)


@pytest.fixture(scope="module")
def model():
    return build_cnn(classes=4, channels=(2,), hidden=4)


CALLS = {
    "load_data": (lambda _, __, seed: load_data("patterns", **SIZES, seed=seed).train.images, np.int64(3)),
    "make_patterns": (lambda _, __, seed: make_patterns(8, seed=seed)[0], np.uint8(200)),
    "activation_statistics": (
        lambda model, data, seed: torch.tensor(
            [layer.std for layer in activation_statistics(model, data.train.images, seed=seed).values()]
        ),
        np.int64(3),
    ),
    "evaluate_all": (
        lambda model, data, size: torch.tensor(evaluate_all([model], data.train, batch_size=size)), np.int64(3)
    ),
    "saliency": (
        lambda model, data, noise: saliency(model, data.train.images[:1], 0, method="smoothgrad", noise=noise, seed=1),
        Fraction(1, 10),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "number"), CALLS.values(), ids=CALLS)
def test_a_number_of_another_kind_gives_what_pythons_own_gives(call, number, model, data):
    own = int(number) if isinstance(number, np.integer) else float(number)
    assert torch.equal(call(model, data, number), call(model, data, own))
