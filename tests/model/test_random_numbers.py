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


def test_the_generator_of_an_apple_gpu_is_seeded_and_put_back(monkeypatch):
    apple = torch.Generator()  # it stands for that of the GPU
    monkeypatch.setattr(torch.mps, "manual_seed", apple.manual_seed)
    monkeypatch.setattr(torch.mps, "get_rng_state", apple.get_state)
    monkeypatch.setattr(torch.mps, "set_rng_state", apple.set_state)
    before, ours = apple.get_state(), torch.get_rng_state()
    with seeded(7, torch.device("mps")):
        expected = torch.rand(3, generator=torch.Generator().manual_seed(7))
        assert torch.equal(torch.rand(3, generator=apple), expected)
        assert torch.equal(torch.rand(3), expected)  # the processor's, too
    assert torch.equal(apple.get_state(), before)
    assert torch.equal(torch.get_rng_state(), ours)
