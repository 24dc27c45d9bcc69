"""Convolve a single map: the right way, and with known mistakes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def convolve(image: Tensor, kernel: Tensor, *, padding: int = 0, stride: int = 1) -> Tensor:
    """Return the output of a kernel (K, K) on an image (H, W), without flipping the kernel."""
    return functional.conv2d(image[None, None], kernel[None, None], padding=padding, stride=stride)[0, 0]


def convolve_same(image: Tensor, kernel: Tensor) -> Tensor:
    """Surround the image with zeros, so that the output is as large as the image."""
    height, width = image.shape
    return convolve(image, kernel, padding=len(kernel) // 2)[:height, :width]
