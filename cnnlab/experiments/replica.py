"""Record one run that is trained in a stack: its random numbers, its rows, its weights, and when it ends."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cnnlab.data.dataset import Data
from cnnlab.experiments.device_work import Validation
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.run import Run, Snapshots, record_insides
from cnnlab.experiments.stacked_network import StackedNetwork
from cnnlab.training.early_stopping import replay
from cnnlab.training.environment import environment
from cnnlab.training.history import History
from cnnlab.training.loop import EpochState
from cnnlab.training.options import check_sizes, checked_settings, warn_of_no_learning


class Epoch:
    """The numbers of one epoch, a column for each replica: read from the device once, which waits for it.

    Parameters
    ----------
    losses, hits : Tensor
        The mean loss and the number of correct answers of each training batch, (batches, replicas).
    sizes : list of int
        The images of each of these batches.
    validation : Validation
        What was computed after the last of them.
    validation_size : int
        The number of validation images; without any there are no columns for them.
    """

    def __init__(
        self, losses: Tensor, hits: Tensor, sizes: list[int], validation: Validation, validation_size: int
    ) -> None:
        self.losses, self.finite, count = losses.cpu().double(), validation.finite.tolist(), sum(sizes)
        self.columns = {"train_loss": (torch.tensor(sizes).double() @ self.losses / count).tolist()}
        self.columns["train_accuracy"] = (hits.cpu().sum(0).double() / count).tolist()
        if validation_size:
            self.columns["validation_loss"] = (validation.losses.cpu().double().sum(0) / validation_size).tolist()
            self.columns["validation_accuracy"] = (validation.hits.cpu().sum(0).double() / validation_size).tolist()

    def row(self, place: int) -> dict[str, float]:
        """Return the numbers of one replica, as a row of its history."""
        return {name: values[place] for name, values in self.columns.items()}

    def first_bad_batch(self, place: int) -> int:
        """Return the number (from 1) of the batch in which this replica has diverged; 0 if it has not."""
        if self.finite[place] and all(math.isfinite(value) for value in self.row(place).values()):
            return 0
        bad = self.losses[:, place].isfinite().logical_not().nonzero()
        return int(bad[0]) + 1 if len(bad) else len(self.losses)


class Replica:
    """One run of a stack: its generators, and what is recorded of it; `run` is its Run as soon as it has ended.

    Parameters
    ----------
    place : int
        Its place among the payloads.
    experiment : Experiment
        What is trained.
    payload : dict
        That of `train_record`; says which weights are kept, and whether the numbers of `Recorder` are.
    data : Data
        Its images.
    device : torch.device
        Where it is trained.
    """

    def __init__(self, place: int, experiment: Experiment, payload: dict, data: Data, device: torch.device) -> None:
        self.place, self.experiment, self.data = place, experiment, data
        self.snapshots, self.insides = Snapshots(payload["snapshots"]), payload.get("insides", False)
        settings = checked_settings(experiment.training())
        check_sizes(settings["batch_size"], settings["patience"], len(self.data.train), len(self.data.validation))
        warn_of_no_learning(settings, stacklevel=2)
        self.history = History(settings, environment(device), classes=len(data.classes))
        self.order = torch.Generator().manual_seed(settings["seed"])
        self.dropout = torch.Generator().manual_seed((settings["seed"] + 1) % 2**64)  # as the first Dropout in `fit`
        self.seconds = 0.0
        self.run: Run | None = None

    def next_order(self, count: int) -> Tensor:
        """Return the order of the images in the next epoch, (count,): that which `fit` draws."""
        return torch.randperm(count, generator=self.order)

    def next_kept(self, count: int) -> Tensor:
        """Return the dropout masks of an epoch (images, hidden): what `Dropout` draws a batch at a time."""
        return torch.rand((count, self.experiment.hidden), generator=self.dropout) >= self.experiment.dropout

    def finish_epoch(self, epoch: Epoch, place: int, seconds: float, network: StackedNetwork) -> None:
        """Add the epoch's row, as `fit` does: or, where a number is not finite, note that the run has diverged."""
        history = self.history
        self.seconds += seconds
        history.stopped_in = len(history) + 1
        bad = epoch.first_bad_batch(place)
        if bad:
            history.stopped_by, history.diverged_in_batch = "diverged", bad
            return
        history.rows.append({"epoch": len(history) + 1, **epoch.row(place), "seconds": seconds})
        self.snapshots.keep(len(history), lambda: network.weights_of(place))
        if self.insides:
            model, optimizer = network.extract(place, self.experiment, self.data)
            state = EpochState(len(history), history, model, optimizer, self.data)
            history.rows[-1] |= record_insides(state)

    def end(self) -> Run | None:
        """Make and return the Run if this was the last epoch; else return None."""
        history, settings = self.history, self.history.settings
        stops = settings["patience"] is not None or len(history) == settings["epochs"] or history.stopped_by
        rule = {name: settings[name] for name in ("epochs", "patience", "min_delta")}
        ended = replay(history, **rule) if stops else None
        if ended is not None:
            self.run = self.snapshots.finish(self.experiment, ended, self.seconds, self.data)
        return self.run
