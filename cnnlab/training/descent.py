"""Let torch's optimizers descend on a loss with two parameters, and describe their paths in words.

A panel computes these paths while a slider moves, so they must be fast. The steps are those of the functions inside
torch's optimizers: the classes around them take three times as long, and their first step loads torch's compiler, for a
second. Tests compare the paths with those of the classes, with autograd.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, check_number, check_whole, counted, is_finite_number, is_iterable, shown
from cnnlab.errors import ConfigError
from cnnlab.torch_state import usual_torch_state
from cnnlab.training.surfaces import Surface, find_surface


@dataclass(frozen=True, eq=False)
class Descent:
    """The path of one optimizer.

    Parameters
    ----------
    places : Tensor
        The points (x, y), float64 (steps + 1, 2); the first one is the start.
    losses : Tensor
        The loss at each point, float64 (steps + 1,).
    diverged_at : int, optional
        The step that led far away from the map, or to NaN; the path ends before it. None: there was none.
    """

    places: Tensor
    losses: Tensor
    diverged_at: int | None = None

    @property
    def shares(self) -> Tensor:
        """The losses as shares of the loss at the start; NaN or infinite if that is 0."""
        return self.losses / self.losses[0]

    def steps_below(self, share: float) -> int | None:
        """Return the first step after which the loss stays below this share of the start's; None if there is none.

        >>> descend("bowl", learning_rate=1).steps_below(0.01)
        1
        """
        above = torch.nonzero(~(self.shares < float(share)))  # a NaN counts as above
        steps = int(above[-1]) + 1 if len(above) else 0
        return steps if self.diverged_at is None and steps < len(self.losses) else None


@usual_torch_state
def descend(
    surface: Surface | str,
    optimizer: str = "sgd",
    *,
    learning_rate: float,
    momentum: float = 0.0,
    steps: int = 100,
    start: tuple[float, float] | None = None,
) -> Descent:
    """Return the path of one of torch's optimizers on a surface.

    Parameters
    ----------
    surface : Surface or str
        "bowl", "ravine", "saddle", or a Surface of your own.
    optimizer : str
        "sgd", "rmsprop" or "adam".
    learning_rate : float
        0 or more.
    momentum : float
        For "sgd" and "rmsprop", 0 or more and below 1.
    steps : int
        The number of steps.
    start : (x, y), optional
        None: the surface's own start.

    Raises
    ------
    ConfigError
        If a name is unknown or a number impossible.

    >>> descend("ravine", "sgd", learning_rate=0.2, momentum=0.9, steps=60).places.shape
    torch.Size([61, 2])
    """
    surface = find_surface(surface)
    check_choice("optimizer", optimizer, _STEPS)
    learning_rate = check_number("learning_rate", learning_rate, 0)
    momentum = check_number("momentum", momentum, 0, below=1)
    steps = check_whole("steps", steps, 0, most=100_000)
    if momentum and optimizer == "adam":
        raise ConfigError(f"momentum={momentum} is for 'sgd' and 'rmsprop'; adam has its own, leave it out")
    return _walk(surface, _STEPS[optimizer], _check_start(surface, start), steps, learning_rate, momentum)


def _walk(
    surface: Surface, make_step: Callable, start: tuple[float, float], steps: int, learning_rate: float, momentum: float
) -> Descent:
    """Take the steps from start, until the last one or until the path diverges."""
    place = torch.tensor(start, dtype=torch.float64)
    gradient = torch.zeros_like(place)
    step = make_step(place, gradient, learning_rate, momentum)
    point, slopes = place.numpy(), gradient.numpy()  # they share the memory of the tensors
    path = [point.tolist()]
    for _ in range(steps):
        slopes[:] = surface.gradient(*path[-1])
        step()
        x, y = point.tolist()
        if not math.hypot(x, y) < surface.far:  # a NaN has diverged, too
            return _descent(surface, path, diverged_at=len(path))
        path.append([x, y])
    return _descent(surface, path)


# Each of these returns a function that changes place, (2,), by one step; gradient, (2,), is that at place. The options
# are the defaults of torch's class of this name.


def _sgd_step(place: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Callable[[], None]:
    defaults = {"weight_decay": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False, "foreach": False}
    return functools.partial(sgd, [place], [gradient], [None], lr=learning_rate, momentum=momentum, **defaults)


def _rmsprop_step(place: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Callable[[], None]:
    squares, moved = [torch.zeros_like(place)], [torch.zeros_like(place)]
    defaults = {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "centered": False, "foreach": False}
    state = squares, [], moved, [torch.tensor(0.0)]
    return functools.partial(rmsprop, [place], [gradient], *state, lr=learning_rate, momentum=momentum, **defaults)


def _adam_step(place: Tensor, gradient: Tensor, learning_rate: float, _momentum: float) -> Callable[[], None]:
    means, squares = [torch.zeros_like(place)], [torch.zeros_like(place)]
    defaults = {"weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False, "foreach": False}
    state = means, squares, [], [torch.tensor(0.0)]
    return functools.partial(adam, [place], [gradient], *state, lr=learning_rate, beta1=0.9, beta2=0.999, **defaults)


_STEPS = {"sgd": _sgd_step, "rmsprop": _rmsprop_step, "adam": _adam_step}


def describe_descent(descent: Descent, share: float = 0.01) -> str:
    """Return one line about a path: how far the loss fell, and since which step it was below a share of the start's.

    >>> describe_descent(descend("bowl", learning_rate=0.05))
    'the loss fell to below 0.1% of the start in 100 steps; below 1% since step 45'
    """
    check_arguments(describe_descent, locals(), share=0.0)
    if odd := _oddity(descent):
        return odd
    last, below_since = float(descent.shares[-1]), descent.steps_below(share)
    verb = "fell to" if last < 1 else "rose to" if last > 1 else "is at"
    since = "" if below_since is None else f"; below {100 * share:g}% since step {below_since}"
    return f"the loss {verb} {_percent(last)} of the start in {counted(len(descent.losses) - 1, 'step')}{since}"


def describe_descents(descents: Mapping[str, Descent], share: float = 0.01) -> str:
    """Return one sentence about several paths: for each the last loss, or since which step it was below a share.

    >>> describe_descents({"SGD": descend("bowl", learning_rate=0.1, steps=5)})
    'the loss, as a share of the start: SGD 35% after 5 steps'
    """
    check_arguments(describe_descents, locals(), share=0.0)
    if not descents:
        return "no optimizer is shown"
    if all(descent.losses[0] == 0 for descent in descents.values()):
        return "the start is a minimum: the loss is 0 there"
    ends = ", ".join(f"{name} {_end(descent, share)}" for name, descent in descents.items())
    return f"the loss, as a share of the start: {ends}"


def _descent(surface: Surface, path: list[list[float]], diverged_at: int | None = None) -> Descent:
    """Return the Descent of these points, [x, y] each."""
    places = np.array(path)
    return Descent(torch.from_numpy(places), torch.from_numpy(surface.loss(*places.T)), diverged_at)


def _check_start(surface: Surface, start: Any) -> tuple[float, float]:
    """Return start, or the surface's own for None; raise ConfigError unless it is two numbers not too far away."""
    if start is None:
        return surface.start
    is_pair = is_iterable(start) and len(values := list(itertools.islice(start, 3))) == 2
    x, y = map(float, values) if is_pair and all(map(is_finite_number, values)) else (math.nan, math.nan)
    if not math.hypot(x, y) < surface.far:
        raise ConfigError(
            f"start must be two numbers (x, y), less than {surface.far:g} from (0, 0), got {shown(start)}; "
            f"try {surface.start}"
        )
    return x, y


def _oddity(descent: Descent) -> str:
    """Return that a path diverged, or that it began at a minimum; "" if neither."""
    if descent.diverged_at is not None:
        return f"diverged at step {descent.diverged_at}"
    return "began at a minimum" if descent.losses[0] == 0 else ""


def _end(descent: Descent, share: float) -> str:
    """Return in a few words where a path ended."""
    if odd := _oddity(descent):
        return odd
    below_since = descent.steps_below(share)
    if below_since is not None:
        return f"below {100 * share:g}% since step {below_since}"
    return f"{_percent(float(descent.shares[-1]))} after {counted(len(descent.losses) - 1, 'step')}"


def _percent(share: float) -> str:
    if share < 0.001:
        return "below 0.1%"
    return f"{share:.1%}" if share < 0.1 else f"{share:,.0%}"
