"""Many experiments in, their runs out: trained once each, side by side, and never lost."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from cnnlab.errors import ConfigError, check_choice, check_whole
from cnnlab.experiment import FIELDS, Experiment, Run, run
from cnnlab.history import History
from cnnlab.runs import Failure, Runs, as_run
from cnnlab.store import Claim, Store
from cnnlab.workers import LocalWorkers

MOST_AT_ONCE = 256  # runs given to somebody else's executor; each holds one open lock file


def grid(base: Experiment, **lists: Iterable) -> list[Experiment]:
    """Return base with every combination of these values, the last field changing fastest.

    >>> len(grid(Experiment(), kernel_size=[3, 5, 7], seed=range(5)))
    15
    """
    for name, values in lists.items():
        check_choice("field of Experiment", name, FIELDS)
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ConfigError(f"grid: {name} wants a list of values, got {values!r}; write [{values!r}]")
    lists = {name: list(values) for name, values in lists.items()}
    return [base.replace(**dict(zip(lists, values, strict=True))) for values in itertools.product(*lists.values())]


def sweep(
    experiments: Iterable[Experiment],
    store: str | os.PathLike | None = None,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    retries: int = 2,
    snapshots: Iterable[int] = (),
    progress: bool = True,
) -> Runs:
    """Train every experiment that `store` does not hold yet, and return the runs of all, in order.

    store: a folder, which keeps each run as soon as it is finished (None: nothing is kept on disk). The same call goes
    on where an interrupt, a crash or another process left it, and trains nothing twice. Experiments that differ in
    nothing but `epochs` are trained once, to the longest; early stopping is read off a trajectory that is there.
    workers: processes on this computer, each with one thread (None: one a processor core, or $CNNLAB_WORKERS; 1: this
    process). executor: anything of PEP 3148 instead. retries: how often a run is tried again whose worker died.
    snapshots: the epochs whose weights are kept. What fails is in `runs.failures`, with a warning. An interrupt keeps
    what is finished.

    >>> runs = sweep(grid(Experiment(train_size=500), kernel_size=[3, 5], seed=range(5)), store="runs/kernel")
    10 runs
    """
    experiments = list({experiment.key: experiment for experiment in _checked(experiments)}.values())
    snapshots = sorted({check_whole("snapshots: epoch", epoch, 0) for epoch in snapshots})
    retries = check_whole("retries", retries, 0)
    workers = None if workers is None else check_whole("workers", workers, 1)
    shelf = Store(store)
    failures: list[Failure] = []
    interrupted = False
    try:
        # First what is trained to its end: early stopping may then be read off it.
        for stopping in (False, True):
            some = [experiment for experiment in experiments if (experiment.patience is not None) == stopping]
            tasks = _missing(some, shelf, snapshots)
            if tasks:
                _train(tasks, shelf, executor, workers, retries, failures, progress)
    except KeyboardInterrupt:
        interrupted = True
    found = [_find(experiment, shelf, snapshots) for experiment in experiments]
    runs = Runs([run for run in found if run is not None], failures)
    _say_the_end(runs, len(experiments), store, interrupted, progress)
    return runs


def train_record(payload: dict[str, Any]) -> dict[str, Any]:
    """Train one experiment and return its record. This is what workers are sent: plain JSON in, plain JSON out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "diverged in epoch")  # the record says so
        try:
            finished = run(Experiment(**payload["experiment"]), snapshots=payload["snapshots"], progress=False)
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {error}"}
    if finished.history.stopped_by == "interrupt":
        return {"interrupted": True}
    return {
        "experiment": finished.experiment.to_dict(),
        "history": finished.history.to_dict(),
        "seconds": finished.seconds,
        "input_shape": finished.input_shape,
        "class_names": finished.class_names,
        "snapshots": finished.snapshots,
        "weights": base64.b64encode(finished.read_weights()).decode(),
    }


