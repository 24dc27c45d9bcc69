"""A seed for a while, and the process's own random numbers as they were."""

import contextlib

import torch

from cnnlab.model.random_numbers import seeded

CPU = torch.device("cpu")


def test_inside_it_is_the_seed_and_afterwards_nothing_has_happened():
    before = torch.get_rng_state()
    with seeded(7, CPU):
        drawn = torch.rand(3)
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(7)))
    assert torch.equal(torch.get_rng_state(), before)
    with contextlib.suppress(KeyError), seeded(8, CPU):
        torch.rand(1)
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)
