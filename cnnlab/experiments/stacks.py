"""Train the tasks of a sweep as stacks: many runs of one architecture as one network (`replicas`)."""

from __future__ import annotations

import contextlib
import time
from collections import deque

import torch

from cnnlab.experiments.records import make_record
from cnnlab.experiments.replicas import MOST_REPLICAS, most_replicas, stack_key, train_replicas
from cnnlab.experiments.run import Run
from cnnlab.experiments.task_queue import TaskQueue, size_of
from cnnlab.experiments.tasks import Task


def train_stacks(tasks: list[Task], queue: TaskQueue, device: torch.device, replicas: int | None) -> None:
    """Train all tasks, many as one network; wait for those that another process trains."""
    queue.line.plan(*size_of(tasks))
    waiting = deque(make_stacks(tasks, device, replicas))
    while waiting:
        stack = waiting.popleft()
        elsewhere = [task for task in stack if not task.claim_from(queue.store)]
        done = [task for task in stack if task not in elsewhere and queue.is_done(task)]
        queue.line.done(*size_of(done))
        own = [task for task in stack if task not in [*elsewhere, *done]]
        if own:
            waiting.extendleft(_train_stack(own, queue, device))
        elif elsewhere:
            time.sleep(0.2)  # another process trains all that is left of this stack
        if elsewhere:
            waiting.append(elsewhere)


def make_stacks(tasks: list[Task], device: torch.device, replicas: int | None) -> list[list[Task]]:
    """Return the tasks that are trained together: at most `replicas`, and as many as fit into the device's memory."""
    alike: dict[tuple, list[Task]] = {}
    for task in tasks:
        alike.setdefault(stack_key(task.experiment), []).append(task)
    stacks = []
    for group in alike.values():
        most = min(replicas or MOST_REPLICAS, most_replicas(group[0].experiment, device))
        count = -(-len(group) // most)  # rounded up
        stacks += [group[place::count] for place in range(count)]
    return stacks


def _train_stack(stack: list[Task], queue: TaskQueue, device: torch.device) -> list[list[Task]]:
    """Train and store these tasks as one network; return what must be tried again, in two halves.

    That is what is not finished when memory runs out or one of the tasks fails. A single task is noted as failed.
    """
    left, epoch, reason = dict(enumerate(stack)), 0, ""
    with contextlib.closing(train_replicas([task.payload for task in stack], device)) as training:
        while left and not reason:
            queue.show(len(left))
            try:
                ended = next(training)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                continue
            try:
                _keep_ended(ended, left, queue, epoch)
            except KeyboardInterrupt:
                _keep_ended(ended, left, queue, epoch)  # an interrupt must not lose what is finished
                raise
            epoch += 1
            queue.line.done(0, sum(task.cost_until(epoch) - task.cost_until(epoch - 1) for task in left.values()))
    again = list(left.values())
    queue.line.done(0, -sum(task.cost_until(epoch) for task in again))  # their epochs are trained anew
    if len(again) == 1:
        queue.note_failure(reason, again[0])
        queue.line.done(*size_of(again))
    for task in again:
        task.claim.close()
    return [again[::2], again[1::2]] if len(again) > 1 else []


def _keep_ended(ended: dict[int, Run], left: dict[int, Task], queue: TaskQueue, epoch: int) -> None:
    """Store the runs that have ended, and remove their tasks from `left`; `epoch` epochs were counted before."""
    for place in [place for place in ended if place in left]:
        task = left[place]
        queue.store_record(make_record(ended[place], insides=task.insides), task)
        task.claim.close()
        del left[place]
        queue.line.done(len(task.asked), task.cost - task.cost_until(epoch))
