"""A drawing or a photo of a digit in, the picture that MNIST would have made of it out; and words for what is read.

Ink is a float tensor (H, W): 0 where the paper is empty, 1 where it is covered.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cnnlab.checks import check_number, check_plane, check_whole
from cnnlab.errors import ConfigError, DataError

SIDE = 28  # pixels of an MNIST picture
LONGEST = 20  # pixels of the longer side of the digit in it
MOST_MEGABYTES = 20
MOST_PIXELS = 5000  # a side
KEPT_PIXELS = 800  # a side; for a picture of 28 pixels, more says nothing
FAINTEST = 0.15  # share of the darkest ink; what is fainter is dust and shadow


def as_mnist(ink: Tensor, *, scale: int = 1) -> Tensor:
    """Return ink (H, W) in 0–1 as MNIST would show it, float (28·scale, 28·scale) in 0–1: white on black.

    The digit is cut out, resized so that its longer side is 20 pixels, anti-aliased, and placed so that its centre of
    mass is the picture's centre (LeCun et al. 1998, section III.A); then the darkest pixel is 1. Empty ink gives zeros.
    scale: a finer picture of the same digit in the same place.

    >>> as_mnist(torch.ones(50, 10)).sum(1).gt(0).sum()
    tensor(20)
    """
    _check_ink(ink)
    check_whole("scale", scale, 1)
    side, longest = SIDE * scale, LONGEST * scale
    picture = torch.zeros(side, side)
    if not ink.any():
        return picture
    digit = _cut_out(ink.detach().cpu().float())
    size = [max(1, round(length * longest / max(digit.shape))) for length in digit.shape]
    digit = functional.interpolate(digit[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    mass = digit.sum()
    corner = []
    for length, ink_along in zip(size, (digit.sum(1), digit.sum(0)), strict=True):
        centre = float((ink_along * torch.arange(length)).sum() / mass)
        corner.append(min(max(0, round(side / 2 - centre)), side - length))  # whole pixels, and no ink lost
    top, left = corner
    picture[top : top + size[0], left : left + size[1]] = digit / digit.max()
    return picture


def turn_and_shift(image: Tensor, *, degrees: float = 0, right: float = 0, down: float = 0) -> Tensor:
    """Return the image (H, W) turned clockwise about its centre, then moved by pixels; zeros come in from outside.

    Between pixels it is interpolated (bilinear). Raises ConfigError unless image is float (H, W), degrees lie from −360
    to 360, and the moves are shorter than the image.

    >>> turn_and_shift(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), degrees=90).round()
    tensor([[3., 1.],
            [4., 2.]])
    """
    check_plane(image)
    height, width = image.shape
    _check_between("degrees", degrees, 360)
    _check_between("right", right, width - 1)
    _check_between("down", down, height - 1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # grid_sample asks, for each new pixel, which old one it shows: so the way back. Its picture goes from −1 to 1.
    across, along = 2 * right / width, 2 * down / height
    rows = [[cos, sin * height / width], [-sin * width / height, cos]]
    back = torch.tensor([[a, b, -(a * across + b * along)] for a, b in rows], dtype=image.dtype, device=image.device)
    grid = functional.affine_grid(back[None], [1, 1, height, width], align_corners=False)
    return functional.grid_sample(image[None, None], grid, align_corners=False)[0, 0]


def read_picture(file: bytes) -> Tensor:
    """Return the ink (H, W), 0–1, of a PNG or JPEG: whatever stands out from the paper, which the border shows.

    Dark ink on light paper and light ink on dark paper become the same. Wants even light: a shadow is ink, too. Large
    pictures are made smaller, to 800 pixels at most. Raises DataError for what is no such picture, for one too large
    (20 MB, 5000 pixels a side), and for an empty one.

    >>> as_mnist(read_picture(Path("seven.png").read_bytes()))
    """
    grey = _read_grey(bytes(file))  # (H, W)
    edge = torch.cat([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if edge.median() > 0.5:
        grey, edge = 1 - grey, 1 - edge
    paper, brightest = edge.quantile(0.9), grey.max()
    if brightest - paper < 0.1:
        raise DataError("this picture is empty: nothing stands out from the paper; take one with a dark pen")
    ink = ((grey - paper) / (brightest - paper)).clamp(0, 1)
    return torch.where(ink < FAINTEST, 0.0, ink)


def describe_readings(readings: Mapping[str, Tensor], classes: Sequence[str] | None = None) -> str:
    """Return one line about what each network reads, and how sure it is; and that they disagree, where they do.

    readings: name → probabilities (classes,). classes: their names; None counts from 0.

    >>> describe_readings({"A": torch.tensor([0.1, 0.9]), "B": torch.tensor([0.7, 0.3])})
    'A reads 1 (0.90), B reads 0 (0.70); the two disagree'
    """
    if not readings:
        raise ConfigError("describe_readings got no readings; give a dict of name: probabilities, such as {'A': p}")
    answers, told = set(), []
    for name, probabilities in readings.items():
        if probabilities.isnan().any():
            told.append(f"{name} reads nothing (its output is NaN)")
            continue
        answer = int(probabilities.argmax())
        answers.add(answer)
        word = answer if classes is None else classes[answer]
        told.append(f"{name} reads {word} ({float(probabilities[answer]):.2f})")
    disagree = "" if len(answers) < 2 else "; the two disagree" if len(readings) == 2 else "; they disagree"
    return ", ".join(told) + disagree


def _check_ink(ink: object) -> None:
    check_plane(ink)
    low, high = float(ink.min()), float(ink.max())
    if not 0 <= low <= high <= 1:  # NaN is in no range
        raise ConfigError(f"ink must lie in 0–1, got {low:.3g} to {high:.3g}; divide by 255 if it is 0 to 255")


def _check_between(field: str, value: object, most: int) -> None:
    try:
        check_number(field, value, -most)
        check_number(field, -value, -most)
    except ConfigError as error:
        raise ConfigError(f"{field} must be a number from −{most} to {most}, got {value!r}; try 0") from error


def _cut_out(ink: Tensor) -> Tensor:
    """Return the smallest rectangle that holds all the ink."""
    rows, columns = (ink.any(dim).nonzero()[:, 0] for dim in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _read_grey(file: bytes) -> Tensor:
    """Return a picture file as float (H, W), 0–1: see-through parts on white, turned as the camera was held."""
    import numpy as np
    from PIL import Image, ImageOps

    if not file:
        raise DataError("this file is empty, 0 bytes; take another picture")
    if len(file) > MOST_MEGABYTES * 1e6:
        raise DataError(
            f"this file is too large, {len(file) / 1e6:.0f} MB; make it smaller, {MOST_MEGABYTES} MB at most"
        )
    unreadable = "this file is no picture that can be read; take a PNG or a JPEG"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is looked at below
            picture = Image.open(io.BytesIO(file), formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        raise DataError(f"this picture is too large; make it smaller, {MOST_PIXELS} pixels a side at most") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(unreadable) from error
    if max(picture.size) > MOST_PIXELS:
        width, height = picture.size
        raise DataError(
            f"this picture is too large, {width}×{height} pixels; make it smaller, {MOST_PIXELS} a side at most"
        )
    try:
        picture.load()
        picture = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # all that PIL says of broken files
        raise DataError(unreadable) from error
    if picture.mode.startswith("I"):  # 16 bits a pixel
        picture = Image.fromarray((np.asarray(picture) // 256).astype(np.uint8))
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    grey = Image.alpha_composite(paper, picture).convert("L")
    grey.thumbnail((KEPT_PIXELS, KEPT_PIXELS))
    return torch.from_numpy(np.array(grey)).float() / 255
