"""Images and networks that a panel starts with if it is given none, and checks of those that it is given."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.checks import describe_tensor, is_float_tensor
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import load_once
from cnnlab.experiments.runs import Runs, bank, load_runs
from cnnlab.model.compatibility import check_takes
from cnnlab.model.networks import check_model, copied, original


def mnist_digits() -> Tensor:
    """Return ten MNIST digits, 0 to 9, as pixels (10, 28, 28)."""
    from cnnlab.data.loading import load_data  # not at the top: a panel with images of your own reads no data set

    return one_of_each(load_data("mnist", train=100, validation=10, test=10).train).pixels[:, 0]


def one_of_each(split: Split) -> Split:
    """Return the first image of each class in the split."""
    return split[torch.tensor([int((split.labels == label).nonzero()[0]) for label in split.labels.unique()])]


@functools.lru_cache(maxsize=1)
def bank_runs() -> Runs:
    """Return the four longest runs of experiment B with seed 0; all panels share them and their unpacked weights."""
    runs = load_runs(bank("experiment_b")).filter(seed=0, epochs=100)
    return Runs(dataclasses.replace(run, read_weights=functools.cache(run.read_weights)) for run in runs)


@functools.lru_cache(maxsize=1)
def trained_network() -> tuple[nn.Module, Split]:
    """Return a network of the results bank, with 5×5 kernels and max pooling, and a validation digit of each class."""
    run = bank_runs().one(kernel_size=5, pooling="max")
    return run.model(), one_of_each(load_once(run.experiment).validation)


def own_copy(model: nn.Module) -> nn.Module:
    """Return a copy of the network for one panel, on the CPU and in eval mode.

    A panel hooks into its network. A cell may train the original at the same time, and another panel may hook into it.
    """
    return copied(original(model))[0].cpu().eval()


def check_pair(model: nn.Module | None, images: Split | None) -> tuple[nn.Module, Split]:
    """Return a copy of the network, and its images; those of the results bank if both are None.

    Both must come together: a network needs images that are normalized like its training images. Raises ConfigError
    for images that the network cannot take.
    """
    if model is None and images is None:
        network, digits = trained_network()
        return own_copy(network), digits
    if not isinstance(images, Split) or len(images) == 0:
        got = "an empty Split" if isinstance(images, Split) else type(images).__name__
        raise ConfigError(f"give the network and a Split of its data, such as data.validation[:10]; got {got}")
    network = check_model(model)
    check_takes(network, images.images[:1])
    return own_copy(network), images


def check_planes(images: Any) -> Tensor:
    """Return images as float32 (N, H, W); raise ConfigError unless they are float (N, 1, H, W) or (N, H, W) in 0–1."""
    must_be = "images must be a float tensor (N, 1, H, W) or (N, H, W) with pixels"
    if not is_float_tensor(images):
        raise ConfigError(f"{must_be}, got {describe_tensor(images)}")
    planes = images[:, 0] if images.ndim == 4 and images.shape[1] == 1 else images
    if planes.ndim != 3 or planes.numel() == 0:
        raise ConfigError(f"{must_be}, got {describe_tensor(images)}")
    low, high = planes.min().item(), planes.max().item()
    if not 0 <= low <= high <= 1:
        raise ConfigError(f"images must lie in 0–1, got {low:.3g} to {high:.3g}; try data.train.pixels")
    return planes.detach().cpu().to(torch.float32)
