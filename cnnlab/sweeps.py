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
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from cnnlab.errors import ConfigError, check_choice, check_whole
from cnnlab.experiment import FIELDS, Experiment, Run, check_snapshots, run
from cnnlab.runs import Failure, Runs, as_run, read_record
from cnnlab.store import Claim, Store
from cnnlab.workers import LocalWorkers

MOST_AT_ONCE = 128  # runs given to somebody else's executor; each holds one open lock file


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

    store: a folder, which keeps each run as soon as it is finished. None, or the .zip of a folder, such as
    `bank("pooling")`: what is trained is kept in memory only. The same call goes on where an interrupt, a crash or
    another process left it, and trains nothing twice. Experiments that differ in nothing but `epochs` are trained once,
    to the longest; early stopping is read off a trajectory that is there.
    workers: processes on this computer, each with one thread (None: one a processor core, or $CNNLAB_WORKERS; 1: this
    process). executor: anything of PEP 3148 instead, which is given up to `workers` runs (None: 128) at a time.
    retries: how often a run is tried again whose worker died.
    snapshots: the epochs whose weights are kept. What fails is in `runs.failures`, with a warning. An interrupt keeps
    what is finished.

    >>> runs = sweep(grid(Experiment(train_size=500), kernel_size=[3, 5], seed=range(5)), store="runs/kernel")
    10 runs
    """
    experiments = _checked(experiments)
    snapshots = check_snapshots(snapshots)
    retries = check_whole("retries", retries, 0)
    workers = None if workers is None else check_whole("workers", workers, 1)
    _check_executor(executor)
    shelf = Store(store)
    failures: list[Failure] = []
    interrupted = False
    try:
        # First what is trained to its end: early stopping may then be read off it.
        for stopping in (False, True):
            some = [experiment for experiment in experiments if (experiment.patience is not None) == stopping]
            tasks = _missing(some, shelf, snapshots)
            if tasks:
                shelf.prepare()
                _train(tasks, shelf, executor, workers, retries, failures, progress)
    except KeyboardInterrupt:
        interrupted = True
    found = {key: one for group in _groups(experiments) for key, one in _find(group, shelf, snapshots).items()}
    runs = Runs([found[experiment.key] for experiment in experiments if experiment.key in found], failures)
    _say_the_end(runs, len(experiments), None if shelf.read_only else store, interrupted, progress)
    return runs


def train_record(payload: dict[str, Any]) -> dict[str, Any]:
    """Train one experiment and return its record. This is what workers are sent: plain JSON in, plain JSON out."""
    try:
        finished = run(Experiment(**payload["experiment"]), snapshots=payload["snapshots"], progress=False)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    if finished.history.stopped_by == "interrupt":
        return {"interrupted": True}
    return {
        "experiment": finished.experiment.resolved(),  # so that a later default can't change what this run was
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
    claim: Claim = field(default_factory=lambda: Claim(None), repr=False)

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

    def claim_from(self, shelf: Store) -> bool:
        """Return whether the task is ours to train: no other process is at it."""
        claim = shelf.claim(self.name)
        self.claim = claim or Claim(None)
        return claim is not None

    def is_done(self, shelf: Store) -> bool:
        """Return whether another process has done it meanwhile. If not, what is stored already will be in it, too."""
        if len(_find(self.asked, shelf, self.snapshots, note=True)) == len(self.asked):
            self.claim.close()
            return True
        record = read_record(shelf, self.name)
        if record is not None:
            epochs = max(self.experiment.epochs, record["experiment"].epochs)
            self.experiment = self.experiment.replace(epochs=epochs)
            self.snapshots = sorted({*self.snapshots, *record["snapshots"]})
        return False


def _checked(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Return the experiments, each once."""
    experiments = [experiments] if isinstance(experiments, Experiment) else list(experiments)
    for one in experiments:
        if not isinstance(one, Experiment):
            raise ConfigError(f"sweep wants experiments, such as grid(Experiment(), seed=range(5)); got {one!r:.80}")
    first: dict[str, Experiment] = {}
    for one in experiments:
        first.setdefault(one.key, one)
    return list(first.values())


def _check_executor(executor: object) -> None:
    if executor is not None and not isinstance(executor, Executor):
        remedy = "its .get_executor()" if hasattr(executor, "get_executor") else "such as ThreadPoolExecutor(4)"
        raise ConfigError(f"executor wants one of concurrent.futures' kind, {remedy}; got {executor!r:.60}")


def _groups(experiments: list[Experiment]) -> list[list[Experiment]]:
    """Return the experiments of each trajectory: they differ in nothing but `epochs`."""
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.trajectory, []).append(experiment)
    return list(groups.values())


