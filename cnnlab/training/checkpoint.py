"""Save a training in one safetensors file, and load it so that it continues as if it had never stopped."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError, DataError
from cnnlab.model.cnn import Dropout
from cnnlab.model.weights import DIGEST, read_tensors, write_tensors
from cnnlab.training.history import History, warn_if_environments_differ

FORMAT = "cnnlab checkpoint 3"
# The format before that: only its tensors have a checksum. It is read, and the next epoch writes the present format.
OLD_FORMAT = "cnnlab checkpoint 2"
MOMENTS = {"Adam": ("step", "exp_avg", "exp_avg_sq"), "RMSprop": ("step", "square_avg")}  # what a step keeps


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    history: History,
    best_weights: dict[str, Tensor],
    fingerprint: str,
) -> None:
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
    metadata["groups"] = json.dumps(groups, default=float)  # the rates, which on_epoch may have changed
    write_tensors(path, tensors, metadata)


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    history: History,
    fingerprint: str,
) -> tuple[History, dict[str, Tensor]]:
    """Load model, optimizer and generators in place; return the saved history and the best weights.

    The arguments are those of `save_checkpoint`; history is that of the new training, before its first epoch.
    Raises ConfigError if the checkpoint has other settings or data, or more epochs than the new training; DataError if
    it is damaged anywhere. Then nothing was loaded.
    """
    tensors, metadata = read_tensors(path)
    other = f"; delete {path} or give another path"
    if metadata.get("format") not in (FORMAT, OLD_FORMAT):
        raise ConfigError(f"checkpoint: {path} is no checkpoint of this version of cnnlab{other}")
    if metadata["format"] == FORMAT and DIGEST not in metadata:
        raise DataError(f"checkpoint: {path} is damaged: its checksum is missing{other}")
    try:
        saved, groups = History.from_json(metadata["history"]), json.loads(metadata["groups"])
        _check_settings(saved, history, other)
        if metadata["fingerprint"] != fingerprint:
            raise ConfigError(f"checkpoint was made with other images or another network{other}")
        _check_contents(saved, groups, tensors, model, optimizer, order)
    except ConfigError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError, ValueError) as error:
        raise DataError(f"checkpoint: {path} is damaged ({error!r:.100}){other}") from error
    warn_if_environments_differ([history, saved])
    model.load_state_dict(_under("model", tensors))
    _restore_optimizer(optimizer, tensors, groups)
    for index, generator in enumerate(_generators(model, order)):
        generator.set_state(tensors[f"generator.{index}"])
    return saved, _under("best", tensors)


def _check_settings(saved: History, new: History, other: str) -> None:
    """Raise ConfigError if the saved training has other settings than the new one, or more epochs."""
    for field, value in new.settings.items():
        if field != "epochs" and saved.settings.get(field) != value:
            raise ConfigError(f"checkpoint was made with {field}={saved.settings.get(field)!r}, got {value!r}{other}")
    if len(saved) > new.settings["epochs"]:
        raise ConfigError(f"checkpoint already holds {len(saved)} epochs, got epochs={new.settings['epochs']}{other}")


def _check_contents(
    saved: History,
    groups: list[dict],
    tensors: dict[str, Tensor],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
) -> None:
    """Raise an error unless all of a checkpoint can be loaded; the format before has no checksum of its history.

    The history must have its epochs in order, each with the numbers of a training.
    """
    numbers = {"epoch", "train_loss", "train_accuracy", "seconds"}
    for epoch, row in enumerate(saved.rows, 1):
        plain = all(isinstance(value, (int, float)) for value in row.values())
        if not plain or not numbers <= set(row) or row["epoch"] != epoch:
            raise ValueError(f"row {epoch} of its history")
    if not isinstance(saved.best_epoch, int) or not 0 <= saved.best_epoch <= len(saved):
        raise ValueError("the best epoch")
    own = {name: value.shape for name, value in model.state_dict().items()}
    for prefix in ("model", "best") if saved.best_epoch else ("model",):
        if {name: value.shape for name, value in _under(prefix, tensors).items()} != own:
            raise ValueError("its weights")
    if [set(group) for group in groups] != [set(group) - {"params"} for group in optimizer.param_groups]:
        raise ValueError("the settings of its optimizer")
    moments = [set(_under(f"optimizer.{index}", tensors)) for index, _ in enumerate(model.parameters())]
    wanted = set(MOMENTS.get(type(optimizer).__name__, ()))
    wanted |= {"momentum_buffer"} if groups[0].get("momentum") else set()
    if {frozenset(names) for names in moments if names} != ({frozenset(wanted)} if wanted and len(saved) else set()):
        raise ValueError("the state of its optimizer")
    for index, generator in enumerate(_generators(model, order)):
        torch.Generator().set_state(tensors[f"generator.{index}"])
        if tensors[f"generator.{index}"].shape != generator.get_state().shape:
            raise ValueError("the state of a generator")


def fingerprint(model: nn.Module, data: Data) -> str:
    """Return eight hexadecimal digits that differ if the architecture or the images differ."""
    code = zlib.crc32(repr(model).encode())  # names every layer with its sizes, pooling, padding and dropout
    for split in (data.train, data.validation):
        for tensor in (split.images, split.labels):
            code = zlib.crc32(tensor.detach().cpu().contiguous().numpy().data, code)
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
    """Return the tensors, with the prefix and a dot before their names."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that `_prefixed` gave this prefix, under their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
