"""Train hundreds of runs in one process, and look whether its memory grows.

`python benchmarks/attacks/memory.py --runs 300`; Linux and macOS.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile

import psutil
import torch
from tiny import TINY

from cnnlab import load_runs, run, sweep

MOST = 1.05  # times the memory after a third of the runs


def main() -> int:
    """Train; return 1 where the memory after all runs is more than 5 % above that after a third of them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=300)
    count = arguments.parse_args().runs
    torch.set_num_threads(1)
    process, sizes = psutil.Process(), {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            experiment = TINY.replace(seed=number)
            if number % 2:
                run(experiment, insides=True, snapshots=(0, 2), progress=False).model(2)
            else:
                sweep([experiment], folder, workers=1, snapshots=(2,), progress=False)
            if number in (1, count // 3, 2 * count // 3, count):
                gc.collect()
                sizes[number] = process.memory_info().rss / 1e6
        stored = len(load_runs(folder))
    print("| runs | memory of the process (MB) |\n| ---: | ---: |")
    for number, size in sizes.items():
        print(f"| {number} | {size:.1f} |")
    print(f"\n{stored} of {count // 2} stored runs were loaded at the end.")
    return 0 if sizes[count] <= MOST * sizes[count // 3] and stored == count // 2 else 1


if __name__ == "__main__":
    sys.exit(main())
