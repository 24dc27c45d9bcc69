"""Time `fit` and other ways to train the same network on the same images, and print a table in Markdown.

Nothing large may be imported here (see fit_memory.py): the trainings are in fit_contestants.py, in other processes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import fit_import_time
import fit_memory

IMAGES, HELD_OUT = 10_000, 2_000
LABELS = {
    "fit": "**cnnlab `fit`**",
    "bare": "bare loop: in memory, channels_last, fused Adam",
    "loader": "DataLoader over tensors",
    "transforms": "DataLoader with torchvision's transforms",
    "lightning": "Lightning",
    "skorch": "skorch",
    "fastai": "fastai",
    "keras": "Keras (on torch)",
    "fit-avg": "`fit`, average pooling",
    "bare-avg": "bare loop, average pooling",
}
REFERENCES = {"fit-avg": "fit", "bare-avg": "fit-avg"}  # what the others are divided by: fit
PLAIN = ("bare", "loader")  # nothing but torch: their accuracy is the reference
PEERS = ("lightning", "skorch", "fastai", "keras")


def run_rounds(epochs: int, rounds: int, *more: str) -> dict[str, list[dict] | str]:
    """Return each contestant's results, one per round, or the word that says why it has none: absent or failed.

    more are options that fit_contestants.py gets.
    """
    results: dict[str, list[dict] | str] = {
        name: "absent" if name in PEERS and importlib.util.find_spec(name) is None else [] for name in LABELS
    }
    for seed in range(rounds):
        for name, finished in results.items():
            if isinstance(finished, str):
                continue
            result = run_once(name, epochs, seed, *more)
            if result is None:
                results[name] = "failed"
                continue
            finished.append(result)
            say(f"round {seed + 1} of {rounds}: {name} {result['seconds']:.2f} s, accuracy {result['accuracy']:.4f}")
    return results


def run_once(name: str, epochs: int, seed: int, *more: str) -> dict | None:
    """Let a contestant train in a fresh process; return its result, or None after printing why it failed."""
    script = Path(__file__).with_name("fit_contestants.py")
    order = [sys.executable, script, name, "--images", IMAGES, "--epochs", epochs, "--seed", seed, *more]
    process = subprocess.run([str(part) for part in order], capture_output=True, text=True)
    if process.returncode == 0:
        return json.loads(process.stdout.splitlines()[-1])
    say(f"{name} failed:\n{process.stderr[-2000:]}")
    return None


def refuse_others(results: dict[str, list[dict] | str]) -> tuple[list[str], str]:
    """Return the contestants that learnt something else than the plain loops, and a line with all accuracies.

    Noise is twice the standard error of the difference of two means: p(1 − p) / n for a share p of n images, and the
    plain loops' variance from seed to seed (the order of the images) over the number of rounds.
    """
    accuracies = {
        name: [result["accuracy"] for result in finished]
        for name, finished in results.items()
        if isinstance(finished, list) and not name.endswith("-avg")  # another network
    }
    means = {name: statistics.fmean(values) for name, values in accuracies.items()}
    expected = statistics.fmean(means[name] for name in PLAIN)
    rounds = len(accuracies["fit"])
    by_seed = statistics.fmean(statistics.variance(accuracies[name]) for name in PLAIN) / rounds if rounds > 1 else 0
    noise = 2 * math.sqrt(2 * (expected * (1 - expected) / HELD_OUT + by_seed))
    refused = [name for name, accuracy in means.items() if abs(accuracy - expected) > noise]
    low, high = min(means.values()), max(means.values())
    verdict = "NOT reached" if refused else "reached"
    return refused, f"- {verdict}: equal accuracy: {low:.4f} to {high:.4f}, noise {expected:.4f} ± {noise:.4f}"


def ratios(results: dict[str, list[dict] | str], name: str) -> list[float]:
    """Return the contestant's seconds divided by those of `fit` (of the same pooling, for the bare loop), by round."""
    pairs = zip(results[name], results[REFERENCES.get(name, "fit")], strict=True)
    return [own["seconds"] / ours["seconds"] for own, ours in pairs]


