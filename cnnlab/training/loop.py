"""Run the loop of a training: epoch after epoch, batch after batch.

It is fast for four reasons: images stay in memory, weights lie channels_last, nothing waits for the device within an
epoch (but for the mask of dropout, which is drawn on the processor), and `compute_logits` saves memory traffic.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.data.dataset import Data, Split
from cnnlab.errors import ConfigError
from cnnlab.model.cnn import Dropout
from cnnlab.model.evaluation import LossAndAccuracy, evaluate
from cnnlab.model.forward_pass import compute_logits, is_plain
from cnnlab.model.random_numbers import derived_seed, seeded
from cnnlab.torch_state import settings_kept
from cnnlab.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from cnnlab.training.device import is_out_of_memory
from cnnlab.training.early_stopping import EarlyStopping
from cnnlab.training.environment import environment
from cnnlab.training.history import History
from cnnlab.training.options import check_numbers, make_optimizer
from cnnlab.training.own_state import OwnState
from cnnlab.training.progress import Progress


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
        Its learning rate may be changed, also by one of torch's schedulers.
    data : Data
        The argument of `fit`.
    """

    epoch: int
    history: History
    model: nn.Module
    optimizer: torch.optim.Optimizer
    data: Data


OnEpoch = Callable[[EpochState], dict[str, float] | None]


class Stopped(Exception):
    """The stop event was set."""


class Diverged(Exception):
    """The loss of a batch, counted from 1, is NaN or infinite."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch)
        self.batch = batch


class Finished(NamedTuple):
    """The results of all finished epochs; replaced as a whole, so that an interrupt never leaves half of it."""

    rows: list[dict[str, float]]
    weights: dict[str, Tensor]
    best_epoch: int
    best_weights: dict[str, Tensor]


class Training:
    """One training: network, optimizer, generators, and the finished epochs.

    Parameters
    ----------
    model : nn.Module
        The network; it is on the device already.
    data, settings, device, checkpoint
        The arguments of `fit`, after its checks.
    """

    def __init__(
        self, model: nn.Module, data: Data, settings: dict, device: torch.device, checkpoint: Path | None
    ) -> None:
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
        if checkpoint is not None:
            self.fingerprint, self.own_state = fingerprint(model, data), OwnState(model)
        self.epoch, self.stopped_by, self.diverged_in_batch, self.has_warned = 0, "", 0, False

    def begin(self) -> None:
        """Copy the images to the device, and load the checkpoint if there is one."""
        self.train_split = _on(self.device, self.data.train)
        self.validation_split = _on(self.device, self.data.validation)
        if self.checkpoint is not None and self.checkpoint.exists():
            saved, best_weights = load_checkpoint(
                self.checkpoint, self.model, self.optimizer, self.order, self.history(), self.fingerprint,
                self.own_state,
            )  # fmt: skip
            for row in saved.rows:
                self.early_stopping.add_epoch(row)
            self.finished = Finished(saved.rows, _copy_weights(self.model), saved.best_epoch, best_weights)

    def train(self, on_epoch: OnEpoch | None, stop: threading.Event | None, bar: Progress) -> None:
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
                self.fingerprint, self.own_state,
            )  # fmt: skip
        except Exception as error:  # whatever happens to the file, `fit` returns its History
            if not self.has_warned:
                why = "not enough memory to write it" if is_out_of_memory(error) else error
                warnings.warn(f"checkpoint: {why}; the training goes on without it", stacklevel=6)
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
        # A network of build_cnn has generators of its own.
        draws = contextlib.nullcontext if is_plain(self.model) else self._draws
        train = _one_pass(self.model, self.train_split, self.optimizer, order, batch_size, draws, stop, bar)
        row = {"epoch": self.epoch, "train_loss": train.loss, "train_accuracy": train.accuracy}
        self.model.eval()
        if len(self.validation_split):
            with draws(0):
                validation = evaluate(self.model, self.validation_split)
            row |= {"validation_loss": validation.loss, "validation_accuracy": validation.accuracy}
        row["seconds"] = time.perf_counter() - start
        weights = _copy_weights(self.model)
        has_finite_weights = all(_is_finite(weights[name]) for name in self.watched)
        if not has_finite_weights or not all(map(math.isfinite, row.values())):
            raise Diverged(math.ceil(len(order) / batch_size))
        return row, weights

    def _draws(self, batch: int) -> contextlib.AbstractContextManager[None]:
        """Return a block in which the network's random numbers are those of a batch, from 1; 0 is the validation."""
        return seeded(derived_seed(self.settings["seed"], self.epoch, batch), self.device)

    def _finish(self, row: dict[str, float], weights: dict[str, Tensor]) -> None:
        """Add an epoch to the finished ones."""
        rows, _, best_epoch, best_weights = self.finished
        if self.early_stopping.add_epoch(row):
            best_epoch, best_weights = self.epoch, weights
        self.finished = Finished([*rows, row], weights, best_epoch, best_weights)

    def _call(self, on_epoch: OnEpoch, history: History) -> None:
        """Call on_epoch, and add the numbers that it returns to the epoch's row, all at once."""
        with settings_kept():
            returned = on_epoch(EpochState(self.epoch, history, self.model, self.optimizer, self.data))
        numbers = check_numbers(returned)
        *before, row = self.finished.rows
        self.finished = self.finished._replace(rows=[*before, row | numbers])
        goes_on = len(self.finished.rows) < self.settings["epochs"]
        if goes_on and not any(parameter.requires_grad for parameter in self.model.parameters()):
            raise ConfigError(
                "on_epoch has frozen every weight, so that nothing is left to train; let one layer keep requires_grad, "
                "or end the training with stop"
            )


