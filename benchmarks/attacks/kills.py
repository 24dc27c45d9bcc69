"""Kill a sweep at any moment, hundreds of times, and count what was lost, torn, or trained twice.

`python benchmarks/attacks/kills.py --kills 300`; Linux and macOS only, since each process is a fork of this one. This
one computes nothing itself: a fork of a process in which torch has computed may wait for ever for lost threads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from tiny import TINY

from cnnlab import Experiment, grid, load_runs, sweep

WITH_WEIGHTS = (0, 2)


def main() -> int:
    """Kill sweeps until there were enough kills; return 1 where a run was lost, torn or differs."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=300)
    options = arguments.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    random.seed(0)
    experiments = grid(TINY, seed=range(4))
    expected = _in_a_fork(lambda: {run.experiment.seed: _numbers(run) for run in _sweep(experiments, None)})
    kills = sweeps = lost = wrong = warned = 0
    longest = 0.3  # seconds until a kill; more where the machine is so busy that nothing is ever finished
    while kills < options.kills:
        with tempfile.TemporaryDirectory() as folder:
            while True:
                before = set(_records(folder))
                killed = _killed_while(lambda store=folder: _sweep(experiments, store), random.random() * longest)
                kills += killed
                lost += len(before - set(_records(folder)))
                longest *= 0.98 if before != set(_records(folder)) else 1.02
                if not killed:
                    break
            numbers, caught = _in_a_fork(lambda store=folder: _read(store))
            warned += caught
            sweeps += 1
            print(f"{kills} kills", file=sys.stderr)
            wrong += numbers != expected
    print(f"| kills | stores | runs lost | stores that differ | warnings |\n| ---: | ---: | ---: | ---: | ---: |\n"
          f"| {kills} | {sweeps} | {lost} | {wrong} | {warned} |")  # fmt: skip
    return 1 if lost or wrong or warned else 0


def _sweep(experiments: list[Experiment], store: str | None):
    return sweep(experiments, store, workers=1, snapshots=WITH_WEIGHTS, progress=False)


def _read(store: str) -> tuple[dict, int]:
    """Return seed → numbers of all runs in the store, whose weights are read, too, and the count of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = load_runs(store)
        for run in runs:
            run.model(2)
    return {run.experiment.seed: _numbers(run) for run in runs}, len(caught)


def _in_a_fork(work):
    """Return what the work returns, as JSON gives it back, from a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(writing, "w") as pipe:
                json.dump(work(), pipe)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        written = pipe.read()
    if os.waitpid(child, 0)[1]:
        raise SystemExit("a fork ended with an error")
    return json.loads(written)


def _numbers(run) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history.rows]


def _records(folder: str) -> list[str]:
    return [path.name for path in Path(folder).glob("*.json")]


def _killed_while(work, seconds: float) -> bool:
    """Do the work in a fork, which is killed after these seconds; return whether it was not done by then."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit("a sweep ended with an error")
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main())
