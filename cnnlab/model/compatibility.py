"""Check that a network, images and labels fit each other, with a single image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.checks import check_images
from cnnlab.errors import ConfigError
from cnnlab.model.networks import call, check_model, device_of, dtype_of, evaluating, logits_of, uncompiled

CANNOT_TAKE = (RuntimeError, ValueError, AssertionError, IndexError, TypeError)  # what networks raise for wrong images


def check_takes(model: nn.Module, images: Tensor, classes: int | None = None) -> Any:
    """Return the network's output for the first image; raise ConfigError if it can't take these images (N, C, H, W).

    classes is the number of classes that the message suggests.
    """
    check_images(images)
    check_model(model)
    wanted = dtype_of(model, images.dtype)
    if wanted != images.dtype:
        raise ConfigError(f"images are {images.dtype} and the model is {wanted}; give images.to({wanted})")
    with evaluating(model), torch.no_grad(), uncompiled():
        try:
            return call(model, images[:1].to(device_of(model)))
        except (torch.OutOfMemoryError, ConfigError):
            raise
        except CANNOT_TAKE as error:
            fitting = f"input_shape={tuple(images.shape[1:])}" + ("" if classes is None else f", classes={classes}")
            raise ConfigError(
                f"the model can't take images of shape {tuple(images.shape[1:])} ({error}); build_cnn({fitting}) fits"
            ) from error


def first_logits(model: nn.Module, images: Tensor, classes: int | None = None) -> Tensor:
    """Return the logits of the first image, (1, classes); raise ConfigError if the network can't take these images.

    classes is the number of classes that the message suggests.
    """
    logits = logits_of(check_takes(model, images, classes))
    if len(images):
        check_one_row(logits)
    return logits


def check_one_row(logits: Tensor) -> None:
    """Raise ConfigError unless the logits of one image have one row."""
    if len(logits) != 1:
        raise ConfigError(
            f"the model makes {len(logits)} rows of logits from 1 image; look for a view or reshape in it that mixes "
            "images: torch.flatten(values, 1) keeps them apart"
        )


def check_label_range(labels: Tensor, outputs: int) -> Tensor:
    """Return labels, whole numbers, as int64; raise ConfigError unless the network has an output for each of them."""
    labels = labels.long()
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= outputs:
        raise ConfigError(f"labels go from {lowest} to {highest}; the model has {outputs} outputs")
    return labels
