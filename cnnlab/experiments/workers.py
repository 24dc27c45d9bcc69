"""Processes on this computer that train, one torch thread each: JSON goes in and JSON comes out, on their pipes.

Each has a pipe of its own, so a worker that is killed costs the run that it was on and nothing else, and one whose
parent is gone ends by itself. Nothing is pickled, and the notebook's or script's own code is never run again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor


class WorkerDied(RuntimeError):
    """A worker process ended before it had answered."""


class LocalWorkers(Executor):
    """An executor (PEP 3148) of so many worker processes; a function of one JSON-able argument runs in each."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="cnnlab-worker")
        self._mine = threading.local()
        self._workers: list[_Worker] = []
        self._changing = threading.Lock()
        self._ended = False

    def submit(self, function: Callable[[dict], dict], /, payload: dict) -> Future:
        """Send payload to a worker that is free; the future brings its answer, or WorkerDied."""
        return self._threads.submit(self._ask, f"{function.__module__}:{function.__qualname__}", payload)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 (it always waits)
        """End every worker process; with cancel_futures in the middle of what it does."""
        if cancel_futures:
            with self._changing:
                self._ended = True
                for worker in self._workers:
                    worker.process.kill()
        self._threads.shutdown(cancel_futures=cancel_futures)
        for worker in self._workers:
            worker.close()

    def _ask(self, function: str, payload: dict) -> dict:
        worker = getattr(self._mine, "worker", None)  # one process to a thread
        if worker is None or worker.process.poll() is not None:
            with self._changing:
                if self._ended:
                    raise WorkerDied("the workers were shut down")
                worker = self._mine.worker = _Worker()
                self._workers.append(worker)
        return worker.ask(function, payload)


class InThisProcess(Executor):
    """An executor that does the work at once, in this process."""

    def submit(self, function, /, payload) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(payload))
        except Exception as error:
            future.set_exception(error)
        return future


class _Worker:
    """One process, and what it says on its standard error."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        begin = f"import sys; sys.path[:] = {sys.path!r}; from cnnlab.experiments.workers import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CNNLAB_IN_WORKER": "1"},
        )  # fmt: skip

    def ask(self, function: str, payload: dict) -> dict:
        answer = b""
        with contextlib.suppress(OSError):  # it is dead: that is what an empty answer says
            self.process.stdin.write(json.dumps([function, payload]).encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        if not answer.endswith(b"\n"):
            raise WorkerDied(self._why_it_died())
        return json.loads(answer)

    def _why_it_died(self) -> str:
        status = self.process.wait()
        if status in (-signal.SIGTERM, -9):
            return f"the worker process was killed (signal {-status}), often because memory ran out; try workers=1"
        self.errors.seek(0)
        last = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"the worker process ended with status {status}: {''.join(last) or 'it said nothing'}"

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what a dead process had not read
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def main() -> None:
    """Be a worker: answer each line of standard input with one line, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print must not get between the answers
    orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    while True:
        function, payload = json.loads(orders.get())
        module, _, name = function.partition(":")
        answer = getattr(importlib.import_module(module), name)(payload)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _read_orders(orders: queue.SimpleQueue) -> None:
    # A file of our own: were it sys.stdin, an exception in main could not end the process while this thread waits.
    with os.fdopen(os.dup(0), "rb") as lines:
        for line in lines:
            orders.put(line)
    os._exit(0)  # the parent is gone, or done with us; what we train now nobody waits for
