"""Save a training in one safetensors file, and load it so that it continues as if it had never stopped."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.checks import shown
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError, DataError
from cnnlab.model.weights import DIGEST, read_tensors, write_tensors
from cnnlab.training.checkpoint_checks import (
    check_groups,
    check_history,
    check_same_settings,
    check_tensors,
    generators_of,
    under,
)
from cnnlab.training.history import History, warn_if_environments_differ
from cnnlab.training.own_state import OwnState

FORMAT = "cnnlab checkpoint 3"


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    history: History,
    best_weights: dict[str, Tensor],
    fingerprint: str,
    own: OwnState,
) -> None:
    """Write weights, best weights, optimizer, generators and history to path, in one step that is done or not.

    Raises ConfigError if the optimizer's settings hold something that is no number or text.

    Parameters
    ----------
    path : str or path
        The file.
    model, optimizer
        The network, and torch's optimizer of its parameters.
    order : torch.Generator
        The generator that shuffles the images.
    history : History
        The record so far.
    best_weights : dict of str to Tensor
        The state_dict of the best epoch.
    fingerprint : str
        What `fingerprint` returned for this network and data.
    own : OwnState
        What the network's layers hold besides weights.
    """
    tensors = _prefixed("model", model.state_dict()) | _prefixed("best", best_weights)
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= _prefixed(f"optimizer.{index}", {key: value for key, value in state.items() if value is not None})
    for index, generator in enumerate(generators_of(model, order)):
        tensors[f"generator.{index}"] = generator.get_state()
    tensors |= _prefixed("own", own.tensors())
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    metadata = {"format": FORMAT, "history": history.to_json(), "fingerprint": fingerprint}
    metadata["groups"] = json.dumps(groups, default=_as_number)  # the rates, which on_epoch may have changed
    metadata["numbers"] = json.dumps(own.numbers())
    write_tensors(path, tensors, metadata)


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    history: History,
    fingerprint: str,
    own: OwnState,
) -> tuple[History, dict[str, Tensor]]:
    """Load model, optimizer and generators in place; return the saved history and the best weights.

    The arguments are those of `save_checkpoint`; history is that of the new training, before its first epoch.
    Raises ConfigError if the checkpoint has other settings or data, or more epochs than the new training; DataError if
    it is damaged anywhere. Then nothing was loaded.
    """
    tensors, metadata = read_tensors(path)
    other = f"; delete {path} or give another path"
    if metadata.get("format") != FORMAT:  # in the one before, the header had no checksum
        raise ConfigError(f"checkpoint: {path} is no checkpoint of this version of cnnlab{other}")
    if DIGEST not in metadata:
        raise DataError(f"checkpoint: {path} is damaged: its checksum is missing{other}")
    try:
        saved, groups = History.from_json(metadata["history"]), json.loads(metadata["groups"])
        numbers = json.loads(metadata.get("numbers", "{}"))
        check_same_settings(saved, history, other)
        if metadata["fingerprint"] != fingerprint:
            raise ConfigError(f"checkpoint was made with other images or another network{other}")
        check_history(saved)
        check_groups(groups, optimizer, other)
        check_tensors(saved, groups, tensors, model, optimizer, order)
        own.check(under("own", tensors), numbers, other)
    except ConfigError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError, ValueError) as error:
        raise DataError(f"checkpoint: {path} is damaged ({error!r:.100}){other}") from error
    warn_if_environments_differ([history, saved])
    model.load_state_dict(under("model", tensors))
    _restore_optimizer(optimizer, tensors, groups)
    for index, generator in enumerate(generators_of(model, order)):
        generator.set_state(tensors[f"generator.{index}"])
    own.restore(under("own", tensors), numbers)
    return saved, under("best", tensors)


def fingerprint(model: nn.Module, data: Data) -> str:
    """Return eight hexadecimal digits that differ if the architecture or the images differ."""
    code = zlib.crc32(repr(model).encode())  # names every layer with its sizes, pooling, padding and dropout
    for split in (data.train, data.validation):
        for tensor in (split.images, split.labels):
            # As bytes, since NumPy has no bfloat16.
            code = zlib.crc32(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data, code)
    return f"{code:08x}"


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict]) -> None:
    """Load the optimizer's state from the checkpoint's tensors, and its options, such as the rate, from groups."""
    state = optimizer.state_dict()
    for group, saved in zip(state["param_groups"], groups, strict=True):
        group.update(saved)
    for index, parameter in enumerate(parameter for group in optimizer.param_groups for parameter in group["params"]):
        saved = under(f"optimizer.{index}", tensors)
        # Fused steps read memory in order: a moment needs the memory format of its parameter (channels_last).
        state["state"][index] = {
            key: torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
            for key, value in saved.items()
        }
    optimizer.load_state_dict(state)


def _as_number(value: Any) -> float:
    """Return a setting of the optimizer that JSON does not know, such as a tensor of one number, as a float."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"the optimizer's settings hold {shown(value)}, which a file can't keep; keep numbers and texts there"
        ) from error


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, with the prefix and a dot before their names."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}
