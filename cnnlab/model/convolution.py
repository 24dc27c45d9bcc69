"""Convolution by hand: a name and a size → a kernel; an image and a kernel → its output, and every product in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from cnnlab.checks import check_choice, check_kernel_size, check_plane, describe_tensor, is_float_plane
from cnnlab.errors import ConfigError

KERNELS = ("identity", "blur", "sharpen", "vertical edges", "horizontal edges", "outline")
LARGEST_WEIGHT = 1000  # keeps typed numbers far from overflow, and readable


def make_kernel(name: str, size: int = 3) -> Tensor:
    """Return the named kernel's weights, float32 (size, size); size is odd, 1 to 11.

    The meaning stays the same at every size. "blur" is the mean of all pixels under the kernel, "outline" the centre
    minus that mean, "sharpen" the centre plus that difference, "vertical edges" the mean right of the centre column
    minus the mean left of it. So the weights of identity, blur and sharpen add up to 1 (a flat area stays as it is),
    those of edges and outline to 0 (a flat area vanishes, and a 1×1 kernel, which has no neighbours, sees nothing).
    Raises ConfigError for an unknown name or a size that can't work.

    >>> make_kernel("outline", 1)
    tensor([[0.]])
    """
    check_choice("kernel", name, KERNELS)
    check_kernel_size(size)
    centre = size // 2
    identity = torch.zeros(size, size)
    identity[centre, centre] = 1
    blur = torch.full((size, size), 1 / size**2)
    side = torch.sign(torch.arange(size) - centre)  # -1 left of the centre, 0 in its column, 1 right of it
    edges = (side / (size * max(centre, 1))).repeat(size, 1)
    return {
        "identity": identity,
        "blur": blur,
        "sharpen": 2 * identity - blur,
        "vertical edges": edges,
        "horizontal edges": edges.T.contiguous(),
        "outline": identity - blur,
    }[name]


def read_kernel(numbers: Sequence[object]) -> Tensor:
    """Return the float32 (K, K) kernel that a person wrote as K·K numbers or texts, row by row.

    Raises ConfigError for a text that is no number from -1000 to 1000; the message names its row and column.

    >>> read_kernel(["0.5"])
    tensor([[0.5000]])
    """
    size = math.isqrt(len(numbers))
    if size * size != len(numbers):
        raise ConfigError(f"a kernel has 1, 9, 25, 49, 81 or 121 numbers, got {len(numbers)}; try 9")
    check_kernel_size(size)
    weights = [_read_weight(number, *divmod(place, size)) for place, number in enumerate(numbers)]
    return torch.tensor(weights).reshape(size, size)


def resize_kernel(kernel: Tensor, size: int) -> Tensor:
    """Return the kernel (K, K) cut, or filled up with zeros, to (size, size); its centre stays the centre.

    >>> resize_kernel(torch.ones(1, 1), 3).sum()
    tensor(1.)
    """
    _check_kernel(kernel)
    check_kernel_size(size)
    margin = (size - len(kernel)) // 2
    return torch.nn.functional.pad(kernel, [margin] * 4)  # a negative margin cuts


def apply_kernel(image: Tensor, kernel: Tensor) -> Tensor:
    """Return the image (H, W) after the kernel (K, K), same size and dtype, zeros outside ("same" padding).

    This is cross-correlation, as every CNN computes it: the kernel is not flipped.
    Raises ConfigError unless image is float (H, W) and kernel float (K, K) with K odd.

    >>> apply_kernel(torch.ones(1, 3), make_kernel("blur"))
    tensor([[0.2222, 0.3333, 0.2222]])
    """
    check_plane(image)
    _check_kernel(kernel)
    weights = kernel.to(image)[None, None]  # (1, 1, K, K)
    return torch.nn.functional.conv2d(image[None, None], weights, padding=len(kernel) // 2)[0, 0]


def explain_pixel(image: Tensor, kernel: Tensor, row: int, column: int) -> tuple[Tensor, Tensor, float]:
    """Return how one output pixel comes about: the patch (K, K) it reads, patch × kernel, and their sum.

    Outside the image the patch is zero. The sum is the pixel at (row, column), counted from 0, of
    `apply_kernel(image, kernel)`. Raises ConfigError for a pixel outside the image, else as apply_kernel does.

    >>> explain_pixel(torch.ones(1, 1), make_kernel("sharpen", 1), 0, 0)
    (tensor([[1.]]), tensor([[1.]]), 1.0)
    """
    check_plane(image)
    _check_kernel(kernel)
    check_inside("row", row, image.shape[0])
    check_inside("column", column, image.shape[1])
    size = len(kernel)
    padded = torch.nn.functional.pad(image, [size // 2] * 4)  # (H + K - 1, W + K - 1)
    patch = padded[row : row + size, column : column + size].clone()
    products = patch * kernel.to(image)
    return patch, products, float(products.sum())


def describe_pixel(image: Tensor, kernel: Tensor, row: int, column: int) -> str:
    """Return one line about one output pixel: where it is, how many products, and their sum. Raises as explain_pixel.

    >>> describe_pixel(torch.ones(3, 3), make_kernel("blur"), 1, 1)
    'row 1, column 1: 9 products, sum 1.00'
    """
    _, products, total = explain_pixel(image, kernel, row, column)
    count = products.numel()
    # The same question put to an image of ones: what the patch lacks of one is what lies outside.
    inside, _, _ = explain_pixel(torch.ones_like(image), kernel, row, column)
    outside = count - int(inside.sum())
    words = f"{count} product" + "s" * (count > 1)
    if outside:
        words += f" ({outside} with a zero from outside the picture)"
    return f"row {row}, column {column}: {words}, sum {write_number(total)}"


def write_number(value: float) -> str:
    """Return value with two decimals and a true minus sign, never "−0.00".

    >>> write_number(-1.234)
    '−1.23'
    """
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _check_kernel(kernel: object) -> None:
    if not is_float_plane(kernel) or kernel.shape[0] != kernel.shape[1] or len(kernel) % 2 == 0:
        raise ConfigError(f"want a float kernel (K, K) with K odd, got {describe_tensor(kernel)}")


def check_inside(field: str, value: object, length: int) -> None:
    """Raise ConfigError unless value counts one of so many rows or columns, from 0."""
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or not 0 <= value < length:
        raise ConfigError(f"{field} must be a whole number from 0 to {length - 1}, got {value!r}")


def _read_weight(number: object, row: int, column: int) -> float:
    try:
        weight = float(str(number).replace("−", "-"))
    except ValueError:
        weight = math.nan
    if not abs(weight) <= LARGEST_WEIGHT:  # also true of NaN
        raise ConfigError(
            f"the kernel's number at row {row}, column {column} must be a number from −{LARGEST_WEIGHT} to "
            f"{LARGEST_WEIGHT}, got {number!r}; try 0.5"
        )
    return weight
