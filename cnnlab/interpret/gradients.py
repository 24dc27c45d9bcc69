"""Measure the gradient of the loss at each layer, and the optimizer's step that follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.checks import check_batch_size, check_images, check_labels, check_not_empty, shown
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.model.compatibility import CANNOT_TAKE, check_label_range, first_logits
from cnnlab.model.networks import (
    call_for_logits,
    check_model,
    copied,
    device_of,
    named_layers,
    original,
    plain_name,
    uncompiled,
)
from cnnlab.model.random_numbers import seeded
from cnnlab.torch_state import usual_torch_state


@dataclass(frozen=True, eq=False)
class LayerGradient:
    """The gradient of the loss with respect to one layer's weights, over several batches.

    Parameters
    ----------
    kind : str
        The layer's class.
    gradient_mean, gradient_maximum : float
        The mean of |gradient|, averaged over the batches, and the largest |gradient|.
    gradient_norm : float
        The Euclidean norm of the gradient, averaged over the batches, as all that follow are.
    gradient_ratio : float
        Gradient norm / weight norm; NaN if the weights are all zero.
    update_ratio : float
        Norm of the optimizer's step / weight norm; NaN without an optimizer, or if the weights are all zero.
    each_batch : dict of str to np.ndarray
        gradient_norm, gradient_ratio and update_ratio of each batch, (batches,).
    """

    kind: str
    gradient_mean: float
    gradient_maximum: float
    gradient_norm: float
    gradient_ratio: float
    update_ratio: float
    each_batch: dict[str, np.ndarray]


@usual_torch_state
def gradient_flow(
    model: nn.Module,
    images: Split | Tensor,
    labels: Tensor | None = None,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    batch_size: int = 64,
) -> ByLayer:
    """Return a `LayerGradient` for each trained weight of two or more dimensions, first to last.

    Biases, normalization layers and frozen weights are left out. Weights that take no part in the answer have a
    gradient of zero. Each batch has its own gradient of the mean cross-entropy. It is computed on a copy of the model
    in train mode, with its dropout layers switched off; what else is random in the copy comes from a fixed seed. The
    model itself stays as it is.

    Parameters
    ----------
    model : nn.Module
        Any network that returns logits (N, classes), or a tuple or a dict that begins with them. A compiled one is
        copied uncompiled.
    images : Split or Tensor
        Float (N, C, H, W), normalized as in training.
    labels : Tensor, optional
        Whole numbers (N,). None: those of the Split.
    optimizer : torch.optim.Optimizer, optional
        The optimizer that trains the model. If given, `update_ratio` is measured: for each batch, a copy of the
        optimizer takes one step on a copy of the model.
    batch_size : int
        Images a batch.

    Raises
    ------
    ConfigError
        If model, images, labels and optimizer do not fit each other.

    >>> gradient_flow(model, data.train[:256], optimizer=torch.optim.Adam(model.parameters()))["conv1"].update_ratio
    0.02
    """
    images, labels = _images_and_labels(images, labels)
    check_not_empty(images)
    model = original(check_model(model))
    check_label_range(labels, first_logits(model, images).shape[1])
    batch_size = check_batch_size(batch_size)
    _check_optimizer(optimizer, model)
    if not any(True for _ in _weights(model)):
        raise ConfigError("the model has no weights that are trained; set requires_grad of some to True")
    rows_of: dict[str, list[tuple[float, ...]]] = {}
    for batch, batch_labels in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        for name, row in _measure_batch(model, optimizer, batch, batch_labels).items():
            rows_of.setdefault(name, []).append(row)
    kinds = {name: type(layer).__name__ for name, layer in named_layers(model)}
    return ByLayer({name: _summary(kinds.get(name, "weight"), np.array(rows)) for name, rows in rows_of.items()})


def _measure_batch(
    model: nn.Module, optimizer: torch.optim.Optimizer | None, images: Tensor, labels: Tensor
) -> dict[str, tuple[float, ...]]:
    """Return the measurements of each weight for one batch, taken on fresh copies of model and optimizer."""
    device = device_of(model)
    with torch.inference_mode(False), uncompiled(), seeded(0, device):
        twin, stepper = copied(model, optimizer)  # together, so that the optimizer's copy steps the twin
        _backward(twin, images.clone().to(device), labels.clone().to(device))
        before = {name: value.detach().clone() for name, value in _weights(twin)}
        if stepper is not None:
            stepper.step()
    return {name: _measure(before[name], value, stepper is not None) for name, value in _weights(twin)}


def _images_and_labels(images: Split | Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return images (N, C, H, W) and labels (N,), int64; raise ConfigError unless they fit each other."""
    if isinstance(images, Split):
        images, labels = images.images, images.labels if labels is None else labels
    check_images(images)
    return images, check_labels(labels, len(images)).long()


def _check_optimizer(optimizer: object, model: nn.Module) -> None:
    """Raise ConfigError unless this is one of torch's optimizers, made for this model's parameters; None will do."""
    if optimizer is None:
        return
    if not isinstance(optimizer, torch.optim.Optimizer):
        remedy = "such as torch.optim.Adam(model.parameters())"
        raise ConfigError(f"optimizer wants one of torch's, {remedy}, got {shown(optimizer)}")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ConfigError("optimizer: LBFGS takes several looks at the loss a step; give SGD, RMSprop or Adam")
    own = {id(value) for value in model.parameters()}
    if not all(id(value) in own for group in optimizer.param_groups for value in group["params"]):
        raise ConfigError("optimizer steps another network's weights; make it from this model's parameters()")


def _backward(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Compute the gradient of the loss into the model's parameters, in train mode, with dropout layers switched off."""
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.eval()
    model.zero_grad()
    with torch.enable_grad():
        try:
            functional.cross_entropy(call_for_logits(model, images), labels).backward()
        except torch.OutOfMemoryError:
            raise
        except ConfigError:
            raise
        except CANNOT_TAKE as error:
            raise ConfigError(
                f"the model can't be trained on a batch of {tuple(images.shape)} ({error}); try another batch_size"
            ) from error


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield each trained weight of two or more dimensions, with the name of its layer."""
    for name, value in model.named_parameters():
        if value.ndim > 1 and value.requires_grad:
            yield plain_name(name).removesuffix(".weight"), value


def _measure(before: Tensor, value: nn.Parameter, stepped: bool) -> tuple[float, ...]:
    """Return mean and largest |gradient|, gradient norm, and the ratios of gradient and step to the weights' norm."""
    gradient = torch.zeros_like(before) if value.grad is None else value.grad
    gradient_norm = float(gradient.norm())
    weight_norm = float(before.norm()) or float("nan")  # there is no ratio to a norm of 0
    step_norm = float((value.detach() - before).norm()) if stepped else float("nan")
    mean, maximum = float(gradient.abs().mean()), float(gradient.abs().max())
    return mean, maximum, gradient_norm, gradient_norm / weight_norm, step_norm / weight_norm


def _summary(kind: str, rows: np.ndarray) -> LayerGradient:
    """Return the summary over the batches; each row (5,) is what `_measure` returned for one of them."""
    means, maxima, norms, ratios, updates = rows.T  # (batches,) each
    return LayerGradient(
        kind,
        gradient_mean=float(means.mean()),
        gradient_maximum=float(maxima.max()),
        gradient_norm=float(norms.mean()),
        gradient_ratio=float(ratios.mean()),
        update_ratio=float(updates.mean()),
        each_batch={"gradient_norm": norms, "gradient_ratio": ratios, "update_ratio": updates},
    )
