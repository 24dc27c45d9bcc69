"""Load a data set: one that comes with cnnlab, one that is made or downloaded, or your own pictures."""

from __future__ import annotations

import os
import warnings
from collections import Counter

import numpy as np
import torch

from cnnlab.checks import check_choice, check_whole, shown
from cnnlab.data import downloads, shipped
from cnnlab.data.dataset import Data, assemble, split_up
from cnnlab.data.patterns import PATTERN_KNOBS, draw_patterns
from cnnlab.data.picture_folder import PictureFolder, find_pictures, list_some, readable
from cnnlab.data.picture_loading import load_pixels
from cnnlab.data.splitting import split_sizes, test_size
from cnnlab.data.training_split import balance_classes
from cnnlab.errors import ConfigError, DataError
from cnnlab.machine import UNKNOWN_FREE, free_memory
from cnnlab.printing import write_line
from cnnlab.torch_state import usual_torch_state

DATASETS = ("mnist", "patterns", *downloads.DOWNLOADS)


class LeftOutWarning(UserWarning):
    """Warns of pictures in a folder that can't be loaded."""


@usual_torch_state
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
    seed = check_whole("seed", seed, 0)
    if name == "patterns":
        return _load_patterns(train, validation, test, seed, knobs)
    for knob in knobs:
        check_choice("argument", knob, ("train", "validation", "test", "seed", *PATTERN_KNOBS))
        raise ConfigError(f"{knob} is a setting of 'patterns', not of {name!r}; leave it out")
    source = shipped if name in shipped.names() else downloads
    training_set, test_set, classes = source.load_published(name)
    return assemble(name, training_set, test_set, classes, train=train, validation=validation, test=test, seed=seed)