@dataclass
class _Task:
    """One trajectory to be trained: its longest experiment, and all that were asked for."""

    experiment: Experiment
    asked: list[Experiment]
    snapshots: list[int]
    attempts: int = 0
    claim: Claim | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.experiment.trajectory

    @property
    def cost(self) -> int:
        """About how long it takes, in images."""
        return max(1, self.experiment.epochs) * (self.experiment.train_size or 50_000)

    @property
    def payload(self) -> dict[str, Any]:
        return {"experiment": self.experiment.to_dict(), "snapshots": self.snapshots}


def _checked(experiments: Iterable[Experiment]) -> list[Experiment]:
    experiments = [experiments] if isinstance(experiments, Experiment) else list(experiments)
    for one in experiments:
        if not isinstance(one, Experiment):
            raise ConfigError(f"sweep wants experiments, such as grid(Experiment(), seed=range(5)); got {one!r:.80}")
    return experiments


def _missing(experiments: list[Experiment], shelf: Store, snapshots: list[int]) -> list[_Task]:
    """Return one task for each trajectory that the store does not hold, long ones first."""
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        if _find(experiment, shelf, snapshots, note=True) is None:
            groups.setdefault(experiment.trajectory, []).append(experiment)
    tasks = []
    for group in groups.values():
        longest = max(group, key=lambda experiment: experiment.epochs)
        tasks.append(_Task(longest, group, [epoch for epoch in snapshots if epoch <= longest.epochs]))
    return sorted(tasks, key=lambda task: -task.cost)


def _find(experiment: Experiment, shelf: Store, snapshots: list[int], note: bool = False) -> Run | None:
    """Return the experiment's run from the store, perhaps as a part of a longer one; None if it is not there."""
    names = [experiment.trajectory]
    if experiment.patience is not None:
        names.insert(0, experiment.replace(patience=None).trajectory)
    for name in names:
        record = shelf.read(name)
        found = record and as_run(experiment, History.from_dict(record["history"]), shelf, name, record)
        if found and {epoch for epoch in snapshots if epoch <= len(found.history)} <= set(found.snapshots):
            if note and _how_long(experiment) not in record["asked"]:
                _note_asked(shelf, name, experiment)
            return found
    return None


def _how_long(experiment: Experiment) -> list:
    return [experiment.epochs, experiment.patience, experiment.min_delta]


def _note_asked(shelf: Store, name: str, experiment: Experiment) -> None:
    """Add to the record that this length is wanted too, so that loading the store gives it."""
    if shelf.read_only:
        return
    while (claim := shelf.claim(name)) is None:
        time.sleep(0.05)
    with contextlib.closing(claim):
        record = shelf.read(name)
        shelf.write(name, record | {"asked": sorted([*record["asked"], _how_long(experiment)], key=str)})


def _train(tasks, shelf, executor, workers, retries, failures, progress) -> None:
    """Train all tasks; what another process has claimed is waited for."""
    own = executor is None
    most = (workers or _processors()) if own else (workers or MOST_AT_ONCE)
    most = min(most, len(tasks))
    if own:
        executor = LocalWorkers(most) if most > 1 else _Here()
    waiting, elsewhere, running = deque(tasks), deque(), {}
    finished = False
    try:
        with _Board(tasks, progress) as board:
            while waiting or elsewhere or running:
                if not waiting and elsewhere and not running:
                    time.sleep(0.1)
                if not waiting:
                    waiting, elsewhere = elsewhere, waiting
                while waiting and len(running) < most:
                    task = waiting.popleft()
                    if _claimed(task, shelf, elsewhere, board):
                        running[_submit(executor, task)] = task
                board.show(len(running), len(failures))
                for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    with contextlib.closing(task.claim):
                        again = _take(future, task, shelf, retries, failures)
                    if again:
                        waiting.append(task)
                    else:
                        board.done(task)
        finished = True
    finally:
        for future in running:
            future.cancel()
        if own:
            executor.shutdown(cancel_futures=not finished)
        for task in running.values():
            task.claim.close()


