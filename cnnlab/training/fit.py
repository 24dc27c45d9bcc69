"""Train a network: `fit`.

It is fast for four reasons: images stay in memory, weights lie channels_last, nothing waits for the device within an
epoch, and `compute_logits` saves memory traffic. The same seed gives the same bits, on the same processor model,
versions and number of threads. All that is random in a network of `build_cnn` comes from generators of its own. Other
networks draw from the generators of the process (`nn.Dropout`): these are seeded anew for each batch, from seed, epoch
and batch, so that a continued training needs to know nothing of the draws before.
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
from cnnlab.model.forward_pass import compute_logits, is_plain
from cnnlab.model.in_training import being_trained
from cnnlab.model.networks import device_of
from cnnlab.model.random_numbers import derived_seed, seeded
from cnnlab.model.weights import weights_of
from cnnlab.torch_state import usual_torch_state
from cnnlab.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from cnnlab.training.early_stopping import EarlyStopping
from cnnlab.training.environment import environment
from cnnlab.training.history import History
from cnnlab.training.options import (
    LEARNING_RATES,
    check_fits,
    check_helpers,
    check_network,
    check_numbers,
    check_settings,
    choose_device,
    make_optimizer,
)
from cnnlab.training.progress import Progress
from cnnlab.training.rehearsal import rehearse


@dataclass(frozen=True)
class EpochState:
    """The argument of `on_epoch`: the state of the training after an epoch.

    Parameters
    ----------
    epoch : int
        The epoch, from 1.
    history : History
        A copy of the record so far. Its last row is that of this epoch.
    model : nn.Module
        The network, in eval mode.
    optimizer : torch.optim.Optimizer
        Its learning rate may be changed.
    data : Data
        The argument of `fit`.
    """

    epoch: int
    history: History
    model: nn.Module
    optimizer: torch.optim.Optimizer
    data: Data


class _Stopped(Exception):
    """The stop event was set."""


class _Diverged(Exception):
    """The loss of a batch, counted from 1, is NaN or infinite."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch)
        self.batch = batch


