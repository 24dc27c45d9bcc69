"""Time experiment A with its runs as replicas in a few networks, and compare that with other ways to train it.

    PYTHONPATH=. python benchmarks/replicas.py

It needs a GPU, torch with numpy, and this repository, and takes about three minutes. Where another package that cnnlab
imports is missing, it takes the one in `stand_ins`. Sampled times are scaled up, and marked.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import torch

if any(importlib.util.find_spec(name) is None for name in ("lazy_loader", "PIL", "safetensors", "tqdm")):
    sys.path.append(str(Path(__file__).with_name("stand_ins")))  # the last, so those that are installed come first

from cnnlab import Experiment, Runs, bank, load_runs, run, sweep
from cnnlab.experiments.replicas import _Training
from cnnlab.torch_state import reproducible_gpu
from cnnlab.training.environment import environment

SETTING = ("kernel_size", "pooling", "optimizer")
LAST = 20  # epochs whose median is compared: with RMSprop single epochs are far off now and then


def say(line: str = "") -> None:
    """Print a line at once, so that a run that is stopped has shown its results so far."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def experiment_a(epochs: int) -> tuple[list[Experiment], Runs]:
    """Return the 90 trajectories of experiment A on MNIST, each `epochs` long, and the bank's runs of them."""
    runs = load_runs(bank("experiment_a_mnist")).filter(momentum=0.0)
    runs = runs.filter(epochs=max(runs.values()["epochs"]))
    return [run.experiment.replace(epochs=epochs) for run in runs], runs


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_steps(experiments: list[Experiment], device: torch.device, steps: int) -> None:
    """Print the milliseconds of a training step of 15 replicas for each kernel, with a CUDA graph and without."""
    say("| a training step of 15 replicas, batches of 64 (ms) | 3×3 | 5×5 | 7×7 | memory (GB) |")
    say("| --- | --- | --- | --- | --- |")
    for graphs in (False, True) if device.type == "cuda" else (False,):
        row = [_time_step(experiments, kernel, device, graphs, steps) for kernel in (3, 5, 7)]
        times = " | ".join(
            f"{milliseconds:.2f}{'' if as_asked else ' (no graph)'}" for milliseconds, as_asked, _ in row
        )
        say(f"| {'CUDA graph' if graphs else 'eager'} | {times} | {max(memory for *_, memory in row):.2f} |")
    say()


def _time_step(experiments, kernel: int, device, graphs: bool, steps: int) -> tuple[float, bool, float]:
    """Return the milliseconds, whether a graph was used where it was asked for, and the peak memory in GB."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    chosen = [
        experiment.replace(epochs=1000)
        for experiment in experiments
        if (experiment.kernel_size, experiment.pooling) == (kernel, "max")
    ]
    with reproducible_gpu(device):
        payloads = [{"experiment": experiment.to_dict(), "snapshots": []} for experiment in chosen]
        training = _Training(payloads, device, torch.float32, graphs)
        for _ in range(2):  # eager, then as a graph
            training.train_epoch()
        step = training.steps[64]
        wait(device)
        start = time.perf_counter()
        for _ in range(steps):
            step.run()
        wait(device)
    memory = torch.cuda.max_memory_reserved(device) / 1e9 if device.type == "cuda" else 0.0
    return 1000 * (time.perf_counter() - start) / steps, training.graphs == graphs, memory


def train_whole(experiments: list[Experiment], device: torch.device) -> tuple[Runs, float, float]:
    """Return the runs of all experiments as replicas, the seconds, and the peak memory in GB."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    start = time.perf_counter()
    runs = sweep(experiments, device=str(device), replicas=None if device.type == "cuda" else 15, progress=False)
    seconds = time.perf_counter() - start
    for failure in runs.failures:
        say(f"failed: {failure.reason}")
    return runs, seconds, torch.cuda.max_memory_reserved(device) / 1e9 if device.type == "cuda" else 0.0