def _claimed(task: _Task, shelf: Store, elsewhere: deque, board: _Board) -> bool:
    """Return whether the task is ours to train: nobody else is at it, and nobody else has done it meanwhile."""
    task.claim = shelf.claim(task.name)
    if task.claim is None:
        elsewhere.append(task)
        return False
    if all(_find(experiment, shelf, task.snapshots) for experiment in task.asked):
        task.claim.close()
        board.done(task)
        return False
    return True


def _submit(executor: Executor, task: _Task) -> Future:
    try:
        return executor.submit(train_record, task.payload)
    except Exception as error:  # a pool that is broken says so here
        future: Future = Future()
        future.set_exception(error)
        return future


def _take(future: Future, task: _Task, shelf: Store, retries: int, failures: list[Failure]) -> bool:
    """Store what a finished future brings; return whether the task must be tried again."""
    error = future.exception()
    if error is not None:  # the worker, and not the training, has failed
        task.attempts += 1
        if task.attempts <= retries:
            return True
        record = {"failed": f"{error} (tried {task.attempts} times)" if str(error) else repr(error)}
    else:
        record = future.result()
    if record.get("interrupted"):
        raise KeyboardInterrupt
    if "failed" in record:
        shelf.note_failure(task.name, task.experiment.to_dict(), record["failed"])
        failures.extend(Failure(experiment, record["failed"]) for experiment in task.asked)
        return False
    weights = base64.b64decode(record.pop("weights"))
    asked = {str(_how_long(experiment)): _how_long(experiment) for experiment in task.asked}
    earlier = shelf.read(task.name)
    if earlier:  # it was too short, or had no weights
        asked |= {str(how_long): how_long for how_long in earlier["asked"]}
    shelf.write(task.name, record | {"asked": list(asked.values())}, weights)
    shelf.forget_failure(task.name)
    return False


def _processors() -> int:
    told = os.environ.get("CNNLAB_WORKERS", "")
    if told:
        return check_whole("CNNLAB_WORKERS", int(told) if told.isdecimal() else told, 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Here(Executor):
    """An executor that does the work at once, in this process."""

    def submit(self, function, /, payload) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(payload))
        except Exception as error:
            future.set_exception(error)
        return future


class _Board:
    """The bar: runs done, running and failed, and the time left at the rate so far."""

    def __init__(self, tasks: list[_Task], shown: bool) -> None:
        self.total, self.finished = sum(len(task.asked) for task in tasks), 0
        look = "{desc} |{bar:20}| {percentage:3.0f} %, {remaining} left"
        cost = sum(task.cost for task in tasks)
        self.bar = tqdm(
            total=cost, file=sys.stdout, leave=False, disable=not shown, bar_format=look, smoothing=0, desc="sweep"
        )

    def __enter__(self) -> _Board:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def show(self, running: int, failed: int) -> None:
        failing = f", {failed} failed" if failed else ""
        self.bar.set_description_str(f"{self.finished} of {self.total} runs done, {running} running{failing}")

    def done(self, task: _Task) -> None:
        self.finished += len(task.asked)
        self.bar.update(task.cost)


def _say_the_end(runs: Runs, asked: int, store, interrupted: bool, progress: bool) -> None:
    """One line that is the same on every run, and a warning of what must not be missed."""
    kept = "" if store is None else f"; {store} keeps them"
    if interrupted:
        sys.stdout.write(f"stopped: {len(runs)} of {asked} runs are done{kept}, and the same call goes on\n")
    elif progress:
        failed = f", {asked - len(runs)} failed" if len(runs) < asked else ""
        sys.stdout.write(f"{len(runs)} run{'' if len(runs) == 1 else 's'}{failed}\n")
    if runs.failures:
        first = runs.failures[0]
        warnings.warn(
            f"{len(runs.failures)} of {asked} runs failed, the others are here; runs.failures has each reason, "
            f"the first is: {first.reason}",
            stacklevel=3,
        )
