"""Define losses with two parameters, on which optimizers descend.

Their gradients are written out, since autograd would be too slow for a panel. A test compares both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice

# A path has diverged if its distance from (0, 0) is this many times the longer side of the map. The steps of RMSprop
# and Adam are bounded: with usual learning rates they stay well within.
FAR = 30


@dataclass(frozen=True)
class Surface:
    """A loss with two parameters, x and y.

    Parameters
    ----------
    name : str
        The name that `descend` takes.
    formula : str
        The loss as a person writes it.
    loss : function
        (x, y) → loss, for numbers, arrays and tensors.
    gradient : function
        (x, y) → (∂loss/∂x, ∂loss/∂y), for numbers.
    minima : tuple of (x, y)
        The points where the loss is 0.
    x_range, y_range : (float, float)
        The part of the plane that a map shows.
    start : (x, y)
        The point where a path begins, unless another is asked for.

    >>> SURFACES["ravine"].loss(-9.0, 1.5)
    3.15
    """

    name: str
    formula: str
    loss: Callable[[Any, Any], Any]
    gradient: Callable[[float, float], tuple[float, float]]
    minima: tuple[tuple[float, float], ...]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    start: tuple[float, float]

    def __post_init__(self) -> None:
        check_arguments(Surface, vars(self))

    @property
    def far(self) -> float:
        """The distance from (0, 0) at which a path has diverged."""
        return FAR * max(self.x_range[1] - self.x_range[0], self.y_range[1] - self.y_range[0])


def _bowl(x, y):
    return x**2 / 2 + y**2 / 2


def _bowl_gradient(x: float, y: float) -> tuple[float, float]:
    return x, y


def _ravine(x, y):
    return x**2 / 40 + y**2 / 2


def _ravine_gradient(x: float, y: float) -> tuple[float, float]:
    return x / 20, y


def _saddle(x, y):
    return x**2 / 2 + (y**2 - 1) ** 2 / 4


def _saddle_gradient(x: float, y: float) -> tuple[float, float]:
    return x, y * (y * y - 1)


# The bowl curves the same in every direction. The ravine curves 20 times as much across it as along it. The saddle lies
# at (0, 0), between two minima: a path along y = 0 finds no slope there.
SURFACES = {
    "bowl": Surface("bowl", "x²/2 + y²/2", _bowl, _bowl_gradient, ((0, 0),), (-3, 3), (-3, 3), (-2.5, 1.5)),
    "ravine": Surface("ravine", "x²/40 + y²/2", _ravine, _ravine_gradient, ((0, 0),), (-10, 4), (-2, 2), (-9, 1.5)),
    "saddle": Surface(
        "saddle", "x²/2 + (y² − 1)²/4", _saddle, _saddle_gradient, ((0, 1), (0, -1)), (-3, 3), (-2, 2), (-2, 0.05)
    ),
}


def find_surface(surface: Surface | str) -> Surface:
    """Return the surface of that name; a Surface is returned as it is. Raise ConfigError for anything else."""
    if isinstance(surface, Surface):
        return surface
    check_choice("surface", surface, SURFACES)
    return SURFACES[surface]
