"""Train a network: `fit`.

The same seed gives the same bits, on the same processor model, versions and number of threads. All that is random in a
network of `build_cnn` comes from generators of its own. Other networks draw from the generators of the process
(`nn.Dropout`): these are seeded anew for each batch, from seed, epoch and batch, so that a continued training needs to
know nothing of the draws before.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

import torch
from torch import nn

from cnnlab.data.dataset import Data
from cnnlab.model.forward_pass import is_plain
from cnnlab.model.in_training import being_trained
from cnnlab.model.networks import device_of
from cnnlab.model.random_numbers import seeded
from cnnlab.model.weights import weights_of
from cnnlab.torch_state import reproducible_gpu, usual_torch_state
from cnnlab.training.device import check_dtypes, choose_device, is_out_of_memory, what_to_try
from cnnlab.training.history import History
from cnnlab.training.loop import Diverged, EpochState, OnEpoch, Stopped, Training
from cnnlab.training.options import check_fits, check_helpers, check_network, checked_settings, warn_of_no_learning
from cnnlab.training.progress import Progress
from cnnlab.training.rehearsal import rehearse


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
        A file that is written after each epoch. Where it exists, the training continues from it, bit for bit. It has
        weights, buffers and optimizer, and what else changes in a layer, if that is a `torch.Generator` or a number
        that is an attribute. All else you make again: lists that a layer keeps, layers that on_epoch froze, the
        scheduler (its state_dict) that on_epoch steps. If the file can't be written (a full disk), a warning says so,
        once, and the training goes on.
    progress : bool or function
        Whether to show a line. A function is called after each batch with the share that is done, 0–1.

    Raises
    ------
    ConfigError
        Before any training, if a setting is impossible, if model and data do not fit each other, or if the model is
        being trained already; after an epoch, if on_epoch returns anything but numbers, or has frozen every weight.
    DataError
        If the checkpoint is damaged. The model stays as it was.
    MemoryError
        If a batch is too large for the device.

    >>> history = fit(model, data, epochs=5)
    trained 5 epochs
    """
    settings = checked_settings({
        "epochs": epochs, "optimizer": optimizer, "learning_rate": learning_rate, "momentum": momentum,
        "weight_decay": weight_decay, "batch_size": batch_size, "patience": patience, "min_delta": min_delta,
        "seed": seed,
    })  # fmt: skip
    check_network(model)
    warn_of_no_learning(settings, stacklevel=3)
    device = choose_device(device)
    checkpoint = check_helpers(on_epoch, stop, checkpoint, progress)
    with contextlib.ExitStack() as cleanup:
        cleanup.enter_context(being_trained(model))
        with contextlib.nullcontext() if is_plain(model) else seeded(0, device_of(model)):
            check_fits(model, data, settings)
            check_dtypes(device, model, data)
            layout = rehearse(model, data, settings["batch_size"])
        if checkpoint is not None:
            weights_of(model)  # raises ConfigError if they can't be saved
        cleanup.enter_context(_prepared(model, device, layout))
        cleanup.enter_context(reproducible_gpu(device))
        bar = cleanup.enter_context(Progress(progress, data, settings))
        history = _train(Training(model, data, settings, device, checkpoint), on_epoch, stop, bar)
    if history is None:  # only here: an error that is raised in `_train` would keep alive all that lies on the device
        raise MemoryError(what_to_try(settings["batch_size"]))
    return history


def _train(training: Training, on_epoch: OnEpoch | None, stop: threading.Event | None, bar: Progress) -> History | None:
    """Train, however it ends, and return the history; None if memory ran out."""
    try:
        training.begin()
        bar.begin(training.history())
        training.train(on_epoch, stop, bar)
    except Stopped:
        training.stopped_by = "stop"
    except KeyboardInterrupt:
        training.stopped_by = "interrupt"
    except Diverged as error:
        training.stopped_by, training.diverged_in_batch = "diverged", error.batch
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        training.restore()
    history = training.history()
    bar.end(history)
    return history


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
