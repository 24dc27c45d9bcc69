"""Measure a network on labelled images, predict classes, and collect its mistakes; the network stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_images, check_whole, shown
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.model.forward_pass import compute_logits, in_training_layout
from cnnlab.model.in_training import check_not_in_training
from cnnlab.model.networks import call, check_model, logits_of, uncompiled
from cnnlab.torch_state import usual_torch_state

MOST_AT_ONCE = 1_000_000_000  # images


class MeanScore(NamedTuple):
    """The mean loss and accuracy of several networks on a split, each with its standard error.

    The errors are those of the images: other images of the same kind would move the mean by about this much. A mean of
    another two networks may differ by more.

    Parameters
    ----------
    loss, loss_error : float
        Mean cross-entropy in nats per image.
    accuracy, accuracy_error : float
        The share of correct answers, 0–1.
    images : int
        The number of images.
    """

    loss: float
    loss_error: float
    accuracy: float
    accuracy_error: float
    images: int

    def __str__(self) -> str:
        # "≈": another processor may give another last digit, and the tests of the notebooks leave such numbers out.
        loss, accuracy = f"{self.loss:.3f} ± {self.loss_error:.3f}", f"{self.accuracy:.3f} ± {self.accuracy_error:.3f}"
        return f"loss ≈ {loss}, accuracy ≈ {accuracy} ({self.images:,} images)"


class LossAndAccuracy(NamedTuple):
    """The mean cross-entropy (nats per image) and the share of correct answers (0–1)."""

    loss: float
    accuracy: float


@usual_torch_state
def evaluate(model: nn.Module, split: Split, *, batch_size: int = 250) -> LossAndAccuracy:
    """Return the loss and the accuracy of a network on a split, in eval mode.

    Parameters
    ----------
    model : nn.Module
        Any network that returns logits (N, classes), or a tuple or a dict that begins with them.
    split : Split
        Its images are not changed.
    batch_size : int
        How many images are computed at once.

    Raises
    ------
    ConfigError
        For a split without images, with images that the network can't take, or with labels that it has no output for.

    >>> evaluate(model, data.validation).accuracy
    0.95
    """
    if not isinstance(split, Split) or len(split) == 0:
        raise ConfigError(f"evaluate wants a Split with images in it, such as data.validation; got {shown(split)}")
    batch_size = check_whole("batch_size", batch_size, 1, most=MOST_AT_ONCE)
    every_label = check_labels(split.labels, first_logits(model, split.images, len(split.classes)).shape[1])
    device = device_of(model)
    losses, correct = [], []
    with evaluating(model), torch.no_grad(), in_training_layout(model):
        for images, labels in zip(split.images.split(batch_size), every_label.split(batch_size), strict=True):
            logits, labels = compute_logits(model, images.to(device)), labels.to(device)
            losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
            correct.append((logits.argmax(1) == labels).sum())
    loss = float(torch.stack(losses).cpu().double().sum())
    return LossAndAccuracy(loss / len(split), int(torch.stack(correct).sum()) / len(split))


@usual_torch_state
def evaluate_all(models: Iterable[nn.Module], split: Split, *, batch_size: int = 250) -> MeanScore:
    """Return the mean loss and accuracy of several networks on a split, with the standard errors of its images.

    Of each image the mean over the networks is taken first; the standard error is the standard deviation of these means
    over the images, divided by the root of their number.

    Parameters
    ----------
    models : iterable of nn.Module
        Any networks that `evaluate` takes.
    split : Split
        Two images or more.
    batch_size : int
        How many images are computed at once.

    Raises
    ------
    ConfigError
        As in `evaluate`, for each of the networks.

    >>> print(evaluate_all([run.model() for run in runs], data.validation))
    loss ≈ 0.376 ± 0.041, accuracy ≈ 0.926 ± 0.010 (500 images)
    """
    check_arguments(evaluate_all, locals(), batch_size=1)
    models = list(models)
    if not models or not isinstance(split, Split) or len(split) < 2:
        raise ConfigError(
            f"evaluate_all wants networks and a Split of two images or more, got {len(models)}, {shown(split)}"
        )
    losses, correct = torch.zeros(len(split), dtype=torch.double), torch.zeros(len(split), dtype=torch.double)
    for model in models:
        labels = check_labels(split.labels, first_logits(model, split.images, len(split.classes)).shape[1]).cpu()
        device = device_of(model)
        with evaluating(model), torch.no_grad(), in_training_layout(model):
            parts = split.images.split(batch_size)
            logits = torch.cat([compute_logits(model, part.to(device)).cpu() for part in parts])
        losses += functional.cross_entropy(logits.double(), labels, reduction="none") / len(models)
        correct += (logits.argmax(1) == labels).double() / len(models)
    errors = [float(values.std() / len(split) ** 0.5) for values in (losses, correct)]
    return MeanScore(float(losses.mean()), errors[0], float(correct.mean()), errors[1], len(split))


@usual_torch_state
def predict(model: nn.Module, images: Tensor, *, batch_size: int = 250) -> Tensor:
    """Return the probability of each class for each image, float (N, classes).

    Parameters
    ----------
    model : nn.Module
        Any network that returns logits (N, classes), or a tuple or a dict that begins with them.
    images : Tensor
        Float (N, C, H, W), normalized as in training. They are not changed.
    batch_size : int
        How many images are computed at once.

    Raises
    ------
    ConfigError
        For images that the network can't take, or a network that returns no logits.

    >>> predict(model, data.validation.images[:3]).argmax(1)
    tensor([7, 2, 1])
    """
    first = first_logits(model, images)
    batch_size = check_whole("batch_size", batch_size, 1, most=MOST_AT_ONCE)
    if len(images) == 1:  # the check has computed it already
        return first.softmax(1).cpu()
    device = device_of(model)
    with evaluating(model), torch.no_grad(), in_training_layout(model):
        return torch.cat([compute_logits(model, part.to(device)).softmax(1).cpu() for part in images.split(batch_size)])


class Mistakes(NamedTuple):
    """What a network got wrong on a split; `mistakes` makes it, `plot_confusion` and `plot_mistakes` draw it.

    Parameters
    ----------
    confusion : Tensor
        int64 (classes, classes): the number of images; row: the true class, column: the answer.
    images : Split
        The N images with a wrong answer, the one with the highest confidence first.
    answers : Tensor
        int64 (N,): the wrong answers.
    confidence : Tensor
        float (N,): the probability (0–1) that the network gave to the wrong answer.
    """

    confusion: Tensor
    images: Split
    answers: Tensor
    confidence: Tensor


@usual_torch_state
def mistakes(model: nn.Module, split: Split, *, batch_size: int = 250) -> Mistakes:
    """Return the confusion matrix of a network on a split, and every wrong answer, the most confident one first.

    Parameters
    ----------
    model : nn.Module
        Any network that `evaluate` takes.
    split : Split
        Its images are not changed.
    batch_size : int
        How many images are computed at once.

    Raises
    ------
    ConfigError
        As `evaluate` does.

    >>> mistakes(model, data.validation).confusion.diagonal().sum()
    tensor(955)
    """
    if not isinstance(split, Split) or len(split) == 0:
        raise ConfigError(f"mistakes wants a Split with images in it, such as data.validation; got {shown(split)}")
    probabilities = predict(model, split.images, batch_size=batch_size)
    labels = check_labels(split.labels, probabilities.shape[1]).cpu()
    confidence, answers = probabilities.max(1)
    classes = max(len(split.classes), int(answers.max()) + 1, int(labels.max()) + 1)
    pairs = labels * classes + answers
    confusion = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    wrong = (answers != labels).nonzero()[:, 0]
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)]
    return Mistakes(confusion, split[wrong], answers[wrong], confidence[wrong])


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


def check_labels(labels: Tensor, outputs: int) -> Tensor:
    """Return labels as int64; raise ConfigError unless they are whole numbers below the number of outputs."""
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ConfigError(f"labels must be whole numbers, got {labels.dtype}; write labels.long()")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= outputs:
        raise ConfigError(f"labels go from {lowest} to {highest}; the model has {outputs} outputs")
    return labels.long()


CANNOT_TAKE = (RuntimeError, ValueError, AssertionError, IndexError, TypeError)  # what networks raise for wrong images


def check_takes(model: nn.Module, images: Tensor, classes: int | None = None) -> Any:
    """Return the network's output for the first image; raise ConfigError if it can't take these images (N, C, H, W).

    classes is the number of classes that the message suggests.
    """
    check_images(images)
    check_model(model)
    wanted = next((value.dtype for value in model.parameters() if value.is_floating_point()), images.dtype)
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


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the network's first parameter or buffer; the CPU if it has neither."""
    return next((value.device for value in (*model.parameters(), *model.buffers())), torch.device("cpu"))


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network into eval mode for a `with` block; afterwards each layer is in the mode that it had before.

    Raises ConfigError if another thread is training the network, which would then train in eval mode.
    """
    check_not_in_training(model)
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
