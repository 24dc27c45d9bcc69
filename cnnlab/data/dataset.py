"""Hold a data set in memory, split for training, validation and test; the test split is locked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_images, check_whole, describe_tensor, is_float_tensor, shown
from cnnlab.errors import ConfigError
from cnnlab.torch_state import usual_torch_state

ImagesAndLabels = tuple[Tensor, Tensor]  # (N, C, H, W), uint8 or float in 0–1; int64 (N,)


@dataclass(frozen=True, repr=False, eq=False)
class Split:
    """Images with their labels; an index or a slice of it is a smaller Split.

    Parameters
    ----------
    images : Tensor
        float32 (N, C, H, W), normalized: (pixels − mean) / std.
    labels : Tensor
        int64 (N,), from 0.
    classes : tuple of str
        Label i is classes[i].
    mean, std : Tensor
        (C, 1, 1), of the training split's pixels.

    >>> data.train[:16]
    Split(16 images of 1×28×28)
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        check_arguments(Split, vars(self))
        if self.images.ndim != 4:
            raise ConfigError(f"images must be (N, C, H, W), got {describe_tensor(self.images)}")
        labels, count = self.labels, len(self.images)
        if labels.shape != (count,) or labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            got = describe_tensor(labels)
            raise ConfigError(f"labels must be whole numbers (N,), one for each of {count} images, got {got}")
        check_class_names(self.classes)
        for name in ("mean", "std"):
            value, wanted = getattr(self, name), (self.images.shape[1], 1, 1)
            if not is_float_tensor(value) or not _spreads_to(value, wanted):
                got = describe_tensor(value)
                raise ConfigError(f"{name} must be float (C, 1, 1) for {wanted[0]} channels, got {got}")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice | Tensor) -> Split:
        # One image stays a batch of one.
        chosen = [int(index)] if not isinstance(index, slice) and np.ndim(index) == 0 else index
        return replace(self, images=self.images[chosen], labels=self.labels[chosen])

    @property
    def pixels(self) -> Tensor:
        """The images before normalization, float32 (N, C, H, W) in 0–1."""
        return (self.images * self.std + self.mean).clamp(0, 1)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images of {'×'.join(map(str, self.images.shape[1:]))})"


