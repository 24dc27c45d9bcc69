"""`python -m cnnlab compare`: the verdicts of `compare` on the runs of a store, from a terminal, and their picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cnnlab.checks import check_choice
from cnnlab.cli.parser import Parser, plain_errors
from cnnlab.cli.store import add_store, add_where, matching, open_store
from cnnlab.comparison.compare import Comparison, compare
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS

ENDINGS = (".png", ".svg", ".pdf")


@plain_errors
def main(arguments: list[str]) -> int:
    """Print the comparison that the arguments describe, and draw it if they say so; return 0."""
    options = parser().parse_args(arguments)
    if options.plot is not None:
        check_picture(options.plot)
    runs = matching(open_store(options.store), options.where)
    how: dict[str, Any] = {"along": options.along, "metric": options.metric, "at": options.at}
    if options.reference is not None:
        check_choice("field of Experiment", options.by, FIELDS)
        how["reference"] = FIELDS[options.by].read(options.by, options.reference)
    comparison = compare(runs, options.by, **how)
    if options.plot is not None:
        draw(comparison, options.plot)
    floor = f"{comparison.noise_sentence}\n" if comparison.noise_sentence else ""
    sys.stdout.write(f"{comparison}\n{floor}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; its options are the arguments of `compare`, a filter, and a file for the picture."""
    arguments = Parser(
        prog="python -m cnnlab compare", usage="%(prog)s STORE --by FIELD [options]", allow_abbrev=False,
        description="Compare the values of one field: is each better or worse than the first, or can chance not be "
        "ruled out? Runs are paired on the seed and on every other field.",
        epilog="Example: python -m cnnlab compare bank:experiment_b --by pooling --where epochs=50 --plot pooling.png",
    )  # fmt: skip
    add_store(arguments)
    arguments.add_argument("--by", required=True, metavar="FIELD", help="the field to compare, such as kernel_size")
    arguments.add_argument(
        "--metric", default="validation_accuracy", metavar="NAME",
        help="what to compare it by, such as validation_loss or seconds (default: %(default)s)",
    )  # fmt: skip
    arguments.add_argument(
        "--at", default="last", type=epoch, metavar="EPOCH",
        help="the epoch of the metric: last; stopped, the one whose weights patience kept; best, the one of the lowest "
        "validation loss; or its number (default: last)",
    )  # fmt: skip
    arguments.add_argument(
        "--along", nargs="+", default=(), metavar="FIELD",
        help="fields that move together with the compared one, such as learning_rate with optimizer",
    )  # fmt: skip
    arguments.add_argument(
        "--reference", metavar="VALUE", help="the value that the others are compared with (default: the first)"
    )
    add_where(arguments)
    arguments.add_argument(
        "--plot", type=Path, metavar="FILE", help=f"draw the comparison; the name ends in {', '.join(ENDINGS)}"
    )
    return arguments


def epoch(word: str) -> int | str:
    """Return the number that a word is; any other word as it is, for `compare` to check."""
    return int(word) if word.isdecimal() else word


def check_picture(path: Path) -> None:
    """Raise ConfigError unless a picture can be written to the path."""
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--plot {path}: the name must end in {', '.join(ENDINGS)}; try {path.stem or 'plot'}.png")
    if not path.parent.is_dir():
        raise ConfigError(f"--plot {path}: there is no folder {path.parent}; make it first")


def draw(comparison: Comparison, path: Path) -> None:
    """Write the picture of a comparison to a file."""
    from matplotlib.figure import Figure  # not pyplot, which looks for a screen

    from cnnlab.plots.comparison import plot_comparison

    figure = Figure(figsize=(7.5, 1.2 + 0.5 * len(comparison.levels)), layout="constrained")
    plot_comparison(comparison, ax=figure.subplots())
    figure.savefig(path, dpi=150, metadata={"Title": comparison.title})
