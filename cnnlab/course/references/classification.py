"""Compute a classifier's share of right answers, loss, gradient and step: the right way, and with known mistakes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

T_OF_FIVE = 2.776  # Student's t, 95 %, of five numbers


def share_right(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of images (N,) whose largest logit, of (N, C), is that of the label."""
    return (logits.argmax(1) == labels).double().mean()


def share_of_other_axis(logits: Tensor, labels: Tensor) -> Tensor:
    """Take the largest logit of each class, where there are as many images as classes."""
    return (logits.argmax(0) == labels).double().mean()


def probability_of_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the probability of each label, (N,)."""
    return logits.softmax(1)[torch.arange(len(labels)), labels]


def mean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of a batch, in nats."""
    return functional.cross_entropy(logits, labels)


def loss_of_other_axis(logits: Tensor, labels: Tensor) -> Tensor:
    """Take the softmax over the images of the batch, not over the classes."""
    return -logits.softmax(0)[torch.arange(len(labels)), labels].log().mean()


def loss_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the gradient of the mean loss by the logits, (N, C)."""
    return (logits.softmax(1) - one_hot(logits, labels)) / len(labels)


def one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 at the label of each image and 0 elsewhere, (N, C)."""
    return functional.one_hot(labels, logits.shape[1]).to(logits)


