"""A network, images and labels in, what training would do to each layer out: gradients, steps, and changed weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.checks import check_images, check_whole
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import ByLayer, check_model, check_some, logits_of
from cnnlab.model.evaluation import check_takes, device_of


@dataclass(frozen=True, eq=False)
class LayerGradient:
    """The gradient of the loss by one layer's weights, over several batches.

    mean and maximum: of |gradient|, mean over the batches and largest of all. norm: Euclidean, mean over the batches.
    ratio: gradient norm / weight norm. update_ratio: norm of the optimizer's step / weight norm (NaN without one).
    each: the norm, ratio and update_ratio of every batch, (batches,).
    """

    kind: str
    mean: float
    maximum: float
    norm: float
    ratio: float
    update_ratio: float
    each: dict[str, np.ndarray]


def gradient_flow(
    model: nn.Module,
    images: Split | Tensor,
    labels: Tensor | None = None,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    batch_size: int = 64,
) -> ByLayer:
    """Return a `LayerGradient` for every layer's weights (those of two or more dimensions, not biases), first to last.

    images float (N, C, H, W) and labels (N,), or a Split; they are cut into batches, each with its own gradient of the
    mean cross-entropy. With the optimizer that trains the model, update_ratio is that of the step it would take next:
    one real step a batch, on a copy. The copy is in train mode, its dropout layers off; what else in it is drawn at
    random comes from a seed of its own. The model itself is not touched.

    >>> gradient_flow(model, data.train[:256], optimizer=torch.optim.Adam(model.parameters()))["conv1"].update_ratio
    0.02
    """
    images, labels = _images_and_labels(images, labels)
    check_some(images)
    outputs = logits_of(check_takes(check_model(model), images)).shape[1]
    if int(labels.min()) < 0 or int(labels.max()) >= outputs:
        raise ConfigError(f"labels go from {int(labels.min())} to {int(labels.max())}; the model has {outputs} outputs")
    check_whole("batch_size", batch_size, 1)
    _check_optimizer(optimizer, model)
    if not any(True for _ in _weights(model)):
        raise ConfigError("the model has no weights that are trained; set requires_grad of some to True")
    found: dict[str, list[tuple[float, ...]]] = {}
    for part, right in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        for name, numbers in _of_batch(model, optimizer, part, right).items():
            found.setdefault(name, []).append(numbers)
    kinds = {name: type(layer).__name__ for name, layer in model.named_modules()}
    return ByLayer({name: _summary(kinds.get(name, "weight"), np.array(rows)) for name, rows in found.items()})


def _of_batch(model: nn.Module, optimizer: object, images: Tensor, labels: Tensor) -> dict[str, tuple[float, ...]]:
    """Return each weight's numbers for one batch, from a copy that has seen nothing but this batch."""
    device = device_of(model)
    with torch.inference_mode(False), torch.random.fork_rng([device] if device.type == "cuda" else []):
        twin, steps = copy.deepcopy((model, optimizer))  # together, so that the optimizer's copy steps the copy
        torch.manual_seed(0)
        _backward(twin, images.clone().to(device), labels.clone().to(device))
        before = {name: value.detach().clone() for name, value in _weights(twin)}
        if steps is not None:
            steps.step()
    return {name: _numbers(before[name], value, steps is not None) for name, value in _weights(twin)}


