"""Train the results bank again: both experiments of the course with five seeds, and the comparisons of notebooks.

    python tools/make_bank.py

Every part is a sweep with a store in runs/bank, so the same command goes on where it was stopped. A finished part is
packed into data/bank. With --train-size or --seeds, which may take hours, nothing is packed: the runs stay in runs.
"""

from __future__ import annotations

import argparse
import json
import lzma
import struct
import time
import zipfile
from pathlib import Path
from unittest import mock

from cnnlab import Experiment, Runs, build_cnn, grid, load_runs, match_channels, rank_stability, sweep, take_exam
from cnnlab.experiments import presets
from cnnlab.experiments.exam import exam_key
from cnnlab.files import atomic_write

REPOSITORY = Path(__file__).resolve().parents[1]
LENGTHS_A, LENGTHS_B = [5, 50, 100, 250, 350], [5, 50, 100]
RATE_SEEDS = range(100, 103)  # apart from the grids' seeds: a rate that was lucky there has no luck left in the grid
# Five learning rates each, the middle one near what is usual; momentum is an extra.
RATES = {
    ("sgd", 0.0): [0.01, 0.03, 0.1, 0.3, 1.0],
    ("sgd", 0.9): [0.003, 0.01, 0.03, 0.1, 0.3],
    ("rmsprop", 0.0): [0.0001, 0.0003, 0.001, 0.003, 0.01],
    ("adam", 0.0): [0.0003, 0.001, 0.003, 0.01, 0.03],
}
LOG_SPACED = (0, 1, 2, 3, 5, 8, 13, 20, 32, 50, 70, 100)


def rates(base: Experiment, optimizers: tuple[str, ...] = ("sgd", "rmsprop", "adam")) -> list[Experiment]:
    """Return the sweep that chooses each optimizer's learning rate, on the middle kernel."""
    base = base.replace(kernel_size=5, epochs=30)
    return [
        experiment
        for (optimizer, momentum), values in RATES.items()
        if optimizer in optimizers
        for experiment in grid(
            base.replace(optimizer=optimizer, momentum=momentum), learning_rate=values, seed=RATE_SEEDS
        )
    ]


def best_rate(runs: Runs, optimizer: str, momentum: float) -> float:
    """Return the learning rate with the lowest mean validation loss over the seeds."""
    tried = runs.filter(optimizer=optimizer, momentum=momentum)
    return float(rank_stability(tried, metric="validation_loss", at="best").learning_rate[0])


def experiment_a(base: Experiment, tried: Runs, seeds: int, momentum: float) -> list[Experiment]:
    """Return experiment A, 90 configurations with all seeds, or the 30 that have SGD with this momentum instead."""
    kernels = {"kernel_size": [3, 5, 7], "pooling": ["max", "avg"], "epochs": LENGTHS_A, "seed": range(seeds)}
    every = []
    for optimizer in (optimizer for optimizer, its_momentum in RATES if its_momentum == momentum):
        rate = best_rate(tried, optimizer, momentum)
        print(f"  {base.dataset}, {optimizer}, momentum {momentum}: learning rate {rate}", flush=True)
        every += grid(base.replace(optimizer=optimizer, momentum=momentum, learning_rate=rate), **kernels)
    return every


def full_grid(name: str, base: Experiment, tried: Runs, seeds: int) -> dict[str, tuple[list[Experiment], dict]]:
    """Return notebook 07's parts of one data set: name → its experiments and the settings of `sweep`."""
    parts = {f"experiment_a_{name}": (experiment_a(base, tried, seeds, 0.0), {})}
    if name != "fashion_mnist":
        parts[f"momentum_{name}"] = experiment_a(base, tried, seeds, 0.9), {}
    if name == "mnist":
        parts["other_images"] = other_images(base, tried, 2 * seeds), {}
    return parts


def winner(runs: Runs) -> list[Experiment]:
    """Return the configuration with the lowest last validation loss: one experiment per seed."""
    best = rank_stability(runs).iloc[0]
    fields = [name for name in ("kernel_size", "pooling", "optimizer", "epochs") if name in best]
    return [run.experiment for run in runs.filter(**{name: best[name] for name in fields})]


