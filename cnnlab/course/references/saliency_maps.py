"""Make saliency maps from gradients by hand: the right way, and with known mistakes.

Gradient: Simonyan et al. 2014. SmoothGrad: Smilkov et al. 2017.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def saliency_map(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Return the gradient of the logit of a class for each value of an image.

    Parameters
    ----------
    model : nn.Module
        Gives logits (1, classes).
    image : Tensor
        (1, C, H, W).
    label : int
        The class.
    """
    return _gradient(lambda image: model(image)[0, label], image)


def _gradient(score: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    image = image.detach().clone().requires_grad_()
    return torch.autograd.grad(score(image), image)[0]


def _loss_gradient(model: nn.Module, image: Tensor, label: int) -> Tensor:
    return _gradient(lambda image: functional.cross_entropy(model(image), torch.tensor([label])), image)


SALIENCY_MISTAKES = (
    (
        lambda model, image, label: _gradient(lambda image: model(image).softmax(1)[0, label], image),
        "You start from the softmax. Start from the logit.",
    ),
    (
        lambda model, image, label: _gradient(lambda image: model(image).log_softmax(1)[0, label], image),
        "You start from the logarithm of the softmax. Start from the logit.",
    ),
    (_loss_gradient, "That is the gradient of the loss. Start from the logit."),
    (
        lambda model, image, label: _gradient(lambda image: model(image).sum(), image),
        "You add up the logits of all classes. Take that of the label.",
    ),
    (
        lambda model, image, label: _gradient(lambda image: model(image).max(), image),
        "You take the largest logit. Take that of the label.",
    ),
    (
        lambda model, image, label: saliency_map(model, image, label).abs(),
        "The sign is lost: a brighter pixel may also lower the logit.",
    ),
    (
        lambda model, image, label: saliency_map(model, image, label) * image,
        "You multiply by the image. That is another method, gradient × input.",
    ),
    (lambda model, image, label: -saliency_map(model, image, label), "The sign is the wrong one."),
    (
        lambda model, image, label: saliency_map(model, image, label)[0],
        "The map must have the shape of the image, with its first dimension.",
    ),
    (
        lambda model, image, label: saliency_map(model, image, label).sum(1, keepdim=True),
        "You add up the colours. The map must have the shape of the image.",
    ),
    (lambda model, image, label: model(image)[0, label], "That is the logit itself. Ask how much it moves."),
    (
        lambda model, image, label: saliency_map(model, image, label) / saliency_map(model, image, label).abs().max(),
        "You divide by the largest value, as pictures do. Return the gradient as it is.",
    ),
)


class CurvedNetwork(nn.Module):
    """A small random network that is curved everywhere, so that its gradient differs from image to image.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W) of its images.
    seed : int
        Draws its weights.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.conv = nn.Conv2d(shape[0], 4, 3, padding=1)
            self.logits = nn.Linear(4 * shape[1] * shape[2], 5)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 5)."""
        return 3 * self.logits(torch.sin(2 * self.conv(images)).flatten(1))


def smoothgrad(gradient: Callable[[Tensor], Tensor], image: Tensor, noise: Tensor) -> Tensor:
    """Return the mean gradient of noisy copies of an image, (1, C, H, W).

    Parameters
    ----------
    gradient : function
        Takes images (N, C, H, W), and returns a map for each.
    image : Tensor
        (1, C, H, W).
    noise : Tensor
        What is added to each copy, (N, C, H, W).
    """
    return gradient(image + noise).mean(0, keepdim=True)


SMOOTHGRAD_MISTAKES = (
    (lambda gradient, image, noise: gradient(image), "That is the gradient of the image alone, without any noise."),
    (
        lambda gradient, image, noise: gradient(image + noise).median(0, keepdim=True).values,
        "That is the median of the maps. Take their mean.",
    ),
    (
        lambda gradient, image, noise: gradient(image + noise.mean(0, keepdim=True)),
        "You take the mean of the noise first. Take the mean of the maps.",
    ),
    (
        lambda gradient, image, noise: gradient(image + noise).sum(0, keepdim=True),
        "You add the maps up. Take their mean.",
    ),
    (
        lambda gradient, image, noise: gradient(image + noise).abs().mean(0, keepdim=True),
        "You take magnitudes first. Then opposite gradients can't cancel, and that is the point of the mean.",
    ),
    (
        lambda gradient, image, noise: gradient(noise).mean(0, keepdim=True),
        "The image is missing: add the noise to it.",
    ),
    (
        lambda gradient, image, noise: gradient(image * noise).mean(0, keepdim=True),
        "You multiply the image by the noise. Add it.",
    ),
    (
        lambda gradient, image, noise: gradient(image - noise).mean(0, keepdim=True),
        "You take the noise away. Add it.",
    ),
    (lambda gradient, image, noise: gradient(image + noise[:1]), "You use the first copy alone. Use all of them."),
    (
        lambda gradient, image, noise: gradient(image + noise),
        "You return a map for each copy. Return their mean.",
    ),
    (
        lambda gradient, image, noise: gradient(image + noise).mean(),
        "You take the mean over the pixels, too. Take it over the copies alone.",
    ),
    (
        lambda gradient, image, noise: gradient(image + noise).mean(0),
        "The map must have the shape of the image, with its first dimension: try keepdim=True.",
    ),
    (
        lambda gradient, image, noise: image * gradient(image + noise).mean(0, keepdim=True),
        "You multiply by the image. SmoothGrad is the mean gradient alone.",
    ),
    (
        lambda gradient, image, noise: (
            (gradient(image) + gradient(image + noise).sum(0, keepdim=True)) / (len(noise) + 1)
        ),
        "You count the image without noise as well. Use the noisy copies alone.",
    ),
)


def curved_gradient(generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return a function from images to maps that is curved, random, and as often below zero as above."""
    factor, shift = (float(torch.rand((), generator=generator)) + 1 for _ in range(2))
    return lambda images: torch.sin(2 * factor * images + shift) + 0.3 * images**2 - 0.6
