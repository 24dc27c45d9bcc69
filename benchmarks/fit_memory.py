"""Measure the peak memory of a fresh process that loads all 60,000 images and trains an epoch; print Markdown.

Nothing large may be imported here: on Linux a new process inherits its parent's peak, so a large parent would be
measured instead of its child.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

TORCH = "import torch"
TRAINING = """
from cnnlab import build_cnn, fit, load_data
data = load_data("mnist", validation=0)
assert len(data.train) == 60_000, data
fit(build_cnn(), data, epochs=1, device="cpu", progress=False)
"""
REPORT = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
LIMIT = 1.2  # GB, of 10⁹ bytes


def peak(code: str) -> float:
    """Return the largest resident memory, in GB of 10⁹ bytes, of a fresh process that runs code."""
    process = subprocess.run([sys.executable, "-c", code + REPORT], check=True, stdout=subprocess.PIPE, text=True)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB on Linux
    return int(process.stdout.split()[-1]) * unit / 1e9


def measure() -> str:
    """Return a line with the peak, the peak of torch alone, and whether the limit is kept."""
    target = f"loading and training an epoch on all 60,000 images under {LIMIT} GB"
    if importlib.util.find_spec("resource") is None:
        return f"- not measured: {target}: this platform has no `resource`"
    figure = peak(TRAINING)
    verdict = "reached" if figure < LIMIT else "NOT reached"
    return f"- {verdict}: {target}: {figure:.2f} GB at its peak (`{TORCH}` alone {peak(TORCH):.2f} GB)"


if __name__ == "__main__":
    print(measure())
