"""A network and data in, a trained network and its `History` out: `fit`.

Images stay in memory, weights lie channels_last, and nothing waits for the device inside an epoch: that is all there is
to its speed. Everything random in a network of `build_cnn` comes from generators of its own: same seed, same
bits, on the same processor model, versions and number of threads.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.data.dataset import Data, Split
from cnnlab.model.cnn import Dropout
from cnnlab.model.evaluation import LossAndAccuracy, evaluate
from cnnlab.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from cnnlab.training.history import History, environment
from cnnlab.training.options import (
    LEARNING_RATES,
    check_fits,
    check_helpers,
    check_settings,
    choose_device,
    make_optimizer,
)
from cnnlab.training.progress import Progress


@dataclass(frozen=True)
class EpochState:
    """What `on_epoch` is given after each epoch; the model is in eval mode."""

    epoch: int
    history: History
    model: nn.Module
    optimizer: torch.optim.Optimizer
    data: Data


class _Stopped(Exception):
    """The stop event was set."""


class _Diverged(Exception):
    """The loss of this batch (counted from 1) is NaN or infinite."""


def fit(  # noqa: PLR0913 (a training's settings)
    model: nn.Module,
    data: Data,
    *,
    epochs: int,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    batch_size: int = 64,
    patience: int | None = None,
    min_delta: float = 0.0,
    seed: int = 0,
    device: str | torch.device | None = None,
    on_epoch: Callable[[EpochState], None] | None = None,
    stop: threading.Event | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool | Callable[[float], None] = True,
) -> History:
    """Train model on data.train, look at data.validation after every epoch, and return the History.

    optimizer is "sgd", "rmsprop" or "adam"; learning_rate=None means 0.05 for "sgd", 0.001 otherwise. With patience,
    training stops once more than that many epochs in a row did not lower the validation loss by more than min_delta,
    and the best weights are restored; without it the model keeps the last finished epoch. `stop` is read before every
    batch, and an interrupt is caught: both keep what is finished. `checkpoint` is a file, written after each epoch and
    continued where it exists. progress may be a function: it is told the share done, 0–1, after each batch.
    device=None takes a GPU if there is one. Afterwards the model is in eval mode, on its own device.
    Raises ConfigError before any training, MemoryError when a batch is too large.

    >>> history = fit(model, data, epochs=5)
    trained 5 epochs
    """
    settings = {
        "epochs": epochs, "optimizer": optimizer, "learning_rate": learning_rate, "momentum": momentum,
        "weight_decay": weight_decay, "batch_size": batch_size, "patience": patience, "min_delta": min_delta,
        "seed": seed,
    }  # fmt: skip
    check_settings(settings)
    check_fits(model, data, settings)
    if learning_rate == 0:
        warnings.warn("learning_rate=0: nothing will be learnt", stacklevel=2)
    if learning_rate is None:
        settings["learning_rate"] = LEARNING_RATES[optimizer]
    device = choose_device(device)
    check_helpers(on_epoch, stop, checkpoint)
    history = History(settings, environment(device))
    with _prepared(model, device), _deterministic(device), Progress(progress, data, settings) as bar:
        run = _Run(model, data, history, checkpoint)
        try:
            run.begin(device)
            bar.begin(history)
            run.train(on_epoch, stop, bar)
        except (_Stopped, KeyboardInterrupt) as error:
            history.stopped_by = "stop" if isinstance(error, _Stopped) else "interrupt"
        except _Diverged as error:
            history.stopped_by, history.diverged_in_batch = "diverged", error.args[0]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise MemoryError(what_to_try(batch_size)) from error
        finally:
            run.restore()
        bar.end(history)
    return history


class Finished(NamedTuple):
    """All that the last finished epoch left; replaced as a whole, so that no interrupt can leave half of it."""

    rows: list[dict[str, float]]
    weights: dict[str, Tensor]
    best_epoch: int
    best_weights: dict[str, Tensor]


class _Run:
    """One training run: the optimizer, the generators, and what is finished."""

    def __init__(self, model: nn.Module, data: Data, history: History, checkpoint) -> None:
        self.model, self.data, self.history, self.checkpoint = model, data, history, checkpoint
        self.optimizer = make_optimizer(model, history.settings)
        self.order = torch.Generator().manual_seed(history.settings["seed"])
        for index, layer in enumerate(layer for layer in model.modules() if isinstance(layer, Dropout)):
            layer.generator.manual_seed(history.settings["seed"] + index + 1)
        self.finished = Finished([], _copy_weights(model), 0, {})
        self.watched = [name for name, value in self.finished.weights.items() if bool(value.isfinite().all())]
        self.fingerprint = "" if checkpoint is None else fingerprint(model, data)

    def begin(self, device: torch.device) -> None:
        """Bring the images to the device, and go on from the checkpoint where there is one."""
        self.train_split, self.validation_split = (
            _on(device, split) for split in (self.data.train, self.data.validation)
        )
        if self.checkpoint is not None and Path(self.checkpoint).exists():
            best = load_checkpoint(
                self.checkpoint, self.model, self.optimizer, self.order, self.history, self.fingerprint
            )
            history = self.history
            self.finished = Finished(history.rows, _copy_weights(self.model), history.best_epoch, best)

    def train(self, on_epoch, stop: threading.Event | None, bar: Progress) -> None:
        """Train epoch after epoch; set what the history says of the end when it is a regular one."""
        history, settings = self.history, self.history.settings
        while len(history) < settings["epochs"] and not self._out_of_patience():
            history.stopped_in = len(history) + 1
            self._train_epoch(stop, bar)
            bar.epoch_done(history)
            if on_epoch is not None:
                on_epoch(EpochState(len(history), history, self.model, self.optimizer, self.data))
            if self.checkpoint is not None:
                save_checkpoint(
                    self.checkpoint, self.model, self.optimizer, self.order, history,
                    self.finished.best_weights, self.fingerprint,
                )  # fmt: skip
        history.stopped_in = len(history)
        history.stopped_by = "patience" if self._out_of_patience() else "epochs"

    def restore(self) -> None:
        """Give the model the weights, and the history the rows, of what is finished; also after a second interrupt."""
        try:
            self._restore()
        except KeyboardInterrupt:
            self._restore()

    def _restore(self) -> None:
        rows, weights, best_epoch, best_weights = self.finished
        self.history.rows, self.history.best_epoch = rows, best_epoch
        keep_best = self.history.settings["patience"] is not None and best_epoch > 0
        self.model.load_state_dict(best_weights if keep_best else weights)

    def _train_epoch(self, stop: threading.Event | None, bar: Progress) -> None:
        start = time.perf_counter()
        batch_size = self.history.settings["batch_size"]
        order = torch.randperm(len(self.train_split), generator=self.order)
        self.model.train()
        train = _one_pass(self.model, self.train_split, self.optimizer, order, batch_size, stop, bar)
        row = {"epoch": len(self.history) + 1, "train_loss": train.loss, "train_accuracy": train.accuracy}
        self.model.eval()
        if len(self.validation_split):
            validation = evaluate(self.model, self.validation_split)
            row |= {"validation_loss": validation.loss, "validation_accuracy": validation.accuracy}
        row["seconds"] = time.perf_counter() - start
        weights = _copy_weights(self.model)
        if not all(math.isfinite(value) for value in row.values()) or not all(
            bool(weights[name].isfinite().all()) for name in self.watched
        ):
            raise _Diverged(math.ceil(len(order) / batch_size))
        self._finish(row, weights)

    def _finish(self, row: dict[str, float], weights: dict[str, Tensor]) -> None:
        rows, _, best_epoch, best_weights = self.finished
        loss = row.get("validation_loss", math.inf)
        best_loss = rows[best_epoch - 1]["validation_loss"] if best_epoch else math.inf
        if loss < best_loss - self.history.settings["min_delta"]:
            best_epoch, best_weights = row["epoch"], weights
        self.finished = Finished([*rows, row], weights, best_epoch, best_weights)
        self.history.rows, self.history.best_epoch = self.finished.rows, best_epoch

    def _out_of_patience(self) -> bool:
        patience = self.history.settings["patience"]
        return patience is not None and len(self.history) - self.history.best_epoch > patience


def _one_pass(model, split, optimizer, order, batch_size, stop, bar) -> LossAndAccuracy:
    """Take one optimizer step a batch; return the mean loss and accuracy of the batches as they were met."""
    losses, right = [], []
    for chosen in order.to(split.labels.device).split(batch_size):
        if stop is not None and stop.is_set():
            raise _Stopped
        labels = split.labels[chosen]
        logits = model(split.images[chosen])  # (batch, classes)
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        right.append((logits.detach().argmax(1) == labels).sum())
        bar.batch_done()
    losses = torch.stack(losses).cpu().double()  # the epoch's one wait for the device
    if not losses.isfinite().all():
        raise _Diverged(int(losses.isfinite().logical_not().nonzero()[0]) + 1)
    sizes = torch.tensor([len(chosen) for chosen in order.split(batch_size)])
    return LossAndAccuracy(float(losses @ sizes.double()) / len(order), int(torch.stack(right).sum()) / len(order))


@contextlib.contextmanager
def _prepared(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Bring model to the device, channels_last; afterwards back, contiguous, and in eval mode."""
    home = next(model.parameters()).device
    model.to(device, memory_format=torch.channels_last)
    try:
        yield
    finally:
        model.to(home, memory_format=torch.contiguous_format).eval()


def _deterministic(device: torch.device):
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _on(device: torch.device, split: Split) -> Split:
    return Split(split.images.to(device), split.labels.to(device), split.classes, split.mean, split.std)


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def what_to_try(batch_size: int) -> str:
    remedy = f"try batch_size={batch_size // 2}" if batch_size > 1 else "take fewer or smaller images"
    return f"out of memory with batch_size={batch_size}; {remedy}"


def is_out_of_memory(error: Exception) -> bool:
    known = ("can't allocate memory", "not enough memory")  # the words of torch's allocator on the CPU
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(words in str(error) for words in known)
