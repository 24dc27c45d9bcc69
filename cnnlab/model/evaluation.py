"""Measure a network on labelled images, predict classes, and collect its mistakes; the network stays as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_batch_size, shown
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.model.compatibility import check_label_range, first_logits
from cnnlab.model.forward_pass import as_in_fit, compute_logits
from cnnlab.model.networks import device_of, evaluating
from cnnlab.torch_state import usual_torch_state


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
    _check_not_empty("evaluate", split)
    batch_size = check_batch_size(batch_size)
    every_label = _fitting_labels(model, split)
    device = device_of(model)
    losses, correct = [], []
    with evaluating(model), torch.no_grad(), as_in_fit(model):
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
    check_arguments(evaluate_all, locals())
    batch_size = check_batch_size(batch_size)
    models = list(models)
    if not models or not isinstance(split, Split) or len(split) < 2:
        raise ConfigError(
            f"evaluate_all wants networks and a Split of two images or more, got {len(models)}, {shown(split)}"
        )
    losses, correct = torch.zeros(len(split), dtype=torch.double), torch.zeros(len(split), dtype=torch.double)
    for model in models:
        labels, logits = _fitting_labels(model, split).cpu(), _all_logits(model, split.images, batch_size)
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
    batch_size = check_batch_size(batch_size)
    if len(images) == 1:  # the check has computed it already
        return first.softmax(1).cpu()
    return _all_logits(model, images, batch_size).softmax(1)


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
    _check_not_empty("mistakes", split)
    probabilities = predict(model, split.images, batch_size=batch_size)
    labels = check_label_range(split.labels, probabilities.shape[1]).cpu()
    confidence, answers = probabilities.max(1)
    classes = max(len(split.classes), int(answers.max()) + 1, int(labels.max()) + 1)
    pairs = labels * classes + answers
    confusion = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    wrong = (answers != labels).nonzero()[:, 0]
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)]
    return Mistakes(confusion, split[wrong], answers[wrong], confidence[wrong])


def _fitting_labels(model: nn.Module, split: Split) -> Tensor:
    """Return the split's labels, int64 (N,); raise ConfigError if the network does not take its images or labels."""
    return check_label_range(split.labels, first_logits(model, split.images, len(split.classes)).shape[1])


def _all_logits(model: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    """Return the logits of all images, (N, classes), on the processor."""
    device = device_of(model)
    with evaluating(model), torch.no_grad(), as_in_fit(model):
        return torch.cat([compute_logits(model, batch.to(device)).cpu() for batch in images.split(batch_size)])


def _check_not_empty(function: str, split: object) -> None:
    """Raise ConfigError unless split is a Split with images; function is the name of the one that wants it."""
    if not isinstance(split, Split) or len(split) == 0:
        raise ConfigError(f"{function} wants a Split with images in it, such as data.validation; got {shown(split)}")
