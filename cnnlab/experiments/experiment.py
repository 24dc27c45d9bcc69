"""Describe everything that decides the result of a training run by plain values: `Experiment`."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, check_whole, shown
from cnnlab.data.dataset import Data
from cnnlab.data.loading import DATASETS, load_data, load_folder
from cnnlab.data.patterns import STRUCTURES, check_knobs, fill_knobs
from cnnlab.data.picture_cache import fingerprint
from cnnlab.data.picture_folder import find_pictures
from cnnlab.data.splitting import split_sizes
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.code import call_in_code, range_in_code
from cnnlab.experiments.fields import Field, data_field, network_field, training_field
from cnnlab.files import check_path
from cnnlab.model.architecture import PADDINGS, POOLINGS, check_architecture
from cnnlab.model.cnn import build_cnn, check_parameter_count
from cnnlab.model.layer_table import LayerTable, layer_table
from cnnlab.training.options import LEARNING_RATES, OPTIMIZERS, check_sizes, checked_settings

# data set → ((channels, height, width), classes)
PUBLISHED = {"mnist": ((1, 28, 28), 10), "fashion_mnist": ((1, 28, 28), 10), "cifar10": ((3, 32, 32), 10)}
UNKNOWN = "unknown"  # the fingerprint in a record from before there were fingerprints


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Describe a training run by plain values: its data, its network, its training, its seeds.

    Each field below says what it means. The network's fields are the arguments of `build_cnn`, the training's those of
    `fit`; None leaves a field to the data set or the optimizer. Of your own pictures the experiment holds the path of
    the folder, as you typed it, and not the pictures. `run` and `sweep` add their fingerprint: with changed pictures it
    is another experiment, and with a copy of the folder it is the same one.

    Raises
    ------
    ConfigError
        These values can't be trained; the message names field, value and remedy.

    >>> base = Experiment(dataset="mnist", train_size=2000, epochs=20)
    >>> base.replace(kernel_size=5).key
    '4b674f30332579d8'
    """

    dataset: str = data_field(
        "mnist", str, "the data set; images is a folder of your own", choices=(*DATASETS, "images")
    )
    structure: str | None = data_field(
        None, str, "of patterns: what tells the classes apart", datasets=("patterns",), choices=tuple(STRUCTURES)
    )
    scale: int | None = data_field(
        None,
        int,
        "of patterns: size of the structure in pixels",
        datasets=("patterns",),
        steps=(None, 1, 2, 3, 4, 6, 8, 12),
    )
    noise: float | None = data_field(
        None,
        float,
        "of patterns: standard deviation of the noise",
        datasets=("patterns",),
        steps=(None, 0.0, 0.05, 0.1, 0.2, 0.3, 0.5),
    )
    classes: int | None = data_field(
        None, int, "of patterns: number of classes", datasets=("patterns",), steps=(None, 2, 3, 4, 6, 8)
    )
    size: int | None = data_field(
        None,
        int,
        "of patterns and images: height and width in pixels",
        datasets=("patterns", "images"),
        steps=(None, 16, 20, 28, 32, 48, 64),
    )
    folder: str | None = data_field(
        None, str, "of images: your folder, with one folder of pictures for each class", datasets=("images",)
    )
    grey: bool | None = data_field(
        None, bool, "of images: grey pictures (true) or colour (false)", datasets=("images",), choices=(True, False)
    )
    balanced: bool | None = data_field(
        None,
        bool,
        "of images: repeat training pictures of rarer classes until all classes have as many (true)",
        datasets=("images",),
        choices=(True, False),
    )
    fingerprint: str | None = data_field(
        None,
        str,
        "of images: stands for the contents of the pictures; run and sweep fill it in",
        datasets=("images",),
        automatic=True,
    )
    train_size: int | None = data_field(
        None,
        int,
        "training images, the same number of each class",
        least=1,
        none="all",
        steps=(100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, None),
    )
    validation_size: int | None = data_field(
        None,
        int,
        "validation images; a tenth where left open",
        least=0,
        none="a tenth",
        steps=(100, 200, 500, 1000, 2000, 5000, None),
    )
    data_seed: int = data_field(0, int, "decides which images are taken", least=0, span=(0, 9, 1))
    # Network: the arguments of build_cnn
    kernel_size: int = network_field(3, int, "side of each kernel in pixels: odd, 1 to 11", span=(1, 11, 2))
    pooling: str = network_field("max", str, "how each block halves its maps", choices=tuple(POOLINGS))
    channels: tuple[int, ...] = network_field(
        (16, 32),
        tuple,
        "kernels of each block: one to four widths",
        steps=((4, 8), (8, 16), (16,), (16, 32), (32, 64), (16, 32, 64)),
    )
    convs_per_block: int = network_field(1, int, "convolutions in each block", span=(1, 3, 1))
    hidden: int = network_field(
        64, int, "units of the hidden fully connected layer", steps=(8, 16, 32, 64, 128, 256, 512)
    )
    padding: str = network_field("same", str, "zeros at the border (same: maps keep their size)", choices=PADDINGS)
    dropout: float = network_field(
        0.0,
        float,
        "share of hidden units that each training step drops",
        steps=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    )
    # Training: the arguments of fit
    epochs: int = training_field(
        5, int, "passes over the training images", steps=(1, 2, 3, 5, 10, 20, 30, 50, 100, 250, 350)
    )
    optimizer: str = training_field("adam", str, "how the weights are changed", choices=tuple(OPTIMIZERS))
    learning_rate: float | None = training_field(
        None,
        float,
        "size of the steps; where left open 0.05 for sgd, 0.001 otherwise",
        steps=(None, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.3, 1.0),
    )
    momentum: float = training_field(
        0.0,
        float,
        "of sgd and rmsprop: share of the last step that is kept",
        steps=(0.0, 0.5, 0.8, 0.9, 0.95, 0.99),
    )
    weight_decay: float = training_field(
        0.0, float, "how strongly large weights are punished", steps=(0.0, 0.00001, 0.0001, 0.001, 0.01, 0.1)
    )
    batch_size: int = training_field(64, int, "images of one training step", steps=(8, 16, 32, 64, 128, 256, 512))
    patience: int | None = training_field(
        None,
        int,
        "epochs without a better validation loss before training stops",
        steps=(None, 0, 1, 2, 3, 5, 10, 20, 50),
        none="none",
    )
    min_delta: float = training_field(
        0.0, float, "with patience: how much lower counts as better", steps=(0.0, 0.0001, 0.001, 0.01, 0.1)
    )
    seed: int = training_field(0, int, "decides first weights, order of images and dropout", span=(0, 20, 1))

    def __new__(cls, **settings: object) -> Experiment:
        for name in sorted(settings.keys() - FIELDS.keys()):
            check_choice("field of Experiment", name, FIELDS)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, field in FIELDS.items():
            field.check_value(name, getattr(self, name))
        self._check_data()
        check_architecture(self.network())
        checked_settings(self.training())
        if self.train_size is not None and self.batch_size > self.train_size:
            raise ConfigError(
                f"batch_size={self.batch_size} is larger than train_size={self.train_size}; "
                f"try {min(64, self.train_size)}"
            )
        if self.patience is not None and self.validation_size == 0:
            raise ConfigError(f"patience={self.patience} needs validation images; leave validation_size=0 out")
        for name, field in FIELDS.items():
            object.__setattr__(self, name, field.convert(getattr(self, name)))
        if self.balanced is False:  # as where it is left open: the field is younger than the keys of stored runs
            object.__setattr__(self, "balanced", None)

    def _check_data(self) -> None:
        for knob, field in FIELDS.items():
            if field.datasets and getattr(self, knob) is not None and self.dataset not in field.datasets:
                owners, value = " and ".join(map(repr, field.datasets)), shown(getattr(self, knob))
                raise ConfigError(f"{knob}={value} is a setting of {owners}, not of {self.dataset!r}; leave it out")
        if self.dataset == "patterns":
            check_knobs(**fill_knobs(self._given_knobs()))
        if self.dataset == "images":
            self._check_images()

    def _check_images(self) -> None:
        if not isinstance(self.folder, str) or not self.folder or "\0" in self.folder:
            raise ConfigError(
                f"dataset='images' wants folder='…', the folder of your pictures; got {shown(self.folder)}"
            )
        if self.size is not None:
            check_whole("size", self.size, 1, most=10_000)
        is_sound = isinstance(self.fingerprint, str) and re.fullmatch(f"[0-9a-f]{{16}}|{UNKNOWN}", self.fingerprint)
        if self.fingerprint is not None and not is_sound:
            raise ConfigError(
                f"fingerprint must be a word of 16 hexadecimal digits, got {shown(self.fingerprint)}; leave it out"
            )

    def with_fingerprint(self) -> Experiment:
        """Return the experiment with the fingerprint of its pictures; itself if it has one or needs none.

        It also returns itself if the folder can't be read: the training says what is wrong with it.

        >>> Experiment(dataset="images", folder="my_pictures").with_fingerprint().fingerprint
        '5f0c6a1b9e8d7c42'
        """
        if self.dataset != "images" or self.fingerprint is not None:
            return self
        try:
            return self.replace(fingerprint=fingerprint(str(self.folder)))
        except DataError:
            return self

    def check_pictures(self, count: int) -> None:
        """Raise ConfigError unless `count` pictures of your own are enough; a tenth of them is the test set.

        >>> Experiment(dataset="images", folder="my_pictures").check_pictures(count_images("my_pictures"))
        """
        count = check_whole("count", count, 0)
        pool = count - count // 10
        sizes = split_sizes(Path(str(self.folder)).name, pool, self.train_size, self.validation_size)
        check_sizes(self.batch_size, self.patience, *sizes)

    def network(self) -> dict[str, Any]:
        """Return the arguments of `build_cnn`, as far as they are known before any data is loaded.

        Patterns have four classes by default. How many your own pictures have is not known yet: 4 stands for it.
        """
        shape, classes = PUBLISHED.get(self.dataset, (self._own_shape(), self.classes or 4))
        return {name: getattr(self, name) for name in NETWORK} | {"input_shape": shape, "classes": classes}

    def training(self) -> dict[str, Any]:
        """Return the arguments of `fit`."""
        return {name: getattr(self, name) for name in TRAINING}

    def _own_shape(self) -> tuple[int, int, int]:
        return (3 if self.grey is False else 1, self.size or 28, self.size or 28)

    def _given_knobs(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in knobs_of(self.dataset)}
        return {name: value for name, value in values.items() if value is not None}

    def replace(self, **changes: Any) -> Experiment:
        """Return the same experiment with these fields changed.

        >>> Experiment().replace(kernel_size=7).kernel_size
        7
        """
        if "folder" in changes:  # other pictures
            changes = {"fingerprint": None} | changes
        return Experiment(**self.to_dict() | changes)

    def to_dict(self) -> dict[str, Any]:
        """Return field → value, as given."""
        return {name: getattr(self, name) for name in FIELDS}

    def resolved(self) -> dict[str, Any]:
        """Return field → value, with the value that None means where that is known before training."""
        settings = self.to_dict()
        if self.learning_rate is None:
            settings["learning_rate"] = LEARNING_RATES[self.optimizer]
        if self.dataset == "patterns":
            settings |= fill_knobs(self._given_knobs())
        if self.dataset == "images":
            settings |= {"size": 28, "grey": True, "balanced": False} | self._given_knobs()
        if self.patience is None:
            settings["min_delta"] = 0.0  # nothing to compare with it
        return settings

    @property
    def key(self) -> str:
        """Return 16 hexadecimal digits, equal for experiments that train the same, on any machine.

        Of your own pictures the fingerprint counts, not the folder; it is worked out where the experiment lacks it.
        """
        return _hash(self._identity())

    @property
    def trajectory(self) -> str:
        """Return the key of the experiment without `epochs`: a longer run begins with the shorter one, bit for bit."""
        return _hash(self._identity() | {"epochs": None})

    @property
    def setting(self) -> str:
        """Return the key of the experiment without its seed: runs of one setting differ in the seed alone."""
        return _hash(self._identity() | {"seed": 0})

    def _identity(self) -> dict[str, Any]:
        """Return the fields that decide the result, with their values.

        If the pictures are unknown, the folder stands for them, as it did before there were fingerprints.
        """
        settings = self.with_fingerprint().resolved()
        is_known = settings["fingerprint"] not in (None, UNKNOWN)
        return settings | {"balanced": settings["balanced"] or None, "folder" if is_known else "fingerprint": None}

    def to_json(self) -> str:
        """Return the experiment as JSON text; `Experiment.from_json` reads it back."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """Return the Experiment that `to_json` wrote; raise ConfigError for any other text."""
        try:
            settings = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(f"this is no JSON ({error!s:.80}); give what to_json() returned") from error
        if not isinstance(settings, dict):
            raise ConfigError(f"an Experiment is a JSON object of its fields, got {text!r:.60}")
        return cls(**settings)

    def load_data(self, *, test: int | None = 0) -> Data:
        """Load the experiment's data. `test` is the number of test images (None: all).

        Of your own pictures a tenth is the test set, whatever `test` is. Raises DataError for missing or damaged files.

        >>> Experiment(train_size=2000, validation_size=1000).load_data()
        """
        return load_from(*self.of_data(), test)

    def of_data(self) -> tuple[str, int | None, int | None, int, tuple]:
        """Return what decides the data: the arguments of `load_from` but for the number of test images."""
        knobs = tuple(sorted(self._given_knobs().items()))
        return self.dataset, self.train_size, self.validation_size, self.data_seed, knobs

    def layer_table(self) -> LayerTable:
        """Return the network's layer table, without loading any data.

        The classes of your own pictures are counted by their folders. Raises ConfigError for a network that is too
        large to train, and DataError for a folder that does not hold a folder for each class.

        >>> Experiment(kernel_size=5).layer_table()[0].parameters
        416
        """
        network = self.network()
        if self.dataset == "images" and os.path.isdir(check_path("folder", self.folder)):
            network["classes"] = len(find_pictures(str(self.folder)).classes)
        model = build_cnn(**network, device="meta")
        check_parameter_count(model)
        return layer_table(model)

    def to_code(self, seeds: int = 1) -> str:
        """Return two lines of Python that train this experiment with `seeds` seeds and give the same numbers.

        >>> print(Experiment(kernel_size=5).to_code(seeds=3))
        from cnnlab import Experiment, grid, sweep
        runs = sweep(grid(Experiment(kernel_size=5), seed=range(3)))
        """
        seed_range = range_in_code(self.seed, self.seed + check_whole("seeds", seeds, 1))
        experiment = call_in_code("Experiment", without_defaults(self.to_dict() | {"seed": 0}))
        return f"from cnnlab import Experiment, grid, sweep\nruns = sweep(grid({experiment}, seed={seed_range}))"

    def build_cnn(self, data: Data) -> nn.Sequential:
        """Return the untrained network, with the weights that the seed draws."""
        check_arguments(Experiment.build_cnn, locals())
        return build_cnn(**self.network() | {"input_shape": data.input_shape, "classes": len(data.classes)})


FIELDS: dict[str, Field] = {item.name: item.metadata["field"] for item in fields(Experiment)}
NETWORK = tuple(name for name, field in FIELDS.items() if field.group == "Network" or name == "seed")  # of build_cnn
TRAINING = tuple(name for name, field in FIELDS.items() if field.group == "Training")  # of fit
_IN_ORDER = [choice for field in FIELDS.values() for choice in field.choices]


def knobs_of(dataset: str) -> list[str]:
    """Return the fields that only some data sets have, this one among them.

    >>> knobs_of("images")
    ['size', 'folder', 'grey', 'balanced', 'fingerprint']
    """
    return [name for name, field in FIELDS.items() if dataset in field.datasets]


def in_order(value: Any) -> tuple:
    """Return the key that sorts the values of a field: words in the course's order, numbers by size, None last."""
    known = isinstance(value, str) and value in _IN_ORDER
    return (value is None, _IN_ORDER.index(value) if known else len(_IN_ORDER), value if value is not None else 0)


def without_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without the fields that have their default."""
    return {name: value for name, value in settings.items() if name not in FIELDS or value != FIELDS[name].default}


def _hash(settings: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits; fields at their defaults are left out, so that a later field changes no key."""
    text = json.dumps(without_defaults(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_from(name: str, train: int | None, validation: int | None, seed: int, knobs: tuple, test: int | None) -> Data:
    """Return the data that these fields name."""
    if name == "images":  # a tenth is locked away in any case: training must never see it
        own = {name: value for name, value in knobs if value != UNKNOWN}
        return load_folder(train=train, validation=validation, seed=seed, **own)[0]
    return load_data(name, train=train, validation=validation, test=test, seed=seed, **dict(knobs))
