"""One experiment in, its `Run` out: trained on one thread, so that it equals the run that somebody stored."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cnnlab.checks import check_whole
from cnnlab.data.dataset import Data
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import NETWORK, TRAINING, Experiment, load_from
from cnnlab.files import last_change
from cnnlab.interpret.recorder import Recorder
from cnnlab.model.cnn import build_cnn
from cnnlab.model.weights import pack_tensors, unpack_tensors
from cnnlab.training.fit import EpochState, fit
from cnnlab.training.history import History
from cnnlab.training.options import check_numbers


@dataclass(frozen=True, eq=False)
class Run:
    """One finished training: the experiment, its history, the seconds it took, weights at the epochs asked for."""

    experiment: Experiment
    history: History
    seconds: float
    input_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    snapshots: tuple[int, ...] = ()
    read_weights: Callable[[], bytes] = field(default=bytes, repr=False)

    def model(self, epoch: int | None = None) -> nn.Sequential:
        """Return the network as it was after that epoch, in eval mode; epoch must be one of `snapshots` (None: last).

        >>> run(Experiment(epochs=2), snapshots=(0, 2)).model(epoch=0)
        """
        if not self.snapshots:
            raise ConfigError("this run kept no weights; train it with snapshots=(0, 5), for the epochs that you want")
        epoch = self.snapshots[-1] if epoch is None else epoch
        if epoch not in self.snapshots:
            raise ConfigError(f"epoch={epoch}: weights were kept after epochs {', '.join(map(str, self.snapshots))}")
        network = {name: getattr(self.experiment, name) for name in NETWORK}
        model = build_cnn(**network, input_shape=self.input_shape, classes=len(self.class_names))
        tensors, _ = unpack_tensors(self.read_weights(), f"the weights of run {self.experiment.trajectory}")
        start = f"{epoch}."
        model.load_state_dict({name.removeprefix(start): v for name, v in tensors.items() if name.startswith(start)})
        return model.eval()


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
    """Train one experiment, on one thread of the processor, and return the Run.

    One thread, because another number of threads gives other bits: on the same processor model and versions, this run
    equals the one that somebody stored.
    snapshots: the epochs whose weights are kept (0: before training). insides: record what goes on inside, every epoch:
    all that `Recorder` can; the weights come out the same. device: "cuda" trains on a GPU. stop, on_epoch and progress
    as in `fit`.

    >>> run(Experiment(train_size=500, epochs=3)).history.last("validation_accuracy")
    0.86
    """
    if not isinstance(experiment, Experiment):
        raise ConfigError(f"run wants one Experiment, got {experiment!r:.60}; sweep takes several")
    start, wanted, kept = time.perf_counter(), check_snapshots(snapshots), {}
    record, recording = Recorder(activations=True, saliency=True) if insides else None, []

    def keep(epoch: int, model: nn.Module) -> None:
        if epoch in wanted:
            kept.update({f"{epoch}.{name}": value.clone() for name, value in model.state_dict().items()})

    def after_epoch(state: EpochState) -> dict[str, float]:
        numbers: dict[str, float] = {}
        keep(state.epoch, state.model)
        if record is not None:
            begun = time.perf_counter()
            numbers |= check_numbers(record(state))
            recording.append(time.perf_counter() - begun)
        if on_epoch is not None:
            numbers |= check_numbers(on_epoch(state))
        return numbers

    with one_thread():
        data = load_once(experiment)
        model = experiment.build_cnn(data)
        keep(0, model)
        settings = {name: getattr(experiment, name) for name in TRAINING}
        history = fit(model, data, **settings, device=device, stop=stop, on_epoch=after_epoch, progress=progress)
    kept_epochs = tuple(epoch for epoch in wanted if epoch <= len(history))
    weights = pack_tensors(kept, {}) if kept else b""
    seconds = time.perf_counter() - start - sum(recording)  # a run takes as long as it does without being watched
    return Run(experiment, history, seconds, data.input_shape, data.classes, kept_epochs, lambda: weights)


def check_snapshots(snapshots: Iterable[int]) -> list[int]:
    """Return the epochs in order; ConfigError if they are none."""
    if not isinstance(snapshots, Iterable) or isinstance(snapshots, str):
        raise ConfigError(f"snapshots wants the epochs whose weights are kept, such as (0, 5), got {snapshots!r}")
    return sorted({check_whole("snapshots: epoch", epoch, 0) for epoch in snapshots})


def load_once(experiment: Experiment) -> Data:
    """Return the experiment's data, without a test set: what was loaded for the latest two is not loaded again."""
    return _load_once(*experiment.of_data(), 0, last_change(experiment.folder))


@functools.lru_cache(maxsize=2)  # in a sweep, neighbouring runs share their data
def _load_once(*arguments: Any) -> Data:
    return load_from(*arguments[:-1])  # the last one tells new pictures from old ones


_runs_at_once = 0
_threads_before = 0
_counting = threading.Lock()
_this_thread = threading.local()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread here, and put the setting back; also where several runs go on side by side.

    torch keeps the number once for each Python thread, and once for those that have not asked for it yet.
    """
    global _runs_at_once, _threads_before
    if getattr(_this_thread, "is_one", False):  # a run inside a run
        yield
        return
    with _counting:
        found = torch.get_num_threads()  # from here on, what other threads set does not change this one
        if _runs_at_once == 0:
            _threads_before = found
        _runs_at_once += 1
        torch.set_num_threads(1)
        _this_thread.is_one = True
    try:
        yield
    finally:
        with _counting:
            _this_thread.is_one = False
            _runs_at_once -= 1
            torch.set_num_threads(_threads_before)
