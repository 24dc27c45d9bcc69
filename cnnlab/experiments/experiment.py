"""Everything that defines a training run, as plain values: `Experiment`, which goes to JSON and back and has a key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.checks import check_choice, check_whole
from cnnlab.data.dataset import Data, split_sizes
from cnnlab.data.loading import DATASETS, load_data, load_images
from cnnlab.data.patterns import PATTERN_KNOBS, STRUCTURES, check_knobs, fill_knobs
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import PADDINGS, POOLINGS, build_cnn, check_architecture, check_parameter_count
from cnnlab.model.layer_table import LayerTable, layer_table
from cnnlab.training.options import LEARNING_RATES, OPTIMIZERS, check_settings, check_sizes

PUBLISHED = {"mnist": ((1, 28, 28), 10), "fashion_mnist": ((1, 28, 28), 10), "cifar10": ((3, 32, 32), 10)}
KNOBS = {"patterns": set(PATTERN_KNOBS), "images": {"folder", "size", "grey"}}  # of which data set
ALL_KNOBS = sorted(set().union(*KNOBS.values()))
NETWORK = ("kernel_size", "pooling", "channels", "convs_per_block", "hidden", "padding", "dropout", "seed")
TRAINING = ("epochs", "optimizer", "learning_rate", "momentum", "weight_decay", "batch_size", "patience")
TRAINING += ("min_delta", "seed")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """All that decides the result of a training run, in plain values: data, network, training, seeds.

    dataset: "mnist", "patterns" (with the knobs structure, scale, noise, classes and size of `make_patterns`),
    "fashion_mnist", "cifar10", or "images" (your own: folder, size and grey of `load_images`). train_size and
    validation_size are numbers of images, None as in `load_data`. The network's fields are those of `build_cnn`, the
    training's those of `fit`. seed decides the first weights, the order of the images and the dropout; data_seed
    decides which images are taken. Of your own pictures only the folder's name is part of it: give a changed folder a
    new name. Raises ConfigError for anything that can't be trained.

    >>> base = Experiment(dataset="mnist", train_size=2000, epochs=20)
    >>> base.replace(kernel_size=5).key
    '4b674f30332579d8'
    """

    dataset: str = "mnist"
    structure: str | None = None
    scale: int | None = None
    noise: float | None = None
    classes: int | None = None
    size: int | None = None
    folder: str | None = None
    grey: bool | None = None
    train_size: int | None = None
    validation_size: int | None = None
    data_seed: int = 0
    kernel_size: int = 3
    pooling: str = "max"
    channels: tuple[int, ...] = (16, 32)
    convs_per_block: int = 1
    hidden: int = 64
    padding: str = "same"
    dropout: float = 0.0
    epochs: int = 5
    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 64
    patience: int | None = None
    min_delta: float = 0.0
    seed: int = 0

    def __new__(cls, **settings: object) -> Experiment:
        for name in sorted(settings.keys() - FIELDS.keys()):
            check_choice("field of Experiment", name, FIELDS)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._check_data()
        check_architecture(**self.network())
        check_settings({name: getattr(self, name) for name in TRAINING})
        if self.train_size is not None and self.batch_size > self.train_size:
            raise ConfigError(
                f"batch_size={self.batch_size} is larger than train_size={self.train_size}; "
                f"try {min(64, self.train_size)}"
            )
        if self.patience is not None and self.validation_size == 0:
            raise ConfigError(f"patience={self.patience} needs validation images; leave validation_size=0 out")
        for name, kind in FIELDS.items():  # numpy's numbers and lists become plain ones
            value = getattr(self, name)
            if value is not None and type(value) is not kind:
                object.__setattr__(self, name, kind(value))

    def _check_data(self) -> None:
        check_choice("dataset", self.dataset, (*DATASETS, "images"))
        for knob in ALL_KNOBS:
            if getattr(self, knob) is not None and knob not in KNOBS.get(self.dataset, ()):
                owners = " and ".join(repr(name) for name, knobs in KNOBS.items() if knob in knobs)
                raise ConfigError(
                    f"{knob}={getattr(self, knob)!r} is a knob of {owners}, not of {self.dataset!r}; leave it out"
                )
        check_whole("data_seed", self.data_seed, 0)
        for name, least in (("train_size", 1), ("validation_size", 0)):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), least)
        if self.dataset == "patterns":
            if self.structure is not None:
                check_choice("structure", self.structure, STRUCTURES)
            check_knobs(**fill_knobs(self._given_knobs()))
        if self.dataset == "images":
            self._check_images()

    def _check_images(self) -> None:
        if not isinstance(self.folder, str) or not self.folder:
            raise ConfigError(f"dataset='images' wants folder='…', the folder of your pictures; got {self.folder!r}")
        if self.size is not None:
            check_whole("size", self.size, 1)
        if self.grey is not None and not isinstance(self.grey, bool):
            raise ConfigError(f"grey must be True or False, got {self.grey!r}")

    def check_pictures(self, count: int) -> None:
        """Raise ConfigError unless so many pictures of your own are enough: a tenth is the test set, as ever.

        >>> Experiment(dataset="images", folder="my_pictures").check_pictures(count_images("my_pictures"))
        """
        pool = count - count // 10
        sizes = split_sizes(Path(self.folder).name, pool, self.train_size, self.validation_size)
        check_sizes(self.batch_size, self.patience, *sizes)

    def network(self) -> dict[str, Any]:
        """Return what `build_cnn` wants, as far as it is known before any data is loaded."""
        # Four classes are what patterns have unless told otherwise; of your own pictures nobody knows yet.
        shape, classes = PUBLISHED.get(self.dataset, (self._own_shape(), self.classes or 4))
        return {name: getattr(self, name) for name in NETWORK} | {"input_shape": shape, "classes": classes}

    def _own_shape(self) -> tuple[int, int, int]:
        return (3 if self.grey is False else 1, self.size or 28, self.size or 28)

    def _given_knobs(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in KNOBS.get(self.dataset, ()) if getattr(self, name) is not None}

    def replace(self, **changes: object) -> Experiment:
        """Return the same experiment with these fields changed.

        >>> Experiment().replace(kernel_size=7).kernel_size
        7
        """
        return Experiment(**self.to_dict() | changes)

    def to_dict(self) -> dict[str, Any]:
        """Return every field as it was given."""
        return {name: getattr(self, name) for name in FIELDS}

    def resolved(self) -> dict[str, Any]:
        """Return every field, with the number that None stands for where that is known before training."""
        settings = self.to_dict()
        if self.learning_rate is None:
            settings["learning_rate"] = LEARNING_RATES[self.optimizer]
        if self.dataset == "patterns":
            settings |= fill_knobs(self._given_knobs())
        if self.dataset == "images":
            settings |= {"size": 28, "grey": True} | self._given_knobs()
        if self.patience is None:
            settings["min_delta"] = 0.0  # nothing to compare with it
        return settings

    @property
    def key(self) -> str:
        """A short text that is the same for what trains the same, today and on any machine."""
        return _hash(self.resolved())

    @property
    def trajectory(self) -> str:
        """The key without `epochs`: a longer training begins with the shorter one, bit for bit."""
        return _hash(self.resolved() | {"epochs": None})

    def to_json(self) -> str:
        """Return the experiment as JSON text; `Experiment.from_json` reads it back."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """Return the Experiment that `to_json` wrote; ConfigError if the text is nothing of the kind."""
        try:
            settings = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"this is no JSON ({error}); give what to_json() returned") from error
        if not isinstance(settings, dict):
            raise ConfigError(f"an Experiment is a JSON object of its fields, got {text!r:.60}")
        return cls(**settings)

    def load_data(self, *, test: int | None = 0) -> Data:
        """Return the experiment's data; without a test set unless one is asked for (None is all of it).

        >>> Experiment(train_size=2000, validation_size=1000).load_data()
        """
        return load_from(*self.of_data(), test)

    def of_data(self) -> tuple:
        knobs = tuple(sorted(self._given_knobs().items()))
        return self.dataset, self.train_size, self.validation_size, self.data_seed, knobs

    def layer_table(self) -> LayerTable:
        """Return the network's layer table; nothing is loaded for it (of your own pictures the folders are counted).

        Raises ConfigError for a network that is too large to train.

        >>> Experiment(kernel_size=5).layer_table()[0].parameters
        416
        """
        network = self.network()
        if self.dataset == "images" and Path(self.folder).is_dir():
            network["classes"] = max(2, sum(place.is_dir() for place in Path(self.folder).iterdir()))
        model = build_cnn(**network, device="meta")
        check_parameter_count(model)
        return layer_table(model)

    def to_code(self, seeds: int = 1) -> str:
        """Return two lines of Python that train this experiment with so many seeds, and give the same numbers.

        >>> print(Experiment(kernel_size=5).to_code(seeds=3))
        from cnnlab import Experiment, grid, sweep
        runs = sweep(grid(Experiment(kernel_size=5), seed=range(3)))
        """
        last = self.seed + check_whole("seeds", seeds, 1)
        told = {name: value for name, value in self.to_dict().items() if value != _DEFAULTS[name] and name != "seed"}
        fields_told = ", ".join(f"{name}={value!r}" for name, value in told.items())
        seeds_told = f"range({self.seed}, {last})" if self.seed else f"range({last})"
        return (
            "from cnnlab import Experiment, grid, sweep\n"
            f"runs = sweep(grid(Experiment({fields_told}), seed={seeds_told}))"
        )

    def build_cnn(self, data: Data) -> nn.Sequential:
        """Return the untrained network, as the seed draws it."""
        network = {name: getattr(self, name) for name in NETWORK}
        return build_cnn(**network, input_shape=data.input_shape, classes=len(data.classes))


_KINDS = {"str": str, "int": int, "float": float, "bool": bool}
FIELDS = {one.name: _KINDS.get(one.type.removesuffix(" | None")) for one in fields(Experiment)}
FIELDS["channels"] = lambda widths: tuple(int(width) for width in widths)
_DEFAULTS = {one.name: one.default for one in fields(Experiment)}


def in_order(value: Any) -> tuple:
    """Sort key for the values of one field: the order in which the course names them, numbers by size, None last."""
    known = value in _NAMED if isinstance(value, str) else False
    return (value is None, _NAMED.index(value) if known else len(_NAMED), value if value is not None else 0)


_NAMED = [*POOLINGS, *PADDINGS, *OPTIMIZERS, *STRUCTURES]


def _hash(settings: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits; fields at their defaults are left out, so that a later field changes no key."""
    told = {name: value for name, value in settings.items() if value != _DEFAULTS[name]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def load_from(name: str, train: int | None, validation: int | None, seed: int, knobs: tuple, test: int | None) -> Data:
    """Return the data that these fields name."""
    if name == "images":  # a tenth is locked away in any case: training must never see it
        return load_images(train=train, validation=validation, seed=seed, **dict(knobs))
    return load_data(name, train=train, validation=validation, test=test, seed=seed, **dict(knobs))
