"""The setting of a healthy network, and the one field in which each disease of notebook 09 differs from it."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

from cnnlab.checks import check_choice, check_number, check_whole
from cnnlab.errors import ConfigError

MOST_EPOCHS = 60  # so that a treatment takes seconds
MOST_IMAGES = 2000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a network of the clinic is made and trained. The defaults are those of a healthy one.

    Parameters
    ----------
    learning_rate : float
        Of plain SGD.
    activation : str
        "relu" or "sigmoid", after every layer but the last.
    random_weights : bool
        Whether the weights are drawn at random before training. False: all weights of a layer are equal.
    initial_bias : float
        The value of every bias before training.
    zero_gradients : bool
        Whether the gradients are set to zero before each batch. False: each batch adds its gradients to the old ones.
    normalize : bool
        Whether the images have mean 0 and standard deviation 1. False: they are pixels from 0 to 255.
    shuffle_labels : bool
        Whether the labels of the training images are shuffled.
    new_validation_images : bool
        Whether the validation images are new to the network. False: they are training images.
    train_size : int
        The number of training images.
    epochs : int
        How long the network is trained. In an epoch it sees 500 images: fewer images it sees several times.
    seed : int
        For the weights before training, and for the order of the images.

    >>> Setting(learning_rate=0.1).train_size
    1000
    """

    learning_rate: float = 0.05
    activation: str = "relu"
    random_weights: bool = True
    initial_bias: float = 0.0
    zero_gradients: bool = True
    normalize: bool = True
    shuffle_labels: bool = False
    new_validation_images: bool = True
    train_size: int = 1000
    epochs: int = 12
    seed: int = 1

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, 0)
        check_choice("activation", self.activation, ("relu", "sigmoid"))
        check_number("initial_bias", self.initial_bias, -1000)
        check_whole("train_size", self.train_size, 10)
        check_whole("epochs", self.epochs, 1)
        check_whole("seed", self.seed, 0)
        for field, most in {"train_size": MOST_IMAGES, "epochs": MOST_EPOCHS}.items():
            if getattr(self, field) > most:
                raise ConfigError(f"{field} goes up to {most:,} in the clinic, got {getattr(self, field)!r}")
        for field in ("random_weights", "zero_gradients", "normalize", "shuffle_labels", "new_validation_images"):
            if not isinstance(getattr(self, field), bool):
                raise ConfigError(f"{field} must be True or False, got {getattr(self, field)!r}")

    def change(self, changes: dict[str, Any]) -> Setting:
        """Return this setting with other values of the named fields; raise ConfigError for an unknown field."""
        for name in changes:
            check_choice("setting", name, FIELDS)
        return dataclasses.replace(self, **changes)

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that differ for different settings: the name of a recording in the bank."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


FIELDS = tuple(field.name for field in dataclasses.fields(Setting))
HEALTHY = Setting()
# Disease → the field that causes it, with its value.
CAUSES: dict[str, dict[str, Any]] = {
    "healthy": {},
    "learning rate too high": {"learning_rate": 0.6},
    "learning rate too low": {"learning_rate": 0.0001},
    "dead ReLUs": {"initial_bias": -5.0},
    "unnormalized input": {"normalize": False},
    "shuffled labels": {"shuffle_labels": True},
    "vanishing gradients": {"activation": "sigmoid"},
    "equal weights": {"random_weights": False},
    "gradients never zeroed": {"zero_gradients": False},
    "leaked validation images": {"new_validation_images": False},
    "too few images": {"train_size": 30},
}
DISEASES = tuple(CAUSES)


def setting_of(disease: str) -> Setting:
    """Return the setting of the patient who has this disease.

    A leak leaves the training as it is, so that this patient would have the training loss of the healthy one, to the
    last digit. She begins with other weights.
    """
    return HEALTHY.change(CAUSES[disease] | ({"seed": 2} if disease == "leaked validation images" else {}))


# What a student may name as the evidence of a diagnosis: one of the views, or all of them.
EVIDENCE = ("curves", "activations", "gradients", "weights", "inputs", "all of them")
