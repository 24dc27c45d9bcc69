"""Settings and a handful of seeds in, one trained network a seed out: how much does chance alone change a result?"""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from cnnlab.data import Data
from cnnlab.errors import check_choice
from cnnlab.history import History
from cnnlab.model import build_cnn
from cnnlab.progress import counted
from cnnlab.training import fit


def train_seeds(data: Data, *, seeds: Iterable[int] = range(5), progress: bool = True, **settings) -> list[History]:
    """Train the same network once a seed and return the histories; settings are those of `build_cnn` and of `fit`.

    The seed decides the first weights, the order of the images and the dropout; the images stay the same.
    An interrupt ends the whole; a stop event ends it after the network that it stopped.

    >>> histories = train_seeds(data, kernel_size=5, epochs=3)
    trained 5 networks
    """
    of_model = set(inspect.signature(build_cnn).parameters) - {"seed", "input_shape", "classes"}
    of_fit = set(inspect.signature(fit).parameters) - {"model", "data", "seed", "progress", "checkpoint"}
    for name in settings:
        check_choice("setting", name, sorted(of_model | of_fit))
    architecture = {name: value for name, value in settings.items() if name in of_model}
    training = {name: value for name, value in settings.items() if name in of_fit}
    histories = []
    for seed in counted(list(seeds), "network", shown=progress):
        model = build_cnn(**architecture, input_shape=data.input_shape, classes=len(data.classes), seed=seed)
        history = fit(model, data, seed=seed, progress=False, **training)
        if history.stopped_by == "interrupt":  # fit keeps what it has; the loop round it must still end
            raise KeyboardInterrupt(f"seed {seed} {history.message}")
        histories.append(history)
        if history.stopped_by == "stop":
            break
    return histories


def last(histories: Iterable[History], metric: str = "validation_accuracy") -> list[float]:
    """Return the metric after the last epoch of each history.

    >>> last(histories)
    [0.93, 0.94, 0.92, 0.93, 0.94]
    """
    return [history.last(metric) for history in histories]


def ranges_overlap(first: Iterable[float], second: Iterable[float]) -> bool:
    """Return whether the range (lowest to highest) of one list of numbers meets that of the other.

    >>> ranges_overlap([0.90, 0.93], [0.92, 0.95])
    True
    """
    first, second = list(first), list(second)
    return min(first) <= max(second) and min(second) <= max(first)
