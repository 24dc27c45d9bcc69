"""The networks that DrawDigit shows: three of the results bank, or those that a student gives, checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from cnnlab.data.dataset import Data, Split
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import load_once
from cnnlab.interpret.capture import capture
from cnnlab.model.compatibility import first_logits
from cnnlab.model.evaluation import predict
from cnnlab.model.networks import check_model
from cnnlab.widgets.examples import bank_runs, one_of_each

MOST_MODELS = 6


@functools.lru_cache(maxsize=1)
def bank_networks() -> tuple[dict[str, nn.Module], Split]:
    """Return three networks of the results bank, named by kernel and pooling, and a validation digit of each class."""
    settings = ((3, "max"), (5, "max"), (5, "avg"))
    runs = {f"{size}×{size} {kind}": bank_runs().one(kernel_size=size, pooling=kind) for size, kind in settings}
    data = load_once(next(iter(runs.values())).experiment)
    return {name: run.model() for name, run in runs.items()}, one_of_each(data.validation)


def check_networks(models: object, data: Any) -> tuple[dict[str, nn.Module], Split]:
    """Return the networks and an image of each class; raise ConfigError if they do not fit."""
    if not isinstance(models, Mapping) or not 1 <= len(models) <= MOST_MODELS:
        got = f"{len(models)} of them" if isinstance(models, Mapping) else type(models).__name__
        raise ConfigError(f"models wants a dict of name: network, 1 to {MOST_MODELS}, got {got}; try {{'mine': model}}")
    split = data.validation if isinstance(data, Data) else data
    if isinstance(data, Data) and len(split) == 0:
        split = data.train
    if not isinstance(split, Split) or len(split) == 0:
        got = "an empty Split" if isinstance(split, Split) else type(data).__name__
        raise ConfigError(f"data: give the Data that the networks were trained with, or a Split of it; got {got}")
    if split.images.shape[1:] != (1, 28, 28):
        got = "×".join(map(str, split.images.shape[1:]))
        raise ConfigError(f"a drawing is an image of 1×28×28, got data of {got}; take networks trained on MNIST")
    for name, model in models.items():
        classes = first_logits(check_model(model), split.images[:1]).shape[1]
        if classes != len(split.classes):
            raise ConfigError(
                f"model {name!r} knows {classes} classes, the data {len(split.classes)}; give its own data"
            )
    return {str(name): model for name, model in models.items()}, one_of_each(split)


def layers_with_maps(model: nn.Module, images: Split) -> list[str]:
    """Return the names of the layers that put out maps (C, H, W)."""
    with torch.no_grad(), capture(model) as seen:
        predict(model, images.images[:1])
    return [name for name, values in seen.items() if values.ndim == 4]
