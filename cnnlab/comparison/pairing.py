"""Pair the runs of a comparison, average them within a seed, and say why no runs can be paired.

Two runs at different levels are paired if they agree in the seed and in every other field; the values of these other
fields are their block.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cnnlab.checks import check_choice
from cnnlab.comparison.metrics import value_at, why_missing
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run


class Compared(NamedTuple):
    """What is compared, and by which metric; the fields are parameters of `compare`."""

    by: str
    along: tuple[str, ...]
    metric: str
    at: str | int


class PairKey(NamedTuple):
    """What paired runs have in common: the seed, and the values of every other field that is not compared."""

    seed: int
    block: tuple[Any, ...]


Pairs = dict[Any, dict[PairKey, float]]  # level → key → the metric


def check_fields(compared: Compared) -> None:
    """Raise ConfigError unless these fields can be compared."""
    by, along = compared.by, compared.along
    for name in (by, *along):
        check_choice("field of Experiment", name, FIELDS)
    if by == "seed" or "seed" in along:
        raise ConfigError("seed is what comparisons are paired on; compare another field")
    if by in along:
        raise ConfigError(f"along={along!r} names {by!r}, which is compared itself; leave it out")


def pair_runs(runs: list[Run], compared: Compared) -> Pairs:
    """Return level → key → the metric of a run; a run without a value is left out.

    Raises ConfigError if a level has several values of what moves along, within one block.
    """
    by, along = compared.by, compared.along
    table: Pairs = {}
    moved: dict[tuple[Any, tuple], tuple] = {}  # (level, block) → the values of the fields that move along
    for run in runs:
        settings = run.experiment.resolved()
        level, moving = settings[by], tuple(settings[name] for name in along)
        key = PairKey(settings["seed"], tuple(settings[name] for name in FIELDS if name not in (by, "seed", *along)))
        # By the block, not by the key: seeds of one block that differ in more than the seed are no repetitions.
        earlier = moved.setdefault((level, key.block), moving)
        if earlier != moving:
            raise ConfigError(
                f"{by}={level!r} has several values of {' and '.join(along)} "
                f"({_listed(earlier)} and {_listed(moving)}); filter the runs to one for each level"
            )
        of_level = table.setdefault(level, {})
        value = value_at(run, compared.metric, compared.at)
        if value is not None:
            of_level[key] = value
    return table


def complete_pairs(table: Pairs) -> Pairs:
    """Return the table with the keys that are there at every level, and no others."""
    first, *others = table.values()
    keys = [key for key in first if all(key in of_level for of_level in others)]
    return {level: {key: of_level[key] for key in keys} for level, of_level in table.items()}


def levels_in_order(table: Pairs, by: str) -> list[Any]:
    """Return the levels in the course's order; raise ConfigError if there are fewer than two."""
    levels = sorted(table, key=in_order)
    if len(levels) < 2:
        raise ConfigError(f"{by} wants two values or more to compare, got {levels}; train some, or name another field")
    return levels


def average_blocks(of_level: Mapping[PairKey, float]) -> dict[int, float]:
    """Return seed → the mean over the blocks, of one level."""
    blocks: dict[int, list[float]] = {}
    for key, value in of_level.items():
        blocks.setdefault(key.seed, []).append(value)
    return {seed: statistics.fmean(blocks[seed]) for seed in sorted(blocks)}


def by_setting(table: Pairs) -> dict[tuple, dict[int, float]]:
    """Return setting → seed → the metric of a single run; a setting is a level and a block."""
    settings: dict[tuple, dict[int, float]] = {}
    for level, of_level in table.items():
        for key, value in of_level.items():
            settings.setdefault((level, key.block), {})[key.seed] = value
    return settings


def why_no_pairs(runs: list[Run], table: Pairs, levels: list[Any], compared: Compared) -> str:
    """Say why no two runs can be paired: a level without a value, fields that move along, or missing runs."""
    by, along, metric, at = compared
    for level in levels:
        if not table[level]:
            why = why_missing([run for run in runs if run.experiment.resolved()[by] == level], metric, at)
            return (
                f"no run with {by}={level!r} has {metric} at {at!r}: {why}; filter the runs to the "
                "other levels, and say so"
            )
    moving = _fields_that_move(runs, levels, by, along)
    if moving:
        names, verb = (*along, *moving), "moves" if len(moving) == 1 else "move"
        return (
            f"{' and '.join(moving.values())} {verb} together with {by}, so the cause of a difference can't be told; "
            f"train runs that differ in {by} alone, or name what moves: along={names!r}"
        )
    return (
        f"no two runs at all levels of {by} ({_listed(levels)}) agree in the seed and all else; train the missing ones"
    )


def _fields_that_move(runs: list[Run], levels: list[Any], by: str, along: tuple[str, ...]) -> dict[str, str]:
    """Return field → its values at each level, in words, for the fields that have no value at every level."""
    settings = [run.experiment.resolved() for run in runs]
    moving = {}
    for name in FIELDS:
        values = {level: {each[name] for each in settings if each[by] == level} for level in levels}
        if name not in (by, "seed", *along) and not set.intersection(*values.values()):
            words = (f"{level}: {_listed(sorted(at_level, key=in_order))}" for level, at_level in values.items())
            moving[name] = f"{name} ({'; '.join(words)})"
    return moving


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
