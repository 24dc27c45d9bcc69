"""Train a network of the clinic with a bare loop, and record its insides after every epoch."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.course.clinic.recording import ACTIVATIONS, LAYERS, Recording, largest
from cnnlab.course.clinic.settings import MOST_IMAGES, Setting
from cnnlab.data.dataset import Split
from cnnlab.data.loading import load_data
from cnnlab.data.training_split import shuffle_labels
from cnnlab.experiments.one_thread import one_thread
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.evaluation import evaluate
from cnnlab.progress_line import in_steps
from cnnlab.torch_state import usual_torch_state

SHOWN = 500  # images that a network sees in an epoch
VALIDATION = 300  # images
BATCH = 20
MEASURED = 100  # images, for the activations and the gradient
VALUES = {"activation": 160, "weight": 100}  # kept of each layer after each epoch
ACTIVE = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


@usual_torch_state
def load_images(setting: Setting) -> tuple[Split, Split]:
    """Return the training and the validation images as the network gets them: with their faults, if they have any."""
    data = load_data("mnist", train=MOST_IMAGES, validation=VALIDATION, test=1)
    data = replace(data, train=data.train[: setting.train_size])
    if setting.shuffle_labels:
        data = shuffle_labels(data)
    train, validation = data.train, data.validation
    if not setting.normalize:
        train, validation = (
            replace(split, images=255 * split.pixels, mean=torch.zeros(1, 1, 1), std=torch.full((1, 1, 1), 1 / 255))
            for split in (train, validation)
        )
    if not setting.new_validation_images:
        validation = train[:VALIDATION]
    return train, validation


def build_network(setting: Setting) -> nn.Sequential:
    """Build the network of the clinic: four small convolutions, two fully connected layers, 4,066 parameters."""
    channels = (1, 8, 8, 8, 8)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for place, stride in enumerate((2, 2, 1, 2)):  # maps of 14, 7, 7 and 4 pixels
        layers[LAYERS[place]] = nn.Conv2d(channels[place], channels[place + 1], 3, stride, padding=1)
        layers[ACTIVATIONS[place]] = ACTIVE[setting.activation]()
    layers["flatten"] = nn.Flatten()
    layers["fc1"] = nn.Linear(128, 16)
    layers["act_fc1"] = ACTIVE[setting.activation]()
    layers["logits"] = nn.Linear(16, 10)
    model = nn.Sequential(layers)
    generator = torch.Generator().manual_seed(setting.seed)
    for name in LAYERS:
        weight, bias = model.get_parameter(f"{name}.weight"), model.get_parameter(f"{name}.bias")
        if setting.random_weights:
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)  # He et al. 2015
        else:
            nn.init.constant_(weight, 1 / weight[0].numel())
        nn.init.constant_(bias, setting.initial_bias if name != "logits" else 0.0)
    return model


@usual_torch_state
def train_network(setting: Setting, *, progress: bool = False) -> Recording:
    """Train a network with this setting, and return what was recorded, on one thread; it takes about two seconds.

    progress: whether a line shows the epochs that are done.
    """
    with one_thread():
        return _train(setting, progress)


def _train(setting: Setting, progress: bool) -> Recording:
    train, validation = load_images(setting)
    model = build_network(setting)
    initial = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=setting.learning_rate)
    batches = _batches(len(train), torch.Generator().manual_seed(setting.seed))
    epochs: list[dict[str, np.ndarray]] = []
    to_come = range(setting.epochs)
    for _ in in_steps(to_come, "epochs") if progress else to_come:
        losses, hits, steps = [], 0, []
        for _ in range(SHOWN // BATCH):
            chosen = next(batches)
            if setting.zero_gradients:
                optimizer.zero_grad()
            logits = model(train.images[chosen])
            loss = functional.cross_entropy(logits, train.labels[chosen])
            loss.backward()
            steps.append(_look_at_step(model, setting.learning_rate))
            optimizer.step()
            losses.append(loss.item())
            hits += int((logits.argmax(1) == train.labels[chosen]).sum())
        if not all(map(math.isfinite, losses)) or not all(value.isfinite().all() for value in model.parameters()):
            break
        row = {"train_loss": np.mean(losses), "train_accuracy": hits / SHOWN}
        scores = evaluate(model, validation)
        row |= {"validation_loss": scores.loss, "validation_accuracy": scores.accuracy}
        epochs.append(_measure(model, initial, train, validation, steps) | {f"curve.{k}": v for k, v in row.items()})
    return Recording.of_epochs(epochs, diverged=len(epochs) < setting.epochs)


def _batches(count: int, order: torch.Generator) -> Iterator[Tensor]:
    """Yield the numbers of BATCH images without end: all images in a random order, then all in another one."""
    waiting = torch.empty(0, dtype=torch.int64)
    while True:
        while len(waiting) < BATCH:
            waiting = torch.cat([waiting, torch.randperm(count, generator=order)])
        yield waiting[:BATCH]
        waiting = waiting[BATCH:]


def _look_at_step(model: nn.Module, learning_rate: float) -> list[tuple[float, float]]:
    """Return for each layer the norm of the gradient that the step uses, and the norm of step / norm of weights."""
    numbers = []
    for name in LAYERS:
        weight = model.get_parameter(f"{name}.weight")
        assert weight.grad is not None  # after backward
        norm = float(weight.grad.norm())
        numbers.append((norm, learning_rate * norm / float(weight.detach().norm())))
    return numbers


def _measure(model, initial, train: Split, validation: Split, steps: list) -> dict[str, np.ndarray]:
    """Return the numbers from inside the network after an epoch, by name."""
    numbers: dict[str, np.ndarray] = {}
    inside = activation_statistics(model, validation.images[:MEASURED], layers=ACTIVATIONS, sample=VALUES["activation"])
    for name, layer in inside.items():
        for part in ("units", "mean", "std", "minimum", "maximum", "scale", "zeros", "dead", "sample"):
            numbers[f"activation.{name}.{part}"] = np.asarray(getattr(layer, part))
        numbers[f"activation.{name}.sample"] /= largest(layer.minimum, layer.maximum)
    used, ratios = np.array(steps).mean(0).T  # (layers,) each
    flow = gradient_flow(model, train[: 2 * BATCH], batch_size=BATCH)
    for place, name in enumerate(LAYERS):
        numbers[f"gradient.{name}.of_batch"] = np.asarray(flow[name].gradient_norm)
        numbers[f"gradient.{name}.used"] = used[place]
        numbers[f"gradient.{name}.step_ratio"] = ratios[place]
    for name, layer in weight_distributions(model, initial).items():
        units = torch.from_numpy(layer.values).reshape(len(model.get_parameter(f"{name}.weight")), -1)
        numbers[f"weight.{name}.different"] = np.asarray(len(units.mul(1e4).round().unique(dim=0)))
        for part in ("count", "mean", "std", "change", "similarity"):
            numbers[f"weight.{name}.{part}"] = np.asarray(getattr(layer, part))
        for part in ("values", "initial"):
            numbers[f"weight.{name}.{part}"] = getattr(layer, part)[: VALUES["weight"]]
    return numbers
