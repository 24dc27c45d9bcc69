"""Many experiments in, their runs out: trained once each, side by side, and never lost."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from typing import Any

from cnnlab.checks import check_choice, check_whole
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, Experiment
from cnnlab.experiments.replicas import MOST_REPLICAS, most_replicas, stack_key, train_replicas
from cnnlab.experiments.run import Run, check_snapshots, run
from cnnlab.experiments.runs import Failure, Runs
from cnnlab.experiments.store import Store
from cnnlab.experiments.tasks import Task, asked_for, checked, find, groups, missing
from cnnlab.experiments.workers import InThisProcess, LocalWorkers
from cnnlab.machine import worker_count
from cnnlab.training.options import choose_device
from cnnlab.training.progress import SweepProgress, write_line

MOST_AT_ONCE = 128  # runs given to somebody else's executor; each holds one open lock file
# Images times epochs that one process trains sooner than two workers, each of which imports torch first. Measured with
# the default network: 7,500 images in 4.6 s (two workers: 18.7), 50,000 in 23 s (59), 200,000 in 122 s (120), on two
# busy cores.
SMALL_SWEEP = 60_000


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
    """Train every experiment that `store` does not hold yet, and return the runs of all, in order.

    store: a folder, which keeps each run as soon as it is finished. None, or the .zip of a folder, such as
    `bank("pooling")`: what is trained is kept in memory only. The same call goes on where an interrupt, a crash or
    another process left it, and trains nothing twice. Experiments that differ in nothing but `epochs` are trained once,
    to the longest; early stopping is read off a trajectory that is there.
    workers: processes on this computer, each with one thread (1: this process). None is $CNNLAB_WORKERS where that is
    set; else this process for a small sweep, which is over sooner than workers have started, and for a larger one a
    worker for each processor that this computer or container allows, but fewer where memory is short, and at most two,
    since each needs half a GB. `python -m cnnlab` prints the number, and why.
    device: "cuda" trains on a GPU, in this process: runs of one architecture and batch size as one network of many, as
    many as fit into its memory, or at most `replicas`. With replicas, "cpu" does the same on the processor.
    executor: anything of PEP 3148 instead, which is given up to `workers` runs (None: 128) at a time.
    retries: how often a run is tried again whose worker died.
    snapshots: the epochs whose weights are kept; insides: record what goes on inside, as in `run`. What fails is in
    `runs.failures`, with a warning. An interrupt keeps what is finished.

    >>> runs = sweep(grid(Experiment(train_size=500), kernel_size=[3, 5], seed=range(5)), store="runs/kernel")
    10 runs
    """
    experiments = checked(experiments)
    snapshots = check_snapshots(snapshots)
    retries = check_whole("retries", retries, 0)
    workers = None if workers is None else check_whole("workers", workers, 1)
    _check_executor(executor)
    device = _check_device(device, replicas, executor, workers)
    shelf = Store(store)
    failures: list[Failure] = []
    interrupted = False
    try:
        with SweepProgress(progress) as board:  # also if nothing is left to do: the cell leaves the same on every run
            # First what is trained to its end: early stopping may then be read off it.
            for stopping in (False, True):
                some = [experiment for experiment in experiments if (experiment.patience is not None) == stopping]
                tasks = missing(some, shelf, snapshots, insides)
                if tasks:
                    shelf.prepare()
                    if device is None:
                        _train(tasks, shelf, executor, workers, retries, failures, board)
                    else:
                        _train_stacked(tasks, shelf, device, replicas, failures, board)
    except KeyboardInterrupt:
        interrupted = True
    found = {key: one for group in groups(experiments) for key, one in find(group, shelf, snapshots, insides).items()}
    runs = Runs([found[experiment.key] for experiment in experiments if experiment.key in found], failures)
    _say_the_end(runs, len(experiments), None if shelf.read_only else store, interrupted, progress)
    return runs


def train_record(payload: dict[str, Any]) -> dict[str, Any]:
    """Train one experiment and return its record. This is what workers are sent: plain JSON in, plain JSON out."""
    try:
        insides = payload.get("insides", False)
        kept = {"snapshots": payload["snapshots"], "insides": insides}
        finished = run(Experiment(**payload["experiment"]), **kept, progress=False)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    if finished.history.stopped_by == "interrupt":
        return {"interrupted": True}
    return _as_record(finished, insides)


def _as_record(finished: Run, insides: bool) -> dict[str, Any]:
    return {
        "experiment": finished.experiment.resolved(),  # so that a later default can't change what this run was
        "history": finished.history.to_dict(),
        "seconds": finished.seconds,
        "input_shape": finished.input_shape,
        "class_names": finished.class_names,
        "snapshots": finished.snapshots,
        "insides": insides,
        "weights": base64.b64encode(finished.read_weights()).decode(),
    }


def _check_executor(executor: object) -> None:
    if executor is not None and not isinstance(executor, Executor):
        remedy = "its .get_executor()" if hasattr(executor, "get_executor") else "such as ThreadPoolExecutor(4)"
        raise ConfigError(f"executor wants one of concurrent.futures' kind, {remedy}; got {executor!r:.60}")


def _train(tasks, shelf, executor, workers, retries, failures, board) -> None:  # noqa: C901, PLR0912 (one loop over waiting, running and claimed tasks)
    """Train all tasks; what another process has claimed is waited for."""
    own = executor is None
    most = min(workers or (_own_workers(tasks) if own else MOST_AT_ONCE), len(tasks))
    if own:
        executor = LocalWorkers(most) if most > 1 else InThisProcess()
    waiting, elsewhere, running = deque(tasks), deque(), {}
    finished = False
    board.plan(*_size(tasks))
    try:
        with _silence():
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
                        board.done(*_size([task]))
                    else:
                        board.show(len(running) + 1, len(failures))
                        running[_submit(executor, task)] = task
                board.show(len(running), len(failures))
                for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    with contextlib.closing(task.claim):
                        again = _take(future, task, shelf, retries, failures)
                    if again:
                        waiting.append(task)
                    else:
                        board.done(*_size([task]))
            board.show(0, len(failures))
        finished = True
    finally:
        for future, task in running.items():
            if not future.cancel() and future.done():  # finished, but not taken yet: an interrupt must not lose it
                with contextlib.suppress(Exception, KeyboardInterrupt):
                    _take(future, task, shelf, 0, failures)
        if own:
            executor.shutdown(cancel_futures=not finished)
        for task in tasks:
            task.claim.close()


def _check_device(device: str | None, replicas: int | None, executor, workers):
    """Return the device on which runs are trained as one network; None where they are trained one by one."""
    if replicas is not None:
        check_whole("replicas", replicas, 1)
    chosen = choose_device(device or "cpu")
    if chosen.type == "cpu" and replicas is None:
        return None
    if executor is not None or workers is not None:
        raise ConfigError("device and replicas train in this process: leave executor and workers out")
    return chosen


def _train_stacked(tasks, shelf, device, replicas, failures, board) -> None:
    """Train all tasks, many as one network; what another process has claimed is waited for."""
    board.plan(*_size(tasks))
    waiting = deque(_stacks(tasks, device, replicas))
    try:
        with _silence():
            while waiting:
                stack = waiting.popleft()
                elsewhere = [task for task in stack if not task.claim_from(shelf)]
                done = [task for task in stack if task not in elsewhere and task.is_done(shelf)]
                board.done(*_size(done))
                mine = [task for task in stack if task not in [*elsewhere, *done]]
                if mine:
                    waiting.extendleft(_train_stack(mine, shelf, device, failures, board))
                elif elsewhere:
                    time.sleep(0.2)
                if elsewhere:
                    waiting.append(elsewhere)
    finally:
        for task in tasks:
            task.claim.close()


def _stacks(tasks: list[Task], device, replicas: int | None) -> list[list[Task]]:
    """Return the tasks that are trained together: no more than `replicas`, and than fit into the device's memory."""
    alike: dict[tuple, list[Task]] = {}
    for task in tasks:
        alike.setdefault(stack_key(task.experiment), []).append(task)
    stacks = []
    for group in alike.values():
        most = min(replicas or MOST_REPLICAS, most_replicas(group[0].experiment, device))
        count = -(-len(group) // most)  # rounded up
        stacks += [group[place::count] for place in range(count)]
    return stacks


def _train_stack(stack: list[Task], shelf, device, failures, board) -> list[list[Task]]:
    """Train these tasks as one network and store them; return the halves of what must be tried again.

    That is what is left where memory runs out, or one of them can't be trained.
    """
    left, epoch, reason = dict(enumerate(stack)), 0, ""
    with contextlib.closing(train_replicas([task.payload for task in stack], device)) as training:
        while left and not reason:
            board.show(len(left), len(failures))
            try:
                ended = next(training)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                continue
            try:
                _keep_ended(ended, left, shelf, board, epoch)
            except KeyboardInterrupt:
                _keep_ended(ended, left, shelf, board, epoch)  # an interrupt must not lose what is finished
                raise
            epoch += 1
            board.done(0, sum(task.cost_until(epoch) - task.cost_until(epoch - 1) for task in left.values()))
    again = list(left.values())
    if len(again) == 1:
        _note_failure(reason, again[0], shelf, failures)
        board.done(*_size(again))
    for task in again:
        task.claim.close()
    return [again[::2], again[1::2]] if len(again) > 1 else []


def _keep_ended(ended: dict[int, Run], left: dict[int, Task], shelf, board, epoch: int) -> None:
    """Store the runs that have ended, and take their tasks from those that are left; epoch: the last but this."""
    for place in [place for place in ended if place in left]:
        task = left[place]
        _keep(_as_record(ended[place], task.insides), task, shelf)
        task.claim.close()
        del left[place]
        board.done(len(task.asked), task.cost - task.cost_until(epoch))


def _own_workers(tasks: list[Task]) -> int:
    """Return how many workers train these tasks where nobody has said a number."""
    small = not os.environ.get("CNNLAB_WORKERS") and _size(tasks)[1] <= SMALL_SWEEP
    return 1 if small else worker_count()[0]


def _size(tasks: list[Task]) -> tuple[int, int]:
    """Return how many runs these are, and about how long they take."""
    return sum(len(task.asked) for task in tasks), sum(task.cost for task in tasks)


def _submit(executor: Executor, task: Task) -> Future:
    try:
        return executor.submit(train_record, task.payload)
    except Exception as error:  # a pool that is broken says so here
        future: Future = Future()
        future.set_exception(RuntimeError(f"the executor takes no more work ({error or error!r}); give a new one"))
        return future


def _take(future: Future, task: Task, shelf: Store, retries: int, failures: list[Failure]) -> bool:
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
        _note_failure(record["failed"], task, shelf, failures)
    else:
        _keep(record, task, shelf)
    return False


def _note_failure(reason: str, task: Task, shelf: Store, failures: list[Failure]) -> None:
    shelf.note_failure(task.name, task.experiment.to_dict(), reason)
    failures.extend(Failure(experiment, reason) for experiment in task.asked)


def _keep(record: dict[str, Any], task: Task, shelf: Store) -> None:
    """Store the record of a task."""
    weights = base64.b64decode(record.pop("weights"))
    with shelf.editing():
        earlier = shelf.read(task.name) or {"asked": []}  # too short, or without these weights
        shelf.write(task.name, record | {"asked": asked_for(task.asked, earlier["asked"])}, weights)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Let no run warn by itself of what its record says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "diverged in epoch|trained 0 epochs")
        yield


def _say_the_end(runs: Runs, asked: int, store, interrupted: bool, progress: bool) -> None:
    """One line that is the same on every run, and a warning of what must not be missed."""
    kept = "" if store is None else f"; {store} keeps them"
    if interrupted:
        write_line(f"stopped: {len(runs)} of {asked} runs are done{kept}, and the same call goes on")
    elif progress:
        failed = f", {asked - len(runs)} failed" if len(runs) < asked else ""
        write_line(f"{len(runs)} run{'' if len(runs) == 1 else 's'}{failed}")
    if runs.failures:
        first = runs.failures[0]
        warnings.warn(
            f"{len(runs.failures)} of {asked} runs failed, the others are here; runs.failures has each reason, "
            f"the first is: {first.reason}",
            stacklevel=3,
        )
