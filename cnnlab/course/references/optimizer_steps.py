"""One step of four optimizers, and the steps that known mistakes lead to.

The rules are those of torch.optim, which the tests compare them with. Adam: Kingma and Ba, ICLR 2015, algorithm 1.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

SMALL = 1e-8  # added to each root, so that nothing is divided by zero


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
)  # fmt: skip


def rmsprop_step(weights: Tensor, gradients: Tensor, mean: Tensor, rate: float, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the weights and the running mean of the squared gradients after one step of RMSprop."""
    mean = alpha * mean + (1 - alpha) * gradients**2
    return weights - rate * gradients / (mean.sqrt() + SMALL), mean


def _rmsprop(weights, gradients, mean, rate, alpha, mistake):
    new = alpha * mean + (1 - alpha) * gradients**2
    if mistake == "shares":
        new = (1 - alpha) * mean + alpha * gradients**2
    if mistake == "no square":
        new = alpha * mean + (1 - alpha) * gradients
    if mistake == "one mean":
        new = alpha * mean + (1 - alpha) * (gradients**2).mean()
    if mistake == "whole square":
        new = alpha * mean + gradients**2
    used = {"old mean": mean, "correction": new / (1 - alpha)}.get(mistake, new)
    size = used.sqrt() + SMALL
    if mistake == "no root":
        size = used + SMALL
    if mistake == "within the root":
        size = (used + SMALL).sqrt()
    step = rate * gradients / size
    if mistake == "one step":
        step = rate / size
    return weights + step if mistake == "uphill" else weights - step, new


RMSPROP_MISTAKES = tuple(
    (partial(_rmsprop, mistake=mistake), words)
    for mistake, words in {
        "no root": "You divide by the mean of the squares. Divide by its root.",
        "old mean": "You divide by the mean of before. Renew it first.",
        "shares": "You have mixed up alpha and 1 − alpha: alpha is the share of the old mean that is kept.",
        "no square": "Your mean is one of gradients. It must be one of their squares.",
        "one mean": "You have one mean for all parameters. Each has its own.",
        "whole square": "You add the whole square. Its share is 1 − alpha.",
        "correction": "You correct the mean for its empty start. That is Adam's way; RMSprop leaps.",
        "within the root": "You add 1e-8 within the root. Add it to the root.",
        "one step": "Your step leaves the gradient out above the line.",
        "uphill": "Your step goes uphill: the loss rises that way.",
    }.items()
)


def adam_step(
    weights: Tensor,
    gradients: Tensor,
    mean: Tensor,
    square: Tensor,
    step: int,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights and both running means after step number `step`, from 1, of Adam."""
    mean = beta1 * mean + (1 - beta1) * gradients
    square = beta2 * square + (1 - beta2) * gradients**2
    corrected = mean / (1 - beta1**step)
    size = (square / (1 - beta2**step)).sqrt() + SMALL
    return weights - rate * corrected / size, mean, square


def _adam(weights, gradients, mean, square, step, rate, beta1, beta2, mistake):  # noqa: C901, PLR0913
    if mistake == "betas":
        beta1, beta2 = beta2, beta1
    first = beta1 * mean + (1 - beta1) * gradients
    second = beta2 * square + (1 - beta2) * gradients**2
    if mistake == "shares":
        first = (1 - beta1) * mean + beta1 * gradients
        second = (1 - beta2) * square + beta2 * gradients**2
    if mistake == "no square":
        second = (beta2 * square + (1 - beta2) * gradients).abs()
    used_first, used_second = (mean, square) if mistake == "old means" else (first, second)
    number = step + 1 if mistake == "step" else step
    corrected, corrected_square = used_first / (1 - beta1**number), used_second / (1 - beta2**number)
    if mistake in ("no correction", "mean uncorrected"):
        corrected = used_first
    if mistake in ("no correction", "square uncorrected"):
        corrected_square = used_second
    if mistake == "product":
        corrected, corrected_square = used_first / (1 - beta1 * step), used_second / (1 - beta2 * step)
    if mistake == "first step's":
        corrected, corrected_square = used_first / (1 - beta1), used_second / (1 - beta2)
    size = corrected_square.sqrt() + SMALL
    if mistake == "no root":
        size = corrected_square + SMALL
    if mistake == "within the root":
        size = (corrected_square + SMALL).sqrt()
    if mistake == "gradient":
        corrected = gradients
    way = rate * corrected / size
    weights = weights + way if mistake == "uphill" else weights - way
    return (weights, corrected, corrected_square) if mistake == "kept corrected" else (weights, first, second)


ADAM_MISTAKES = tuple(
    (partial(_adam, mistake=mistake), words)
    for mistake, words in {
        "no correction": "The bias correction is missing: the first steps come out with another length.",
        "mean uncorrected": "You correct the squares alone for their empty start. Correct the mean, too.",
        "square uncorrected": "You correct the mean alone for its empty start. Correct the squares, too.",
        "step": "You count one step too many: the first step has the number 1.",
        "first step's": "Your correction is that of the first step at every step. The memory fills: use the step's "
        "number.",
        "product": "You multiply beta by the number of the step. It is a power.",
        "kept corrected": "Your weights are right. But you keep the corrected means, and would correct them again.",
        "no root": "You divide by the mean of the squares. Divide by its root.",
        "within the root": "You add 1e-8 within the root. Add it to the root.",
        "old means": "You step by the means of before. Renew them first.",
        "betas": "You have mixed up beta1 and beta2: the first belongs to the mean of the gradient.",
        "shares": "You have mixed up beta and 1 − beta: beta is the share of the old mean that is kept.",
        "no square": "Your second mean is one of gradients. It must be one of their squares.",
        "gradient": "You step by the gradient itself, as RMSprop does. Adam steps by its mean.",
        "uphill": "Your step goes uphill: the loss rises that way.",
    }.items()
)


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
