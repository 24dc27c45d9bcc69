"""Follow, through the operations of a network, how large a square of the image each value depends on.

A value of a map depends on the pixels of a window. Its neighbour depends on the same window, shifted by `jump` pixels.
Each operation changes window and jump by a rule (Dumoulin & Visin 2016; Araujo et al. 2019). Where two branches join,
the window is the smallest that has both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Window:
    """The pixels, first to last, that value 0 of a row or column depends on; those of value i are i × jump further."""

    first: int = 0
    last: int = 0
    jump: int = 1

    def slide(self, kernel: int, stride: int, padding: int, dilation: int) -> Window:
        """Return the window of a value that is computed from `kernel` values of this row."""
        first = self.first - padding * self.jump
        return Window(first, self.last + (dilation * (kernel - 1) - padding) * self.jump, stride * self.jump)

    @property
    def size(self) -> int:
        """The number of pixels."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class View:
    """What the values of a tensor depend on.

    Parameters
    ----------
    windows : (Window, Window) or None
        Along the height and the width of the image. None: they depend on the whole image, or it is unknown.
    unknown : str
        Why it is unknown.
    axes : tuple of tuple of (str, int)
        For each dimension of the tensor, what lies along it, in the order of the memory: ("h", size) or ("w", size) for
        places of the image, ("", size) for anything else.
    """

    windows: tuple[Window, Window] | None
    unknown: str
    axes: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def field(self) -> tuple[int, int] | None:
        """Height and width of the window; None: the whole image, or unknown."""
        return None if self.windows is None else (self.windows[0].size, self.windows[1].size)

    def places(self, dimensions: Sequence[int]) -> str:
        """Return which of "h" and "w" lie along these dimensions."""
        return "".join(sorted({axis for dimension in dimensions for axis, _ in self.axes[dimension]}))

    def whole(self, shape: Sequence[int]) -> View:
        """Return the view of values, in a tensor of this shape, that depend on all of the image."""
        return View(None, self.unknown, plain(shape))

    def lost(self, shape: Sequence[int], reason: str) -> View:
        """Return the view of values, in a tensor of this shape, for which no rule is known."""
        return View(None, self.unknown or reason, plain(shape))

    def mixed(self, places: str, shape: Sequence[int]) -> View:
        """Return the view of values that are computed from all places along "h", "w" or both."""
        if {"h", "w"} <= set(places) and not self.places([0]):
            return self.whole(shape)
        return self.lost(shape, "a part of the places is mixed")


def plain(shape: Sequence[int]) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return the axes of a tensor along which nothing of the image lies."""
    return tuple((("", size),) for size in shape)


def of_images(images: Tensor) -> View:
    """Return the view of the images themselves, (N, C, H, W): each pixel depends on itself."""
    count, channels, height, width = images.shape
    axes = ((("", count),), (("", channels),), (("h", height),), (("w", width),))
    return View((Window(), Window()), "", axes)
