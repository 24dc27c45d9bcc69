"""Turn a drawing or a photo of a digit into a picture like those of MNIST, and describe how networks classify it.

Ink is a float tensor (H, W): 0 where the paper is empty, 1 where it is fully covered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_number, check_plane, check_whole, describe_tensor, is_float_tensor, shown
from cnnlab.data.pictures import TooManyPixels, open_picture, read_planes
from cnnlab.errors import ConfigError, DataError
from cnnlab.torch_state import usual_torch_state

SIDE = 28  # pixels of an MNIST picture
LONGEST = 20  # pixels of the longer side of the digit in it
MOST_MEGABYTES = 20
MOST_PIXELS = 5000  # of each side
KEPT_PIXELS = 800  # of each side; for a picture of 28 pixels, more add nothing
FAINTEST = 0.15  # share of the darkest ink; fainter pixels are dust and shadow
LEAST_CONTRAST = 0.1  # between ink and paper, as a share of the brightest pixel: a photo may be dim
LEAST_DIFFERENCE = 0.02  # between ink and paper, five of 256 levels of grey; less is a camera's noise


@usual_torch_state
def as_mnist(ink: Tensor, *, scale: int = 1) -> Tensor:
    """Return ink as a picture like those of MNIST: white on black, float (28·scale, 28·scale) in 0–1.

    The digit is cut out, resized (anti-aliased) so that its longer side is 20 pixels, and moved by whole pixels until
    its centre of mass is nearest to the centre of the picture (LeCun et al. 1998, section III.A). Then it is scaled so
    that its maximum is 1.

    Parameters
    ----------
    ink : Tensor
        float (H, W) in 0–1. Without any ink the picture is all zeros.
    scale : int
        With scale=4 the picture has 112×112 pixels: the same digit in the same place, but finer.

    Raises
    ------
    ConfigError
        For ink or a scale that can't work.

    >>> as_mnist(torch.ones(50, 10)).sum(1).gt(0).sum()
    tensor(20)
    """
    check_ink(ink)
    scale = check_whole("scale", scale, 1, most=100)
    side, longest = SIDE * scale, LONGEST * scale
    picture = torch.zeros(side, side)
    if not ink.any():
        return picture
    digit = _cut_out(ink.detach().cpu().float())
    size = [max(1, round(length * longest / max(digit.shape))) for length in digit.shape]
    digit = functional.interpolate(digit[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    mass = digit.sum()
    corner = []
    for length, profile in zip(size, (digit.sum(1), digit.sum(0)), strict=True):  # ink in each row, in each column
        centre = float((profile * torch.arange(length)).sum() / mass)
        corner.append(min(max(0, round(side / 2 - centre)), side - length))  # whole pixels, inside the picture
    top, left = corner
    picture[top : top + size[0], left : left + size[1]] = digit / digit.max()
    return picture


@usual_torch_state
def turn_and_shift(image: Tensor, *, degrees: float = 0, right: float = 0, down: float = 0) -> Tensor:
    """Return an image rotated about its centre and then shifted; zeros come in from outside.

    Values between pixels are interpolated (bilinear).

    Parameters
    ----------
    image : Tensor
        float (H, W).
    degrees : float
        Clockwise, from −360 to 360.
    right, down : float
        Pixels, at most width − 1 and height − 1; negative values shift it left and up.

    Raises
    ------
    ConfigError
        For an image or a number that can't work.

    >>> turn_and_shift(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), degrees=90).round()
    tensor([[3., 1.],
            [4., 2.]])
    """
    check_plane("image", image)
    height, width = image.shape
    _check_between("degrees", degrees, 360)
    _check_between("right", right, width - 1)
    _check_between("down", down, height - 1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # grid_sample needs the inverse: for each new pixel the old place that it shows, in coordinates from −1 to 1.
    shift_x, shift_y = 2 * right / width, 2 * down / height
    rows = [[cos, sin * height / width], [-sin * width / height, cos]]
    inverse = torch.tensor([[a, b, -(a * shift_x + b * shift_y)] for a, b in rows], dtype=image.dtype).to(image.device)
    grid = functional.affine_grid(inverse[None], [1, 1, height, width], align_corners=False)
    return functional.grid_sample(image[None, None], grid, align_corners=False)[0, 0]


@usual_torch_state
def read_picture(file: bytes) -> Tensor:
    """Return the ink, float (H, W) in 0–1, of a PNG or JPEG file with one digit on paper.

    The border of the picture shows the paper, which may be light or dark; what differs most from it is ink. The photo
    may be dim. Use even light: a shadow counts as ink, too. A larger picture is resized to at most 800 pixels on its
    longer side. Raises DataError for a file that can't be read, is too large (20 MB, 5000 pixels on a side), or shows
    no ink.

    >>> as_mnist(read_picture(Path("seven.png").read_bytes()))
    """
    if not isinstance(file, (bytes, bytearray, memoryview)):
        raise ConfigError(f"file wants the bytes of a picture, such as Path('7.png').read_bytes(), got {shown(file)}")
    grey = _read_grey(bytes(file))  # (H, W)
    edge = torch.cat([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    least = max(LEAST_CONTRAST * grey.max(), LEAST_DIFFERENCE)
    if edge.median() - grey.min() > grey.max() - edge.median():  # dark ink on light paper
        grey, edge = 1 - grey, 1 - edge
    paper, brightest = edge.quantile(0.9), grey.max()
    if brightest - paper < least:
        raise DataError("this picture is empty: nothing stands out from the paper; take one with a dark pen")
    ink = ((grey - paper) / (brightest - paper)).clamp(0, 1)
    return torch.where(ink < FAINTEST, 0.0, ink)


def describe_readings(readings: Mapping[str, Tensor], classes: Sequence[str] | None = None) -> str:
    """Return one line with each network's answer and its probability; at the end, whether the networks disagree.

    Parameters
    ----------
    readings : mapping of str to Tensor
        The name of a network → the probabilities that it gives to the classes, (classes,).
    classes : sequence of str, optional
        The names of the classes; by default their numbers from 0.

    Raises
    ------
    ConfigError
        For an empty mapping.

    >>> describe_readings({"A": torch.tensor([0.1, 0.9]), "B": torch.tensor([0.7, 0.3])})
    'A reads 1 (0.90), B reads 0 (0.70); the two disagree'
    """
    check_arguments(describe_readings, locals())
    if not readings:
        raise ConfigError("describe_readings got no readings; give a dict of name: probabilities, such as {'A': p}")
    answers, parts = set(), []
    for name, probabilities in readings.items():
        _check_probabilities(name, probabilities, classes)
        if probabilities.isnan().any():
            parts.append(f"{name} reads nothing (its output is NaN)")
            continue
        answer = int(probabilities.argmax())
        answers.add(answer)
        word = answer if classes is None else classes[answer]
        parts.append(f"{name} reads {word} ({float(probabilities[answer]):.2f})")
    disagree = "" if len(answers) < 2 else "; the two disagree" if len(readings) == 2 else "; they disagree"
    return ", ".join(parts) + disagree


def _check_probabilities(name: str, probabilities: Tensor, classes: Sequence[str] | None) -> None:
    """Raise ConfigError unless these are float (classes,)."""
    count = "classes" if classes is None else len(classes)
    is_row = is_float_tensor(probabilities) and probabilities.ndim == 1 and len(probabilities) > 0
    if not is_row or count not in ("classes", len(probabilities)):
        got = describe_tensor(probabilities)
        raise ConfigError(f"{name}: wants probabilities, float ({count},), got {got}; try predict(model, images)[0]")


def check_ink(ink: Any) -> None:
    """Raise ConfigError unless ink is a float tensor (H, W) in 0–1."""
    check_plane("ink", ink)
    low, high = float(ink.min()), float(ink.max())
    if not 0 <= low <= high <= 1:  # true for NaN, too
        raise ConfigError(f"ink must lie in 0–1, got {low:.3g} to {high:.3g}; divide by 255 if it is 0 to 255")


def _check_between(field: str, value: Any, most: int) -> None:
    """Raise ConfigError unless value is a number from −most to most."""
    try:
        check_number(field, value, -most)
        check_number(field, -value, -most)
    except ConfigError as error:
        raise ConfigError(f"{field} must be a number from −{most} to {most}, got {shown(value)}; try 0") from error


def _cut_out(ink: Tensor) -> Tensor:
    """Return the smallest rectangle that contains all the ink."""
    rows, columns = (ink.any(dim).nonzero()[:, 0] for dim in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _read_grey(file: bytes) -> Tensor:
    """Return a PNG or JPEG file as float (H, W) in 0–1; raise DataError where it can't be read or is too large."""
    if not file:
        raise DataError("this file is empty, 0 bytes; take another picture")
    if len(file) > MOST_MEGABYTES * 1e6:
        raise DataError(
            f"this file is too large, {len(file) / 1e6:.0f} MB; make it smaller, {MOST_MEGABYTES} MB at most"
        )
    try:
        picture = open_picture(file, ("PNG", "JPEG"))
        if max(picture.size) <= MOST_PIXELS:
            return torch.from_numpy(read_planes(picture, grey=True, longest=KEPT_PIXELS)[0])
    except TooManyPixels as error:
        raise DataError(f"this picture is too large; make it smaller, {MOST_PIXELS} pixels a side at most") from error
    except DataError as error:
        raise DataError("this file can't be read as a picture; take a PNG or a JPEG") from error
    width, height = picture.size
    raise DataError(
        f"this picture is too large, {width}×{height} pixels; make it smaller, {MOST_PIXELS} a side at most"
    )
