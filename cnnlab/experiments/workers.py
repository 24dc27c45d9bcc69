"""Call functions in worker processes on this computer, with one torch thread each.

A worker reads a function's name and its argument as JSON from a pipe, and writes the answer as JSON to another pipe.
Each worker has its own pipes. So if a worker is killed, only the run that it was training is lost, and if its parent
ends, the worker ends, too. Unlike multiprocessing, it pickles nothing and does not import the caller's script.
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
    """Raised when a worker process ended before it answered."""


class LocalWorkers(Executor):
    """Call module-level functions in worker processes, as an executor (PEP 3148).

    A function takes one dict and returns one, both plain JSON. If it raises an exception, its worker ends: the future
    raises WorkerDied with the last line of the traceback, and the next call starts a new worker. So a function that may
    fail should return what went wrong, as `train_record` does.

    Parameters
    ----------
    count : int
        The number of processes. Each starts with its first call.

    >>> with LocalWorkers(2) as workers:
    ...     workers.submit(train_record, {"experiment": Experiment().to_dict(), "snapshots": []}).result()
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="cnnlab-worker")  # each speaks to one process
        self._in_this_thread = threading.local()
        self._workers: list[_Worker] = []
        self._changing = threading.Lock()
        self._ended = False

    def submit(self, function: Callable[[dict], dict], /, payload: dict) -> Future:
        """Return a future of function(payload), which a free worker computes; it raises WorkerDied if the worker ends.

        The worker imports the function by its name: it must stand at the top level of a module.
        """
        return self._threads.submit(self._ask, f"{function.__module__}:{function.__qualname__}", payload)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 (it always waits)
        """End every worker process, and wait until it has ended, whatever `wait` says.

        The calls that were submitted are finished first. With cancel_futures those that wait are cancelled, and those
        that run are killed.
        """
        if cancel_futures:
            with self._changing:
                self._ended = True
                for worker in self._workers:
                    worker.process.kill()
        self._threads.shutdown(cancel_futures=cancel_futures)
        for worker in self._workers:
            worker.close()

    def _ask(self, function: str, payload: dict) -> dict:
        """Return the answer of this thread's worker process, which is started if there is none."""
        worker = getattr(self._in_this_thread, "worker", None)
        if worker is None or worker.process.poll() is not None:
            with self._changing:
                if self._ended:
                    raise WorkerDied("the workers were shut down")
                worker = self._in_this_thread.worker = _Worker()
                self._workers.append(worker)
        return worker.ask(function, payload)


class InThisProcess(Executor):
    """Call functions at once, in this process, as an executor (PEP 3148)."""

    def submit(self, function: Callable[[dict], dict], /, payload: dict) -> Future:
        """Call the function, and return a future that is done: with the answer, or with the exception it raised."""
        future: Future = Future()
        try:
            future.set_result(function(payload))
        except Exception as error:
            future.set_exception(error)
        return future


class _Worker:
    """A worker process, and a file with what it writes to its standard error."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        begin = f"import sys; sys.path[:] = {sys.path!r}; from cnnlab.experiments.workers import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CNNLAB_IN_WORKER": "1"},
        )  # fmt: skip
        assert self.process.stdin is not None  # since it is a PIPE, as is stdout
        assert self.process.stdout is not None
        self.orders, self.answers = self.process.stdin, self.process.stdout

    def ask(self, function: str, payload: dict) -> dict:
        """Return the answer of the process; raise WorkerDied if it ends before that."""
        answer = b""
        with contextlib.suppress(OSError):  # the process is dead, and the answer stays empty
            self.orders.write(json.dumps([function, payload]).encode() + b"\n")
            self.orders.flush()
            answer = self.answers.readline()
        if not answer.endswith(b"\n"):
            raise WorkerDied(self._why_it_died())
        return json.loads(answer)

    def _why_it_died(self) -> str:
        """Return the signal or status with which the process ended, and the last line of its standard error."""
        status = self.process.wait()
        if status in (-signal.SIGTERM, -9):
            return f"the worker process was killed (signal {-status}), often because memory ran out; try workers=1"
        self.errors.seek(0)
        last_line = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"the worker process ended with status {status}: {''.join(last_line) or 'it said nothing'}"

    def close(self) -> None:
        """End the process, by closing its standard input, and wait for it."""
        with contextlib.suppress(OSError):  # a dead process leaves input that it has not read
            self.orders.close()
        self.process.wait()
        self.answers.close()
        self.errors.close()


def main() -> None:
    """Run the worker process: answer each line of standard input with one line, until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a training prints must not come between the answers
    orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    while True:
        function, payload = json.loads(orders.get())
        module, _, name = function.partition(":")
        answer = getattr(importlib.import_module(module), name)(payload)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _read_orders(orders: queue.SimpleQueue) -> None:
    """Put each line of standard input into the queue; at its end, end the process."""
    # A file of our own: with sys.stdin, an exception in main could not end the process while this thread reads.
    with os.fdopen(os.dup(0), "rb") as lines:
        for line in lines:
            orders.put(line)
    os._exit(0)  # the parent has ended or closed the pipe: nobody waits for what is trained now