def _images_and_labels(images: Split | Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    if isinstance(images, Split):
        images, labels = images.images, images.labels if labels is None else labels
    check_images(images)
    whole = isinstance(labels, Tensor) and not labels.is_floating_point() and labels.dtype != torch.bool
    if not whole or labels.shape != (len(images),):
        got = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
        raise ConfigError(f"labels: want whole numbers (N,), one for each of {len(images)} images, got {got}")
    return images, labels.long()


def _check_optimizer(optimizer: object, model: nn.Module) -> None:
    if optimizer is None:
        return
    if not isinstance(optimizer, torch.optim.Optimizer):
        remedy = "such as torch.optim.Adam(model.parameters())"
        raise ConfigError(f"optimizer wants one of torch's, {remedy}, got {optimizer!r:.60}")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ConfigError("optimizer: LBFGS takes several looks at the loss a step; give SGD, RMSprop or Adam")
    own = {id(value) for value in model.parameters()}
    if not all(id(value) in own for group in optimizer.param_groups for value in group["params"]):
        raise ConfigError("optimizer steps another network's weights; make it from this model's parameters()")


def _backward(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Leave the loss's gradient in the model's parameters, computed as in training, but without dropout."""
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.eval()
    model.zero_grad()
    with torch.enable_grad():
        try:
            functional.cross_entropy(logits_of(model(images)), labels).backward()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"the model can't be trained on a batch of {tuple(images.shape)} ({error}); try another batch_size"
            ) from error


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Give each trained weight of two or more dimensions, by its layer's name."""
    for name, value in model.named_parameters():
        if value.ndim > 1 and value.requires_grad:
            yield name.removesuffix(".weight"), value


def _numbers(before: Tensor, value: nn.Parameter, stepped: bool) -> tuple[float, ...]:
    """Return mean and largest |gradient|, its norm, its ratio to the weights, and that of the step."""
    gradient = torch.zeros_like(before) if value.grad is None else value.grad
    norm, size = float(gradient.norm()), max(float(before.norm()), 1e-12)
    step = float((value.detach() - before).norm()) / size if stepped else float("nan")
    return float(gradient.abs().mean()), float(gradient.abs().max()), norm, norm / size, step


def _summary(kind: str, rows: np.ndarray) -> LayerGradient:
    mean, maximum, norm, ratio, update_ratio = rows.T  # (batches,) each
    each = {"norm": norm, "ratio": ratio, "update_ratio": update_ratio}
    return LayerGradient(
        kind, *map(float, (mean.mean(), maximum.max(), norm.mean(), ratio.mean(), update_ratio.mean())), each
    )


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """The weights of one layer, and what training has made of them.

    mean, std: of the weights. change: norm of (weights − initial) / norm of initial. similarity: the cosine of the
    angle between weights and initial, 1 where training has done nothing. Both are NaN without initial, or where it is
    all zeros. values and initial: all weights, flat.
    """

    kind: str
    count: int
    mean: float
    std: float
    change: float
    similarity: float
    values: np.ndarray
    initial: np.ndarray


def weight_distributions(model: nn.Module, initial: nn.Module | Mapping[str, Tensor] | None = None) -> ByLayer:
    """Return a `LayerWeights` for every convolutional and fully connected layer.

    initial: the network before training, such as build_cnn with the same seed, `run.model(epoch=0)`, or its
    state_dict(): a histogram of weights mostly shows the initialization, the change shows what was learnt.

    >>> weight_distributions(model, initial=build_cnn(seed=0))["conv1"].change
    0.3
    """
    before = _weights_by_name(initial)
    found = ByLayer()
    for name, layer in check_model(model).named_modules():
        if isinstance(layer, WEIGHTED):
            values, own = _flat(layer.weight), f"{name}.weight".removeprefix(".")
            if initial is not None and (own not in before or before[own].shape != layer.weight.shape):
                there = tuple(before[own].shape) if own in before else "missing"
                raise ConfigError(
                    f"initial is another architecture: {own} is {tuple(layer.weight.shape)} here and {there} there; "
                    "build it with the same settings"
                )
            start = _flat(before[own]) if initial is not None else np.empty(0)
            found[name] = LayerWeights(
                type(layer).__name__, len(values), float(values.mean()), float(values.std()),
                *_changed(values, start), values, start,
            )  # fmt: skip
    return found


WEIGHTED = (nn.modules.conv._ConvNd, nn.Linear)


def _weights_by_name(initial: object) -> Mapping[str, Tensor]:
    """Return name → weight of a network or a state_dict; those of layers may be computed, as with weight_norm."""
    if isinstance(initial, nn.Module):
        layers = {name: layer for name, layer in initial.named_modules() if isinstance(layer, WEIGHTED)}
        return {f"{name}.weight".removeprefix("."): layer.weight for name, layer in layers.items()}
    if initial is not None and not isinstance(initial, Mapping):
        raise ConfigError(f"initial wants a network or its state_dict(), got {type(initial).__name__}")
    return initial or {}


def _flat(weights: Tensor) -> np.ndarray:
    return weights.detach().flatten().double().cpu().numpy()


def _changed(values: np.ndarray, start: np.ndarray) -> tuple[float, float]:
    """Return the relative change, and the cosine between now and then."""
    if not start.any():
        return float("nan"), float("nan")
    size, now = np.linalg.norm(start), np.linalg.norm(values)
    return float(np.linalg.norm(values - start) / size), float(values @ start / (now * size)) if now else float("nan")
