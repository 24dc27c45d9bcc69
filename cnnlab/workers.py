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
from pathlib import Path

PACKAGES = str(Path(__file__).resolve().parents[1])  # where the cnnlab that runs here was found


class WorkerDied(RuntimeError):
    """A worker process ended before it had answered."""


class LocalWorkers(Executor):
    """An executor (PEP 3148) of so many worker processes; a function of one JSON-able argument runs in each."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="cnnlab-worker")
        self._mine = threading.local()
        self._processes: list[subprocess.Popen] = []
        self._closed = False

    def submit(self, function: Callable[[dict], dict], /, payload: dict) -> Future:
        """Send payload to a worker that is free; the future brings its answer, or WorkerDied."""
        return self._threads.submit(self._ask, f"{function.__module__}:{function.__qualname__}", payload)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End every worker process; with cancel_futures in the middle of what it does."""
        self._closed = True
        if cancel_futures:
            for process in self._processes:
                process.kill()
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        for process in self._processes:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
            process.stdout.close()

    def _ask(self, function: str, payload: dict) -> dict:
        process, errors = self._worker()
        try:
            process.stdin.write(json.dumps([function, payload]).encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise WorkerDied(why_it_died(process.wait(), errors))
        return json.loads(answer)

    def _worker(self) -> tuple[subprocess.Popen, tempfile._TemporaryFileWrapper]:
        """Return this thread's process, a new one where the last has died."""
        process, errors = getattr(self._mine, "worker", (None, None))
        if process is None or process.poll() is not None:
            if self._closed:
                raise WorkerDied("the workers were shut down")
            errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
            folders = [PACKAGES, *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(folders)}
            process = subprocess.Popen(
                [sys.executable, "-c", "from cnnlab.workers import main; main()"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment,
            )  # fmt: skip
            self._processes.append(process)
            self._mine.worker = process, errors
        return process, errors


def why_it_died(status: int, errors: tempfile._TemporaryFileWrapper) -> str:
    """Return what is known of a worker's end, in one sentence."""
    if status == -signal.SIGTERM or status == -9:
        return f"the worker process was killed (signal {-status}), often because memory ran out; try workers=1"
    errors.seek(0)
    last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
    return f"the worker process ended with status {status}: {''.join(last) or 'it said nothing'}"


def main() -> None:
    """Be a worker: answer each line of standard input with one line, until it is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print must not get between the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the parent decides
    orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    while True:
        function, payload = json.loads(orders.get())
        module, _, name = function.partition(":")
        answer = getattr(importlib.import_module(module), name)(payload)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _read_orders(orders: queue.SimpleQueue) -> None:
    for line in sys.stdin.buffer:
        orders.put(line)
    os._exit(0)  # the parent is gone, or done with us; what we train now nobody waits for