def experiment_b(base: Experiment, seeds: int) -> list[Experiment]:
    """Return experiment B: 12 configurations, each with all seeds."""
    return grid(base, kernel_size=[3, 5], pooling=["max", "avg"], epochs=LENGTHS_B, seed=range(seeds))


def kernel_size(seeds: int) -> list[Experiment]:
    """Return notebook 01's comparisons: digits, the confounds of a larger kernel, and two kinds of patterns."""
    kernels = {"kernel_size": [3, 5, 7], "epochs": [3, 10], "seed": range(seeds)}
    base, network = presets.KERNEL_DIGITS, presets.SMALL_NETWORK
    every = grid(base, **kernels) + grid(base.replace(padding="valid"), **kernels)
    for size in (5, 7):
        widths = match_channels(build_cnn(3, **network), kernel_size=size, **network)
        every += grid(base.replace(channels=widths), **kernels | {"kernel_size": [size]})
    every += grid(base.replace(convs_per_block=2), **kernels | {"kernel_size": [3]})
    for patterns in (presets.COARSE_PATTERNS, presets.FINE_PATTERNS):
        every += grid(patterns, kernel_size=[3, 5, 7], seed=range(seeds))
    return every


def other_images(base: Experiment, tried: Runs, seeds: int) -> list[Experiment]:
    """Return notebook 07's comparison of the poolings: on the same images for all seeds, and on other ones for each."""
    base = base.replace(kernel_size=5, epochs=50, learning_rate=best_rate(tried, "adam", 0.0))
    same = grid(base, pooling=["max", "avg"], seed=range(seeds))
    return same + [experiment.replace(data_seed=experiment.seed) for experiment in same if experiment.seed]


def pooling(seeds: int) -> list[Experiment]:
    """Return notebook 02's comparisons: digits at two learning rates, and two kinds of patterns."""
    kinds = {"pooling": ["max", "avg"], "seed": range(seeds)}
    every = grid(presets.POOLING_DIGITS, learning_rate=[0.001, 0.004], **kinds)
    return every + grid(presets.MARK_PATTERNS, **kinds) + grid(presets.TEXTURE_PATTERNS, **kinds)


def optimizers(seeds: int) -> list[Experiment]:
    """Return notebook 04's comparisons: one rate for all, and each optimizer at its best rate, with fresh seeds."""
    base = presets.OPTIMIZER_DIGITS
    every = grid(base, optimizer=["sgd", "rmsprop", "adam"], learning_rate=[0.001], seed=range(seeds))
    rates = {"learning_rate": [0.001 * 4**step for step in range(5)], "seed": range(3)}
    tried = grid(base, optimizer=["sgd", "rmsprop", "adam"], **rates)
    tried += grid(base.replace(optimizer="sgd", momentum=0.9), **rates)
    runs = sweep(tried, progress=False)
    for name, momentum in RATES:
        rate = best_rate(runs, name, momentum)
        own = base.replace(optimizer=name, momentum=momentum, learning_rate=rate)
        every += grid(own, epochs=[4, 12], seed=range(100, 100 + seeds))
    return every + tried


def forecast(name: str, experiments: list[Experiment]) -> None:
    """Train 2 % of the epochs of every run, and say how long the whole part will take."""
    longest = {}
    for experiment in sorted(experiments, key=lambda experiment: experiment.epochs):
        longest[experiment.trajectory] = experiment
    short = [experiment.replace(epochs=max(1, round(0.02 * experiment.epochs))) for experiment in longest.values()]
    start = time.perf_counter()
    sweep(short, progress=False)
    minutes = (time.perf_counter() - start) / 60
    done = sum(experiment.epochs for experiment in short) / sum(experiment.epochs for experiment in longest.values())
    print(f"{name}: {minutes / done:.0f} minutes expected, from {done:.1%} of it", flush=True)


def train(name: str, experiments: list[Experiment], folder: Path, **options) -> Runs:
    """Train the missing runs of a part, and say how long that took."""
    start = time.perf_counter()
    runs = sweep(experiments, folder / name, **options)
    print(f"{name}: {len(runs)} runs, {(time.perf_counter() - start) / 60:.1f} minutes", flush=True)
    return runs


