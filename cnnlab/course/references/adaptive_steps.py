"""Take one step of RMSprop or of Adam, and the steps that known mistakes lead to.

The rules are those of torch.optim, which the tests compare them with. Adam: Kingma and Ba, ICLR 2015, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

SMALL = 1e-8  # added to each root, so that nothing is divided by zero


def rmsprop_step(weights: Tensor, gradients: Tensor, mean: Tensor, rate: float, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the weights and the running mean of the squared gradients after one step of RMSprop."""
    mean = alpha * mean + (1 - alpha) * gradients**2
    return weights - rate * gradients / (mean.sqrt() + SMALL), mean


def _squares(gradients: Tensor, mean: Tensor, alpha: float) -> Tensor:
    return alpha * mean + (1 - alpha) * gradients**2


def _rmsprop_by(*, renew: Callable = _squares, divisor: Callable = lambda mean, _: mean.sqrt() + SMALL) -> Callable:
    """Return a step of RMSprop with a mean renewed in this way, and this divisor of (new mean, alpha)."""

    def step(weights, gradients, mean, rate, alpha):
        mean = renew(gradients, mean, alpha)
        return weights - rate * gradients / divisor(mean, alpha), mean

    return step


def _rmsprop_by_the_old_mean(weights, gradients, mean, rate, alpha):
    return weights - rate * gradients / (mean.sqrt() + SMALL), _squares(gradients, mean, alpha)


def _rmsprop_without_the_gradient(weights, gradients, mean, rate, alpha):
    mean = _squares(gradients, mean, alpha)
    return weights - rate / (mean.sqrt() + SMALL), mean


RMSPROP_MISTAKES = (
    (_rmsprop_by(divisor=lambda mean, _: mean + SMALL), "You divide by the mean of the squares. Divide by its root."),
    (_rmsprop_by_the_old_mean, "You divide by the mean of before. Renew it first."),
    (
        _rmsprop_by(renew=lambda gradients, mean, alpha: _squares(gradients, mean, 1 - alpha)),
        "You have mixed up alpha and 1 − alpha: alpha is the share of the old mean that is kept.",
    ),
    (
        _rmsprop_by(renew=lambda gradients, mean, alpha: alpha * mean + (1 - alpha) * gradients),
        "Your mean is one of gradients. It must be one of their squares.",
    ),
    (
        _rmsprop_by(renew=lambda gradients, mean, alpha: alpha * mean + (1 - alpha) * (gradients**2).mean()),
        "You have one mean for all parameters. Each has its own.",
    ),
    (
        _rmsprop_by(renew=lambda gradients, mean, alpha: alpha * mean + gradients**2),
        "You add the whole square. Its share is 1 − alpha.",
    ),
    (
        _rmsprop_by(divisor=lambda mean, alpha: (mean / (1 - alpha)).sqrt() + SMALL),
        "You correct the mean for its empty start. That is Adam's way; RMSprop leaps.",
    ),
    (_rmsprop_by(divisor=lambda mean, _: (mean + SMALL).sqrt()), "You add 1e-8 within the root. Add it to the root."),
    (_rmsprop_without_the_gradient, "Your step leaves the gradient out above the line."),
    (
        _rmsprop_by(divisor=lambda mean, _: -mean.sqrt() - SMALL),
        "Your step goes uphill: the loss rises that way.",
    ),
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


def _means(gradients, mean, square, beta1, beta2):
    return beta1 * mean + (1 - beta1) * gradients, _squares(gradients, square, beta2)


def _corrected(means, step, beta1, beta2):
    return means[0] / (1 - beta1**step), means[1] / (1 - beta2**step)


def _adam_by(
    *,
    renew: Callable = _means,
    correct: Callable = _corrected,
    divisor: Callable = lambda square: square.sqrt() + SMALL,
    keeps_corrected: bool = False,
) -> Callable:
    """Return a step of Adam with means renewed and corrected in this way, and this divisor of the corrected square."""

    def step(weights, gradients, mean, square, number, rate, beta1, beta2):
        means = renew(gradients, mean, square, beta1, beta2)
        corrected, corrected_square = correct(means, number, beta1, beta2)
        kept = (corrected, corrected_square) if keeps_corrected else means
        return weights - rate * corrected / divisor(corrected_square), *kept

    return step


def _adam_by_the_old_means(weights, gradients, mean, square, step, rate, beta1, beta2):
    corrected, corrected_square = _corrected((mean, square), step, beta1, beta2)
    means = _means(gradients, mean, square, beta1, beta2)
    return weights - rate * corrected / (corrected_square.sqrt() + SMALL), *means


def _adam_by_the_gradient(weights, gradients, mean, square, step, rate, beta1, beta2):
    means = _means(gradients, mean, square, beta1, beta2)
    return weights - rate * gradients / (_corrected(means, step, beta1, beta2)[1].sqrt() + SMALL), *means


def _adam_with_swapped_betas(weights, gradients, mean, square, step, rate, beta1, beta2):
    return adam_step(weights, gradients, mean, square, step, rate, beta2, beta1)


ADAM_MISTAKES = (
    (
        _adam_by(correct=lambda means, *_: means),
        "The bias correction is missing: the first steps come out with another length.",
    ),
    (
        _adam_by(correct=lambda means, *betas: (means[0], _corrected(means, *betas)[1])),
        "You correct the squares alone for their empty start. Correct the mean, too.",
    ),
    (
        _adam_by(correct=lambda means, *betas: (_corrected(means, *betas)[0], means[1])),
        "You correct the mean alone for its empty start. Correct the squares, too.",
    ),
    (
        _adam_by(correct=lambda means, step, *betas: _corrected(means, step + 1, *betas)),
        "You count one step too many: the first step has the number 1.",
    ),
    (
        _adam_by(correct=lambda means, step, *betas: _corrected(means, 1, *betas)),
        "Your correction is that of the first step at every step. The memory fills: use the step's number.",
    ),
    (
        _adam_by(correct=lambda means, step, *betas: [m / (1 - b * step) for m, b in zip(means, betas, strict=True)]),
        "You multiply beta by the number of the step. It is a power.",
    ),
    (
        _adam_by(keeps_corrected=True),
        "Your weights are right. But you keep the corrected means, and would correct them again.",
    ),
    (_adam_by(divisor=lambda square: square + SMALL), "You divide by the mean of the squares. Divide by its root."),
    (_adam_by(divisor=lambda square: (square + SMALL).sqrt()), "You add 1e-8 within the root. Add it to the root."),
    (_adam_by_the_old_means, "You step by the means of before. Renew them first."),
    (
        _adam_with_swapped_betas,
        "You have mixed up beta1 and beta2: the first belongs to the mean of the gradient.",
    ),
    (
        _adam_by(
            renew=lambda gradients, mean, square, *betas: _means(gradients, mean, square, *(1 - b for b in betas))
        ),
        "You have mixed up beta and 1 − beta: beta is the share of the old mean that is kept.",
    ),
    (_adam_by_the_gradient, "You step by the gradient itself, as RMSprop does. Adam steps by its mean."),
    (_adam_by(divisor=lambda square: -square.sqrt() - SMALL), "Your step goes uphill: the loss rises that way."),
)
