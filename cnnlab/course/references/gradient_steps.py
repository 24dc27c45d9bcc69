"""Take one step of SGD, with or without momentum, and the steps that known mistakes lead to.

The rules are those of torch.optim, which the tests compare them with.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sgd_step(weights: Tensor, gradients: Tensor, rate: float) -> Tensor:
    """Return the weights after one step of SGD."""
    return weights - rate * gradients


SGD_MISTAKES = (
    (lambda weights, gradients, rate: weights + rate * gradients, "Your step goes uphill: the loss rises that way."),
    (lambda weights, gradients, rate: rate * gradients, "That is the way that it goes. Return where it arrives."),
    (lambda weights, gradients, rate: -rate * gradients, "That is the way that it goes. Return where it arrives."),
    (lambda weights, gradients, rate: weights - gradients, "Your step is as long as the gradient: use the rate, too."),
    (lambda weights, gradients, rate: weights - gradients / rate, "You divide by the rate: a small rate would leap."),
    (
        lambda weights, gradients, rate: weights - rate * gradients.sign(),
        "All your steps are equally long. SGD's step is longer where the gradient is larger.",
    ),
    (
        lambda weights, gradients, rate: weights - rate * gradients / gradients.norm(),
        "You divide by the gradient's norm. SGD takes the gradient as it is.",
    ),
    (lambda weights, gradients, rate: weights * (1 - rate * gradients), "You multiply the weights by something."),
    (
        lambda weights, gradients, rate: weights - rate * gradients.mean(),
        "All your weights take the step of the mean gradient. Each has a gradient of its own.",
    ),
)


def momentum_step(
    weights: Tensor, gradients: Tensor, velocity: Tensor, rate: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """Return the weights and the velocity after one step of SGD with momentum, as torch.optim.SGD takes it."""
    velocity = momentum * velocity + gradients
    return weights - rate * velocity, velocity


def _old_velocity(weights, gradients, velocity, rate, momentum):
    return weights - rate * velocity, momentum * velocity + gradients


def _damped(weights, gradients, velocity, rate, momentum):
    velocity = momentum * velocity + (1 - momentum) * gradients
    return weights - rate * velocity, velocity


def _rate_within(weights, gradients, velocity, rate, momentum):
    velocity = momentum * velocity - rate * gradients
    return weights + velocity, velocity


def _rate_within_positive(weights, gradients, velocity, rate, momentum):
    velocity = momentum * velocity + rate * gradients
    return weights - velocity, velocity


def _momentum_of_gradient(weights, gradients, velocity, rate, momentum):
    velocity = velocity + momentum * gradients
    return weights - rate * velocity, velocity


def _looking_ahead(weights, gradients, velocity, rate, momentum):
    velocity = momentum * velocity + gradients
    return weights - rate * (gradients + momentum * velocity), velocity


MOMENTUM_MISTAKES = (
    (_old_velocity, "You step by the velocity of before. Renew it first."),
    (_damped, "You weaken the gradient by 1 − momentum. Here it is added whole."),
    (_rate_within, "You put the rate into the velocity. Here it multiplies the whole velocity, at the step."),
    (_rate_within_positive, "You put the rate into the velocity. Here it multiplies the whole velocity, at the step."),
    (_momentum_of_gradient, "You multiply the gradient by momentum. It is the old velocity that fades."),
    (_looking_ahead, "That is Nesterov's momentum, which looks a step ahead. Here the step is rate × velocity."),
    (
        lambda weights, gradients, velocity, rate, momentum: (weights - rate * gradients, velocity),
        "That is SGD without momentum: the velocity takes no part.",
    ),
    (
        lambda weights, gradients, velocity, rate, momentum: (
            weights - rate * gradients, momentum * velocity + gradients,
        ),
        "You renew the velocity, and then step by the gradient alone.",
    ),
    (
        lambda weights, gradients, velocity, rate, momentum: (
            weights + rate * (momentum * velocity + gradients), momentum * velocity + gradients,
        ),
        "Your step goes uphill: the loss rises that way.",
    ),
    (
        lambda weights, gradients, velocity, rate, momentum: (
            weights - rate * (velocity + gradients), velocity + gradients,
        ),
        "Your velocity never fades: a share of it is kept, not all.",
    ),
    (
        lambda weights, gradients, velocity, rate, momentum: (
            weights - rate * momentum * (velocity + gradients), momentum * (velocity + gradients),
        ),
        "You multiply the gradient by momentum, too. It is the old velocity alone that fades.",
    ),
    (
        lambda *inputs: momentum_step(*inputs)[::-1],
        "You return the velocity first. Return the weights, and then the velocity.",
    ),
)  # fmt: skip


def make_parameters(generator: torch.Generator, *, fresh: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return random weights, gradients, a mean and a mean of squares, each of the same random shape.

    Parameters
    ----------
    generator : torch.Generator
        Draws them.
    fresh : bool
        Before the first step both means are zero; then the gradients have a zero and a tiny value, which show how
        nothing is divided by zero.
    """
    rows, columns = (int(size) for size in torch.randint(2, 5, (2,), generator=generator))
    weights, gradients, mean = (torch.randn(rows, columns + 1, generator=generator) for _ in range(3))
    gradients = gradients * 10 ** torch.randint(-1, 2, gradients.shape, generator=generator)
    square = 0.1 + 2 * torch.rand(gradients.shape, generator=generator)
    if fresh:
        gradients[0, 0], gradients[0, 1] = 0.0, 1e-5
        mean, square = torch.zeros_like(mean), torch.zeros_like(square)
    return weights, gradients, mean, square
