"""Measure the memory of a worker process of `sweep`, and whether it grows from run to run; print a line of Markdown.

Nothing large may be imported here: only the worker imports torch, since only the worker is measured.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import fit_memory

from cnnlab.experiments.workers import LocalWorkers

RUNS, MARKS = 500, (100, 300, 500)
LIMIT = 0.9  # GB, of 10⁹ bytes
GROWTH = 0.05  # the memory is flat if at most this share is added between the first mark and the last
KERNELS, POOLINGS, OPTIMIZERS = (3, 5, 7), ("max", "avg"), ("sgd", "rmsprop", "adam")


def train(payload: dict) -> dict:
    """Train one experiment in the worker, as in a sweep, and return its memory afterwards and at its peak, in GB."""
    from cnnlab.experiments.sweep import train_record

    record = train_record(payload)
    if "failed" in record:
        raise RuntimeError(record["failed"])
    return {"now": resident(), "peak": peak()}


def resident() -> float | None:
    """Return this process's memory now, in GB of 10⁹ bytes; None on systems without /proc."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9 if statm.exists() else None


def peak() -> float:
    """Return the most memory that this process has held, in GB of 10⁹ bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def payload(place: int) -> dict:
    """Return the worker's task number `place`: a small run somewhere in the grid; every 50th has more images."""
    settings = {
        "kernel_size": KERNELS[place % 3], "pooling": POOLINGS[place // 3 % 2], "optimizer": OPTIMIZERS[place // 6 % 3],
        "channels": [8, 16], "hidden": 32, "epochs": 1, "seed": place, "train_size": 64, "validation_size": 64,
    }  # fmt: skip
    if place % 50 == 0:  # experiment B's sizes
        settings |= {"train_size": 5000, "validation_size": 2000, "data_seed": place // 50}
    return {"experiment": settings, "snapshots": []}


def measure(runs: int = RUNS) -> str:
    """Return a line with the peak, the memory after 100, 300 and 500 runs, and whether the limits are kept."""
    target = f"a worker under {LIMIT * 1000:.0f} MB, and flat over {RUNS} runs"
    if importlib.util.find_spec("resource") is None:
        return f"- not measured: {target}: this platform has no `resource`"
    here = str(Path(__file__).resolve().parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    with LocalWorkers(1) as worker:
        held = [worker.submit(train, payload(place)).result() for place in range(runs)]
    most = held[-1]["peak"]
    marks = [mark for mark in MARKS if mark <= runs]
    after = [held[mark - 1]["now"] or held[mark - 1]["peak"] for mark in marks]
    shown = ", ".join(f"{value * 1000:.0f} MB after {mark}" for mark, value in zip(marks, after, strict=True))
    alone = fit_memory.peak(fit_memory.TORCH)
    figure = f"{most * 1000:.0f} MB at its peak (`{fit_memory.TORCH}` alone {alone * 1000:.0f} MB); "
    figure += shown or "too few runs for more"
    if runs < RUNS:
        return f"- not measured: {target}: {runs} runs: {figure}"
    kept = most < LIMIT and after[-1] <= after[0] * (1 + GROWTH)
    return f"- {'reached' if kept else 'NOT reached'}: {target}: {figure}"


if __name__ == "__main__":
    import sweep_worker_memory  # under the name by which the worker imports it, not as __main__

    print(sweep_worker_memory.measure())