def _missing(experiments: list[Experiment], shelf: Store, snapshots: list[int]) -> list[_Task]:
    """Return one task for each trajectory that the store does not hold, long ones first."""
    tasks = []
    for group in _groups(experiments):
        found = _find(group, shelf, snapshots, note=True)
        group = [experiment for experiment in group if experiment.key not in found]
        if group:
            tasks.append(_Task(max(group, key=lambda experiment: experiment.epochs), group, snapshots))
    return sorted(tasks, key=lambda task: -task.cost)


def _find(group: list[Experiment], shelf: Store, snapshots: list[int], note: bool = False) -> dict[str, Run]:
    """Return the group's runs that the store holds, perhaps as parts of longer ones, by the experiments' keys.

    note: write into the records that these lengths are wanted too, so that loading the store gives them.
    """
    names = [group[0].trajectory]
    if group[0].patience is not None:
        names.insert(0, group[0].replace(patience=None).trajectory)
    found: dict[str, Run] = {}
    for name in names:
        record = read_record(shelf, name)
        if record is None:
            continue
        sound = not snapshots or not record["snapshots"] or shelf.has_weights(name)
        here = []
        for experiment in group:
            part = as_run(experiment, shelf, name, record)
            if part is None or experiment.key in found:
                continue
            if sound and {epoch for epoch in snapshots if epoch <= len(part.history)} <= set(part.snapshots):
                found[experiment.key] = part
                here.append(experiment)
        if note and not shelf.read_only and _asked(here, record["asked"]) != record["asked"]:
            with shelf.editing():
                record = shelf.read(name)
                shelf.write(name, record | {"asked": _asked(here, record["asked"])})
    return found


def _asked(experiments: list[Experiment], earlier: list) -> list:
    """Return the lengths and patiences that were asked for, these experiments' included."""
    own = [[experiment.epochs, experiment.patience, experiment.min_delta] for experiment in experiments]
    return [*earlier, *(one for one in own if one not in earlier)]


def _train(tasks, shelf, executor, workers, retries, failures, progress) -> None:
    """Train all tasks; what another process has claimed is waited for."""
    own = executor is None
    most = min(workers or (_processors() if own else MOST_AT_ONCE), len(tasks))
    if own:
        executor = LocalWorkers(most) if most > 1 else _Here()
    waiting, elsewhere, running = deque(tasks), deque(), {}
    finished, failed_before = False, len(failures)
    try:
        with _silence(), _Board(tasks, progress) as board:
            while waiting or elsewhere or running:
                if not waiting:
                    if not running:
                        time.sleep(0.2)  # others are at all that is left
                    waiting, elsewhere = elsewhere, waiting
                while waiting and len(running) < most:
                    task = waiting.popleft()
                    if not task.claim_from(shelf):
                        elsewhere.append(task)
                    elif task.is_done(shelf):
                        board.done(task)
                    else:
                        board.show(len(running) + 1, len(failures) - failed_before)
                        running[_submit(executor, task)] = task
                board.show(len(running), len(failures) - failed_before)
                for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    with contextlib.closing(task.claim):
                        again = _take(future, task, shelf, retries, failures)
                    if again:
                        waiting.append(task)
                    else:
                        board.done(task)
            board.show(0, len(failures) - failed_before)
        finished = True
    finally:
        for future in running:
            future.cancel()
        if own:
            executor.shutdown(cancel_futures=not finished)
        for task in tasks:
            task.claim.close()


def _submit(executor: Executor, task: _Task) -> Future:
    try:
        return executor.submit(train_record, task.payload)
    except Exception as error:  # a pool that is broken says so here
        future: Future = Future()
        future.set_exception(RuntimeError(f"the executor takes no more work ({error or error!r}); give a new one"))
        return future


def _take(future: Future, task: _Task, shelf: Store, retries: int, failures: list[Failure]) -> bool:
    """Store what a finished future brings; return whether the task must be tried again."""
    error = CancelledError("it was cancelled") if future.cancelled() else future.exception()
    if error is not None:  # the worker, and not the training, has failed
        task.attempts += 1
        if task.attempts <= retries:
            return True
        times = "once" if task.attempts == 1 else f"{task.attempts} times"
        record = {"failed": f"{error or repr(error)} (tried {times})"}
    else:
        record = future.result()
    if record.get("interrupted"):
        raise KeyboardInterrupt
    if "failed" in record:
        shelf.note_failure(task.name, task.experiment.to_dict(), record["failed"])
        failures.extend(Failure(experiment, record["failed"]) for experiment in task.asked)
        return False
    weights = base64.b64decode(record.pop("weights"))
    with shelf.editing():
        earlier = shelf.read(task.name) or {"asked": []}  # too short, or without these weights
        shelf.write(task.name, record | {"asked": _asked(task.asked, earlier["asked"])}, weights)
    return False


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Let no run warn by itself of what its record says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "diverged in epoch|trained 0 epochs")
        yield


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
        done = self.finished - failed
        self.bar.set_description_str(f"{done} of {self.total} runs done, {running} running{failing}")

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
