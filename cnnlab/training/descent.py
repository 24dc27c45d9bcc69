"""A loss with two parameters, and an optimizer, in; the path that it walks, and words about it, out.

A panel walks these paths while a slider moves. So the steps are taken by the functions inside torch's optimizers: round
them each class does bookkeeping that takes three times as long, and its first step loads torch's compiler, a second.
And the gradients are written out, not autograd's. Tests compare both with the classes and with autograd.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from cnnlab.checks import check_choice, check_number, check_whole
from cnnlab.errors import ConfigError

# A path has diverged when it is this many times the longer side of the map away from (0, 0). RMSprop's and Adam's
# steps are bounded, so that with the rates that people try they stay well inside.
FAR = 30


@dataclass(frozen=True)
class Surface:
    """A loss with two parameters, x and y.

    loss: (x, y) → loss, for numbers, arrays and tensors; gradient: (x, y) → its two slopes, for numbers.
    formula: the loss as a person writes it. minima: where the loss is 0. x_range and y_range: what a map shows.
    start: where a path begins, unless one asks for another place.

    >>> SURFACES["ravine"].loss(-9.0, 1.5)
    3.15
    """

    name: str
    formula: str
    loss: Callable[[float, float], float]
    gradient: Callable[[float, float], tuple[float, float]]
    minima: tuple[tuple[float, float], ...]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    start: tuple[float, float]

    @property
    def far(self) -> float:
        """How far from (0, 0) a path has diverged."""
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


# The bowl is as steep across as along; the ravine is 20 times as curved across. The saddle lies at (0, 0), between two
# minima: whoever comes along y = 0 finds no slope there.
SURFACES = {
    "bowl": Surface("bowl", "x²/2 + y²/2", _bowl, _bowl_gradient, ((0, 0),), (-3, 3), (-3, 3), (-2.5, 1.5)),
    "ravine": Surface("ravine", "x²/40 + y²/2", _ravine, _ravine_gradient, ((0, 0),), (-10, 4), (-2, 2), (-9, 1.5)),
    "saddle": Surface(
        "saddle", "x²/2 + (y² − 1)²/4", _saddle, _saddle_gradient, ((0, 1), (0, -1)), (-3, 3), (-2, 2), (-2, 0.05)
    ),
}


@dataclass(frozen=True, eq=False)
class Descent:
    """The path of one optimizer: places, float64 (steps + 1, 2), the first is the start; losses (steps + 1,) there.

    diverged_at: the step that led far out of the map, or to no number at all; the path ends before it. None: it stayed.
    """

    places: Tensor
    losses: Tensor
    diverged_at: int | None = None

    @property
    def shares(self) -> Tensor:
        """The losses, divided by the loss at the start; NaN where that is 0."""
        return self.losses / self.losses[0]

    def steps_below(self, share: float) -> int | None:
        """Return after how many steps the loss was below that share of the start's and stayed there; None: at no step.

        >>> descend("bowl", learning_rate=1).steps_below(0.01)
        1
        """
        above = torch.nonzero(~(self.shares < share))  # NaN, too
        steps = int(above[-1]) + 1 if len(above) else 0
        return steps if self.diverged_at is None and steps < len(self.losses) else None


def descend(
    surface: Surface | str,
    optimizer: str = "sgd",
    *,
    learning_rate: float,
    momentum: float = 0.0,
    steps: int = 100,
    start: tuple[float, float] | None = None,
) -> Descent:
    """Return the path of torch's own "sgd", "rmsprop" or "adam" on a surface, a named one or your own.

    momentum is for "sgd" and "rmsprop", as in `fit`. start=None is the surface's own. Raises ConfigError for a name or
    a number that can't work.

    >>> descend("ravine", "sgd", learning_rate=0.2, momentum=0.9, steps=60).places.shape
    torch.Size([61, 2])
    """
    surface = find_surface(surface)
    check_choice("optimizer", optimizer, _STEPS)
    learning_rate = check_number("learning_rate", learning_rate, 0)
    momentum = check_number("momentum", momentum, 0, below=1)
    steps = check_whole("steps", steps, 0)
    if momentum and optimizer == "adam":
        raise ConfigError(f"momentum={momentum} is for 'sgd' and 'rmsprop'; adam has its own, leave it out")

    place = torch.tensor(_check_start(surface, start), dtype=torch.float64)
    gradient = torch.zeros_like(place)
    step = _STEPS[optimizer](place, gradient, learning_rate, momentum)
    here, slope = place.numpy(), gradient.numpy()  # the same memory
    path = [here.tolist()]
    for _ in range(steps):
        slope[:] = surface.gradient(*path[-1])
        step()
        x, y = here.tolist()
        if not math.hypot(x, y) < surface.far:  # NaN, too
            return _descent(surface, path, diverged_at=len(path))
        path.append([x, y])
    return _descent(surface, path)


def _sgd_step(place: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Callable[[], None]:
    rest = {"weight_decay": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False, "foreach": False}
    return functools.partial(sgd, [place], [gradient], [None], lr=learning_rate, momentum=momentum, **rest)


def _rmsprop_step(place: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Callable[[], None]:
    squares, moved = [torch.zeros_like(place)], [torch.zeros_like(place)]
    rest = {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "centered": False, "foreach": False}
    state = squares, [], moved, [torch.tensor(0.0)]
    return functools.partial(rmsprop, [place], [gradient], *state, lr=learning_rate, momentum=momentum, **rest)


def _adam_step(place: Tensor, gradient: Tensor, learning_rate: float, _momentum: float) -> Callable[[], None]:
    means, squares = [torch.zeros_like(place)], [torch.zeros_like(place)]
    rest = {"weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False, "foreach": False}
    state = means, squares, [], [torch.tensor(0.0)]
    return functools.partial(adam, [place], [gradient], *state, lr=learning_rate, beta1=0.9, beta2=0.999, **rest)


_STEPS = {"sgd": _sgd_step, "rmsprop": _rmsprop_step, "adam": _adam_step}


def describe_descent(descent: Descent, share: float = 0.01) -> str:
    """Return one line about a path: how far the loss fell, and since when it was below that share; or that it diverged.

    >>> describe_descent(descend("bowl", learning_rate=0.05))
    'the loss fell to below 0.1% of the start in 100 steps; below 1% since step 45'
    """
    if descent.diverged_at is not None:
        return f"diverged at step {descent.diverged_at}"
    if descent.losses[0] == 0:
        return "began at a minimum"
    last, after = float(descent.shares[-1]), descent.steps_below(share)
    how = "fell to" if last < 1 else "rose to" if last > 1 else "is at"
    since = "" if after is None else f"; below {100 * share:g}% since step {after}"
    return f"the loss {how} {_percent(last)} of the start in {_count(len(descent.losses) - 1)}{since}"


def describe_descents(descents: Mapping[str, Descent], share: float = 0.01) -> str:
    """Return one sentence about several paths: the loss of each at its end, or since when it was below that share.

    >>> describe_descents({"SGD": descend("bowl", learning_rate=0.1, steps=5)})
    'the loss, as a share of the start: SGD 35% after 5 steps'
    """
    if not descents:
        return "no optimizer is shown"
    if all(descent.losses[0] == 0 for descent in descents.values()):
        return "the start is a minimum: the loss is 0 there"
    ends = ", ".join(f"{name} {_end(descent, share)}" for name, descent in descents.items())
    return f"the loss, as a share of the start: {ends}"


def find_surface(surface: Surface | str) -> Surface:
    """Return the surface of that name, or the one given; raise ConfigError for anything else."""
    if isinstance(surface, Surface):
        return surface
    check_choice("surface", surface, SURFACES)
    return SURFACES[surface]


def _descent(surface: Surface, path: list[list[float]], diverged_at: int | None = None) -> Descent:
    places = np.array(path)
    return Descent(torch.from_numpy(places), torch.from_numpy(surface.loss(*places.T)), diverged_at)


def _check_start(surface: Surface, start: object) -> tuple[float, float]:
    if start is None:
        return surface.start
    try:
        x, y = (float(value) for value in start)
    except (TypeError, ValueError):
        x = y = math.nan
    if not math.hypot(x, y) < surface.far:
        raise ConfigError(
            f"start must be two numbers (x, y), less than {surface.far:g} from (0, 0), got {start!r}; "
            f"try {surface.start}"
        )
    return x, y


def _end(descent: Descent, share: float) -> str:
    if descent.diverged_at is not None:
        return f"diverged at step {descent.diverged_at}"
    if descent.losses[0] == 0:
        return "began at a minimum"
    after = descent.steps_below(share)
    if after is not None:
        return f"below {100 * share:g}% since step {after}"
    return f"{_percent(float(descent.shares[-1]))} after {_count(len(descent.losses) - 1)}"


def _percent(share: float) -> str:
    if share < 0.001:
        return "below 0.1%"
    return f"{share:.1%}" if share < 0.1 else f"{share:,.0%}"


def _count(steps: int) -> str:
    return f"{steps} step" if steps == 1 else f"{steps} steps"
