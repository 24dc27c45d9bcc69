"""Time `load_runs(store).to_frame()` on a folder of many stored runs, and print a line of Markdown.

One real run is trained; its record is then stored many times, each time under another seed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, EPOCHS = 10_000, 50  # one file per run; the middle length of experiment B
LIMIT = 3  # seconds


def fill(folder: str, count: int, epochs: int) -> None:
    """Train one run, and store its record `count` times in folder, with the package's own Store."""
    from cnnlab import Experiment, sweep
    from cnnlab.experiments.store import Store

    trained = Experiment(train_size=64, validation_size=64, channels=(8, 16), hidden=32, epochs=epochs)
    with tempfile.TemporaryDirectory() as place:
        sweep([trained], store=place, workers=1, progress=False)
        record = Store(place).read(trained.trajectory)
    store = Store(folder)
    for seed in range(count):
        copied = trained.replace(seed=seed)
        settings = record["history"]["settings"] | {"seed": seed}
        history = record["history"] | {"settings": settings}
        own = {"trajectory": copied.trajectory, "experiment": copied.to_dict(), "history": history}
        store.write(copied.trajectory, record | own)


def load(folder: str, count: int) -> float:
    """Return the seconds from a folder's name to the table of its runs; torch is imported already, pandas is not."""
    from cnnlab import load_runs

    start = time.perf_counter()
    frame = load_runs(folder).to_frame()
    seconds = time.perf_counter() - start
    if len(frame) != count or frame["seed"].nunique() != count:
        raise RuntimeError(f"{count} runs were stored, and {len(frame)} came back")
    return seconds


def measure(count: int = RUNS, times: int = 3, epochs: int = EPOCHS) -> str:
    """Return a line with the median of `times` loads, each in a fresh process, and whether the limit is kept."""
    target = f"{RUNS:,} stored runs in a DataFrame in under {LIMIT} s"
    with tempfile.TemporaryDirectory() as place:
        folder = str(Path(place) / "runs")
        _in_fresh_process("fill", folder, count, epochs)
        size = sum(file.stat().st_size for file in Path(folder).glob("*.json"))
        seconds = [float(_in_fresh_process("load", folder, count, epochs)) for _ in range(times)]
    middle = statistics.median(seconds)
    around = f"{min(seconds):.2f} to {max(seconds):.2f}, {times} load{'' if times == 1 else 's'}"
    figure = f"{middle:.2f} s for {count:,} ({around}; {epochs} epochs each, {size / 1e6:.0f} MB of JSON)"
    verdict = "not measured" if count < RUNS else "reached" if middle < LIMIT else "NOT reached"
    return f"- {verdict}: {target}: {figure}"


def _in_fresh_process(task: str, folder: str, count: int, epochs: int) -> str:
    order = [sys.executable, __file__, task, folder, str(count), str(epochs)]
    return subprocess.run(order, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        fill(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == ["load"]:
        print(load(sys.argv[2], int(sys.argv[3])))
    else:
        print(measure())