def load_images(
    folder: str | os.PathLike,
    *,
    size: int = 28,
    grey: bool = True,
    balanced: bool = False,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> Data:
    """Load your own pictures from a folder that holds one folder for each class.

    Any format that Pillow reads will do, of any depth. Pictures become upright, and white where they are transparent.
    Of an animation the first picture counts. Hidden and system folders are ignored. One line says what was loaded. The
    pixels are kept in the cache folder ($CNNLAB_CACHE), so that the next call is fast.

    Parameters
    ----------
    folder : str or Path
        The names of the folders in it become the names of the classes.
    size : int
        Pixels: each picture is resized to size × size, whatever its shape.
    grey : bool
        True: one channel. False: three channels (red, green, blue).
    balanced : bool
        Repeat training pictures of the rarer classes, as `balance_classes` does; `train` counts them before that.
    train, validation, test, seed : int, optional
        As in `Data.from_tensors`.

    Raises
    ------
    ConfigError
        For sizes that can't work.
    DataError
        For a folder that does not hold a folder for each class, for files that can't be read as pictures, and for
        pictures that would not fit into memory. Warns of pictures that are left out.

    >>> data = load_images("my_pictures", size=32, grey=False)   # my_pictures/cat/1.png, my_pictures/dog/7.jpg
    my_pictures: 120 pictures of 2 classes (cat 60, dog 60), each made 3×32×32
    """
    data, sentence = load_folder(
        folder, size=size, grey=grey, balanced=balanced, train=train, validation=validation, test=test, seed=seed
    )
    write_line(sentence)
    return data


@usual_torch_state
def load_folder(  # noqa: PLR0913 (what is loaded, and how it is split)
    folder: str | os.PathLike,
    *,
    size: int = 28,
    grey: bool = True,
    balanced: bool = False,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
    fingerprint: str | None = None,
) -> tuple[Data, str]:
    """Return what `load_images` returns, and the sentence that it writes.

    Raises DataError where the pictures do not have this fingerprint; None: any.
    """
    size = check_whole("size", size, 1, most=10_000)
    for name, value in {"grey": grey, "balanced": balanced}.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{name} must be True or False, got {shown(value)}")
    pictures = find_pictures(folder)
    _check_memory(pictures, size, grey, balanced, train, validation, test)
    pixels, sums, more = load_pixels(pictures, size=size, grey=grey, fingerprint=fingerprint)
    if words := left_out_in_words(pictures):
        warnings.warn(words, LeftOutWarning, stacklevel=4)
    data = split_up(
        pictures.name, torch.from_numpy(pixels), torch.tensor(pictures.labels), pictures.classes,
        train=train, validation=validation, test=test, seed=seed, sums=sums,
    )  # fmt: skip
    if balanced:
        data = balance_classes(data, seed=seed)
    return data, _in_one_line(pictures, more, data.input_shape)


def left_out_in_words(pictures: PictureFolder) -> str:
    """Return a sentence that counts and names the pictures of a folder that are not loaded; "" if there are none."""
    kinds, loose = pictures.pictures_left_out, pictures.loose
    parts = []
    if kinds:
        words = f"left out {_count(len(kinds), 'picture')} of a kind that can't be loaded: {list_some(kinds)}"
        parts.append(f"{words}; save them as PNG or JPEG")
    if loose:
        words = f"left out {_count(len(loose), 'picture')} in no folder of a class: {list_some(loose)}"
        parts.append(f"{words}; move each into one")
    return f"{readable(str(pictures.root))}: {'; '.join(parts)}" if parts else ""


def count_images(folder: str | os.PathLike) -> int:
    """Return how many pictures `load_images` would load from the folder, without decoding one.

    Raises DataError, with the folder to give, for a folder that does not hold a folder for each class.

    >>> count_images("my_pictures")
    120
    """
    return len(find_pictures(folder).files)


def _check_memory(
    pictures: PictureFolder,
    size: int,
    grey: bool,
    balanced: bool,
    train: int | None,
    validation: int | None,
    test: int | None,
) -> None:
    """Raise unless these splits are possible and fit into the free memory; UNKNOWN_FREE where the system does not say.

    All pictures take a byte for each number, and those in the splits another four. Of balanced classes each is as large
    as the largest, besides the training split itself.
    """
    count, locked = len(pictures.files), test_size(len(pictures.files), test)
    for_train, for_validation = split_sizes(pictures.name, count - locked, train, validation)
    kept = for_train + for_validation + locked
    if balanced:
        largest = max(Counter(pictures.labels).values())
        kept += for_train * largest * len(pictures.classes) // count
    numbers = (1 if grey else 3) * size**2
    needed, free = numbers * (count + 4 * kept), free_memory()
    free = UNKNOWN_FREE if free is None else free
    if needed <= free:
        return
    fitting = int(size * (free / needed) ** 0.5)
    remedy = f"size={fitting} would fit" if fitting else "take fewer pictures"
    raise DataError(
        f"{count:,} pictures of {'' if grey else '3×'}{size}×{size} need {needed / 1e9:,.1f} GB of memory, and "
        f"{free / 1e9:.1f} GB are free; {remedy}"
    )


def _in_one_line(pictures: PictureFolder, more: np.ndarray, shape: tuple[int, int, int]) -> str:
    """Describe in one line what was loaded, and what was left out."""
    counts = Counter(pictures.labels)
    classes = pictures.classes
    named = ", ".join(f"{name} {counts[label]:,}" for label, name in enumerate(classes[:10]))
    rest = f" and {len(classes) - 10:,} more" if len(classes) > 10 else ""
    parts = [
        f"{pictures.name}: {_count(len(pictures.files), 'picture')} of {len(classes):,} classes ({named}{rest}), "
        f"each made {'×'.join(map(str, shape))}"
    ]
    if count := int(more.sum()):
        parts.append(f"of {_count(count, 'file')} with several pictures only the first")
    if pictures.left_out:
        parts.append(f"left out {list_some(pictures.left_out)}")
    return " ".join("; ".join(parts).split())  # the name of a folder may hold a line break


def _count(number: int, noun: str) -> str:
    """Return the number with the noun, in the plural if it is not 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _load_patterns(train: int | None, validation: int | None, test: int | None, seed: int, knobs: dict) -> Data:
    """Make a training set of at least 10,000 patterns and a test set (by default of 2,000), and split them."""
    for knob in knobs:
        check_choice("setting of 'patterns'", knob, ("train", "validation", "test", *PATTERN_KNOBS))
    for split, size in (("train", train), ("validation", validation), ("test", test)):
        if size is not None:
            check_whole(split, size, 0)
    count = max(10_000, (train or 0) + (validation or 0))
    training_set = draw_patterns(count, 2 * seed, knobs)  # even seeds: training, odd: testing
    test_set = draw_patterns(2_000 if test is None else max(test, 10), 2 * seed + 1, knobs)
    classes = tuple(f"pattern {label}" for label in range(int(training_set[1].max()) + 1))
    return assemble(
        "patterns", training_set, test_set, classes, train=train, validation=validation, test=test, seed=seed
    )
