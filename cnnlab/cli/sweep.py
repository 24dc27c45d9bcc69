"""`python -m cnnlab sweep`: a grid of experiments from a terminal; every field of `Experiment` is an option."""

from __future__ import annotations

import argparse
import sys

from cnnlab.checks import check_whole
from cnnlab.cli.parser import Parser, plain_errors, reader
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, Experiment
from cnnlab.experiments.fields import Field
from cnnlab.experiments.sweep import grid, sweep


@plain_errors
def main(arguments: list[str]) -> int:
    """Run the sweep that the arguments describe; return 0, or 1 where runs failed or are missing."""
    options = vars(parser().parse_args(arguments))
    seeds, store, keep_weights = options.pop("seeds"), options.pop("store"), options.pop("keep_weights")
    how = {name: options.pop(name) for name in ("workers", "device", "replicas")}
    lists = {name: values for name, values in options.items() if values is not None}
    if seeds is not None:
        if "seed" in lists:
            raise ConfigError("--seeds is short for --seed 0 1 2 …; give one of them")
        lists["seed"] = range(check_whole("seeds", seeds, 1))
    experiments = grid(Experiment(), **lists)
    lengths = {experiment.epochs for experiment in experiments}
    runs = sweep(experiments, store, snapshots=lengths if keep_weights else (), **how)
    table = runs.summary()
    sys.stdout.write(f"{table.to_string(index=False)}\n" if len(table) else "")
    return 0 if len(runs) == len({experiment.key for experiment in experiments}) else 1


def parser() -> argparse.ArgumentParser:
    """Return the parser: one option for each field of `Experiment`, which takes one value or several."""
    arguments = Parser(
        prog="python -m cnnlab sweep", allow_abbrev=False,
        description="Train every combination of the values given, each as often as there are seeds, and keep each run.",
        epilog="The same command goes on where it was stopped. `python -m cnnlab compare FOLDER --by FIELD` "
        "compares the runs; load_runs(FOLDER) reads them in a notebook.",
    )  # fmt: skip
    for group in ("Data", "Network", "Training"):
        options = arguments.add_argument_group(group, "Each takes one value or several, such as --kernel-size 3 5.")
        for name, field in FIELDS.items():
            if field.group == group:
                options.add_argument(
                    f"--{name.replace('_', '-')}", dest=name, nargs="+", type=reader(name, field),
                    metavar=metavar(field), help=f"{field.description}; {default_of(field)}",
                )  # fmt: skip
    others = arguments.add_argument_group("Runs")
    others.add_argument("--seeds", type=int, metavar="N", help="short for --seed 0 1 … N−1")
    others.add_argument("--store", metavar="FOLDER", help="where runs are kept; without it, only a table is printed")
    others.add_argument(
        "--keep-weights", action="store_true", default=None, help="after the last epoch, for `lab-report --exam`"
    )
    others.add_argument("--workers", type=int, metavar="N", help="processes (default: `python -m cnnlab` says)")
    others.add_argument("--device", metavar="NAME", help="cuda: train many runs as one on a GPU (default: cpu)")
    others.add_argument("--replicas", type=int, metavar="N", help="most runs trained as one (default: all that fit)")
    return arguments


def metavar(field: Field) -> str:
    """Return what stands for a value in `--help`: the choices, or the kind of value."""
    if field.choices:
        return "|".join(str(choice).lower() for choice in field.choices)
    return {int: "N", float: "X", tuple: "N,N", str: "TEXT"}[field.kind]


def default_of(field: Field) -> str:
    """Return what `--help` says of the default.

    >>> default_of(FIELDS["channels"])
    'default: 16,32'
    """
    if field.default is None:
        return f"default: none ({field.none})" if field.none != "none" else "default: none"
    value = ",".join(map(str, field.default)) if field.kind is tuple else field.default
    return f"default: {value}"
