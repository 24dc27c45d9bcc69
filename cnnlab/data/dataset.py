"""Hold a data set in memory, split for training, validation and test; the test split is locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_images, check_labels, check_whole, describe_tensor, is_float_tensor, shown
from cnnlab.data.splitting import mean_std, mean_std_of_sums, normalize, split_sizes, stratified, test_size
from cnnlab.data.tensor_checks import (
    check_class_names,
    check_labels_have_names,
    check_own_images,
    check_own_labels,
    names_of,
    spreads_to,
)
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
        int64 (N,), from 0; other whole numbers become int64.
    classes : tuple of str
        Label i is classes[i]; each label has a name.
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
        check_labels(self.labels, len(self.images))
        check_class_names(self.classes)
        check_labels_have_names(self.labels, self.classes)
        for name in ("mean", "std"):
            value, wanted = getattr(self, name), (self.images.shape[1], 1, 1)
            if not is_float_tensor(value) or not spreads_to(value, wanted):
                got = describe_tensor(value)
                raise ConfigError(f"{name} must be float (C, 1, 1) for {wanted[0]} channels, got {got}")
            if not value.isfinite().all() or (name == "std" and not (value > 0).all()):
                limits = "finite and above 0" if name == "std" else "finite"
                raise ConfigError(f"{name} must be {limits}, got {shown(value.flatten().tolist())}")
        object.__setattr__(self, "labels", self.labels.long())  # losses take no other whole numbers

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray | Tensor) -> Split:
        chosen = _places(index, len(self), self.classes)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen])

    @property
    def pixels(self) -> Tensor:
        """The images before normalization, float32 (N, C, H, W) in 0–1."""
        return (self.images * self.std + self.mean).clamp(0, 1)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images of {'×'.join(map(str, self.images.shape[1:]))})"


def _places(index: object, count: int, classes: tuple[str, ...]) -> slice | np.ndarray:
    """Return an index of a Split of `count` images as torch takes it; one image stays a batch of one.

    Raises ConfigError unless it is a whole number, a slice, a list of whole numbers, or a mask with a value for each.
    """
    try:
        if isinstance(index, slice):
            start, stop, step = index.indices(count)
            # torch knows no steps backwards, and none larger than 64 bits
            return slice(start, stop, min(step, count + 1)) if step > 0 else np.arange(start, stop, step)
        places = np.asarray(index.cpu() if isinstance(index, Tensor) else index)
    except (TypeError, ValueError, RuntimeError):
        places = np.empty((), object)
    if places.ndim == 1 and places.dtype == bool and len(places) == count:
        return places
    if places.ndim < 2 and (places.dtype.kind in "iu" or places.shape == (0,)):
        return places.reshape(-1).astype(np.int64)
    name = index if isinstance(index, str) and index in classes else next(iter(classes), "cat")
    raise ConfigError(
        f"a Split has a place for each of its {count:,} images, a slice, a list of places or a mask, got "
        f"{shown(index)}; the images of a class are split[split.labels == split.classes.index({name!r})]"
    )


@dataclass(repr=False, eq=False)
class Data:
    """A data set in three splits: train and validation are open, the test split comes from `open_test()` alone.

    All three are normalized with the mean and the standard deviation of the training split. `load_data`, `load_images`
    and `Data.from_tensors` make it.

    Raises
    ------
    ConfigError
        For splits made by hand whose images have unlike shapes, or whose classes, mean or std are not the same.

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
        for name, split in (("validation", self.validation), ("test", self._test)):
            _check_alike(name, split, self.train)

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
        check_own_images(images)
        labels = check_own_labels(labels, len(images))
        classes = (() if classes is None else check_class_names(classes)) or names_of(labels)
        if int(labels.max()) >= len(classes):
            raise ConfigError(f"labels go up to {int(labels.max())}, but classes has {len(classes)} names: {classes!r}")
        pixels = images.detach().float().cpu()
        return split_up(name, pixels, labels, classes, train=train, validation=validation, test=test, seed=seed)


