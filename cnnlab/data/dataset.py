"""Images and labels in, `Data` out: train, validation, and a test set behind one door. Tensors in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from cnnlab.checks import check_images, check_whole
from cnnlab.errors import ConfigError


@dataclass(frozen=True, repr=False, eq=False)
class Split:
    """Images with their labels.

    images: float32 (N, C, H, W), normalized; labels: int64 (N,); mean and std: (C, 1, 1), what the images were
    normalized with. An index or a slice gives a smaller Split: `data.train[:16]`.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice | Tensor) -> Split:
        if np.ndim(index) == 0 and not isinstance(index, slice):  # one image stays a batch of one
            index = [int(index)]
        return replace(self, images=self.images[index], labels=self.labels[index])

    @property
    def pixels(self) -> Tensor:
        """The images as they were, float32 (N, C, H, W) in 0–1."""
        return (self.images * self.std + self.mean).clamp(0, 1)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images of {'×'.join(map(str, self.images.shape[1:]))})"


@dataclass(repr=False, eq=False)
class Data:
    """Three splits of one data set; the test split is a vault with one door, `open_test()`.

    All three are normalized with the mean and the standard deviation of the training split.
    """

    name: str
    train: Split
    validation: Split
    _test: Split = field(repr=False)
    test_openings: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; label i is classes[i]."""
        return self.train.classes

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of one image, as `build_cnn` wants it."""
        return tuple(self.train.images.shape[1:])

    def open_test(self) -> Split:
        """Return the test split, and count that it was opened: each look makes its verdict worth less."""
        self.test_openings += 1
        return self._test

    def __repr__(self) -> str:
        times = "time" if self.test_openings == 1 else "times"
        return (
            f"{self.name}: {len(self.classes)} classes, images {'×'.join(map(str, self.input_shape))}\n"
            f"  train       {len(self.train):>7,}\n"
            f"  validation  {len(self.validation):>7,}\n"
            f"  test        {len(self._test):>7,}  (locked; opened {self.test_openings} {times})"
        )

    @classmethod
    def from_tensors(
        cls,
        images: Tensor,
        labels: Tensor,
        *,
        train: int | None = None,
        validation: int | None = None,
        test: int | None = None,
        classes: tuple[str, ...] | None = None,
        seed: int = 0,
        name: str = "your images",
    ) -> Data:
        """Make Data from your own tensors: images float (N, C, H, W) in 0–1, labels whole numbers (N,) from 0.

        The three splits are disjoint and stratified. test=None is a tenth, validation=None a tenth of the rest,
        train=None what they leave.

        >>> Data.from_tensors(torch.rand(100, 1, 28, 28), torch.arange(100) % 10).train
        Split(81 images of 1×28×28)
        """
        check_images(images)
        if len(images) and not 0 <= images.min() <= images.max() <= 1:  # NaN is in no range
            raise ConfigError(
                f"images must lie in 0–1, got {images.min():.3g} to {images.max():.3g}; "
                "divide by 255 if they are 0 to 255"
            )
        labels = _check_labels(labels, len(images))
        classes = classes or tuple(str(label) for label in range(int(labels.max()) + 1))
        if int(labels.max()) >= len(classes):
            raise ConfigError(f"labels go up to {int(labels.max())}, but classes has {len(classes)} names: {classes!r}")
        check_whole("seed", seed, 0)
        test = len(labels) // 10 if test is None else test
        check_whole("test", test, 0)
        if test >= len(labels):
            raise ConfigError(f"test={test} leaves nothing of {len(labels)} images; take a smaller test set")
        random = np.random.default_rng(seed)
        vault, rest = _stratified(labels.numpy(), (test, len(labels) - test), random)
        pixels = images.detach().float().cpu()
        return assemble(
            name, (pixels[rest], labels[rest]), (pixels[vault], labels[vault]), train, validation, None, classes, seed
        )


def shuffle_labels(data: Data, *, seed: int = 0) -> Data:
    """Return data whose training labels are dealt out at random: whoever learns them has learnt nothing of the classes.

    Images, validation and test stay as they are. The control of a saliency map, and one of the clinic's diseases.

    >>> fit(build_cnn(), shuffle_labels(data), epochs=20)
    """
    random = np.random.default_rng(check_whole("seed", seed, 0))
    order = torch.from_numpy(random.permutation(len(data.train)))
    return replace(data, train=replace(data.train, labels=data.train.labels[order]))


