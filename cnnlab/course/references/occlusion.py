"""Occlude an image by hand (Zeiler and Fergus 2014): the right way, and with known mistakes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def occlusion(score: Callable[[Tensor], float], image: Tensor, side: int) -> Tensor:
    """Return how much of the score is lost when each square is covered, (H / side, W / side).

    Parameters
    ----------
    score : function
        Takes an image (H, W), and returns a number.
    image : Tensor
        (H, W), both multiples of the side.
    side : int
        Of a square, in pixels. The squares lie side by side, and are covered by zeros.
    """
    losses = torch.zeros(image.shape[0] // side, image.shape[1] // side)
    for row in range(losses.shape[0]):
        for column in range(losses.shape[1]):
            covered = image.clone()
            covered[row * side : (row + 1) * side, column * side : (column + 1) * side] = 0
            losses[row, column] = score(image) - score(covered)
    return losses


def _kept_covered(score: Callable[[Tensor], float], image: Tensor, side: int) -> Tensor:
    losses = torch.zeros(image.shape[0] // side, image.shape[1] // side)
    covered = image.clone()
    for row in range(losses.shape[0]):
        for column in range(losses.shape[1]):
            covered[row * side : (row + 1) * side, column * side : (column + 1) * side] = 0
            losses[row, column] = score(image) - score(covered)
    return losses


def _covered_with(value: float, score: Callable[[Tensor], float], image: Tensor, side: int) -> Tensor:
    return occlusion(lambda shifted: score(shifted + value), image - value, side)


def _every_pixel(score: Callable[[Tensor], float], image: Tensor, side: int) -> Tensor:
    return torch.kron(occlusion(score, image, side), torch.ones(side, side))


def _overlapping(score: Callable[[Tensor], float], image: Tensor, side: int) -> Tensor:
    """Return the loss for a square at every pixel where it fits."""
    losses = torch.zeros(image.shape[0] - side + 1, image.shape[1] - side + 1)
    for row in range(losses.shape[0]):
        for column in range(losses.shape[1]):
            covered = image.clone()
            covered[row : row + side, column : column + side] = 0
            losses[row, column] = score(image) - score(covered)
    return losses


def _only_the_square(score: Callable[[Tensor], float], image: Tensor, side: int) -> Tensor:
    """Return the loss when all but the square is covered."""
    return occlusion(lambda covered: score(image - covered), image, side) + score(image) - score(0 * image)


OCCLUSION_MISTAKES = (
    (lambda score, image, side: -occlusion(score, image, side), "The sign is the wrong one: a loss is above zero."),
    (
        lambda score, image, side: score(image) - occlusion(score, image, side),
        "You return what is left of the score. Return what is lost.",
    ),
    (_kept_covered, "Your squares stay covered: uncover each before the next, with a new copy of the image."),
    (
        lambda score, image, side: occlusion(score, image, side).T,
        "Rows and columns are swapped.",
    ),
    (
        lambda score, image, side: _covered_with(float(image.mean()), score, image, side),
        "You cover with the mean. Cover with zeros.",
    ),
    (lambda score, image, side: _covered_with(1.0, score, image, side), "You cover with ones. Cover with zeros."),
    (lambda score, image, side: occlusion(score, image, side).abs(), "A square may also speak against: keep the sign."),
    (_overlapping, "Your squares overlap. The next one begins `side` pixels further."),
    (
        lambda score, image, side: _overlapping(score, image, side)[: image.shape[0] // side, : image.shape[1] // side],
        "Your squares overlap. The next one begins `side` pixels further.",
    ),
    (_only_the_square, "You cover everything but the square. Cover the square alone."),
    (_every_pixel, "You give each pixel a number. Give each square one."),
    (lambda score, image, side: occlusion(score, image, 1), "Your squares are single pixels. Their side is given."),
    (
        lambda score, image, side: occlusion(score, image, side) / score(image),
        "You return the share that is lost. Return how much is lost.",
    ),
)


def curved_score(shape: tuple[int, int], generator: torch.Generator) -> Callable[[Tensor], float]:
    """Return a random function from an image (H, W) to a number, in which neighbouring squares depend on each other."""
    weights = torch.randn(shape, generator=generator)
    shift = float(torch.rand((), generator=generator)) + 1
    return lambda image: float((weights * image).sum() + shift * (image.sum() / 5).sin() + shift)