def _one_pass(
    model: nn.Module,
    split: Split,
    optimizer: torch.optim.Optimizer,
    order: Tensor,
    batch_size: int,
    draws: Callable[[int], contextlib.AbstractContextManager[object]],
    stop: threading.Event | None,
    bar: Progress,
) -> LossAndAccuracy:
    """Take one optimizer step a batch; return the mean loss and accuracy of the batches, each before its step."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    order = order.to(split.labels.device)
    # What is kept of each batch has its place before the first one. A small tensor for each would lie between the large
    # ones that come and go. The holes that these leave would then be too small for the next, and memory would grow.
    batches, losses, answers = order.split(batch_size), torch.empty(0), torch.empty_like(order)
    for number, (chosen, answer) in enumerate(zip(batches, answers.split(batch_size), strict=True), start=1):
        if stop is not None and stop.is_set():
            raise Stopped
        labels = split.labels[chosen]
        images = split.images.index_select(0, chosen)
        with draws(number):
            logits = compute_logits(model, images)  # (batch, classes)
        loss = functional.cross_entropy(logits, labels)
        for parameter in parameters:  # as optimizer.zero_grad, which takes five times as long
            parameter.grad = None
        loss.backward()
        optimizer.step()
        if number == 1:
            losses = loss.new_empty(len(batches))
        losses[number - 1] = loss.detach()
        answer.copy_(logits.detach().argmax(1))
        bar.batch_done()
    losses = losses.cpu().double()  # here the processor waits for the device, and not before
    if not losses.isfinite().all():
        raise Diverged(int(losses.isfinite().logical_not().nonzero()[0]) + 1)
    sizes = torch.tensor([len(chosen) for chosen in batches])
    hits = int((answers == split.labels[order]).sum())
    return LossAndAccuracy(float(losses @ sizes.double()) / len(order), hits / len(order))


def _on(device: torch.device, split: Split) -> Split:
    return Split(split.images.to(device), split.labels.to(device), split.classes, split.mean, split.std)


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the network's state_dict."""
    # A network may keep something else than tensors there: nn.Module.get_extra_state.
    state = model.state_dict()
    copies = OrderedDict((name, value.detach().clone() if isinstance(value, Tensor) else value)
                         for name, value in state.items())  # fmt: skip
    copies._metadata = state._metadata  # pyright: ignore (versions of layers, which quantized ones need)
    return copies


def _is_finite(value: object) -> bool:
    return isinstance(value, Tensor) and bool(value.isfinite().all())
