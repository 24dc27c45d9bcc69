"""Choose which images of a data set go into which split, and normalize them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from cnnlab.checks import check_whole
from cnnlab.errors import ConfigError


def test_size(count: int, test: int | None) -> int:
    """Return how many of `count` images are locked away: `test`, or a tenth; raise ConfigError if that is all."""
    test = count // 10 if test is None else test
    test = check_whole("test", test, 0)
    if test >= count:
        raise ConfigError(f"test={test} leaves nothing of {count} images; take a smaller test set")
    return test


def split_sizes(name: str, pool: int, train: int | None, validation: int | None) -> tuple[int, int]:
    """Return how many of a data set's images are for training, and how many for validation.

    Parameters
    ----------
    name : str
        The data set, for messages.
    pool : int
        Number of images that there are for both.
    train, validation : int or None
        Number of images wanted. None: validation is a tenth of the pool, and train the rest.

    Raises
    ------
    ConfigError
        For more images than the pool has, or none for training.

    >>> split_sizes("mine", 90, train=None, validation=None)
    (81, 9)
    """
    validation = pool // 10 if validation is None else validation
    validation = check_whole("validation", validation, 0)
    if train is None and validation >= pool:
        raise ConfigError(f"validation={validation} leaves nothing of the {pool} images of {name!r}; make it smaller")
    train = pool - validation if train is None else train
    train = check_whole("train", train, 1)
    if train + validation > pool:
        raise ConfigError(
            f"train={train} and validation={validation} ask for {train + validation} images, but {name!r} has {pool}; "
            "make one of them smaller"
        )
    return train, validation


def stratified(labels: np.ndarray, sizes: tuple[int, ...], random: np.random.Generator) -> list[np.ndarray]:
    """Return one array of indices for each size: disjoint, in random order, each class with its share, to one image."""
    queues = {label: random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)}
    taken = dict.fromkeys(queues, 0)
    parts = []
    for size in sizes:
        shares = {label: size * len(queue) / len(labels) for label, queue in queues.items()}
        counts = {label: int(share) for label, share in shares.items()}
        # Rounding down leaves places over: they go to the classes with the largest remainders.
        for label in sorted(shares, key=lambda label: counts[label] - shares[label]):
            if sum(counts.values()) < size and taken[label] + counts[label] < len(queues[label]):
                counts[label] += 1
        chosen = [queue[taken[label] : taken[label] + counts[label]] for label, queue in queues.items()]
        taken = {label: taken[label] + counts[label] for label in queues}
        parts.append(random.permutation(np.concatenate([np.empty(0, dtype=int), *chosen])))
    return parts


def mean_std(images: Tensor, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of each channel's pixels in 0–1, in the chosen images, both (C, 1, 1).

    A channel in which all pixels are equal has a standard deviation of 1, so that dividing by it is possible.
    """
    means, stds = [], []
    for channel in images.unbind(1):
        if channel.dtype == torch.uint8:  # count each value: 60,000 images as float64 would take 380 MB
            values = torch.arange(256, dtype=torch.float64) / 255
            counts = torch.zeros(256, dtype=torch.float64)
            for part in _parts(len(chosen), channel):
                counts += torch.bincount(channel[chosen[part]].flatten(), minlength=256)
        else:
            values = channel[chosen].flatten().double()
            counts = torch.ones_like(values)
        mean = (counts @ values) / counts.sum()
        means.append(mean)
        stds.append(((counts @ (values - mean) ** 2) / counts.sum()).sqrt())
    mean, std = (torch.stack(values).float()[:, None, None] for values in (means, stds))
    return mean, torch.where(std > 0, std, 1.0)


def pixel_sums(images: np.ndarray) -> np.ndarray:
    """Return the sum of each channel's pixels and of their squares, int64 (N, C, 2); images is uint8 (N, C, H, W)."""
    channels = images.reshape(*images.shape[:2], -1).astype(np.float64)  # holds whole numbers up to 2**53
    return np.stack([channels.sum(2), (channels**2).sum(2)], axis=2).astype(np.int64)


def mean_std_of_sums(sums: np.ndarray, pixels: int) -> tuple[Tensor, Tensor]:
    """Return what `mean_std` returns, of images of which `pixel_sums` is known, each with this many pixels."""
    count, means, stds = 255 * len(sums) * pixels, [], []
    for total, squares in sums.sum(axis=0).tolist():  # whole numbers of Python's, which are exact
        means.append(total / count)
        stds.append(math.sqrt((squares * len(sums) * pixels - total**2) / count**2) or 1.0)
    return torch.tensor(means)[:, None, None], torch.tensor(stds)[:, None, None]


def normalize(images: Tensor, chosen: np.ndarray, mean: Tensor, std: Tensor) -> Tensor:
    """Return the chosen images as float32: (pixels in 0–1 − mean) / std. No second copy of all of them is made.

    numpy takes two thirds of torch's time for it: it needs no copy to make decimal numbers of bytes. As many threads as
    torch uses share the parts.
    """
    normalized = torch.empty(len(chosen), *images.shape[1:])
    pixels, scale = images.numpy(), np.float32(255 if images.dtype == torch.uint8 else 1)
    result, mean_of_all, std_of_all = normalized.numpy(), mean.numpy(), std.numpy()

    def fill(part: slice) -> None:
        first, *others = chosen[part]
        target = result[part]
        np.divide(pixels[chosen[part]] if others else pixels[first : first + 1], scale, out=target)
        target -= mean_of_all
        target /= std_of_all

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(fill, _parts(len(chosen), images)))
    return normalized


def _parts(count: int, images: Tensor) -> list[slice]:
    """Return slices that divide `count` images into parts that fit into the processor's cache."""
    step = max(1, 200_000 // max(1, images[:1].numel()))
    return [slice(start, start + step) for start in range(0, count, step)]