@usual_torch_state
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
    on_epoch: Callable[[EpochState], dict[str, float] | None] | None = None,
    stop: threading.Event | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool | Callable[[float], None] = True,
) -> History:
    """Train model on data.train, evaluate it on data.validation after every epoch, and return the History.

    Afterwards the model is in eval mode, on the device where it was before. An interrupt (■, Ctrl-C) ends the training
    and keeps the finished epochs.

    Parameters
    ----------
    model : nn.Module
        Any network that returns logits (N, classes), or a tuple or a dict that begins with them; the rest of it is not
        trained. Its modules may be compiled.
    data : Data
        Its test set is never read, its images are not changed.
    epochs : int
        The largest number of epochs.
    optimizer : str
        "sgd", "rmsprop" or "adam".
    learning_rate : float, optional
        None: 0.05 for "sgd", 0.001 for the others.
    momentum : float
        For "sgd" and "rmsprop", 0 or more and below 1.
    weight_decay : float
        As in torch's optimizers.
    batch_size : int
        Images a batch. The last batch of an epoch may be smaller.
    patience : int, optional
        Training ends once more than this many epochs in a row did not lower the validation loss; then the model gets
        the weights of the best epoch. None: all epochs are trained, and the model keeps the weights of the last one.
    min_delta : float
        How far (nats) the loss must fall below the best one to count as lower.
    seed : int
        For the order of the images, for dropout, and for all else that a network draws from torch, from Python's
        `random` or from `np.random`. Those generators belong to the whole process: only if another thread draws from
        them during the training, a network that does so, too, gets other numbers. (The dropout of `build_cnn` does
        not.) Afterwards they are as they were.
    device : str or torch.device, optional
        Where to train. None: on a GPU if there is one.
    on_epoch : function, optional
        Is called with an `EpochState` after each epoch. It may return a dict of name → number: `fit` adds the numbers
        to the epoch's row. A number that is NaN or infinite is left out. If on_epoch is interrupted, the epoch is kept
        without such numbers.
    stop : threading.Event, optional
        Set it to end the training before the next batch; the finished epochs are kept.
    checkpoint : path, optional
        A file that is written after each epoch. Where it exists, the training continues from it. If it can't be
        written (a full disk), a warning says so, once, and the training goes on.
    progress : bool or function
        Whether to show a line. A function is called after each batch with the share that is done, 0–1.

    Raises
    ------
    ConfigError
        Before any training, if a setting is impossible, if model and data do not fit each other, or if the model is
        being trained already; after an epoch, if on_epoch returns anything but numbers.
    DataError
        If the checkpoint is damaged. The model stays as it was.
    MemoryError
        If a batch is too large for the device.

    >>> history = fit(model, data, epochs=5)
    trained 5 epochs
    """
    settings = {
        "epochs": epochs, "optimizer": optimizer, "learning_rate": learning_rate, "momentum": momentum,
        "weight_decay": weight_decay, "batch_size": batch_size, "patience": patience, "min_delta": min_delta,
        "seed": seed,
    }  # fmt: skip
    check_settings(settings)
    check_network(model)
    if learning_rate == 0:
        warnings.warn("learning_rate=0: nothing will be learnt", stacklevel=3)
    if learning_rate is None:
        settings["learning_rate"] = LEARNING_RATES[optimizer]
    device = choose_device(device)
    checkpoint = check_helpers(on_epoch, stop, checkpoint, progress)
    with contextlib.ExitStack() as around:
        around.enter_context(being_trained(model))
        with contextlib.nullcontext() if is_plain(model) else seeded(0, device_of(model)):
            check_fits(model, data, settings)
            layout = rehearse(model, data, settings["batch_size"])
        if checkpoint is not None:
            weights_of(model)  # raises ConfigError if they can't be saved
        around.enter_context(_prepared(model, device, layout))
        around.enter_context(reproducible_gpu(device))
        bar = around.enter_context(Progress(progress, data, settings))
        training = _Training(model, data, settings, device, checkpoint)
        try:
            training.begin()
            bar.begin(training.history())
            training.train(on_epoch, stop, bar)
        except _Stopped:
            training.stopped_by = "stop"
        except KeyboardInterrupt:
            training.stopped_by = "interrupt"
        except _Diverged as error:
            training.stopped_by, training.diverged_in_batch = "diverged", error.batch
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise MemoryError(what_to_try(batch_size)) from error
        finally:
            training.restore()
        history = training.history()
        bar.end(history)
    return history


class Finished(NamedTuple):
    """The results of all finished epochs; replaced as a whole, so that an interrupt never leaves half of it."""

    rows: list[dict[str, float]]
    weights: dict[str, Tensor]
    best_epoch: int
    best_weights: dict[str, Tensor]


