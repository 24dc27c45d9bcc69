"""`python -m cnnlab sweep`: a grid of experiments from a terminal; every field of `Experiment` is an option."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from cnnlab.errors import ConfigError, DataError, check_whole
from cnnlab.experiment import FIELDS, Experiment
from cnnlab.sweeps import grid, sweep

DEFAULTS = Experiment().to_dict()
WANTED = {"int": "a whole number", "float": "a number", "bool": "true or false"}
WANTED |= {"str": "a word", "tuple": "whole numbers with commas, such as 16,32"}


def main(arguments: list[str]) -> int:
    """Run the sweep that the arguments describe; return 0, 1 where runs failed or are missing, 2 if it can't be."""
    options = vars(parser().parse_args(arguments))
    seeds, store = options.pop("seeds"), options.pop("store")
    how = {name: options.pop(name) for name in ("workers", "device", "replicas")}
    lists = {name: values for name, values in options.items() if values is not None}
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: sys.stderr.write(f"{message}\n")
        try:
            if seeds is not None:
                if "seed" in lists:
                    raise ConfigError("--seeds is short for --seed 0 1 2 …; give one of them")
                lists["seed"] = range(check_whole("seeds", seeds, 1))
            experiments = grid(Experiment(), **lists)
            runs = sweep(experiments, store, **how)
        except (ConfigError, DataError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    told = runs.summary()
    sys.stdout.write(f"{told.to_string(index=False)}\n" if len(told) else "")
    return 0 if len(runs) == len({experiment.key for experiment in experiments}) else 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one sentence, without the thirty options first."""
        self.exit(2, f"{message}; {self.prog} --help shows every option\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser: one option a field, each of which takes one value or several."""
    made = _Parser(
        prog="python -m cnnlab sweep", allow_abbrev=False,
        description="Train every combination of the values given, each as often as there are seeds, and keep each run.",
        epilog="The same command goes on where it was stopped. load_runs(FOLDER) reads the runs in a notebook.",
    )  # fmt: skip
    for name, default in DEFAULTS.items():
        shown = "the data set's own" if default is None else str(default).replace(" ", "").strip("(),")
        shown = {"learning_rate": "the optimizer's own", "patience": "none"}.get(name, shown)
        made.add_argument(
            f"--{name.replace('_', '-')}", dest=name, nargs="+", type=reader(name), metavar="VALUE",
            help=f"default: {shown}",
        )  # fmt: skip
    made.add_argument("--seeds", type=int, metavar="N", help="short for --seed 0 1 … N−1")
    made.add_argument("--store", metavar="FOLDER", help="where the runs are kept; without it, only a table is printed")
    made.add_argument("--workers", type=int, metavar="N", help="processes (default: `python -m cnnlab` says)")
    made.add_argument("--device", metavar="NAME", help="cuda: train many runs as one on a GPU (default: cpu)")
    made.add_argument("--replicas", type=int, metavar="N", help="so many runs as one (default: all that fit the GPU)")
    return made


def reader(name: str) -> Callable[[str], Any]:
    """Return the function that makes the field's value from a word: "none" where it may be None, "8,16" for widths."""
    kind = FIELDS[name]

    def read(word: str) -> Any:
        if word.lower() == "none" and DEFAULTS[name] is None:
            return None
        try:
            if name == "channels":
                return tuple(int(width) for width in word.split(","))
            return {"true": True, "false": False}[word.lower()] if kind is bool else kind(word)
        except (ValueError, KeyError):
            wanted = WANTED["tuple" if name == "channels" else kind.__name__]
            raise argparse.ArgumentTypeError(f"{name} wants {wanted}, got {word!r}") from None

    return read
