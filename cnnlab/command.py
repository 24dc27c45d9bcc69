"""`python -m cnnlab sweep`: a grid of experiments from a terminal; every field of `Experiment` is an option."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from cnnlab.errors import ConfigError, DataError
from cnnlab.experiment import FIELDS, Experiment
from cnnlab.sweeps import grid, sweep

OPTIONAL = {name for name, value in Experiment().to_dict().items() if value is None}


def main(arguments: list[str]) -> int:
    """Run the sweep that the arguments describe; return 0, or 1 where runs failed or are still missing."""
    options = vars(parser().parse_args(arguments))
    seeds, store, workers = (options.pop(name) for name in ("seeds", "store", "workers"))
    lists = {name: values for name, values in options.items() if values is not None}
    if seeds is not None:
        lists["seed"] = range(seeds)
    try:
        experiments = grid(Experiment(), **lists)
        runs = sweep(experiments, store, workers=workers)
    except (ConfigError, DataError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    told = runs.summary()
    sys.stdout.write(f"{told.to_string(index=False)}\n" if len(told) else "")
    return 0 if len(runs) == len({experiment.key for experiment in experiments}) else 1


def parser() -> argparse.ArgumentParser:
    """Return the parser: one option a field, each of which takes one value or several."""
    made = argparse.ArgumentParser(
        prog="python -m cnnlab sweep",
        description="Train every combination of the values given, each as often as there are seeds, and keep each run.",
        epilog="The same command goes on where it was stopped. load_runs(STORE) reads the runs in a notebook.",
    )
    for name, default in Experiment().to_dict().items():
        shown = "the data set's own" if default is None else str(default).replace(" ", "").strip("()")
        made.add_argument(
            f"--{name.replace('_', '-')}", dest=name, nargs="+", type=reader(name), metavar="VALUE",
            help=f"default: {shown}",
        )  # fmt: skip
    made.add_argument("--seeds", type=int, metavar="N", help="short for --seed 0 1 … N−1")
    made.add_argument("--store", metavar="FOLDER", help="where the runs are kept; without it, only a table is printed")
    made.add_argument("--workers", type=int, metavar="N", help="processes (default: one a processor core)")
    return made


def reader(name: str) -> Callable[[str], Any]:
    """Return the function that makes the field's value from a word: "none" where it may be None, "8,16" for widths."""

    def read(word: str) -> Any:
        if word.lower() == "none" and name in OPTIONAL:
            return None
        if name == "channels":
            return tuple(int(width) for width in word.split(","))
        if name == "grey":
            return {"true": True, "false": False}[word.lower()]
        return FIELDS[name](word)

    read.__name__ = f"{name}"  # argparse says: invalid kernel_size value: 'x'
    return read
