"""Train one experiment and return its `Run`, on one thread, so that it equals a stored run of the same experiment."""

from __future__ import annotations

import copy
import functools
import itertools
import numbers
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_whole, is_iterable, shown
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import UNKNOWN, Experiment, load_from
from cnnlab.experiments.one_thread import one_thread
from cnnlab.interpret.recorder import Recorder
from cnnlab.model.cnn import build_cnn
from cnnlab.model.weights import pack_tensors, unpack_tensors
from cnnlab.progress_line import StepProgress
from cnnlab.torch_state import usual_torch_state
from cnnlab.training.fit import fit
from cnnlab.training.history import History
from cnnlab.training.loop import EpochState
from cnnlab.training.options import check_numbers

MOST_SNAPSHOTS = 100_000


@dataclass(frozen=True, eq=False)
class Run:
    """One finished training.

    Parameters
    ----------
    experiment : Experiment
        What was trained.
    history : History
        One row for each epoch.
    seconds : float
        How long the training took.
    input_shape : tuple of int
        The shape (C, H, W) of one image.
    class_names : tuple of str
        The name of each class, in the order of the labels.
    snapshots : tuple of int
        The epochs whose weights were kept.
    read_weights : function
        Returns the kept weights as the bytes of a safetensors file.
    """

    experiment: Experiment
    history: History
    seconds: float
    input_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    snapshots: tuple[int, ...] = ()
    read_weights: Callable[[], bytes] = field(default=bytes, repr=False)

    def __post_init__(self) -> None:
        check_arguments(Run, vars(self), seconds=0.0)

    @usual_torch_state
    def model(self, epoch: int | None = None) -> nn.Sequential:
        """Return the network as it was after an epoch, in eval mode.

        Parameters
        ----------
        epoch : int, optional
            One of `snapshots`; 0 is before training. None: the last of them.

        Raises
        ------
        ConfigError
            If the weights of this epoch were not kept.
        DataError
            If they are gone or damaged.

        >>> run(Experiment(epochs=2), snapshots=(0, 2)).model(epoch=0)
        """
        if not self.snapshots:
            words = "for those after epoch 5, in a terminal with --keep-weights"
            raise ConfigError(f"this run kept no weights; train it with snapshots=(5,) {words}")
        epoch = self.snapshots[-1] if epoch is None else epoch
        if not isinstance(epoch, numbers.Integral) or epoch not in self.snapshots or isinstance(epoch, bool):
            raise ConfigError(
                f"epoch={shown(epoch)}: weights were kept after epochs {', '.join(map(str, self.snapshots))}"
            )
        of_images = {"input_shape": self.input_shape, "classes": len(self.class_names)}
        model = build_cnn(**self.experiment.network() | of_images)
        tensors, _ = unpack_tensors(self.read_weights(), f"the weights of run {self.experiment.trajectory}")
        start = f"{epoch}."
        weights = {name.removeprefix(start): v for name, v in tensors.items() if name.startswith(start)}
        shapes = [{name: value.shape for name, value in state.items()} for state in (weights, model.state_dict())]
        if shapes[0] != shapes[1]:
            raise DataError(f"the weights of epoch {epoch} are not in the file of this run; sweep it again")
        model.load_state_dict(weights)
        return model.eval()


class Snapshots:
    """Copies of a training's weights at these epochs, for its `Run`; epoch 0 is before training."""

    def __init__(self, epochs: list[int]) -> None:
        self.epochs = epochs
        self.tensors: dict[str, Tensor] = {}  # "EPOCH.NAME" → tensor

    def keep(self, epoch: int, read_weights: Callable[[], dict[str, Tensor]]) -> None:
        """Copy the weights if this epoch is one of those."""
        if epoch in self.epochs:
            self.tensors |= {f"{epoch}.{name}": value.cpu().clone() for name, value in read_weights().items()}

    def finish(self, experiment: Experiment, history: History, seconds: float, data: Data) -> Run:
        """Return the finished training."""
        kept = tuple(epoch for epoch in self.epochs if epoch <= len(history))
        packed = pack_tensors(self.tensors, {}) if self.tensors else b""
        return Run(experiment, history, seconds, data.input_shape, data.classes, kept, lambda: packed)


