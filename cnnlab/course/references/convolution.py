"""Convolution and pooling of a single map, right, and with the mistakes of students."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def convolve(image: Tensor, kernel: Tensor, *, padding: int = 0, stride: int = 1) -> Tensor:
    """Return the output of a kernel (K, K) on an image (H, W), without flipping the kernel."""
    return functional.conv2d(image[None, None], kernel[None, None], padding=padding, stride=stride)[0, 0]


def convolve_same(image: Tensor, kernel: Tensor) -> Tensor:
    """Surround the image with zeros, so that the output is as large as the image."""
    height, width = image.shape
    return convolve(image, kernel, padding=len(kernel) // 2)[:height, :width]


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
