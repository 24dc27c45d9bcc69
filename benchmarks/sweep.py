"""Do experiment A's grid, smaller, with `sweep` and with the loops that students write, and print who takes how long.

Nothing large may be imported here (see worker_memory.py); what trains is in sweep_contestants.py, in processes of its
own. Markdown goes to standard output, how it goes to standard error.
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

import store_loading
import worker_memory
from fit import processor, say
from sweep_report import LABELS, levers, refuse_others, table, targets

from cnnlab.machine import processors

LENGTHS = (5, 50, 100, 250, 350)  # of experiment A
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def run_rounds(options: argparse.Namespace) -> dict[str, list[dict] | str]:
    """Return each contestant's results, one a round, or the one word that says why it has none."""
    results: dict[str, list[dict] | str] = {name: [] for name in LABELS}
    for seed in range(options.rounds):
        for name, found in results.items():
            if isinstance(found, str):
                continue
            result = run_once(name, options, seed)
            if result is None:
                results[name] = "failed"
                continue
            found.append(result)
            say(
                f"round {seed + 1} of {options.rounds}: {name} {result['seconds']:.1f} s, "
                f"accuracy {statistics.fmean(result['accuracies']):.4f}"
            )
    return results


def run_once(name: str, options: argparse.Namespace, seed: int) -> dict | None:
    """Let one contestant do the grid in a fresh process; return what it says, or None after saying why it failed."""
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
    """Return the sentence over the table: what was done, and on what."""
    every = [result for found in results.values() if isinstance(found, list) for result in found]
    threads = "?" if results["loader"] == "failed" else results["loader"][0]["threads"]
    return (
        f"90 configurations (3 kernels, 2 poolings, 3 optimizers; {', '.join(map(str, options.lengths))} epochs) on "
        f"{options.train_size} MNIST images, and as many for validation. Rounds: {options.rounds}; workers: "
        f"{options.workers}; the loops' threads: {threads}; torch {every[0]['torch']}; Python "
        f"{platform.python_version()}; {processor()}, {platform.system()}."
    )


def read_options() -> argparse.Namespace:
    """Return the command line, and the five lengths that it stands for."""
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
    print(worker_memory.measure(50) if options.quick else worker_memory.measure(), flush=True)
    print(store_loading.measure(500, times=1) if options.quick else store_loading.measure())


if __name__ == "__main__":
    main()
