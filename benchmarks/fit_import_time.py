"""Measure how much longer a fresh interpreter takes to import cnnlab than torch alone; print a line of Markdown."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

TORCH = "import torch"
# `import cnnlab` alone loads next to nothing; the names that every notebook uses load the rest
CNNLAB = "from cnnlab import build_cnn, fit, load_data"
LIMIT = 0.3  # seconds


def seconds_to_run(code: str) -> float:
    """Return how long a fresh interpreter takes from its start to its end to run code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def measure(pairs: int) -> str:
    """Return a line with the median and the spread of `pairs` differences, and whether the limit is kept."""
    seconds_to_run(TORCH), seconds_to_run(CNNLAB)  # the files come from the disk only once
    torch, extra, lazy = [], [], []
    for _ in range(pairs):
        torch.append(seconds_to_run(TORCH))
        extra.append(seconds_to_run(CNNLAB) - torch[-1])
        lazy.append(seconds_to_run("import cnnlab"))
    middle = statistics.median(extra)
    return (
        f"- {'reached' if middle <= LIMIT else 'NOT reached'}: `{CNNLAB}` at most {LIMIT} s beyond `{TORCH}`: "
        f"{middle:+.2f} s ({min(extra):+.2f} to {max(extra):+.2f}, {pairs} pairs; `{TORCH}` itself "
        f"{statistics.median(torch):.2f} s, `import cnnlab` alone {statistics.median(lazy):.2f} s)"
    )


if __name__ == "__main__":
    print(measure(pairs=7))