def sample_runs(experiments: list[Experiment], device: torch.device, epochs: int) -> float:
    """Return the seconds of an epoch of `run` on the device, on average over the settings."""
    times = []
    for experiment in experiments:
        if experiment.seed == 0:
            seconds = run(experiment.replace(epochs=epochs + 1), device=str(device), progress=False).history["seconds"]
            times.append(statistics.fmean(seconds[1:]))  # the first one also warms up
    return statistics.fmean(times)


def sample_workers(experiments: list[Experiment], epochs: int) -> float:
    """Return the seconds of an epoch on one of two busy processes of one thread, on average over the settings."""
    short = [experiment.replace(epochs=epochs + 1) for experiment in experiments if experiment.seed == 0]
    runs = sweep(short, workers=2, progress=False)
    return statistics.fmean(statistics.fmean(finished.history["seconds"][1:]) for finished in runs)


def compare_accuracies(runs: Iterable, recorded: Runs, epochs: int) -> str:
    """Return in words how far the settings' accuracies, means over the seeds, are from the bank's."""
    own, banks = _by_setting(runs, epochs), _by_setting(recorded, epochs)
    differences = {key: statistics.fmean(own[key]) - statistics.fmean(banks[key]) for key in banks if key in own}
    worst = max(differences, key=lambda key: abs(differences[key]))
    setting, spread = ", ".join(map(str, worst)), statistics.stdev(banks[worst])
    return (
        f"validation accuracy, median of the last {min(LAST, epochs)} epochs, mean of 5 seeds: largest difference from "
        f"the bank's {differences[worst]:+.4f} ({setting}, where seeds spread by {spread:.4f}), mean difference "
        f"{statistics.fmean(differences.values()):+.5f} over {len(differences)} settings"
    )


def _by_setting(runs: Iterable, epochs: int) -> dict[tuple, list[float]]:
    accuracies: dict[tuple, list[float]] = {}
    for finished in runs:
        key = tuple(getattr(finished.experiment, name) for name in SETTING)
        last = finished.history["validation_accuracy"][max(0, epochs - LAST) : epochs]
        accuracies.setdefault(key, []).append(statistics.median(last))
    return accuracies


def main() -> None:
    """Measure everything, the most wanted first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--epochs", type=int, default=350, help="of each run (default: all 350)")
    parser.add_argument("--sample", type=int, default=5, help="epochs of each run that is only sampled")
    parser.add_argument("--steps", type=int, default=200, help="training steps that are timed for each way")
    options = parser.parse_args()
    device = torch.device(options.device)
    experiments, recorded = experiment_a(options.epochs)
    where = environment(device)
    say(f"{where['device']}; torch {where['torch']}; {where['processor']}; Python {where['python']}")
    say(f"experiment A: 90 configurations × 5 seeds = {len(experiments)} trajectories of {options.epochs} epochs")
    say()
    time_steps(experiments, device, options.steps)
    runs, own, memory = train_whole(experiments, device)
    say(f"as replicas: {own:.1f} s in all; peak memory {memory:.2f} GB; {len(runs)} runs")
    say(compare_accuracies(runs, recorded, options.epochs))
    say()
    epochs = options.epochs * len(experiments)
    every = f"(sampled: {options.sample} epochs of each of 18 settings, scaled)"
    say("| experiment A | seconds | × replicas |")
    say("| --- | --- | --- |")
    say(f"| replicas on {where['device']} | {own:.1f} | 1.0 |")
    one_by_one = epochs * sample_runs(experiments, device, options.sample)
    say(f"| `run` on it, one after the other {every} | {one_by_one:.0f} | {one_by_one / own:.1f} |")
    cores = epochs * sample_workers(experiments, options.sample) / 2
    say(f"| two processes of one thread on the processor {every} | {cores:.0f} | {cores / own:.1f} |")
    say()
    reached = own < 60 and cores > 20 * own and options.epochs >= 350
    say(f"target, under 60 s and 20 times two processor cores: {'reached' if reached else 'NOT reached'}")


if __name__ == "__main__":
    main()