def _check_alike(name: str, split: Split, train: Split) -> None:
    """Raise ConfigError unless a split has images, classes and normalization of the same kind as the training split."""
    own, wanted = ("×".join(map(str, each.images.shape[1:])) for each in (split, train))
    if own != wanted:
        raise ConfigError(f"{name} has images of {own}, and train of {wanted}; give all splits images of one shape")
    if name == "validation" and split.images.dtype != train.images.dtype:  # `fit` sees both
        own, wanted = (str(each.images.dtype).removeprefix("torch.") for each in (split, train))
        raise ConfigError(f"{name} has images of {own}, and train of {wanted}; write images.to(torch.{wanted})")
    if tuple(split.classes) != tuple(train.classes):
        raise ConfigError(
            f"{name} has the classes {shown(split.classes)}, and train {shown(train.classes)}; give all splits the "
            "same names in the same order, and labels that count by it"
        )
    for field_name in ("mean", "std"):
        own, wanted = (
            getattr(each, field_name).detach().cpu().double().expand(each.images.shape[1], 1, 1).flatten()
            for each in (split, train)
        )
        if not torch.allclose(own, wanted, equal_nan=True):
            raise ConfigError(
                f"{name} has {field_name}={shown(own.tolist())}, and train {shown(wanted.tolist())}; normalize all "
                "splits with the mean and std of train, as Data.from_tensors does"
            )


def split_up(  # noqa: PLR0913 (as `assemble`)
    name: str,
    images: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    *,
    train: int | None,
    validation: int | None,
    test: int | None,
    seed: int,
    sums: np.ndarray | None = None,
) -> Data:
    """Lock a test set away, and choose the other two splits from the rest; all else is as in `Data.from_tensors`.

    images is uint8 or float, on the CPU, and is not copied as a whole: at its peak this takes the images once more than
    the result, as uint8 a quarter of it. sums: as in `assemble`.
    """
    seed = check_whole("seed", seed, 0)
    test = test_size(len(labels), test)
    for_test, rest = stratified(labels.numpy(), (test, len(labels) - test), np.random.default_rng(seed))
    return assemble(
        name, (images, labels[rest]), (images, labels[for_test]), classes, train=train, validation=validation,
        test=None, seed=seed, places=(rest, for_test), sums=sums,
    )  # fmt: skip


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
    sums: np.ndarray | None = None,
) -> Data:
    """Choose images from both sets for the three splits, and normalize all three by the training split alone.

    train, validation and test are numbers of images; None has the same meaning as in `load_data`. `places` says, for
    both sets, which image belongs to each label, where there are more images than labels. None: image i to label i.
    `sums` is what `splitting.pixel_sums` returns for the images of the training set, where it is known.
    """
    random = np.random.default_rng(seed)
    train, validation = split_sizes(name, len(training_set[1]), train, validation)
    test = len(test_set[1]) if test is None else test
    test = check_whole("test", test, 0)
    if test > len(test_set[1]):
        raise ConfigError(
            f"test={test} asks for more than the {len(test_set[1])} test images of {name!r}; make it smaller"
        )
    for_validation, for_train = stratified(training_set[1].numpy(), (validation, train), random)
    (for_test,) = stratified(test_set[1].numpy(), (test,), random)
    of_training, of_test = places or (np.arange(len(training_set[1])), np.arange(len(test_set[1])))
    if sums is None:
        mean, std = mean_std(training_set[0], of_training[for_train])
    else:
        mean, std = mean_std_of_sums(sums[of_training[for_train]], training_set[0][0, 0].numel())
    train_split, validation_split, test_split = (
        Split(normalize(images, place_of[chosen], mean, std), labels[chosen], classes, mean, std)
        for (images, labels), place_of, chosen in (
            (training_set, of_training, for_train), (training_set, of_training, for_validation),
            (test_set, of_test, for_test),
        )
    )  # fmt: skip
    return Data(name, train_split, validation_split, test_split)