class WeightCompressor(zipfile.LZMACompressor):
    """LZMA set for numbers of four bytes, as weights are; the files get 6 % smaller, and every LZMA reads them."""

    def _init(self) -> bytes:
        literal, position, alignment, dictionary = 2, 2, 2, 2**23  # lc, lp, pb and the size of the dictionary
        settings = {"id": lzma.FILTER_LZMA1, "lc": literal, "lp": position, "pb": alignment, "dict_size": dictionary}
        self._comp = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[settings])
        return struct.pack("<BBHBI", 9, 4, 5, (alignment * 5 + position) * 9 + literal, dictionary)


def pack(folder: Path, target: Path) -> None:
    """Write a store into a zip file, which has the same bytes for the same runs."""
    made = target.with_suffix(".part")
    with zipfile.ZipFile(made, "w") as archive:
        for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors")):
            compressor = WeightCompressor if path.suffix == ".safetensors" else zipfile.LZMACompressor
            with mock.patch.object(zipfile, "LZMACompressor", compressor):  # zipfile has no door for these settings
                archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_LZMA)
    atomic_write(target, made.read_bytes())
    made.unlink()


def write_exam_scores(winners: Runs, target: Path) -> None:
    """Write the winners' scores on the test set into a file: a wheel has no Fashion-MNIST to open."""
    entries = []
    for name in winners.values()["dataset"]:
        of_data = winners.filter(dataset=name)
        exam = take_exam(of_data)
        scores = {"validation": exam.validation._asdict(), "test": exam.test._asdict()}
        entries.append({"runs": exam_key(of_data), **scores})
    atomic_write(target, json.dumps(entries, indent=1).encode())


def main() -> None:
    """Train every part, or go on where it was stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-size", type=int, help="training images in both experiments (then nothing is packed)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--only", nargs="+", default=["rates", "a", "b", "notebooks"], help="which parts")
    parser.add_argument("--forecast", action="store_true", help="train 2 %% and say how long it all would take")
    options = parser.parse_args()
    own = options.train_size is not None or options.seeds != 5
    size = {} if options.train_size is None else {"train_size": options.train_size}
    folder = REPOSITORY / "runs" / (f"bank-{options.train_size}-{options.seeds}" if own else "bank")
    bank = folder if own else REPOSITORY / "data" / "bank"
    bank.mkdir(parents=True, exist_ok=True)
    parts = {}
    for name, base in presets.FULL_GRID.items():
        tried = train(f"rates_{name}", rates(base.replace(**size)), folder, workers=options.workers)
        pack(folder / f"rates_{name}", bank / f"rates_{name}.zip")
        if "a" in options.only:
            parts |= full_grid(name, base.replace(**size), tried, options.seeds)
    if "b" in options.only:
        base = presets.MNIST_EXPERIMENT.replace(**size)
        tried = train("rates_b", rates(base, ("adam",)), folder, workers=options.workers)
        pack(folder / "rates_b", bank / "rates_b.zip")
        rate = best_rate(tried, "adam", 0.0)
        print(f"  adam: learning rate {rate}")
        every = experiment_b(base.replace(learning_rate=rate), options.seeds)
        parts["experiment_b"] = every, {"snapshots": (0, *LENGTHS_B), "insides": True}
    if "notebooks" in options.only:
        seeds = 2 * options.seeds  # the runs are small
        parts |= {made.__name__: (made(seeds), {}) for made in (kernel_size, pooling, optimizers)}
        if not options.forecast:
            import make_clinic  # beside this script

            make_clinic.main(bank)
    for name, (experiments, settings) in parts.items():
        if options.forecast:
            forecast(name, experiments)
            continue
        if name == "experiment_b":  # one seed with more weights: the epoch scrubber moves over them
            first = [experiment for experiment in experiments if experiment.seed == 0]
            train(name, first, folder, workers=options.workers, snapshots=LOG_SPACED, insides=True)
        runs = train(name, experiments, folder, workers=options.workers, **settings)
        if name.startswith("experiment_a"):  # its weights: the winner goes to the exam
            best = winner(runs)
            train("winners", best, folder, workers=options.workers, snapshots=[best[0].epochs])
            pack(folder / "winners", bank / "winners.zip")
            write_exam_scores(load_runs(folder / "winners"), bank / "exam_scores.json")
        pack(folder / name, bank / f"{name}.zip")


if __name__ == "__main__":
    main()
