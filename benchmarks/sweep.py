"""Time `sweep` and the loops that students write on a smaller grid of experiment A, and print tables in Markdown.

Nothing large may be imported here (see sweep_worker_memory.py): the trainings are in sweep_contestants.py and run in
other processes. Markdown goes to standard output, progress to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import sweep_store_loading
import sweep_worker_memory
from fit import processor, say
from sweep_report import LABELS, levers, refuse_others, table, targets

from cnnlab.machine import processors

LENGTHS = (5, 50, 100, 250, 350)  # of experiment A
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def run_rounds(options: argparse.Namespace) -> dict[str, list[dict] | str]:
    """Return each contestant's results, one per round, or "failed"."""
    results: dict[str, list[dict] | str] = {name: [] for name in LABELS}
    for seed in range(options.rounds):
        for name, finished in results.items():
            if isinstance(finished, str):
                continue
            result = run_once(name, options, seed)
            if result is None:
                results[name] = "failed"
                continue
            finished.append(result)
            say(
                f"round {seed + 1} of {options.rounds}: {name} {result['seconds']:.1f} s, "
                f"accuracy {statistics.fmean(result['accuracies']):.4f}"
            )
    return results


def run_once(name: str, options: argparse.Namespace, seed: int) -> dict | None:
    """Let a contestant do the grid in a fresh process; return its result, or None after printing why it failed."""
    script = Path(__file__).with_name("sweep_contestants.py")
    order = [sys.executable, script, name, "--seed", seed, "--images", options.train_size, "--workers", options.workers]
    order += ["--lengths", *options.lengths]
    # a number of threads set from outside would not be torch's own choice
    environment = {key: value for key, value in os.environ.items() if key not in THREAD_SETTINGS}
    if name == "loader-1":
        environment["OMP_NUM_THREADS"] = "1"
    process = subprocess.run([str(part) for part in order], capture_output=True, text=True, env=environment)
    if process.returncode == 0:
        return json.loads(process.stdout.splitlines()[-1])
    say(f"{name} failed:\n{process.stderr[-2000:]}")
    return None


def heading(results: dict[str, list[dict] | str], options: argparse.Namespace) -> str:
    """Return the sentence above the table: the task, the settings and the computer."""
    every = [result for finished in results.values() if isinstance(finished, list) for result in finished]
    threads = "?" if results["loader"] == "failed" else results["loader"][0]["threads"]
    return (
        f"90 configurations (3 kernels, 2 poolings, 3 optimizers; {', '.join(map(str, options.lengths))} epochs) on "
        f"{options.train_size} MNIST images, and as many for validation. Rounds: {options.rounds}; workers: "
        f"{options.workers}; the loops' threads: {threads}; torch {every[0]['torch']}; Python "
        f"{platform.python_version()}; {processor()}, {platform.system()}."
    )


def read_options() -> argparse.Namespace:
    """Return the options of the command line, with the five lengths that follow from them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train-size", type=int, default=500, help="images for training, as many for validation")
    parser.add_argument("--divisor", type=int, default=5, help="the lengths 5, 50, 100, 250 and 350, divided by this")
    parser.add_argument("--workers", type=int, default=processors(), help="worker processes of `sweep`")
    parser.add_argument("--quick", action="store_true", help="64 images, short, one round: does it all work?")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.train_size, options.divisor = 1, 64, 25
    if min(options.rounds, options.divisor, options.workers) < 1 or options.train_size < 64:
        parser.error("--rounds, --divisor and --workers want 1 or more, --train-size 64 or more")
    options.lengths = [max(1, round(length / options.divisor)) for length in LENGTHS]
    if len(set(options.lengths)) < len(LENGTHS):
        parser.error(f"--divisor {options.divisor} makes lengths equal: {options.lengths}; take 25 or less")
    return options


def main() -> None:
    """Run the rounds and the two other measurements, and print the tables and the targets."""
    options = read_options()
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): wait until it is quiet, or trust no figure")
    results = run_rounds(options)
    if any(results[name] == "failed" for name in ("sweep", "separate")):
        say("without sweep and the separate runs there is nothing to compare with")
    else:
        refused, accuracy_line = refuse_others(results)
        print(heading(results, options), "", *table(results, refused), "", *levers(results, refused), "", sep="\n")
        print(*targets(results, refused), accuracy_line, sep="\n", flush=True)
    say("worker memory and loading follow")
    print(sweep_worker_memory.measure(50) if options.quick else sweep_worker_memory.measure(), flush=True)
    print(sweep_store_loading.measure(500, times=1) if options.quick else sweep_store_loading.measure())


if __name__ == "__main__":
    main()