class _Training:
    """One training: network, optimizer, generators, and the finished epochs."""

    def __init__(self, model: nn.Module, data: Data, settings: dict, device: torch.device, checkpoint) -> None:
        self.model, self.data, self.settings, self.device, self.checkpoint = model, data, settings, device, checkpoint
        self.environment = environment(device)
        self.optimizer = make_optimizer(model, settings)
        self.order = torch.Generator().manual_seed(settings["seed"])
        for index, layer in enumerate(layer for layer in model.modules() if isinstance(layer, Dropout)):
            layer.generator.manual_seed((settings["seed"] + index + 1) % 2**64)
        self.early_stopping = EarlyStopping(settings["patience"], settings["min_delta"])
        self.finished = Finished([], _copy_weights(model), 0, {})
        # A number that is not finite from the start, such as in a buffer, is no sign that the training has diverged.
        self.watched = [name for name, value in self.finished.weights.items() if _is_finite(value)]
        self.fingerprint = "" if checkpoint is None else fingerprint(model, data)
        self.epoch, self.stopped_by, self.diverged_in_batch, self.has_warned = 0, "", 0, False

    def begin(self) -> None:
        """Copy the images to the device, and load the checkpoint if there is one."""
        self.train_split = _on(self.device, self.data.train)
        self.validation_split = _on(self.device, self.data.validation)
        if self.checkpoint is not None and Path(self.checkpoint).exists():
            saved, best_weights = load_checkpoint(
                self.checkpoint, self.model, self.optimizer, self.order, self.history(), self.fingerprint
            )
            for row in saved.rows:
                self.early_stopping.add_epoch(row)
            self.finished = Finished(saved.rows, _copy_weights(self.model), saved.best_epoch, best_weights)

    def train(self, on_epoch, stop: threading.Event | None, bar: Progress) -> None:
        """Train epoch after epoch, to the last one or until patience runs out."""
        while len(self.finished.rows) < self.settings["epochs"] and not self.early_stopping.ends:
            self.epoch = len(self.finished.rows) + 1
            self._finish(*self._train_epoch(stop, bar))
            history = self.history()
            bar.epoch_done(history)
            if on_epoch is not None:
                self._call(on_epoch, history)
            self._save()
        self.epoch = len(self.finished.rows)
        self.stopped_by = "patience" if self.early_stopping.ends else "epochs"

    def _save(self) -> None:
        """Write the checkpoint, if there shall be one; warn the first time that it can't be written."""
        if self.checkpoint is None:
            return
        try:
            save_checkpoint(
                self.checkpoint, self.model, self.optimizer, self.order, self.history(), self.finished.best_weights,
                self.fingerprint,
            )  # fmt: skip
        except OSError as error:
            if not self.has_warned:
                warnings.warn(f"checkpoint: {error}; the training goes on without it", stacklevel=5)
            self.has_warned = True

    def history(self) -> History:
        """Return a record of the finished epochs, made of copies: changing it does not change the training."""
        rows = [dict(row) for row in self.finished.rows]
        return History(
            dict(self.settings), dict(self.environment), rows, self.finished.best_epoch,
            self.stopped_by, self.epoch, self.diverged_in_batch, len(self.data.classes),
        )  # fmt: skip

    def restore(self) -> None:
        """Give the model the weights of a finished epoch; also if a second interrupt comes meanwhile."""
        try:
            self._restore()
        except KeyboardInterrupt:
            self._restore()

    def _restore(self) -> None:
        _, weights, best_epoch, best_weights = self.finished
        keep_best = self.settings["patience"] is not None and best_epoch > 0
        self.model.load_state_dict(best_weights if keep_best else weights)

    def _train_epoch(self, stop: threading.Event | None, bar: Progress) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Train one epoch; return its row and the weights after it."""
        start = time.perf_counter()
        batch_size = self.settings["batch_size"]
        order = torch.randperm(len(self.train_split), generator=self.order)
        self.model.train()
        train = _one_pass(self.model, self.train_split, self.optimizer, order, batch_size, self._draws, stop, bar)
        row = {"epoch": self.epoch, "train_loss": train.loss, "train_accuracy": train.accuracy}
        self.model.eval()
        if len(self.validation_split):
            with self._draws(0):
                validation = evaluate(self.model, self.validation_split)
            row |= {"validation_loss": validation.loss, "validation_accuracy": validation.accuracy}
        row["seconds"] = time.perf_counter() - start
        weights = _copy_weights(self.model)
        if not all(math.isfinite(value) for value in row.values()) or not all(
            _is_finite(weights[name]) for name in self.watched
        ):
            raise _Diverged(math.ceil(len(order) / batch_size))
        return row, weights

    def _draws(self, batch: int) -> contextlib.AbstractContextManager[None]:
        """Return a block in which the network's random numbers are those of a batch, from 1; 0 is the validation."""
        if is_plain(self.model):  # it has generators of its own
            return contextlib.nullcontext()
        return seeded(derived_seed(self.settings["seed"], self.epoch, batch), self.device)

    def _finish(self, row: dict[str, float], weights: dict[str, Tensor]) -> None:
        """Add an epoch to the finished ones."""
        rows, _, best_epoch, best_weights = self.finished
        if self.early_stopping.add_epoch(row):
            best_epoch, best_weights = self.epoch, weights
        self.finished = Finished([*rows, row], weights, best_epoch, best_weights)

    def _call(self, on_epoch, history: History) -> None:
        """Call on_epoch, and add the numbers that it returns to the epoch's row, all at once."""
        numbers = check_numbers(on_epoch(EpochState(self.epoch, history, self.model, self.optimizer, self.data)))
        *before, row = self.finished.rows
        self.finished = self.finished._replace(rows=[*before, row | numbers])