@dataclass(repr=False, eq=False)
class Data:
    """A data set in three splits: train and validation are open, the test split comes from `open_test()` alone.

    All three are normalized with the mean and the standard deviation of the training split. `load_data`, `load_images`
    and `Data.from_tensors` make it.

    >>> data = load_data("mnist", train=2000, validation=1000)
    >>> data.train
    Split(2,000 images of 1×28×28)
    """

    name: str
    train: Split
    validation: Split
    _test: Split = field(repr=False)
    test_openings: int = 0

    def __post_init__(self) -> None:
        check_arguments(Data, vars(self), test_openings=0)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; label i is classes[i]."""
        return self.train.classes

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of one image, for `build_cnn(input_shape=…)`."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    def open_test(self) -> Split:
        """Return the test split, and count this look at it: whoever chooses by test results overestimates them."""
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
    @usual_torch_state
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
        """Make Data from your own tensors.

        No image is in two splits, and each class has its share of each split, to one image.

        Parameters
        ----------
        images : Tensor
            float (N, C, H, W) in 0–1.
        labels : Tensor
            Whole numbers (N,) from 0. Without `classes`, each number up to the largest has an image.
        train, validation, test : int, optional
            Number of images. By default test is a tenth of all, validation a tenth of the rest, and train what is left.
        classes : tuple of str, optional
            The names of the classes; by default "0", "1", …
        seed : int
            Chooses the images of each split.
        name : str
            Stands in the printed summary and in messages.

        Raises
        ------
        ConfigError
            For tensors or sizes that can't work.

        >>> Data.from_tensors(torch.rand(100, 1, 28, 28), torch.arange(100) % 10).train
        Split(81 images of 1×28×28)
        """
        check_images(images)
        check_arguments(Data.from_tensors, locals() | {"classes": None})
        _check_channels_first(images)
        if len(images) and not 0 <= images.min() <= images.max() <= 1:  # true for NaN, too
            raise ConfigError(
                f"images must lie in 0–1, got {images.min():.3g} to {images.max():.3g}; "
                "divide by 255 if they are 0 to 255"
            )
        labels = _check_labels(labels, len(images))
        classes = (() if classes is None else check_class_names(classes)) or _names_of(labels)
        if int(labels.max()) >= len(classes):
            raise ConfigError(f"labels go up to {int(labels.max())}, but classes has {len(classes)} names: {classes!r}")
        pixels = images.detach().float().cpu()
        return split_up(name, pixels, labels, classes, train=train, validation=validation, test=test, seed=seed)


def split_up(
    name: str,
    images: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    *,
    train: int | None,
    validation: int | None,
    test: int | None,
    seed: int,
) -> Data:
    """Lock a test set away, and choose the other two splits from the rest; all else is as in `Data.from_tensors`.

    images is uint8 or float, on the CPU, and is not copied as a whole: at its peak this takes the images once more than
    the result, as uint8 a quarter of it.
    """
    check_whole("seed", seed, 0)
    test = test_size(len(labels), test)
    for_test, rest = _stratified(labels.numpy(), (test, len(labels) - test), np.random.default_rng(seed))
    return assemble(
        name, (images, labels[rest]), (images, labels[for_test]), classes, train=train, validation=validation,
        test=None, seed=seed, places=(rest, for_test),
    )  # fmt: skip


def test_size(count: int, test: int | None) -> int:
    """Return how many of `count` images are locked away: `test`, or a tenth; raise ConfigError if that is all."""
    test = count // 10 if test is None else test
    check_whole("test", test, 0)
    if test >= count:
        raise ConfigError(f"test={test} leaves nothing of {count} images; take a smaller test set")
    return test


@usual_torch_state
def shuffle_labels(data: Data, *, seed: int = 0) -> Data:
    """Return data whose training labels are shuffled: a network that learns them learns nothing about the classes.

    The images, and the validation and test splits, stay as they are. `saliency_check` compares with such a network.

    >>> fit(build_cnn(), shuffle_labels(data), epochs=20)
    """
    check_arguments(shuffle_labels, locals(), seed=0)
    random = np.random.default_rng(seed)
    order = torch.from_numpy(random.permutation(len(data.train)))
    return replace(data, train=replace(data.train, labels=data.train.labels[order]))


def _spreads_to(value: Tensor, shape: tuple[int, ...]) -> bool:
    """Return whether a tensor, such as a single number, can be spread to this shape."""
    try:
        return np.broadcast_shapes(value.shape, shape) == shape  # torch's would import half a second of other modules
    except ValueError:
        return False


def check_class_names(classes: Any) -> tuple[str, ...]:
    """Return the names as a tuple; raise ConfigError unless they are texts, each another one."""
    if not isinstance(classes, (tuple, list)) or not all(isinstance(name, str) and name.strip() for name in classes):
        raise ConfigError(f"classes must be the names of the classes, such as ('cat', 'dog'), got {shown(classes)}")
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise ConfigError(f"classes names {shown(twice)} twice; give each class a name of its own")
    return tuple(classes)


def _check_channels_first(images: Tensor) -> None:
    """Raise ConfigError for images that look like (N, H, W, C), as other libraries have them."""
    _, first, second, last = images.shape
    if last in (1, 3, 4) and first > 4 and second > 4 and max(first, second) <= 4 * min(first, second):
        raise ConfigError(
            f"images look like (N, H, W, C), got {tuple(images.shape)}; write images.permute(0, 3, 1, 2). If they do "
            f"have {first} channels, write images.transpose(2, 3)"
        )


def _names_of(labels: Tensor) -> tuple[str, ...]:
    """Return a name for each label, "0", "1", …; raise ConfigError if a number has no image."""
    present = labels.unique()
    if len(present) <= int(labels.max()):
        first = ", ".join(map(str, present[:5].tolist())) + (", …" if len(present) > 5 else "")
        raise ConfigError(
            f"labels must count from 0 without a gap, got {first}; write labels.unique(return_inverse=True)[1], or "
            "give classes=(…) with a name for each number from 0"
        )
    return tuple(map(str, present.tolist()))


def balance_classes(data: Data, *, seed: int = 0) -> Data:
    """Return data in which training images of the rarer classes are repeated, until all classes have as many.

    The validation and test splits stay as they are. Of a class each image is taken equally often, to one.

    >>> fit(build_cnn(classes=3), balance_classes(data), epochs=20)
    """
    check_arguments(balance_classes, {"data": data})
    random = np.random.default_rng(check_whole("seed", seed, 0))
    labels = data.train.labels.numpy()
    largest = np.bincount(labels).max()
    places = [np.resize(random.permutation(np.flatnonzero(labels == label)), largest) for label in np.unique(labels)]
    return replace(data, train=data.train[torch.from_numpy(np.concatenate(places))])


def _check_labels(labels: Any, count: int) -> Tensor:
    """Return labels as int64 (N,) on the CPU; raise ConfigError unless they are count whole numbers from 0."""
    whole = isinstance(labels, Tensor) and not labels.is_meta and labels.layout == torch.strided and labels.ndim == 1
    whole = whole and not labels.is_floating_point() and not labels.is_complex() and labels.dtype != torch.bool
    if not whole or len(labels) != count or count == 0 or labels.min() < 0:
        raise ConfigError(
            f"labels must be a tensor of whole numbers (N,) from 0, one for each of {count} images, "
            f"got {describe_tensor(labels)}"
        )
    return labels.long().cpu()


def assemble(  # noqa: PLR0913 (two sets, and what is taken from them)
    name: str,
    training_set: ImagesAndLabels,
    test_set: ImagesAndLabels,
    classes: tuple[str, ...],
    *,
    train: int | None,
    validation: int | None,
    test: int | None,
    seed: int,
    places: tuple[np.ndarray, np.ndarray] | None = None,
) -> Data:
    """Choose images from both sets for the three splits, and normalize all three by the training split alone.

    train, validation and test are numbers of images; None has the same meaning as in `load_data`. `places` says, for
    both sets, which image belongs to each label, where there are more images than labels. None: image i to label i.
    """
    random = np.random.default_rng(seed)
    train, validation = split_sizes(name, len(training_set[1]), train, validation)
    test = len(test_set[1]) if test is None else test
    check_whole("test", test, 0)
    if test > len(test_set[1]):
        raise ConfigError(
            f"test={test} asks for more than the {len(test_set[1])} test images of {name!r}; make it smaller"
        )
    for_validation, for_train = _stratified(training_set[1].numpy(), (validation, train), random)
    (for_test,) = _stratified(test_set[1].numpy(), (test,), random)
    in_training_set, in_test_set = places or (np.arange(len(training_set[1])), np.arange(len(test_set[1])))
    mean, std = _mean_std(training_set[0], in_training_set[for_train])

    def split(source: ImagesAndLabels, places: np.ndarray, chosen: np.ndarray) -> Split:
        return Split(_normalize(source[0], places[chosen], mean, std), source[1][chosen], classes, mean, std)

    return Data(
        name,
        split(training_set, in_training_set, for_train),
        split(training_set, in_training_set, for_validation),
        split(test_set, in_test_set, for_test),
    )


def _normalize(images: Tensor, chosen: np.ndarray, mean: Tensor, std: Tensor) -> Tensor:
    """Return the chosen images as float32: (pixels in 0–1 − mean) / std. No second copy of all of them is made."""
    normalized = torch.empty(len(chosen), *images.shape[1:])
    scale = 255 if images.dtype == torch.uint8 else 1
    for part in _parts(len(chosen), images):
        torch.div(images[chosen[part]], scale, out=normalized[part]).sub_(mean).div_(std)
    return normalized


def _parts(count: int, images: Tensor) -> list[slice]:
    """Return slices that divide `count` images into parts of about a million numbers."""
    step = max(1, 1_000_000 // max(1, images[:1].numel()))
    return [slice(start, start + step) for start in range(0, count, step)]


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


def _mean_std(images: Tensor, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
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


def _stratified(labels: np.ndarray, sizes: tuple[int, ...], random: np.random.Generator) -> list[np.ndarray]:
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
