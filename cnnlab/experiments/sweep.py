"""Train many experiments: each of them once, several side by side, and no finished run is ever lost."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

import torch

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, check_whole, counted, is_iterable, shown
from cnnlab.data.loading import LeftOutWarning, left_out_in_words
from cnnlab.data.picture_folder import find_pictures
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS, Experiment
from cnnlab.experiments.records import make_record
from cnnlab.experiments.run import Run, check_snapshots, run
from cnnlab.experiments.runs import Failure, Runs
from cnnlab.experiments.stacks import train_stacks
from cnnlab.experiments.store import Store
from cnnlab.experiments.sweep_progress import SweepProgress
from cnnlab.experiments.task_queue import TaskQueue, size_of
from cnnlab.experiments.tasks import (
    MOST_EXPERIMENTS,
    Task,
    check_experiments,
    count_of_other_pictures,
    find_stored,
    group_by_trajectory,
    missing_tasks,
)
from cnnlab.experiments.workers import InThisProcess, LocalWorkers
from cnnlab.machine import check_workers, worker_count
from cnnlab.printing import write_line
from cnnlab.torch_state import usual_torch_state
from cnnlab.training.device import choose_device
from cnnlab.training.progress import TrainingWarning

MOST_AT_ONCE = 128  # runs given to an executor of the caller's; each holds one open lock file
# Up to this many images times epochs, one process is done sooner than two workers, each of which first imports torch.
# Measured with the default network on two busy cores: 7,500 images take 4.6 s (two workers: 18.7), 50,000 take 23 s
# (59), 200,000 take 122 s (120).
SMALL_SWEEP = 60_000


def grid(base: Experiment, **lists: Iterable) -> list[Experiment]:
    """Return an experiment for every combination of these values.

    Parameters
    ----------
    base : Experiment
        All fields that are not named.
    **lists : iterable
        A field of `Experiment` = the values that it takes. The last field changes fastest.

    >>> len(grid(Experiment(), kernel_size=[3, 5, 7], seed=range(5)))
    15
    """
    check_arguments(grid, {"base": base})
    for name, values in lists.items():
        check_choice("field of Experiment", name, FIELDS)
        if isinstance(values, str) or not is_iterable(values):
            raise ConfigError(f"grid: {name} wants a list of values, got {shown(values)}; write [{shown(values)}]")
    listed = {name: list(itertools.islice(values, MOST_EXPERIMENTS + 1)) for name, values in lists.items()}
    if (count := math.prod(map(len, listed.values()))) > MOST_EXPERIMENTS:
        raise ConfigError(f"grid: {count:,} experiments or more are too many; {MOST_EXPERIMENTS:,} at most")
    return [base.replace(**dict(zip(listed, values, strict=True))) for values in itertools.product(*listed.values())]


@usual_torch_state
def sweep(  # noqa: PLR0913 (what, where, and how)
    experiments: Iterable[Experiment],
    store: str | os.PathLike | None = None,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    device: str | None = None,
    replicas: int | None = None,
    retries: int = 2,
    snapshots: Iterable[int] = (),
    insides: bool = False,
    progress: bool = True,
) -> Runs:
    """Train every experiment that the store does not hold yet, and return the runs of all, in their order.

    The same call goes on where an interrupt, a crash or another process left it, and trains nothing twice. Experiments
    that differ in nothing but `epochs` are trained once, to the longest; early stopping is read off a training without
    it, where there is one.

    Parameters
    ----------
    experiments : iterable of Experiment
        Such as `grid` returns.
    store : path, optional
        A folder that keeps each run as soon as it is finished. None, or a .zip such as `bank("pooling")`: what is
        trained is kept in memory only.
    executor : concurrent.futures.Executor, optional
        What trains, instead of worker processes on this computer. It is given `workers` runs (None: 128) at a time.
    workers : int, optional
        The number of worker processes on this computer, of one thread each; 1 is this process. None: the number in the
        environment variable CNNLAB_WORKERS, if it is set. If not, a small sweep is trained in this process, because
        workers take seconds to start. A larger one gets a worker for each processor, but fewer where memory is short,
        and at most two, since each needs half a GB. `python -m cnnlab` prints the number, and why.
    device : str, optional
        "cuda" trains on a GPU, in this process: runs of one architecture and batch size as one network.
    replicas : int, optional
        The most runs that are trained as one network (None: as many as fit into the GPU's memory). With it,
        device="cpu" does the same on the processor.
    retries : int
        How often a run is tried again after its worker died.
    snapshots, insides
        As in `run`.
    progress : bool
        Show a line with the time left.

    Returns
    -------
    Runs
        Experiments that failed are in its `failures`, and a warning says so. After an interrupt it holds what is
        finished.

    >>> runs = sweep(grid(Experiment(train_size=500), kernel_size=[3, 5], seed=range(5)), store="runs/kernel")
    10 runs
    """
    experiments = check_experiments(experiments)
    snapshots = check_snapshots(snapshots)
    retries = check_whole("retries", retries, 0)
    _check_executor(executor)
    if workers is not None:  # of an executor, they may be anywhere
        workers = check_workers("workers", workers) if executor is None else check_whole("workers", workers, 1)
    check_arguments(sweep, locals())
    device_of_stacks = _check_device(device, replicas, executor, workers)
    if device_of_stacks is None:
        train = functools.partial(_train_by_executor, executor=executor, workers=workers)
    else:
        train = functools.partial(train_stacks, device=device_of_stacks, replicas=replicas)
    _warn_of_pictures_left_out(experiments)
    opened = Store(store)
    failures: list[Failure] = []
    interrupted = False
    try:
        with SweepProgress(progress) as line:  # also where nothing is left to do: a cell leaves the same on every run
            # Those without patience come first: early stopping is then read off their runs.
            for stops_early in (False, True):
                group = [experiment for experiment in experiments if (experiment.patience is not None) == stops_early]
                tasks = missing_tasks(group, opened, snapshots, insides, failures)
                if tasks:
                    _warn_of_other_pictures(tasks, opened)
                    opened.prepare()
                    queue = TaskQueue(opened, train_record, retries, line, failures)
                    _train(tasks, queue, train)
    except KeyboardInterrupt:
        interrupted = True
    stored: dict[str, Run] = {}
    for alike in group_by_trajectory(experiments):
        with contextlib.suppress(DataError):  # it is in failures
            stored |= find_stored(alike, opened, snapshots, insides)
    runs = Runs([stored[experiment.key] for experiment in experiments if experiment.key in stored], failures)
    _report(runs, len(experiments), None if opened.read_only else store, interrupted, progress)
    return runs


def train_record(payload: dict[str, Any]) -> dict[str, Any]:
    """Train one experiment and return its record. Workers call this function: both dicts are plain JSON.

    A training that fails gives {"failed": why}, and one that is interrupted {"interrupted": True}.
    """
    insides = payload.get("insides", False)
    try:
        experiment = Experiment(**payload["experiment"])
        finished = run(experiment, snapshots=payload["snapshots"], insides=insides, progress=False)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    if finished.history.stopped_by == "interrupt":
        return {"interrupted": True}
    return make_record(finished, insides=insides)


def _warn_of_other_pictures(tasks: list[Task], store: Store) -> None:
    """Warn where the store holds the same experiments, but for the contents of their pictures."""
    if count := count_of_other_pictures(tasks, store):
        folders = ", ".join(sorted({repr(task.experiment.folder) for task in tasks if task.experiment.folder}))
        warnings.warn(
            f"{count} stored trainings were on other pictures than those that are in {folders} now; they stay in "
            f"{store.path}, and the experiments are trained on the present pictures",
            stacklevel=4,
        )


def _warn_of_pictures_left_out(experiments: list[Experiment]) -> None:
    """Warn, once for each folder, of pictures that can't be loaded; nobody sees what a worker process writes."""
    for folder in sorted({str(experiment.folder) for experiment in experiments if experiment.dataset == "images"}):
        words = ""
        with contextlib.suppress(DataError):  # the training says what is wrong with the folder
            words = left_out_in_words(find_pictures(folder))
        if words:
            warnings.warn(words, LeftOutWarning, stacklevel=4)


def _check_executor(executor: object) -> None:
    """Raise ConfigError unless executor is None or an Executor."""
    if executor is not None and not isinstance(executor, Executor):
        remedy = "its .get_executor()" if hasattr(executor, "get_executor") else "such as ThreadPoolExecutor(4)"
        raise ConfigError(f"executor wants one of concurrent.futures' kind, {remedy}; got {shown(executor)}")


def _train(tasks: list[Task], queue: TaskQueue, train: Callable[[list[Task], TaskQueue], None]) -> None:
    """Train all tasks with `train`, and give back every claim."""
    try:
        with _no_training_warnings():
            train(tasks, queue)
    finally:
        for task in tasks:
            task.claim.close()


def _train_by_executor(tasks: list[Task], queue: TaskQueue, executor: Executor | None, workers: int | None) -> None:
    """Train all tasks with the caller's executor, in worker processes of our own, or in this process."""
    own = None
    at_once = min(workers or (_own_workers(tasks) if executor is None else MOST_AT_ONCE), len(tasks))
    if executor is None:
        executor = own = LocalWorkers(at_once) if at_once > 1 else InThisProcess()
    finished = False
    try:
        queue.train(tasks, executor, at_once)
        finished = True
    finally:
        try:
            queue.stop()
        finally:
            if own is not None:
                _end(own, finished)


def _end(own: LocalWorkers | InThisProcess, finished: bool) -> None:
    """End the worker processes, also if an interrupt comes meanwhile."""
    try:
        own.shutdown(cancel_futures=not finished)
    except KeyboardInterrupt:
        own.shutdown(cancel_futures=True)
        raise


def _check_device(device: str | None, replicas: int | None, executor: object, workers: object) -> torch.device | None:
    """Return the device on which runs are trained as one network; None where they are trained one by one."""
    if replicas is not None:
        check_whole("replicas", replicas, 1)
    chosen = choose_device("cpu" if device is None else device)
    if chosen.type == "cpu" and replicas is None:
        return None
    if executor is not None or workers is not None:
        raise ConfigError("device and replicas train in this process: leave executor and workers out")
    return chosen


def _own_workers(tasks: list[Task]) -> int:
    """Return how many workers train these tasks if the caller gives no number."""
    is_small = not os.environ.get("CNNLAB_WORKERS") and size_of(tasks)[1] <= SMALL_SWEEP
    return 1 if is_small else worker_count()[0]


@contextlib.contextmanager
def _no_training_warnings() -> Iterator[None]:
    """Ignore what a training warns of, in the whole process, until the block ends: the records or `sweep` say it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        warnings.simplefilter("ignore", LeftOutWarning)
        yield


def _report(runs: Runs, asked: int, store: object, interrupted: bool, progress: bool) -> None:
    """Write one line that is the same on every run, and warn of failures."""
    kept = "" if store is None else f"; {store} keeps them"
    if interrupted:
        write_line(f"stopped: {len(runs)} of {asked} runs are done{kept}, and the same call goes on")
    elif progress:
        failed = f", {asked - len(runs)} failed" if len(runs) < asked else ""
        write_line(f"{counted(len(runs), 'run')}{failed}")
    if runs.failures:
        first = runs.failures[0]
        warnings.warn(
            f"{len(runs.failures)} of {asked} runs failed, the others are here; runs.failures has each reason, "
            f"the first is: {first.reason}",
            stacklevel=4,
        )
