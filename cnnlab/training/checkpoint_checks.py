"""Check all of a checkpoint before anything of it is loaded."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.errors import ConfigError
from cnnlab.model.cnn import Dropout
from cnnlab.training.history import History

MOMENTS = {"Adam": ("step", "exp_avg", "exp_avg_sq"), "RMSprop": ("step", "square_avg")}  # what a step keeps


def check_same_settings(saved: History, new: History, other: str) -> None:
    """Raise ConfigError if the saved training has other settings than the new one, or more epochs."""
    for field, value in new.settings.items():
        if field != "epochs" and saved.settings.get(field) != value:
            raise ConfigError(f"checkpoint was made with {field}={saved.settings.get(field)!r}, got {value!r}{other}")
    if len(saved) > new.settings["epochs"]:
        raise ConfigError(f"checkpoint already holds {len(saved)} epochs, got epochs={new.settings['epochs']}{other}")


def check_history(saved: History) -> None:
    """Raise ValueError unless the history has its epochs in order, each with the numbers of a training."""
    numbers = {"epoch", "train_loss", "train_accuracy", "seconds"}
    for epoch, row in enumerate(saved.rows, 1):
        plain = all(isinstance(value, (int, float)) for value in row.values())
        if not plain or not numbers <= set(row) or row["epoch"] != epoch:
            raise ValueError(f"row {epoch} of its history")
    if not isinstance(saved.best_epoch, int) or not 0 <= saved.best_epoch <= len(saved):
        raise ValueError("the best epoch")


def check_groups(groups: list[dict], optimizer: torch.optim.Optimizer, other: str) -> None:
    """Raise an error unless these are settings of such an optimizer.

    They may be more: a scheduler notes its own there (`initial_lr`). Another version of torch may know fewer: the new
    optimizer has them.
    """
    if len(groups) != len(optimizer.param_groups):
        raise ConfigError(
            f"checkpoint has an optimizer with {len(groups)} groups of parameters, and fit makes one with "
            f"{len(optimizer.param_groups)}; add none in on_epoch{other}"
        )
    if not all("lr" in group for group in groups):
        raise ValueError("the settings of its optimizer")


def check_tensors(
    saved: History,
    groups: list[dict],
    tensors: dict[str, Tensor],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
) -> None:
    """Raise an error unless the weights, the state of the optimizer and the generators are whole."""
    own = {name: value.shape for name, value in model.state_dict().items()}
    for prefix in ("model", "best") if saved.best_epoch else ("model",):
        if {name: value.shape for name, value in under(prefix, tensors).items()} != own:
            raise ValueError("its weights")
    optimizer_name = type(optimizer).__name__
    moments = [set(under(f"optimizer.{index}", tensors)) for index, _ in enumerate(model.parameters())]
    wanted = set(MOMENTS.get(optimizer_name, ()))
    if optimizer_name == "RMSprop" and groups[0].get("momentum"):
        wanted.add("momentum_buffer")
    # There may be more: a momentum that on_epoch has set to 0 leaves its buffers.
    are_whole = all(wanted <= names for names in moments if names)
    if not are_whole or (wanted and len(saved) and not any(moments)):
        raise ValueError("the state of its optimizer")
    for index, generator in enumerate(generators_of(model, order)):
        torch.Generator().set_state(tensors[f"generator.{index}"])
        if tensors[f"generator.{index}"].shape != generator.get_state().shape:
            raise ValueError("the state of a generator")


def generators_of(model: nn.Module, order: torch.Generator) -> list[torch.Generator]:
    """Return every generator that a training draws from: of the images' order, and of each dropout layer."""
    return [order, *(layer.generator for layer in model.modules() if isinstance(layer, Dropout))]


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with this prefix and a dot, under their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
