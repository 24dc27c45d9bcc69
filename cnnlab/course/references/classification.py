"""Share of right answers, loss, gradient and training step of a classifier; also with the mistakes of students."""

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
