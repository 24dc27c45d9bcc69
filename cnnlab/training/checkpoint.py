"""Save a training in one safetensors file, and load it so that it continues as if it had never stopped."""

from __future__ import annotations

import json
import zlib

import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import Dropout
from cnnlab.model.weights import read_tensors, write_tensors
from cnnlab.training.history import History, warn_if_environments_differ

FORMAT = "cnnlab checkpoint 2"


def save_checkpoint(path, model, optimizer, order, history, best_weights, fingerprint) -> None:
    """Write weights, best weights, optimizer, generators and history to path, in one step that is done or not.

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
    """
    tensors = _prefixed("model", model.state_dict()) | _prefixed("best", best_weights)
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= _prefixed(f"optimizer.{index}", {key: value for key, value in state.items() if value is not None})
    for index, generator in enumerate(_generators(model, order)):
        tensors[f"generator.{index}"] = generator.get_state()
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    metadata = {"format": FORMAT, "history": history.to_json(), "fingerprint": fingerprint}
    metadata["groups"] = json.dumps(groups)  # the rates, which on_epoch may have changed
    write_tensors(path, tensors, metadata)


def load_checkpoint(path, model, optimizer, order, history, fingerprint) -> tuple[History, dict[str, Tensor]]:
    """Load model, optimizer and generators in place; return the saved history and the best weights.

    The arguments are those of `save_checkpoint`; history is that of the new training, before its first epoch.
    Raises ConfigError if the checkpoint has other settings or data, or more epochs than the new training.
    """
    tensors, metadata = read_tensors(path)
    other = f"; delete {path} or give another path"
    if metadata.get("format") != FORMAT:
        raise ConfigError(f"checkpoint: {path} is no checkpoint of this version of cnnlab{other}")
    saved = History.from_json(metadata["history"])
    for field, value in history.settings.items():
        if field != "epochs" and saved.settings.get(field) != value:
            raise ConfigError(f"checkpoint was made with {field}={saved.settings.get(field)!r}, got {value!r}{other}")
    if len(saved) > history.settings["epochs"]:
        raise ConfigError(
            f"checkpoint already holds {len(saved)} epochs, got epochs={history.settings['epochs']}{other}"
        )
    if metadata["fingerprint"] != fingerprint:
        raise ConfigError(f"checkpoint was made with other images or another network{other}")
    warn_if_environments_differ([history, saved])
    model.load_state_dict(_under("model", tensors))
    _restore_optimizer(optimizer, tensors, json.loads(metadata["groups"]))
    for index, generator in enumerate(_generators(model, order)):
        generator.set_state(tensors[f"generator.{index}"])
    return saved, _under("best", tensors)


def fingerprint(model: nn.Module, data: Data) -> str:
    """Return eight hexadecimal digits that differ if the architecture or the images differ."""
    code = zlib.crc32(repr(model).encode())  # names every layer with its sizes, pooling, padding and dropout
    for split in (data.train, data.validation):
        for tensor in (split.images, split.labels):
            code = zlib.crc32(tensor.contiguous().numpy().data, code)
    return f"{code:08x}"


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict]) -> None:
    """Load the optimizer's state from the checkpoint's tensors, and its options, such as the rate, from groups."""
    state = optimizer.state_dict()
    for group, saved in zip(state["param_groups"], groups, strict=True):
        group.update(saved)
    for index, parameter in enumerate(parameter for group in optimizer.param_groups for parameter in group["params"]):
        saved = _under(f"optimizer.{index}", tensors)
        # Fused steps read memory in order: a moment needs the memory format of its parameter (channels_last).
        state["state"][index] = {
            key: torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
            for key, value in saved.items()
        }
    optimizer.load_state_dict(state)


def _generators(model: nn.Module, order: torch.Generator) -> list[torch.Generator]:
    """Return every generator that a training draws from: of the images' order, and of each dropout layer."""
    return [order, *(layer.generator for layer in model.modules() if isinstance(layer, Dropout))]


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that `_prefixed` gave this prefix, under their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
