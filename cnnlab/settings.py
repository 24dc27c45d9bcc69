"""The numbers of a training run in; the same numbers, checked and plain, and torch's own optimizer out."""

from __future__ import annotations

import torch
from torch import nn

from cnnlab.errors import ConfigError, check_choice, check_number, check_whole

OPTIMIZERS = {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}
LEARNING_RATES = {"sgd": 0.05, "rmsprop": 0.001, "adam": 0.001}  # what learning_rate=None means


def make_optimizer(model: nn.Module, settings: dict) -> torch.optim.Optimizer:
    """Return torch's own optimizer for these settings, fused where torch has that."""
    name = settings["optimizer"]
    options = {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]}
    if name != "adam":
        options["momentum"] = settings["momentum"]
    if name != "rmsprop":  # torch has no fused RMSprop
        options["fused"] = next(model.parameters()).device.type in ("cpu", "cuda")
    return OPTIMIZERS[name](model.parameters(), **options)


def check_settings(settings: dict) -> None:
    """Make the settings plain numbers; raise ConfigError, naming field, value and remedy, if no run can have them."""
    settings["epochs"] = check_whole("epochs", settings["epochs"], 0)
    check_choice("optimizer", settings["optimizer"], OPTIMIZERS)
    if settings["learning_rate"] is not None:
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
