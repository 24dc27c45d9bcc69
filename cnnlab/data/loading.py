"""A name, sizes and a seed in, `Data` out: the shipped, made and downloaded data sets, and your own pictures."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cnnlab.checks import check_choice, check_whole
from cnnlab.data import downloads, idx
from cnnlab.data.dataset import Data, assemble
from cnnlab.data.patterns import PATTERN_KNOBS, make_patterns
from cnnlab.errors import ConfigError, DataError
from cnnlab.files import data_folder, last_change

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
    """Load a data set by name: "mnist" and "patterns" offline; "fashion_mnist" and "cifar10" are downloaded once.

    train and validation come from the published training set, disjoint and stratified to one image a class; test comes
    from the published test set. train=None is all that validation leaves, validation=None is a tenth, test=None is all.
    The same seed gives the same images; of a published set, the validation images do not depend on `train`.
    `knobs` are those of `make_patterns`, for "patterns" only.
    Raises ConfigError for a size or name that can't be, DataError for files or downloads that are not sound.

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
        raise ConfigError(f"{knob} is a knob of 'patterns', not of {name!r}; leave it out")
    if name == "mnist":
        classes = tuple("0123456789")
        folder = data_folder() / "MNIST" / "raw"
        published, vault = _read_mnist(folder, classes, last_change(folder))
    else:
        published, vault, classes = downloads.load_published(name)
    return assemble(name, published, vault, train, validation, test, classes, seed)


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
    """Load your own pictures: one folder a class, each picture scaled to size × size; splits as `Data.from_tensors`.

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
        except OSError as error:  # PIL's way to say that it can't read a picture
            raise DataError(f"{path} is no picture that can be read; remove or replace it") from error
        labels.append(label)
    return Data.from_tensors(
        torch.stack(images), torch.tensor(labels), train=train, validation=validation, test=test,
        classes=tuple(pictures.classes), seed=seed, name=Path(folder).name,
    )  # fmt: skip


def count_images(folder: str | Path) -> int:
    """Return how many pictures `load_images` would load from the folder; none is opened.

    >>> count_images("my_pictures")
    120
    """
    return len(_find_images(folder))


def _find_images(folder: str | Path, transform: Callable | None = None) -> ImageFolder:
    from torchvision.datasets import ImageFolder

    if not Path(folder).is_dir():
        raise DataError(f"{folder} is no folder; give one that holds one folder a class, with that class's pictures")
    try:
        return ImageFolder(folder, transform)
    except FileNotFoundError as error:
        raise DataError(f"{folder} wants one folder a class, each with pictures in it: {error}") from error


def verify_checksums(folder: Path) -> None:
    """Raise DataError unless each file that folder/checksums.txt names (as md5sum writes it) is there and unchanged."""
    if not (folder / "checksums.txt").is_file():
        raise DataError(f"{folder / 'checksums.txt'} is missing; {idx.REMEDY}")
    for line in (folder / "checksums.txt").read_text().splitlines():
        expected, name = line.split()
        if not (folder / name).is_file():
            raise DataError(f"{folder / name} is missing; {idx.REMEDY}")
        found = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise DataError(f"{folder / name}: expected md5 {expected}, found {found}; {idx.REMEDY}")


# Reading takes a quarter of a second, which every notebook and panel would spend anew. A sweep's worker keeps what its
# runs need, and has no use for these 55 MB more.
@functools.lru_cache(maxsize=0 if "CNNLAB_IN_WORKER" in os.environ else 1)
def _read_mnist(
    folder: Path, classes: tuple[str, ...], _changed: tuple[int, int]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return (images, labels) of the published training set and of the published test set, uint8 and int64.

    All who load share them: nobody may write to them. `_changed` tells changed files from those that were read.
    """
    verify_checksums(folder.parent.parent)
    pairs = [idx.read_pair(folder, prefix, len(classes)) for prefix in ("train", "t10k")]
    return tuple((torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()) for images, labels in pairs)


def _load_patterns(train, validation, test, seed, knobs) -> Data:
    """Make as many patterns as are asked for; of 10,000 and 2,000 where nothing is asked."""
    for knob in knobs:
        check_choice("knob of 'patterns'", knob, ("train", "validation", "test", *PATTERN_KNOBS))
    for size_name, size in (("train", train), ("validation", validation), ("test", test)):
        if size is not None:
            check_whole(size_name, size, 0)
    count = max(10_000, (train or 0) + (validation or 0))
    published = make_patterns(count, seed=2 * seed, **knobs)  # odd seeds are the test sets'
    vault = make_patterns(2_000 if test is None else max(test, 10), seed=2 * seed + 1, **knobs)
    classes = tuple(f"pattern {label}" for label in range(int(published[1].max()) + 1))
    return assemble("patterns", published, vault, train, validation, test, classes, seed)
