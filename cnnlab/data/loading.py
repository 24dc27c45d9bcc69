"""Load a data set: one that comes with cnnlab, one that is made or downloaded, or your own pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cnnlab.checks import check_choice, check_whole
from cnnlab.data import downloads, shipped
from cnnlab.data.dataset import Data, assemble
from cnnlab.data.patterns import PATTERN_KNOBS, make_patterns
from cnnlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder

DATASETS = ("mnist", "patterns", *downloads.DOWNLOADS)


def load_data(
    name: str = "mnist",
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
    **knobs,
) -> Data:
    """Load a data set by its name.

    The images for training and for validation come from the published training set; no image is in both, and each
    class has its share of each split, to one image. The test images come from the published test set.

    Parameters
    ----------
    name : str
        "mnist", "fashion_mnist" or "patterns", which need no network; "cifar10", which is downloaded once. A cnnlab
        that was installed as a wheel, on Colab for example, downloads "fashion_mnist", too.
    train, validation, test : int, optional
        Number of images. By default test is the whole test set, validation a tenth of the training set, and train the
        rest of it.
    seed : int
        Chooses the images: the same seed gives the same ones. Except for "patterns", the validation images do not
        depend on `train`.
    **knobs
        For "patterns": the settings of `make_patterns`.

    Raises
    ------
    ConfigError
        For a name, a size or a setting that can't work.
    DataError
        For a file that is damaged, or a download that fails.

    >>> data = load_data("mnist", train=2000, validation=1000)
    >>> data.train.images.shape
    torch.Size([2000, 1, 28, 28])
    """
    check_choice("dataset", name, DATASETS)
    check_whole("seed", seed, 0)
    if name == "patterns":
        return _load_patterns(train, validation, test, seed, knobs)
    for knob in knobs:
        check_choice("argument", knob, ("train", "validation", "test", "seed", *PATTERN_KNOBS))
        raise ConfigError(f"{knob} is a setting of 'patterns', not of {name!r}; leave it out")
    source = shipped if name in shipped.names() else downloads
    training_set, test_set, classes = source.load_published(name)
    return assemble(name, training_set, test_set, classes, train=train, validation=validation, test=test, seed=seed)


def load_images(
    folder: str | Path,
    *,
    size: int = 28,
    grey: bool = True,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> Data:
    """Load your own pictures from a folder that holds one folder for each class.

    Parameters
    ----------
    folder : str or Path
        The names of the folders in it become the names of the classes.
    size : int
        Pixels: each picture is resized to size × size.
    grey : bool
        True: one channel. False: three channels (red, green, blue).
    train, validation, test, seed : int, optional
        As in `Data.from_tensors`.

    Raises
    ------
    DataError
        For a folder without pictures, or a file that can't be read as a picture.

    >>> data = load_images("my_pictures", size=32, grey=False)   # my_pictures/cat/1.png, my_pictures/dog/7.jpg
    """
    from torchvision import transforms

    check_whole("size", size, 1)
    steps = [transforms.Grayscale()] if grey else []
    steps += [transforms.Resize((size, size)), transforms.ToTensor()]
    pictures = _find_images(folder, transforms.Compose(steps))
    images, labels = [], []
    for index, (path, label) in enumerate(pictures.samples):
        try:
            images.append(pictures[index][0])
        except OSError as error:  # what PIL raises where it can't read a picture
            raise DataError(f"{path} can't be read as a picture; remove or replace it") from error
        labels.append(label)
    return Data.from_tensors(
        torch.stack(images), torch.tensor(labels), train=train, validation=validation, test=test,
        classes=tuple(pictures.classes), seed=seed, name=Path(folder).name,
    )  # fmt: skip


def count_images(folder: str | Path) -> int:
    """Return how many pictures `load_images` would load from the folder, without opening one.

    >>> count_images("my_pictures")
    120
    """
    return len(_find_images(folder))


def _find_images(folder: str | Path, transform: Callable | None = None) -> ImageFolder:
    """Return torchvision's list of the pictures in the folder; raise DataError where there are none."""
    from torchvision.datasets import ImageFolder

    if not Path(folder).is_dir():
        raise DataError(f"{folder} is not a folder; give one that holds a folder for each class, with its pictures")
    try:
        return ImageFolder(folder, transform)
    except FileNotFoundError as error:
        raise DataError(f"{folder} must hold a folder for each class, with pictures in it: {error}") from error


def _load_patterns(train: int | None, validation: int | None, test: int | None, seed: int, knobs: dict) -> Data:
    """Make a training set of at least 10,000 patterns and a test set (by default of 2,000), and split them."""
    for knob in knobs:
        check_choice("setting of 'patterns'", knob, ("train", "validation", "test", *PATTERN_KNOBS))
    for split, size in (("train", train), ("validation", validation), ("test", test)):
        if size is not None:
            check_whole(split, size, 0)
    count = max(10_000, (train or 0) + (validation or 0))
    training_set = make_patterns(count, seed=2 * seed, **knobs)  # even seeds are for training, odd ones for testing
    test_set = make_patterns(2_000 if test is None else max(test, 10), seed=2 * seed + 1, **knobs)
    classes = tuple(f"pattern {label}" for label in range(int(training_set[1].max()) + 1))
    return assemble(
        "patterns", training_set, test_set, classes, train=train, validation=validation, test=test, seed=seed
    )