def _one_pass(model, split, optimizer, order, batch_size, draws, stop, bar) -> LossAndAccuracy:
    """Take one optimizer step a batch; return the mean loss and accuracy of the batches, each before its step."""
    losses, answers = [], []
    order = order.to(split.labels.device)
    for number, chosen in enumerate(order.split(batch_size), start=1):
        if stop is not None and stop.is_set():
            raise _Stopped
        labels = split.labels[chosen]
        images = split.images.index_select(0, chosen)
        with draws(number):
            logits = compute_logits(model, images)  # (batch, classes)
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        answers.append(logits.detach().argmax(1))
        bar.batch_done()
    losses = torch.stack(losses).cpu().double()  # the epoch's one wait for the device
    if not losses.isfinite().all():
        raise _Diverged(int(losses.isfinite().logical_not().nonzero()[0]) + 1)
    sizes = torch.tensor([len(chosen) for chosen in order.split(batch_size)])
    hits = int((torch.cat(answers) == split.labels[order]).sum())
    return LossAndAccuracy(float(losses @ sizes.double()) / len(order), hits / len(order))


@contextlib.contextmanager
def _prepared(model: nn.Module, device: torch.device, layout: torch.memory_format) -> Iterator[None]:
    """Move model to the device, its weights in this layout; afterwards back, contiguous, and in eval mode."""
    home = next(model.parameters()).device
    # torch documents `to` with a device and a memory format, but its annotations lack it.
    model.to(device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    try:
        yield
    finally:
        model.to(home, memory_format=torch.contiguous_format).eval()  # pyright: ignore[reportCallIssue]


@contextlib.contextmanager
def reproducible_gpu(device: torch.device) -> Iterator[None]:
    """Within the block, let a GPU compute with all 32 bits, and with the same bits each time; on a CPU, do nothing.

    These are settings of the whole process: meanwhile they hold in every thread. Afterwards they are as they were.
    """
    if device.type != "cuda":
        yield
        return
    precision = torch.get_float32_matmul_precision()
    try:
        if precision != "highest":  # within `usual_torch_state` it is
            torch.set_float32_matmul_precision("highest")
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        if precision != "highest":
            torch.set_float32_matmul_precision(precision)


def _on(device: torch.device, split: Split) -> Split:
    return Split(split.images.to(device), split.labels.to(device), split.classes, split.mean, split.std)


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    # A network may keep something else than tensors there: nn.Module.get_extra_state.
    state = model.state_dict()
    return {name: value.detach().clone() if isinstance(value, Tensor) else value for name, value in state.items()}


def _is_finite(value: object) -> bool:
    return isinstance(value, Tensor) and bool(value.isfinite().all())


def what_to_try(batch_size: int) -> str:
    """Return the message of the MemoryError that `fit` raises."""
    remedy = f"try batch_size={batch_size // 2}" if batch_size > 1 else "take fewer or smaller images"
    return f"out of memory with batch_size={batch_size}; {remedy}"


def is_out_of_memory(error: Exception) -> bool:
    """Return whether Python or torch has raised this error because memory ran out, on the processor or on a GPU."""
    known = ("can't allocate memory", "not enough memory")  # the words of torch's allocator on the CPU
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(words in str(error) for words in known)