def _check_labels(labels: object, count: int) -> Tensor:
    kind = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
    whole = isinstance(labels, Tensor) and not labels.is_floating_point() and labels.ndim == 1
    if not whole or len(labels) != count or count == 0 or labels.min() < 0:
        raise ConfigError(
            f"labels: want a tensor of whole numbers (N,) from 0, one for each of {count} images, got {kind}"
        )
    return labels.long().cpu()


def assemble(name, published, vault, train, validation, test, classes, seed) -> Data:
    """Split the published sets, and normalize all three by what the training split alone says."""
    random = np.random.default_rng(seed)
    pool, pool_test = len(published[1]), len(vault[1])
    train, validation = split_sizes(name, pool, train, validation)
    test = pool_test if test is None else test
    check_whole("test", test, 0)
    if test > pool_test:
        raise ConfigError(f"test={test} asks for more than the {pool_test} test images of {name!r}; make it smaller")
    for_validation, for_train = _stratified(published[1].numpy(), (validation, train), random)
    (for_test,) = _stratified(vault[1].numpy(), (test,), random)
    mean, std = _mean_std(published[0][for_train])

    def split(source: tuple[Tensor, Tensor], chosen: np.ndarray) -> Split:
        images = source[0][chosen]
        scale = 255 if images.dtype == torch.uint8 else 1
        images = images.float().div_(scale).sub_(mean).div_(std)
        return Split(images, source[1][chosen], classes, mean, std)

    return Data(name, split(published, for_train), split(published, for_validation), split(vault, for_test))


def split_sizes(name: str, pool: int, train: int | None, validation: int | None) -> tuple[int, int]:
    """Return how many images of the pool are for training, and how many for validation; ConfigError if it lacks some.

    >>> split_sizes("mine", 90, train=None, validation=None)
    (81, 9)
    """
    validation = pool // 10 if validation is None else validation
    check_whole("validation", validation, 0)
    if train is None and validation >= pool:
        raise ConfigError(f"validation={validation} leaves nothing of the {pool} images of {name!r}; make it smaller")
    train = pool - validation if train is None else train
    check_whole("train", train, 1)
    if train + validation > pool:
        raise ConfigError(
            f"train={train} and validation={validation} ask for {train + validation} images, but {name!r} has {pool}; "
            "make one of them smaller"
        )
    return train, validation


def _mean_std(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation (C, 1, 1) of each channel, in 0–1; 1 where a channel is constant."""
    means, stds = [], []
    for channel in images.unbind(1):
        if channel.dtype == torch.uint8:  # counted, not copied: 60,000 images as float64 would be 380 MB
            values = torch.arange(256, dtype=torch.float64) / 255
            counts = torch.bincount(channel.flatten(), minlength=256).double()
        else:
            values = channel.flatten().double()
            counts = torch.ones_like(values)
        mean = (counts @ values) / counts.sum()
        means.append(mean)
        stds.append(((counts @ (values - mean) ** 2) / counts.sum()).sqrt())
    mean, std = (torch.stack(values).float()[:, None, None] for values in (means, stds))
    return mean, torch.where(std > 0, std, 1.0)


def _stratified(labels: np.ndarray, sizes: tuple[int, ...], random: np.random.Generator) -> list[np.ndarray]:
    """Return disjoint index arrays of these sizes, each with every class in its own share, to one image."""
    queues = {label: random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)}
    taken = dict.fromkeys(queues, 0)
    parts = []
    for size in sizes:
        shares = {label: size * len(queue) / len(labels) for label, queue in queues.items()}
        counts = {label: int(share) for label, share in shares.items()}
        # the places that rounding down left over go to the largest remainders
        for label in sorted(shares, key=lambda label: counts[label] - shares[label]):
            if sum(counts.values()) < size and taken[label] + counts[label] < len(queues[label]):
                counts[label] += 1
        chosen = [queue[taken[label] : taken[label] + counts[label]] for label, queue in queues.items()]
        taken = {label: taken[label] + counts[label] for label in queues}
        parts.append(random.permutation(np.concatenate([np.empty(0, dtype=int), *chosen])))
    return parts
