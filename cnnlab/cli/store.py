"""What the commands on finished runs share: which store they read, and which of its runs they take."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
from typing import Any

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS
from cnnlab.experiments.runs import Runs, bank, load_runs

BANK = "bank:"


def add_store(arguments: argparse.ArgumentParser) -> None:
    """Add the argument STORE."""
    arguments.add_argument(
        "store", metavar="STORE",
        help="the runs: a folder that `python -m cnnlab sweep --store` filled, a .zip of one, or bank:NAME for runs "
        "that come with the course, such as bank:experiment_b",
    )  # fmt: skip


def add_where(arguments: argparse.ArgumentParser) -> None:
    """Add the option --where."""
    arguments.add_argument(
        "--where", nargs="+", default=(), metavar="FIELD=VALUE",
        help="take only these runs, such as pooling=max; name a field twice to take both its values",
    )  # fmt: skip


def open_store(name: str) -> Runs:
    """Return the runs of a folder, a .zip, or a part of the results bank.

    >>> open_store("bank:experiment_b")
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* holds no run")  # each command says it in a sentence of its own
        if name.startswith(BANK):
            return load_runs(bank(name.removeprefix(BANK)))
        if not os.path.exists(name):
            raise ConfigError(f"{name} does not exist; python -m cnnlab sweep … --store {name} makes it")
        return load_runs(name)


def matching(runs: Runs, conditions: Sequence[str], *, option: str = "--where") -> Runs:
    """Return the runs that meet the conditions; raise ConfigError if there are none.

    >>> matching(runs, ["pooling=max", "kernel_size=3", "kernel_size=5"])
    """
    wanted: dict[str, list[Any]] = {}
    values = runs.values()
    for condition in conditions:
        name, equals, word = condition.partition("=")
        if not equals:
            raise ConfigError(f"{option} wants FIELD=VALUE, such as pooling=max, got {condition!r}")
        check_choice("field of Experiment", name, FIELDS)
        value = FIELDS[name].read(name, word)
        if value not in values[name]:
            choices = (",".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in values[name])
            raise ConfigError(f"{option} {condition}: no run here has it; {name} is {' or '.join(choices)}")
        wanted.setdefault(name, []).append(value)
    left = runs.filter(**wanted)
    if wanted and not len(left):
        raise ConfigError(f"{option} {' '.join(conditions)}: no run here is all of this; leave one of them out")
    return left
