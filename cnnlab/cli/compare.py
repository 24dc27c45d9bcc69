"""`python -m cnnlab compare`: the verdicts of `compare` on the runs of a store, from a terminal, and their picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cnnlab.checks import check_choice
from cnnlab.cli.parser import Parser, plain_warnings
from cnnlab.comparison.compare import Comparison, compare
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.runs import Runs, bank, load_runs

BANK = "bank:"
ENDINGS = (".png", ".svg", ".pdf")


def main(arguments: list[str]) -> int:
    """Print the comparison that the arguments describe, and draw it if they say so; return 0, or 2 if it can't be."""
    options = parser().parse_args(arguments)
    with plain_warnings():
        try:
            if options.plot is not None:
                check_picture(options.plot)
            runs = matching(open_store(options.store), options.where)
            how: dict[str, Any] = {"along": options.along, "metric": options.metric, "at": options.at}
            if options.reference is not None:
                check_choice("field of Experiment", options.by, FIELDS)
                how["reference"] = FIELDS[options.by].read(options.by, options.reference)
            found = compare(runs, options.by, **how)
            if options.plot is not None:
                draw(found, options.plot)
        except (ConfigError, DataError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(f"{found}\n{found.noise_sentence}\n" if found.noise_sentence else f"{found}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; its options are the arguments of `compare`, a filter, and a file for the picture."""
    arguments = Parser(
        prog="python -m cnnlab compare", usage="%(prog)s STORE --by FIELD [options]", allow_abbrev=False,
        description="Compare the values of one field: is each better or worse than the first, or can chance not be "
        "ruled out? Runs are paired on the seed and on every other field.",
        epilog="Example: python -m cnnlab compare bank:experiment_b --by pooling --where epochs=50 --plot pooling.png",
    )  # fmt: skip
    arguments.add_argument(
        "store", metavar="STORE",
        help="the runs: a folder that `python -m cnnlab sweep --store` filled, a .zip of one, or bank:NAME for runs "
        "that come with the course, such as bank:experiment_b",
    )  # fmt: skip
    arguments.add_argument("--by", required=True, metavar="FIELD", help="the field to compare, such as kernel_size")
    arguments.add_argument(
        "--metric", default="validation_accuracy", metavar="NAME",
        help="what to compare it by, such as validation_loss or seconds (default: %(default)s)",
    )  # fmt: skip
    arguments.add_argument(
        "--at", default="last", type=epoch, metavar="EPOCH",
        help="the epoch of the metric: last; stopped, where patience ended the training; best, the one of the lowest "
        "validation loss; or its number (default: last)",
    )  # fmt: skip
    arguments.add_argument(
        "--along", nargs="+", default=(), metavar="FIELD",
        help="fields that move together with the compared one, such as learning_rate with optimizer",
    )  # fmt: skip
    arguments.add_argument(
        "--reference", metavar="VALUE", help="the value that the others are compared with (default: the first)"
    )
    arguments.add_argument(
        "--where", nargs="+", default=(), metavar="FIELD=VALUE",
        help="take only these runs, such as pooling=max; name a field twice to take both its values",
    )  # fmt: skip
    arguments.add_argument(
        "--plot", type=Path, metavar="FILE", help=f"draw the comparison; the name ends in {', '.join(ENDINGS)}"
    )
    return arguments


def epoch(word: str) -> int | str:
    """Return the number that a word is; any other word as it is, for `compare` to check."""
    return int(word) if word.isdecimal() else word


def open_store(name: str) -> Runs:
    """Return the runs of a folder, a .zip, or a part of the results bank.

    >>> open_store("bank:experiment_b")
    """
    return load_runs(bank(name.removeprefix(BANK)) if name.startswith(BANK) else name)


def matching(runs: Runs, conditions: Iterable[str]) -> Runs:
    """Return the runs that meet the conditions; raise ConfigError if there are none.

    >>> matching(runs, ["pooling=max", "kernel_size=3", "kernel_size=5"])
    """
    wanted: dict[str, list[Any]] = {}
    values = runs.values()
    for condition in conditions:
        name, equals, word = condition.partition("=")
        if not equals:
            raise ConfigError(f"--where wants FIELD=VALUE, such as pooling=max, got {condition!r}")
        check_choice("field of Experiment", name, FIELDS)
        value = FIELDS[name].read(name, word)
        if value not in values[name]:
            choices = (",".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in values[name])
            raise ConfigError(f"--where {condition}: no run here has it; {name} is {' or '.join(choices)}")
        wanted.setdefault(name, []).append(value)
    left = runs.filter(**wanted)
    if wanted and not len(left):
        raise ConfigError(f"--where {' '.join(conditions)}: no run here is all of this; leave one of them out")
    return left


def check_picture(path: Path) -> None:
    """Raise ConfigError unless a picture can be written to the path."""
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--plot {path}: the name must end in {', '.join(ENDINGS)}; try {path.stem or 'plot'}.png")
    if not path.parent.is_dir():
        raise ConfigError(f"--plot {path}: there is no folder {path.parent}; make it first")


def draw(found: Comparison, path: Path) -> None:
    """Write the picture of a comparison to a file."""
    from matplotlib.figure import Figure  # not pyplot, which looks for a screen

    from cnnlab.plots.comparison import plot_comparison

    figure = Figure(figsize=(1.5 + 1.5 * len(found.levels), 4.0), layout="constrained")
    plot_comparison(found, ax=figure.subplots())
    figure.savefig(path, dpi=150, metadata={"Title": found.title})
