"""Make a kernel, apply it to an image, and explain a single output pixel product by product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cnnlab.checks import check_choice, check_kernel_size, check_plane, describe_tensor, is_float_plane, is_whole, shown
from cnnlab.errors import ConfigError
from cnnlab.torch_state import usual_torch_state

KERNELS = ("identity", "blur", "sharpen", "vertical edges", "horizontal edges", "outline")
LARGEST_WEIGHT = 1000  # of a typed number: far from overflow, and short enough to read


@usual_torch_state
def make_kernel(name: str, size: int = 3) -> Tensor:
    """Return the weights of a named kernel, float32 (size, size).

    Each name has the same meaning at every size. "blur" is the mean of all pixels under the kernel. "outline" is the
    centre minus that mean, and "sharpen" the centre plus that difference. "vertical edges" is the mean to the right of
    the centre column minus the mean to its left; "horizontal edges" the mean below the centre row minus the mean above.

    So the weights of identity, blur and sharpen add up to 1: an area of one grey stays as it is. Those of outline and
    of both edges add up to 0: such an area becomes 0, and at size 1 everything does.

    size is odd, 1 to 11. Raises ConfigError for an unknown name or another size.

    >>> make_kernel("outline", 1)
    tensor([[0.]])
    """
    check_choice("kernel", name, KERNELS)
    check_kernel_size(size, "size")
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
    """Return a kernel, float32 (K, K), from K·K numbers or strings that a person typed, row by row.

    Raises ConfigError for a string that is not a number from −1000 to 1000 (the message names its row and column), and
    if there are not 1, 9, 25, 49, 81 or 121 of them.

    >>> read_kernel(["0.5"])
    tensor([[0.5000]])
    """
    size = math.isqrt(len(numbers))
    if size * size != len(numbers) or size % 2 == 0 or size > 11:
        raise ConfigError(f"a kernel has 1, 9, 25, 49, 81 or 121 numbers, got {len(numbers)}; try 9")
    weights = [_read_weight(number, *divmod(place, size)) for place, number in enumerate(numbers)]
    return torch.tensor(weights).reshape(size, size)


def resize_kernel(kernel: Tensor, size: int) -> Tensor:
    """Return a kernel (K, K) cut, or surrounded with zeros, to (size, size); its centre stays the centre.

    Raises ConfigError for a kernel or a size that can't work.

    >>> resize_kernel(torch.ones(1, 1), 3).sum()
    tensor(1.)
    """
    _check_kernel(kernel)
    check_kernel_size(size, "size")
    margin = (size - len(kernel)) // 2
    return torch.nn.functional.pad(kernel, [margin] * 4)  # a negative margin cuts


@usual_torch_state
def apply_kernel(image: Tensor, kernel: Tensor) -> Tensor:
    """Return the output of a kernel (K, K) on an image (H, W), with the size and the dtype of the image.

    The image is surrounded with zeros ("same" padding). This is cross-correlation, as in every CNN: the kernel is not
    flipped. Raises ConfigError unless image is float (H, W) and kernel float (K, K) with K odd.

    >>> apply_kernel(torch.ones(1, 3), make_kernel("blur"))
    tensor([[0.2222, 0.3333, 0.2222]])
    """
    check_plane("image", image)
    _check_kernel(kernel)
    weights = kernel.to(image)[None, None]  # (1, 1, K, K)
    return torch.nn.functional.conv2d(image[None, None], weights, padding=len(kernel) // 2)[0, 0]


@usual_torch_state
def explain_pixel(image: Tensor, kernel: Tensor, row: int, column: int) -> tuple[Tensor, Tensor, float]:
    """Show how one output pixel of `apply_kernel(image, kernel)` is computed.

    Parameters
    ----------
    image : Tensor
        float (H, W).
    kernel : Tensor
        float (K, K), with K odd.
    row, column : int
        The output pixel, counted from 0.

    Returns
    -------
    patch : Tensor
        (K, K): the pixels under the kernel, 0 outside the image.
    products : Tensor
        (K, K): patch × kernel.
    total : float
        The sum of the products: the output pixel.

    Raises
    ------
    ConfigError
        For a pixel outside the image, or tensors of another kind.

    >>> explain_pixel(torch.ones(1, 1), make_kernel("sharpen", 1), 0, 0)
    (tensor([[1.]]), tensor([[1.]]), 1.0)
    """
    check_plane("image", image)
    _check_kernel(kernel)
    check_inside("row", row, image.shape[0])
    check_inside("column", column, image.shape[1])
    size = len(kernel)
    padded = torch.nn.functional.pad(image, [size // 2] * 4)  # (H + K - 1, W + K - 1)
    patch = padded[row : row + size, column : column + size].clone()
    products = patch * kernel.to(image)
    return patch, products, float(products.sum())


def describe_pixel(image: Tensor, kernel: Tensor, row: int, column: int) -> str:
    """Return one line about one output pixel: its place, the number of products, and their sum.

    The arguments are those of `explain_pixel`.

    >>> describe_pixel(torch.ones(3, 3), make_kernel("blur"), 1, 1)
    'row 1, column 1: 9 products, sum 1.00'
    """
    _, products, total = explain_pixel(image, kernel, row, column)
    count = products.numel()
    # In an image of ones, the sum of the patch is the number of its pixels that lie inside the image.
    inside, _, _ = explain_pixel(torch.ones_like(image), kernel, row, column)
    outside = count - int(inside.sum())
    words = f"{count} product" + "s" * (count > 1)
    if outside:
        words += f" ({outside} with a zero from outside the picture)"
    return f"row {row}, column {column}: {words}, sum {format_number(total)}"


def format_number(value: float) -> str:
    """Return a value as text with two decimals and a true minus sign; a rounded zero has no sign.

    >>> format_number(-1.234)
    '−1.23'
    """
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _check_kernel(kernel: Any) -> None:
    """Raise ConfigError unless kernel is a float tensor (K, K) with K odd."""
    if not is_float_plane(kernel) or kernel.shape[0] != kernel.shape[1] or len(kernel) % 2 == 0:
        raise ConfigError(f"kernel must be a float tensor (K, K) with K odd, got {describe_tensor(kernel)}")


def check_inside(field: str, value: Any, length: int) -> None:
    """Raise ConfigError unless value is a whole number from 0 to length − 1."""
    if not is_whole(value) or not 0 <= int(value) < length:
        raise ConfigError(f"{field} must be a whole number from 0 to {length - 1}, got {shown(value)}")


def _read_weight(number: object, row: int, column: int) -> float:
    """Return a typed number as a float; raise ConfigError, with its row and column, unless it is from −1000 to 1000."""
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