def table(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return the lines of the table."""
    lines = ["| | seconds | × `fit` | spread | accuracy |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, finished in results.items():
        if isinstance(finished, str):
            lines.append(f"| {LABELS[name]} | {finished} | | | |")
            continue
        label = LABELS[name] + (f" {finished[0]['version']}" if name in PEERS else "")
        accuracy = f"{mean(finished, 'accuracy'):.4f}"
        if name in refused:
            lines.append(f"| {label} | refused | | | {accuracy} |")
            continue
        seconds = statistics.median(result["seconds"] for result in finished)
        against = ratios(results, name)
        spread = "" if name == "fit" else f"{min(against):.2f}–{max(against):.2f}"
        lines.append(f"| {label} | {seconds:.2f} | {statistics.median(against):.2f} | {spread} | {accuracy} |")
    return lines


def targets(results: dict[str, list[dict] | str], refused: list[str]) -> list[str]:
    """Return one line per target of speed: reached or not, with its figure."""
    fair = {name for name, finished in results.items() if isinstance(finished, list)} - set(refused)
    middle = {name: statistics.median(ratios(results, name)) for name in fair if "fit" in fair}
    fastest = min((name for name in PEERS if name in middle), key=middle.get, default=None)
    wanted = [
        ("1.2 × as fast as the bare loop", "bare", 1.2, "{figure:.2f} ×"),
        ("not slower than the bare loop with average pooling", "bare-avg", 1, "{figure:.2f} ×"),
        ("2.4 × as fast as the transform idiom", "transforms", 2.4, "{figure:.2f} ×"),
        ("1.6 × as fast as the fastest framework", fastest, 1.6, "{figure:.2f} × ({name})"),
    ]
    lines = []
    for words, name, limit, shown in wanted:
        if name not in middle:
            lines.append(f"- not measured: {words}")
            continue
        verdict = "reached" if middle[name] >= limit else "NOT reached"
        figure = shown.format(figure=middle[name], name=LABELS.get(name))
        lines.append(f"- {verdict}: {words}: {figure}")
    return lines


def heading(results: dict[str, list[dict] | str], epochs: int, rounds: int) -> str:
    """Return the sentence above the table: the task, the settings and the computer."""
    every = [result for finished in results.values() if isinstance(finished, list) for result in finished]
    threads = " or ".join(str(count) for count in sorted({result["threads"] for result in every}))
    return (
        f"The same CNN on the same {IMAGES:,} MNIST images, training alone. Epochs: {epochs}; rounds: {rounds}; "
        f"threads: {threads}; torch {every[0]['torch']}; "
        f"Python {platform.python_version()}; {processor()}, {platform.system()}."
    )


def processor() -> str:
    """Return the processor's name as the system gives it."""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return f"{names[0]} ({len(names)} cores)" if names else platform.machine()
    if sys.platform == "darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    return platform.processor()


def mean(finished: list[dict], field: str) -> float:
    """Return the mean of one field over the rounds."""
    return statistics.fmean(result[field] for result in finished)


def say(words: str) -> None:
    """Print a message on standard error; standard output has the Markdown only."""
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, run the rounds, print the table and the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="torch's own choice where it is not given")
    parser.add_argument("--processor-time", action="store_true", help="do not count waiting; only with --threads 1")
    parser.add_argument("--quick", action="store_true", help="one epoch, two rounds: does it all work?")
    options = parser.parse_args()
    if min(options.epochs, options.rounds) < 1:
        parser.error("--epochs and --rounds want 1 or more")
    if options.processor_time and options.threads != 1:
        parser.error("--processor-time adds up the time of all threads: give --threads 1 with it")
    if options.quick:
        options.epochs, options.rounds = 1, 2
    if options.threads:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)  # for every process started from here
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): wait until it is quiet, or trust no figure")
    more = ["--processor-time"] if options.processor_time else []
    results = run_rounds(options.epochs, options.rounds, *more)
    if any(results[name] == "failed" for name in ("fit", "fit-avg", *PLAIN)):
        say("without `fit` and the plain loops there is nothing to compare with")
        return
    refused, accuracy_line = refuse_others(results)
    print(heading(results, options.epochs, options.rounds), "", *table(results, refused), "", sep="\n")
    print(*targets(results, refused), accuracy_line, sep="\n")
    print(fit_import_time.measure(pairs=3 if options.quick else 7), fit_memory.measure(), sep="\n")


if __name__ == "__main__":
    main()
