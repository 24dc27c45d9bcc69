"""A network and images in, what it makes of them out: `evaluate`, `predict`. Nothing is changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.checks import check_images
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError


class Scores(NamedTuple):
    """Mean cross-entropy (nats) and share of right answers (0–1)."""

    loss: float
    accuracy: float


def evaluate(model: nn.Module, split: Split, *, batch_size: int = 250) -> Scores:
    """Return loss and accuracy of model on split, in eval mode, without changing anything.

    >>> evaluate(model, data.validation).accuracy
    0.95
    """
    if not isinstance(split, Split) or len(split) == 0:
        raise ConfigError(f"evaluate wants a Split with images in it, such as data.validation; got {split!r}")
    check_takes(model, split.images, len(split.classes))
    device = device_of(model)
    losses, right = [], []
    with evaluating(model), torch.no_grad():
        for images, labels in zip(split.images.split(batch_size), split.labels.split(batch_size), strict=True):
            logits, labels = model(images.to(device)), labels.to(device)
            losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
            right.append((logits.argmax(1) == labels).sum())
    loss = float(torch.stack(losses).cpu().double().sum())
    return Scores(loss / len(split), int(torch.stack(right).sum()) / len(split))


def predict(model: nn.Module, images: Tensor, *, batch_size: int = 250) -> Tensor:
    """Return each class's probability, float (N, classes), for images float (N, C, H, W) normalized as in training.

    >>> predict(model, data.validation.images).argmax(1)
    tensor([7, 2, 1])
    """
    first = check_takes(model, images)
    if len(images) == 1:  # the check has asked the network already
        return first.softmax(1).cpu()
    device = device_of(model)
    with evaluating(model), torch.no_grad():
        return torch.cat([model(part.to(device)).softmax(1).cpu() for part in images.split(batch_size)])


class Mistakes(NamedTuple):
    """What a network got wrong: `confusion`, and the wrong answers it was surest of.

    confusion: (classes, classes), row: the true class, column: the answer. images: a Split with every mistake, the
    surest first; answers: (N,) what was said instead; confidence: (N,) how sure, 0–1.
    """

    confusion: Tensor
    images: Split
    answers: Tensor
    confidence: Tensor


def mistakes(model: nn.Module, split: Split, *, batch_size: int = 250) -> Mistakes:
    """Return which classes are taken for which, and every mistake, the one made with most confidence first.

    >>> mistakes(model, data.validation).confusion.diagonal().sum()
    tensor(955)
    """
    if not isinstance(split, Split) or len(split) == 0:
        raise ConfigError(f"mistakes wants a Split with images in it, such as data.validation; got {split!r}")
    confidence, answers = predict(model, split.images, batch_size=batch_size).max(1)
    classes = max(len(split.classes), int(answers.max()) + 1)
    pairs = split.labels.cpu() * classes + answers
    confusion = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    wrong = (answers != split.labels.cpu()).nonzero()[:, 0]
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)]
    return Mistakes(confusion, split[wrong], answers[wrong], confidence[wrong])


def check_takes(model: nn.Module, images: Tensor, classes: int | None = None) -> Tensor:
    """Return model's output for the first image; raise ConfigError unless it takes images float (N, C, H, W)."""
    check_images(images)
    wanted = next((value.dtype for value in model.parameters() if value.is_floating_point()), images.dtype)
    if wanted != images.dtype:
        raise ConfigError(f"images are {images.dtype} and the model is {wanted}; give images.to({wanted})")
    with evaluating(model), torch.no_grad():
        try:
            return model(images[:1].to(device_of(model)))
        except RuntimeError as error:
            fitting = f"input_shape={tuple(images.shape[1:])}" + ("" if classes is None else f", classes={classes}")
            raise ConfigError(
                f"the model can't take images of shape {tuple(images.shape[1:])} ({error}); build_cnn({fitting}) fits"
            ) from error


def device_of(model: nn.Module) -> torch.device:
    """Return the device that a network lies on: that of its first parameter or buffer, the CPU if it has none."""
    own = next((value.device for value in (*model.parameters(), *model.buffers())), None)
    return own or torch.device("cpu")


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put model in eval mode; afterwards every layer is in the mode that it was found in."""
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