@usual_torch_state
def run(
    experiment: Experiment,
    *,
    snapshots: Iterable[int] = (),
    insides: bool = False,
    device: str = "cpu",
    stop: threading.Event | None = None,
    on_epoch: Callable[[EpochState], dict[str, float] | None] | None = None,
    progress: bool | Callable[[float], None] = True,
) -> Run:
    """Train one experiment and return its `Run`.

    Training uses one thread of the processor, because another number of threads gives other bits. On the same processor
    model, with the same versions, the numbers equal those of a stored run of the same experiment.

    Parameters
    ----------
    experiment : Experiment
        What to train.
    snapshots : iterable of int
        The epochs whose weights are kept; 0 is before training.
    insides : bool
        Record all numbers of `Recorder` after every epoch. The weights come out the same.
    device : str
        "cpu", or "cuda" for a GPU.
    stop, on_epoch, progress
        As in `fit`.

    >>> run(Experiment(train_size=500, epochs=3)).history.last("validation_accuracy")
    0.86
    """
    if not isinstance(experiment, Experiment):
        raise ConfigError(f"run wants one Experiment, got {shown(experiment)}; sweep takes several")
    check_arguments(run, {"insides": insides, "device": device, "on_epoch": on_epoch, "progress": progress})
    start, kept = time.perf_counter(), Snapshots(check_snapshots(snapshots))
    experiment = experiment.with_fingerprint()
    recording = []  # seconds that the recorder took, one number for each epoch

    def after_epoch(state: EpochState) -> dict[str, float]:
        numbers: dict[str, float] = {}
        kept.keep(state.epoch, state.model.state_dict)
        if insides:
            before = time.perf_counter()
            numbers |= record_insides(state)
            recording.append(time.perf_counter() - before)
        if on_epoch is not None:
            numbers |= check_numbers(on_epoch(state))
        return numbers

    with one_thread():
        with StepProgress(progress is True, "loading the images", 1):
            data = load_once(experiment)
        if on_epoch is not None:  # it may change the images, which later runs share
            data = copy.deepcopy(data)
        model = experiment.build_cnn(data)
        kept.keep(0, model.state_dict)
        settings = experiment.training()
        history = fit(model, data, **settings, device=device, stop=stop, on_epoch=after_epoch, progress=progress)
    seconds = time.perf_counter() - start - sum(recording)  # the same as of a run that is not recorded
    return kept.finish(experiment, history, seconds, data)


def record_insides(state: EpochState) -> dict[str, float]:
    """Return all numbers of `Recorder` after an epoch."""
    return check_numbers(Recorder(activations=True, saliency=True)(state))


def check_snapshots(snapshots: Iterable[int]) -> list[int]:
    """Return the epochs in order, each once; raise ConfigError if they are not whole numbers of 0 or more."""
    if not is_iterable(snapshots) or isinstance(snapshots, str):
        raise ConfigError(f"snapshots wants the epochs whose weights are kept, such as (0, 5), got {shown(snapshots)}")
    epochs = list(itertools.islice(snapshots, MOST_SNAPSHOTS + 1))
    if len(epochs) > MOST_SNAPSHOTS:
        raise ConfigError(f"snapshots names more than {MOST_SNAPSHOTS:,} epochs; give fewer, such as range(0, 100, 10)")
    return sorted({check_whole("snapshots: epoch", epoch, 0) for epoch in epochs})


def load_once(experiment: Experiment) -> Data:
    """Return the experiment's data, without a test set.

    This process keeps the data of the latest two calls in memory, so that runs of a sweep that follow each other load
    their data once. Raises DataError if the pictures of a folder are not those that the experiment names.
    """
    if experiment.fingerprint == UNKNOWN:  # a record from before there were fingerprints: take what is there now
        experiment = experiment.replace(fingerprint=None)
    return _load_once(*experiment.with_fingerprint().of_data(), 0)


@functools.lru_cache(maxsize=2)
def _load_once(*arguments: Any) -> Data:
    return load_from(*arguments)
