"""Know which networks are being trained, so that nothing else changes them meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from torch import nn

from cnnlab.errors import ConfigError

_lock = threading.Lock()
_trained: dict[int, threading.Thread] = {}  # the id of a parameter → the thread that trains it


@contextlib.contextmanager
def being_trained(model: nn.Module) -> Iterator[None]:
    """Within the block, the network's parameters are being trained by this thread, under whatever network they are.

    Raises ConfigError if some of them are being trained already, by this thread or another one.
    """
    own, mine = [id(parameter) for parameter in model.parameters()], False
    try:
        with _lock:
            if any(parameter in _trained for parameter in own):
                raise ConfigError(
                    "this model is being trained; wait until that ends, or train another one, such as build_cnn()"
                )
            mine = True
            _trained.update(dict.fromkeys(own, threading.current_thread()))
        yield
    finally:
        with _lock:
            for parameter in own if mine else ():
                _trained.pop(parameter, None)


def check_not_in_training(model: nn.Module) -> None:
    """Raise ConfigError if another thread is training the network: using it now would disturb the training."""
    if not _trained:
        return
    here = threading.current_thread()
    if any(_trained.get(id(parameter), here) is not here for parameter in model.parameters()):
        raise ConfigError(
            "this model is being trained in another thread; wait until that ends, or use a copy that on_epoch made"
        )
