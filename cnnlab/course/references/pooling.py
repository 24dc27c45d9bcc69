"""Pool a single map, and lead gradients back: the right way, and with known mistakes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def max_pool(image: Tensor, *, size: int = 2, stride: int = 2) -> Tensor:
    """Return the largest value of each square of 2×2."""
    return functional.max_pool2d(image[None, None], size, stride)[0, 0]


def average_pool(image: Tensor, size: int = 2, *, stride: int | None = None) -> Tensor:
    """Return the mean of each square."""
    return functional.avg_pool2d(image[None, None], size, stride)[0, 0]


def max_pool_backward(image: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient by each pixel of the image (H, W) from that by its pooled map (H/2, W/2)."""
    free = image.detach().clone().requires_grad_()
    with torch.enable_grad():
        pooled = max_pool(free)
    return torch.autograd.grad(pooled, free, gradient)[0]


def average_pool_backward(gradient: Tensor) -> Tensor:
    """Return the gradient by each pixel of the image (2h, 2w) from that by its pooled map (h, w)."""
    return spread(gradient) / 4


def spread(gradient: Tensor) -> Tensor:
    """Repeat each number in a square of 2×2."""
    return gradient.repeat_interleave(2, 0).repeat_interleave(2, 1)


def in_one_corner(gradient: Tensor) -> Tensor:
    """Put each number into the upper left of its square of 2×2."""
    height, width = gradient.shape
    result = torch.zeros(2 * height, 2 * width).to(gradient)
    result[::2, ::2] = gradient
    return result


def turn_squares(image: Tensor) -> Tensor:
    """Swap row and column within each square of 2×2."""
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2).transpose(1, 3).reshape(height, width)


MAX_MISTAKES = (
    (average_pool, "This is the mean of each square. Keep the largest number."),
    (lambda x: average_pool(x) * 4, "This is the sum of each square. Keep the largest number."),
    (lambda x: -max_pool(-x), "This is the smallest number of each square."),
    (lambda x: max_pool(x, stride=1), "Your squares overlap. The next one begins two pixels further."),
    (
        lambda x: max_pool(x, stride=1)[: x.shape[0] // 2, : x.shape[1] // 2],
        "Your squares overlap. The next one begins two pixels further.",
    ),
    (lambda x: max_pool(x).relu(), "A square of numbers below zero gives 0. Does your search begin at 0?"),
    (lambda x: max_pool(x).T, "You swapped the rows and the columns of the output."),
    (lambda x: max_pool(x.abs()), "You compare the numbers without their signs."),
    (lambda x: x[::2, ::2], "This is the upper left pixel of each square. All four count."),
    (lambda x: max_pool(x)[:-1, :-1], "The last row and the last column of squares are missing."),
    (lambda x: spread(max_pool(x)), "Each square has four equal numbers here. Keep one."),
    (lambda x: x.max(), "This is the largest number of the whole map. Keep one for each square."),
    (lambda x: x[::2].maximum(x[1::2]), "You pooled the rows alone. A square is two pixels wide as well."),
)


AVERAGE_MISTAKES = (
    (lambda x, n: average_pool(x, n) * n * n, "This is the sum of each square. Divide it by the number of pixels."),
    (lambda x, n: average_pool(x, n) * n * n / 4, "You divide by 4 whatever the size of the square is."),
    (lambda x, n: average_pool(x, n) * n, "You divide by the side of the square. How many pixels has it?"),
    (lambda x, n: max_pool(x, size=n, stride=n), "This is the largest number of each square. Keep the mean."),
    (lambda x, n: average_pool(x, n, stride=1), "Your squares overlap. The next one begins `size` pixels further."),
    (
        lambda x, n: average_pool(x, n, stride=1)[: x.shape[0] // n, : x.shape[1] // n],
        "Your squares overlap. The next one begins `size` pixels further.",
    ),
    (lambda x, _: average_pool(x), "Your squares are 2×2, whatever `size` says."),
    (
        lambda x, _: functional.avg_pool2d(x[None, None], 2, ceil_mode=True)[0, 0],
        "Your squares are 2×2, whatever `size` says.",
    ),
    (lambda x, n: average_pool(x, n).T, "You swapped the rows and the columns of the output."),
    (
        lambda x, n: x.unfold(0, n, n).unfold(1, n, n).flatten(2).median(2).values,
        "This is the median of each square. Keep the mean.",
    ),
    (lambda x, n: x[::n, ::n], "This is the upper left pixel of each square. All of them count."),
    (lambda x, _: x.mean(), "This is the mean of the whole map. Keep one for each square."),
    (lambda x, n: average_pool(x, n)[:-1, :-1], "The last row and the last column of squares are missing."),
    (
        lambda x, n: x.unfold(0, n, n).mean(2),
        "You pooled the rows alone. A square is as wide as it is high.",
    ),
)


MAX_BACKWARD_MISTAKES = (
    (lambda _, g: spread(g), "All four pixels get the gradient. Which of them moves the maximum?"),
    (lambda _, g: spread(g) / 4, "This is the way back through an average pooling."),
    (lambda x, g: max_pool_backward(-x, g), "The smallest pixel of each square gets the gradient."),
    (
        lambda x, g: max_pool_backward(x, torch.ones_like(g)),
        "This marks the largest pixels. How large is the gradient of each?",
    ),
    (
        lambda x, g: max_pool_backward(x, g) * x,
        "You multiplied by the pixel. The maximum passes the gradient on whole.",
    ),
    (lambda x, g: max_pool_backward(x, g) / 4, "You divided by four. The maximum passes the gradient on whole."),
    (lambda _, g: in_one_corner(g), "The upper left pixel of each square gets the gradient, largest or not."),
    (lambda x, g: max_pool_backward(x, g).relu(), "The gradients below zero are lost on the way."),
    (lambda x, _: spread(max_pool(x)), "These are the maxima. The gradient is the second argument."),
    (lambda x, g: max_pool_backward(x, -g), "The sign is turned round."),
    (
        lambda x, g: turn_squares(max_pool_backward(x, g)),
        "In each square the row and the column of the largest pixel are swapped.",
    ),
    (lambda _, g: g, "This has the shape of the pooled map. Give a gradient for each pixel of the map before it."),
)


AVERAGE_BACKWARD_MISTAKES = (
    (spread, "Each pixel gets the whole gradient. What part has it in the mean?"),
    (lambda g: spread(g) / 2, "You divided by the side of the square. How many pixels share the mean?"),
    (
        lambda g: g.repeat(2, 2) / 4,
        "You set copies of the whole map side by side. Each number belongs to one square.",
    ),
    (lambda g: g.repeat(2, 2), "You set copies of the whole map side by side, undivided."),
    (in_one_corner, "Only the upper left pixel of each square gets something. All four have a part in the mean."),
    (lambda g: in_one_corner(g) / 4, "Only the upper left pixel gets its part. All four have a part in the mean."),
    (lambda g: spread(g) * 4, "You multiplied by the number of pixels."),
    (lambda g: g / 4, "This has the shape of the pooled map. Give a gradient for each pixel of the map before it."),
    (lambda g: spread(g.T) / 4, "You swapped rows and columns."),
    (
        lambda g: g.repeat_interleave(2, 0) / 4,
        "You went back along the rows alone. A square is two pixels wide as well.",
    ),
    (lambda g: spread(torch.ones_like(g)) / 4, "This is the part of each pixel. Where is the gradient?"),
    (lambda g: -spread(g) / 4, "The sign is turned round."),
)