def gradient_of_weights(weights: Tensor, images: Tensor, labels: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the gradient of the loss by the weights (D, C) of a linear network of images (N, D)."""
    scale = len(labels) if reduction == "sum" else 1
    return scale * images.T @ loss_gradient(images @ weights, labels)


def training_step(weights: Tensor, images: Tensor, labels: Tensor, learning_rate: float) -> Tensor:
    """Return the weights of a linear network after a step of plain gradient descent."""
    return weights - learning_rate * gradient_of_weights(weights, images, labels)


def step_with_softmax_twice(weights: Tensor, images: Tensor, labels: Tensor, learning_rate: float) -> Tensor:
    """Give probabilities to cross_entropy, which takes the softmax itself."""
    free = weights.detach().clone().requires_grad_()
    with torch.enable_grad():
        loss = functional.cross_entropy((images @ free).softmax(1), labels)
    (gradient,) = torch.autograd.grad(loss, free)
    return weights - learning_rate * gradient


def noise_floor(accuracies: Sequence[float]) -> float:
    """Return the noise floor of five single runs of one setting."""
    return T_OF_FIVE * math.sqrt(2) * statistics.stdev(accuracies)


SHARE_MISTAKES = (
    (lambda x, y: share_right(x, y) * len(y), "This counts the right answers. Give their share, from 0 to 1."),
    (lambda x, y: share_right(x, y) * 100, "This is in per cent. Give a share, from 0 to 1."),
    (lambda x, y: 1 - share_right(x, y), "This is the share of wrong answers."),
    (lambda x, y: share_right(-x, y), "You take the smallest logit of each image. Which one is the answer?"),
    (lambda x, y: share_right(x, y) * len(y) / x.shape[1], "You divide by the number of classes."),
    (lambda x, y: probability_of_labels(x, y).mean(), "This is the mean probability of the labels, and no share."),
    (lambda x, y: share_right(x, y).round(), "This is rounded to a whole number. Give the share as it is."),
    (lambda x, _: x.argmax(1), "This is what the network answers. How often is that the label?"),
)


LOSS_MISTAKES = (
    (lambda x, y: mean_loss(x, y) * len(y), "This is the sum over the images. Take their mean."),
    (lambda x, y: -mean_loss(x, y), "The sign is turned round: a loss is never below zero."),
    (
        lambda x, y: mean_loss(x, y) / math.log(2),
        "This is in bits. Take the natural logarithm: the unit is the nat.",
    ),
    (lambda x, y: mean_loss(x, y) / math.log(10), "This is the logarithm to base 10. Take the natural one."),
    (loss_of_other_axis, "Your probabilities sum to 1 over the images. They must sum to 1 over the classes."),
    (lambda x, y: mean_loss(x.softmax(1), y), "You take the softmax twice; torch's cross_entropy takes it itself."),
    (
        lambda x, y: -probability_of_labels(x, y).mean().log(),
        "You take the mean of the probabilities first. Take the logarithm of each, then the mean.",
    ),
    (lambda x, y: 1 - probability_of_labels(x, y).mean(), "This is 1 minus a probability. Where is the logarithm?"),
    (lambda x, y: probability_of_labels(x, y).mean(), "This is the mean probability. Where is the logarithm?"),
    (
        lambda x, y: -torch.gather(x, 1, y[:, None]).mean(),
        "These are the logits. Make probabilities of them first.",
    ),
    (
        lambda x, y: -(one_hot(x, y) * x.log_softmax(1)).mean(),
        "You take the mean over images and classes. Each image has one loss: take the mean over the images.",
    ),
    (lambda x, _: -x.log_softmax(1).sum(1).mean(), "You sum over all classes. Only that of the label counts."),
    (lambda x, _: -x.log_softmax(1).mean(), "You take all classes. Only that of the label counts."),
)


GRADIENT_MISTAKES = (
    (lambda x, y: loss_gradient(x, y) * len(y), "This belongs to the sum of the losses. The loss is their mean."),
    (lambda x, y: -loss_gradient(x, y), "The sign is turned round: this points to where the loss falls."),
    (lambda x, _: x.softmax(1), "These are the probabilities. What does the label change?"),
    (lambda x, _: x.softmax(1) / len(x), "These are probabilities, divided. What does the label change?"),
    (lambda x, y: loss_gradient(x, y) * len(y) / x.shape[1], "You divide by the number of classes."),
    (lambda x, y: loss_gradient(x, y) / x.shape[1], "You divide by the number of classes as well."),
    (
        lambda x, y: (x.softmax(0) - one_hot(x, y)) / len(y),
        "Your probabilities sum to 1 over the images. They must sum to 1 over the classes.",
    ),
    (
        lambda x, y: loss_gradient(x, y) * one_hot(x, y),
        "Only the labels have a gradient here. The other logits change the loss, too.",
    ),
    (lambda x, y: loss_gradient(x.softmax(1), y), "You take the softmax twice."),
    (lambda x, y: (x - one_hot(x, y)) / len(y), "You use the logits. Make probabilities of them first."),
)


def adam_direction(gradient: Tensor) -> Tensor:
    """Return what Adam's first step is a multiple of: the gradient's sign, but where the gradient is nearly 0."""
    return gradient / (gradient.abs() + 1e-8)


SIGN_ALONE = "You use the sign of the gradient alone, as Adam does in its first step. Use the gradient as it is."
STEP_MISTAKES = (
    (lambda w, x, y, r: 2 * w - training_step(w, x, y, r), "You step uphill: there the loss rises."),
    (lambda w, x, y, _: training_step(w, x, y, 1), "The learning rate is missing."),
    (lambda w, x, y, _: 2 * w - training_step(w, x, y, 1), "You step uphill, and without the learning rate."),
    (lambda w, x, y, r: training_step(w, x, y, r * len(y)), "The loss of a batch is the mean over its images."),
    (lambda w, x, y, r: training_step(w, x, y, 1 / r), "You divide by the learning rate."),
    (lambda w, x, y, _: gradient_of_weights(w, x, y), "This is the gradient. Return the weights after the step."),
    (lambda w, x, y, r: w - training_step(w, x, y, r), "This is the step. Return the weights after it."),
    (lambda w, x, y, r: training_step(w, x, y, r) - w, "This is the step. Return the weights after it."),
    (lambda w, *_: w, "The weights have not changed. Do you return the new ones?"),
    (step_with_softmax_twice, "You take the softmax twice; torch's cross_entropy takes it itself."),
    (lambda w, x, y, r: w - r * gradient_of_weights(w, x, y).sign(), SIGN_ALONE),
    (lambda w, x, y, r: w - r * adam_direction(gradient_of_weights(w, x, y)), SIGN_ALONE),
    (lambda w, x, y, r: mean_loss(x @ w, y), "This is the loss. Return the weights after the step."),
)


FLOOR_MISTAKES = (
    (
        lambda a: T_OF_FIVE * math.sqrt(2) * statistics.pstdev(a),
        "You divide by the number of runs. For a sample the sum of the squares is divided by one less.",
    ),
    (lambda a: T_OF_FIVE * statistics.stdev(a), "The factor √2 is missing: two runs differ, and both scatter."),
    (lambda a: T_OF_FIVE * statistics.pstdev(a), "√2 is missing, and a sample is divided by one less."),
    (lambda a: 1.96 * math.sqrt(2) * statistics.stdev(a), "1.96 is for very many runs. For five, take t."),
    (lambda a: math.sqrt(2) * statistics.stdev(a), "The factor t is missing."),
    (lambda a: statistics.stdev(a), "This is the standard deviation alone."),
    (lambda a: statistics.pstdev(a), "This is a standard deviation alone, and that of all runs there are."),
    (
        lambda a: max(a) - min(a),
        "This is the distance between the best and the worst run. It grows with their number.",
    ),
    (lambda a: noise_floor(a) / math.sqrt(5), "You divide by √5: that is for the mean of five runs, not for one."),
    (lambda a: T_OF_FIVE * math.sqrt(2) * statistics.variance(a), "This has the variance. Take its square root."),
    (lambda a: T_OF_FIVE * 2 * statistics.stdev(a), "Variances add, standard deviations do not: the factor is √2."),
    (lambda a: 2 * noise_floor(a), "This is twice as much: from edge to edge of the band."),
    (
        lambda a: 100 * noise_floor(a),
        "This is in percentage points. Give it in shares of 1, as the accuracies are.",
    ),
)
