"""Measure how `fit`, `sweep` and the store grow with images, channels, workers and runs; print four tables of Markdown.

The bare loop of fit_contestants.py trains beside `fit`, turn by turn in this process, on one thread. Its clock counts
the processor's time of this process, so that other work on the machine disturbs it less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fit_contestants
import sweep_store_loading
import torch

from cnnlab import Data, Experiment, build_cnn, grid, load_data, sweep

IMAGES = (500, 2_000, 10_000, 60_000)
CHANNELS = ((4, 8), (8, 16), (16, 32), (32, 64))
WORKERS = (1, 2)
RUNS = (10, 100, 1_000, 10_000)


def time_both(data: Data, rounds: int, **network) -> tuple[float, float, float]:
    """Return the seconds of an epoch of `fit`, those of the bare loop (the least of each), and their median ratio."""
    seconds: dict[Callable, list[float]] = {fit_contestants.train_fit: [], fit_contestants.train_bare: []}
    few = Data(data.name, data.train[: fit_contestants.WARM_UP], data.validation, data.validation)
    for train in seconds:
        train(build_cnn(**network), few, 1)
    for round_ in range(rounds):
        for train, taken in seconds.items():
            model = build_cnn(**network)
            torch.manual_seed(round_)
            start = time.process_time()
            train(model, data, 1)
            taken.append(time.process_time() - start)
    ours, bare = seconds.values()
    return min(ours), min(bare), statistics.median(other / own for own, other in zip(ours, bare, strict=True))


def compare_loops(rounds: int, most: int) -> Iterator[str]:
    """Yield the lines of the tables of images and of channels; most is the largest number of images to train on."""
    for title, settings in (
        ("images (16, 32 channels)", [(f"{count:,}", count, {}) for count in IMAGES]),
        (
            "channels (2,000 images)",
            [(f"{first}, {second}", 2_000, {"channels": (first, second)}) for first, second in CHANNELS],
        ),
    ):
        yield f"| {title} | `fit`, max (s) | bare / `fit` | `fit`, average (s) | bare / `fit` |"
        yield "| ---: | ---: | ---: | ---: | ---: |"
        for label, count, network in settings:
            data = load_data("mnist", train=min(count, most), validation=0)
            repeats = max(2, rounds * 2_000 // count) if count > 2_000 else rounds
            results = [time_both(data, repeats, pooling=pooling, **network) for pooling in ("max", "avg")]
            cells = [cell for ours, _, ratio in results for cell in (f"{ours:.3f}", f"{ratio:.2f}")]
            yield f"| {label} | {' | '.join(cells)} |"
        yield ""


def time_workers(epochs: int, rounds: int) -> list[str]:
    """Return the table of workers: the time on the clock of a sweep of 12 runs, start of the workers included."""
    base = Experiment(train_size=500, validation_size=500, channels=(8, 16), hidden=32, epochs=epochs)
    experiments = grid(base, pooling=["max", "avg"], seed=range(6))
    seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for _ in range(rounds):
        for workers, taken in seconds.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                sweep(experiments, store=folder, workers=workers, progress=False)
                taken.append(time.perf_counter() - start)
    lines = [f"| workers | a sweep of 12 runs (s), median of {rounds} | spread |", "| ---: | ---: | ---: |"]
    for workers, taken in seconds.items():
        lines.append(f"| {workers} | {statistics.median(taken):.1f} | {min(taken):.1f}–{max(taken):.1f} |")
    return [*lines, ""]


def time_store(least: int) -> list[str]:
    """Return the table of runs: the time to load a folder of so many stored runs into a table."""
    lines = ["| stored runs | folder to table (s) |", "| ---: | ---: |"]
    for count in RUNS:
        with tempfile.TemporaryDirectory() as place:
            folder = str(Path(place) / "runs")
            sweep_store_loading.fill(folder, min(count, least), sweep_store_loading.EPOCHS)
            seconds = min(sweep_store_loading.load(folder, min(count, least)) for _ in range(3))
            lines.append(f"| {count:,} | {seconds:.3f} |")
    return lines


def main() -> None:
    """Read the command line, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="trainings of each on few images; fewer on many")
    parser.add_argument("--epochs", type=int, default=50, help="of each of the sweep's runs")
    parser.add_argument("--quick", action="store_true", help="at most 128 images and 10 runs: does it all work?")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.epochs = 1, 1
    torch.set_num_threads(1)
    least = 10 if options.quick else max(RUNS)
    for line in compare_loops(options.rounds, 128 if options.quick else max(IMAGES)):
        print(line, flush=True)
    print(*time_workers(options.epochs, 1 if options.quick else 3), *time_store(least), sep="\n")


if __name__ == "__main__":
    main()
