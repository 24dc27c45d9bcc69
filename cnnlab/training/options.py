"""Check the arguments of `fit`, and make torch's optimizer from them."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.checks import check_choice, check_images, check_number, check_whole, shown
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.files import check_output_file
from cnnlab.model.compatibility import check_label_range, check_one_row, check_takes
from cnnlab.model.networks import check_changeable, check_model, logits_of
from cnnlab.training.history import METRICS

OPTIMIZERS = {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}
MOST_EPOCHS = 1_000_000
LEARNING_RATES = {"sgd": 0.05, "rmsprop": 0.001, "adam": 0.001}  # what learning_rate=None means


def make_optimizer(model: nn.Module, settings: dict) -> torch.optim.Optimizer:
    """Return torch's own optimizer with these settings; a fused one where torch has it."""
    name = settings["optimizer"]
    options = {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]}
    if name != "adam":
        options["momentum"] = settings["momentum"]
    if name != "rmsprop":  # torch has no fused RMSprop
        options["fused"] = next(model.parameters()).device.type in ("cpu", "cuda")
    return OPTIMIZERS[name](model.parameters(), **options)


def checked_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as plain numbers, with the learning rate that None means.

    Raises ConfigError if no training can have them.
    """
    settings = dict(settings)
    settings["epochs"] = check_whole("epochs", settings["epochs"], 0, most=MOST_EPOCHS)
    check_choice("optimizer", settings["optimizer"], OPTIMIZERS)
    if settings["learning_rate"] is None:
        settings["learning_rate"] = LEARNING_RATES[settings["optimizer"]]
    settings["learning_rate"] = check_number("learning_rate", settings["learning_rate"], 0)
    settings["momentum"] = check_number("momentum", settings["momentum"], 0, below=1)
    if settings["momentum"] and settings["optimizer"] == "adam":
        raise ConfigError(f"momentum={settings['momentum']} is for 'sgd' and 'rmsprop'; adam has its own, leave it out")
    for field in ("weight_decay", "min_delta"):
        settings[field] = check_number(field, settings[field], 0)
    settings["seed"] = check_whole("seed", settings["seed"], 0)
    settings["batch_size"] = check_whole("batch_size", settings["batch_size"], 1)
    if settings["patience"] is not None:
        settings["patience"] = check_whole("patience", settings["patience"], 0)
    return settings


def warn_of_no_learning(settings: dict[str, Any], stacklevel: int) -> None:
    """Warn if the learning rate is 0; stacklevel is that of the caller's own warnings."""
    if settings["learning_rate"] == 0:
        warnings.warn("learning_rate=0: nothing will be learnt", stacklevel=stacklevel + 1)


def check_fits(model: nn.Module, data: Data, settings: dict) -> None:
    """Raise ConfigError unless this model can be trained on this data with these settings."""
    if not isinstance(data, Data):
        raise ConfigError(f"fit wants Data from load_data or Data.from_tensors, got {type(data).__name__}")
    check_sizes(settings["batch_size"], settings["patience"], len(data.train), len(data.validation))
    check_images(data.train.images, "data.train.images")
    check_images(data.validation.images, "data.validation.images")
    _check_outputs(model, data)
    check_changeable(model, "it can't be trained")


def check_sizes(batch_size: int, patience: int | None, train: int, validation: int) -> None:
    """Raise ConfigError unless these numbers of training and validation images are enough for the settings."""
    if patience is not None and validation == 0:
        raise ConfigError(f"patience={patience} needs validation images, got none; load some")
    if batch_size > train:
        raise ConfigError(f"batch_size={batch_size} is larger than the {train} training images; try {min(64, train)}")


def check_helpers(on_epoch: object, stop: object, checkpoint: Any, progress: object = True) -> Path | None:
    """Return the checkpoint's path, with `~` expanded.

    Raises ConfigError unless on_epoch can be called, stop is an event, and checkpoint can be a file and be written.
    """
    if not isinstance(progress, bool) and not callable(progress):
        raise ConfigError(f"progress must be True, False or a function of one argument, got {shown(progress)}")
    if on_epoch is not None and not callable(on_epoch):
        raise ConfigError(f"on_epoch wants a function of one argument, got {shown(on_epoch)}")
    if stop is not None and not hasattr(stop, "is_set"):
        raise ConfigError(f"stop wants a threading.Event, got {shown(stop)}")
    return None if checkpoint is None else check_output_file("checkpoint", checkpoint)


def check_numbers(returned: object) -> dict[str, float]:
    """Return the numbers that on_epoch returned as plain floats, without those that are NaN or infinite.

    JSON, in which a record is kept, has neither NaN nor infinity. Raises ConfigError unless on_epoch returned None or a
    dict of name → number whose names are not those of the training's own numbers.
    """
    if returned is None:
        return {}
    if not isinstance(returned, Mapping):
        raise ConfigError(f"on_epoch must return a dict of name → number, or None, got {shown(returned)}")
    for name, value in returned.items():
        if not isinstance(name, str) or name in ("epoch", *METRICS):
            raise ConfigError(f"on_epoch returned a number named {shown(name)}; choose a text that fit does not use")
        if not isinstance(value, numbers.Real):
            raise ConfigError(f"on_epoch returned {name}={shown(value)}, which is no number; try float(…)")
    plain = {name: _as_float(value) for name, value in returned.items()}
    return {name: value for name, value in plain.items() if math.isfinite(value)}


def _as_float(value: numbers.Real) -> float:
    """Return the number as a float; one that no float can hold is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def check_network(model: object) -> None:
    """Raise ConfigError unless model is a network with something to train."""
    if not isinstance(model, nn.Module) or not any(value.requires_grad for value in model.parameters()):
        raise ConfigError(
            f"model must be an nn.Module with parameters to train, such as build_cnn(); got {shown(model)}"
        )
    check_model(model)


def _check_outputs(model: nn.Module, data: Data) -> None:
    """Raise ConfigError unless the model takes the data's images and has an output for each of its classes and labels.

    The output may be a tuple or a dict that begins with the logits.
    """
    output = check_takes(model, data.train.images, len(data.classes))
    logits = output if isinstance(output, Tensor) else logits_of(output)
    remedy = f"build_cnn(input_shape={data.input_shape}, classes={len(data.classes)}) fits"
    outputs = tuple(logits.shape[1:])
    if len(outputs) != 1 or outputs[0] < len(data.classes):
        raise ConfigError(f"the model's output is {outputs}, but the data has {len(data.classes)} classes; {remedy}")
    check_one_row(logits)
    for split in (data.train, data.validation):
        if len(split):
            check_label_range(split.labels, outputs[0])
