"""Give tasks to an executor, store what comes back, and wait for what another process trains."""

from __future__ import annotations

import base64
import contextlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from cnnlab.experiments.records import add_asked
from cnnlab.experiments.runs import Failure
from cnnlab.experiments.store import Store
from cnnlab.experiments.sweep_progress import SweepProgress
from cnnlab.experiments.tasks import Task


@dataclass
class TaskQueue:
    """The tasks of a sweep: those that wait, those that run, and those that another process trains.

    Parameters
    ----------
    store : Store
        Where finished runs are kept.
    train_record : function
        What an executor calls for each task: it trains the task's `payload` and returns a record, both plain JSON.
    retries : int
        How often a task is tried again after its worker died.
    line : SweepProgress
        The line of progress.
    failures : list of Failure
        What could not be trained is added to it.
    waiting, elsewhere : deque of Task
        The tasks that wait, and those that another process holds: they are tried again in turn.
    running : dict
        Future → the task that it trains.
    """

    store: Store
    train_record: Callable[[dict[str, Any]], dict[str, Any]]
    retries: int
    line: SweepProgress
    failures: list[Failure]
    waiting: deque[Task] = field(default_factory=deque)
    elsewhere: deque[Task] = field(default_factory=deque)
    running: dict[Future, Task] = field(default_factory=dict)

    def train(self, tasks: list[Task], executor: Executor, at_once: int) -> None:
        """Train all tasks, at most `at_once` at a time; wait for those that another process trains."""
        self.waiting.extend(tasks)
        self.line.plan(*size_of(tasks))
        while self.waiting or self.elsewhere or self.running:
            if not self.waiting:
                if not self.running:
                    time.sleep(0.2)  # other processes train all that is left
                self.waiting, self.elsewhere = self.elsewhere, self.waiting
            while self.waiting and len(self.running) < at_once:
                self._start(self.waiting.popleft(), executor)
            self.show(len(self.running))
            for future in wait(self.running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                task = self.running.pop(future)
                with contextlib.closing(task.claim):
                    must_retry = self.collect(future, task)
                if must_retry:
                    self.waiting.append(task)
                else:
                    self.line.done(*size_of([task]))
        self.show(0)

    def show(self, running: int) -> None:
        """Show how many runs are being trained, and how many have failed."""
        self.line.show(running, len(self.failures))

    def _start(self, task: Task, executor: Executor) -> None:
        """Give a task to the executor, unless another process trains it or has trained it."""
        if not task.claim_from(self.store):
            self.elsewhere.append(task)
        elif self.is_done(task):
            self.line.done(*size_of([task]))
        else:
            self.show(len(self.running) + 1)
            self.running[self._submit(executor, task)] = task

    def is_done(self, task: Task) -> bool:
        """Return whether another process has trained the task; plan what the task becomes longer by."""
        planned = task.cost
        done = task.is_done(self.store)
        self.line.plan(0, task.cost - planned)
        return done

    def _submit(self, executor: Executor, task: Task) -> Future:
        """Give a task to an executor; if that is broken, the future says so."""
        try:
            return executor.submit(self.train_record, task.payload)
        except Exception as error:
            future: Future = Future()
            future.set_exception(
                RuntimeError(f"the executor takes no more work ({str(error) or repr(error)}); give a new one")
            )
            return future

    def collect(self, future: Future, task: Task) -> bool:
        """Store the record of a finished future, or note why there is none; return True if the task must be retried.

        Raises KeyboardInterrupt if the training was interrupted.
        """
        error = CancelledError("it was cancelled") if future.cancelled() else future.exception()
        if error is not None:  # the worker has failed, not the training
            task.attempts += 1
            if task.attempts <= self.retries:
                return True
            times = "once" if task.attempts == 1 else f"{task.attempts} times"
            self.note_failure(f"{str(error) or repr(error)} (tried {times})", task)
            return False
        record = future.result()
        if record.get("interrupted"):
            raise KeyboardInterrupt
        if "failed" in record:
            self.note_failure(record["failed"], task)
        else:
            self.store_record(record, task)
        return False

    def note_failure(self, reason: str, task: Task) -> None:
        """Write down why a task failed."""
        self.store.note_failure(task.name, task.experiment.to_dict(), reason)
        self.failures.extend(Failure(experiment, reason) for experiment in task.asked)

    def store_record(self, record: dict[str, Any], task: Task) -> None:
        """Store a task's record. The lengths for which an earlier record was asked are kept."""
        weights = base64.b64decode(record.pop("weights"))
        with self.store.editing():
            earlier = self.store.read(task.name)  # it was too short, or lacked these weights
            asked = add_asked(task.asked, earlier["asked"] if earlier else [])
            # The name tells a sound record from one that was renamed, also after a default has changed.
            self.store.write(task.name, record | {"trajectory": task.name, "asked": asked}, weights)

    def stop(self) -> None:
        """Cancel what has not begun, and store what is finished but not collected: an interrupt must not lose it."""
        self.retries = 0
        for future, task in self.running.items():
            if not future.cancel() and future.done():
                with contextlib.suppress(Exception, KeyboardInterrupt):
                    self.collect(future, task)


def size_of(tasks: list[Task]) -> tuple[int, int]:
    """Return how many runs these tasks are, and about how long they take: images times epochs."""
    return sum(len(task.asked) for task in tasks), sum(task.cost for task in tasks)
