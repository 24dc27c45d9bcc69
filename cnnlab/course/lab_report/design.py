"""Find out what was varied in runs and what was held, and lay their settings out as rows and columns of a picture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cnnlab.course.sentences import say
from cnnlab.experiments.experiment import FIELDS, in_order
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.plots.cells import cell_words

NAME_THE_DATA = ("dataset", "structure", "folder", "fingerprint")  # runs that differ here are on other images
TALLEST = 1.6  # height / width of a picture: a page has room for it, at a smaller width


@dataclass(frozen=True, eq=False)
class Design:
    """What the settings of some runs have in common, and where they differ.

    Parameters
    ----------
    runs : Runs
        All of them, each once.
    groups : mapping
        Name of a data set → the runs on it.
    compared : tuple of str
        The fields that were varied, but for the seed and for those in `along`.
    along : mapping
        Field → the fields that moved together with it; the field is one of `compared`, "dataset" or "seed".
    held : mapping
        Field → the value that all runs have.
    """

    runs: Runs
    groups: Mapping[str, Runs]
    compared: tuple[str, ...]
    along: Mapping[str, tuple[str, ...]]
    held: Mapping[str, Any]

    @property
    def seeds(self) -> list[int]:
        """The seeds of all runs, in order."""
        return self.runs.values()["seed"]

    @property
    def fewest_seeds(self) -> int:
        """The number of seeds of the setting that has the fewest."""
        return min(self.runs.summary("train_loss")["seeds"].tolist())

    @property
    def is_validated(self) -> bool:
        """Whether any run has a loss on validation images."""
        return any(run.history["validation_loss"] for run in self.runs)

    @property
    def at(self) -> str:
        """The epoch at which runs are judged: the last, or the one whose weights patience kept if all had patience."""
        return "stopped" if all(run.experiment.patience is not None for run in self.runs) else "last"

    def levels(self, name: str) -> list[Any]:
        """Return the values of a field, in the course's order."""
        return self.runs.values()[name]


class Sheet(NamedTuple):
    """A picture's share of the runs, and the fields of its rows and columns."""

    name: str
    runs: Runs
    rows: tuple[str, ...]
    columns: tuple[str, ...]


def design_of(runs: Runs) -> Design:
    """Return the design of runs; its runs are in the course's order, field by field.

    >>> design_of(load_runs(bank("experiment_b"))).compared
    ('kernel_size', 'pooling', 'epochs')
    """
    runs = Runs(sorted(runs, key=_in_course_order), runs.failures)
    values = runs.values()
    groups = _groups(runs)
    settings = [(name, run.experiment.resolved()) for name, group in groups.items() for run in group]
    varied = [name for name in FIELDS if len(values[name]) > 1 and name not in ("seed", *NAME_THE_DATA)]
    along: dict[str, list[str]] = {}
    for name in varied:
        leaders = ["dataset", *(["seed"] if name == "data_seed" else []), *(other for other in varied if other != name)]
        for leader in leaders:
            is_later = leader in varied and varied.index(leader) > varied.index(name)
            if leader in itertools.chain(*along.values()) or name in along or not _moves(name, leader, settings):
                continue
            if is_later and _moves(leader, name, settings):  # each follows the other: the first field leads
                continue
            along.setdefault(leader, []).append(name)
            break
    followers = {*itertools.chain(*along.values())}
    held = {name: known[0] for name, known in values.items() if len(known) == 1}
    return Design(
        runs, groups, tuple(name for name in varied if name not in followers),
        {leader: tuple(names) for leader, names in along.items()}, held,
    )  # fmt: skip


def _in_course_order(run: Run) -> list[tuple]:
    return [in_order(value) for value in run.experiment.resolved().values()]


def _groups(runs: Runs) -> dict[str, Runs]:
    """Return name → the runs on one data set, in the order in which they come."""
    by_data: dict[tuple, list[Run]] = {}
    for run in runs:
        settings = run.experiment.resolved()
        by_data.setdefault(tuple(settings[name] for name in NAME_THE_DATA), []).append(run)
    groups: dict[str, Runs] = {}
    for (dataset, structure, folder, fingerprint), group in by_data.items():
        name = " ".join(str(word) for word in (dataset, structure, folder) if word is not None)
        while name in groups:  # a folder whose pictures have changed
            name += f" ({fingerprint:.6})" if fingerprint else " (–)"
        groups[name] = Runs(group)
    return groups


def _moves(name: str, leader: str, settings: list[tuple[str, dict[str, Any]]]) -> bool:
    """Return whether the field has one value for each value of the leader, on each data set."""
    levels: dict[tuple, set] = {}
    for group, setting in settings:
        key = (group,) if leader == "dataset" else (group, setting[leader])
        levels.setdefault(key, set()).add(setting[name])
    return all(len(values) == 1 for values in levels.values()) and len(levels) < len(settings)


def setting_words(run: Run, fields: Sequence[str]) -> str:
    """Return a run's values of these fields in words, such as "kernel_size 3 · max"; without fields "one setting"."""
    settings = run.experiment.resolved()
    return cell_words(fields, (settings[name] for name in fields)) or say("one setting")


def panel_fields(runs: Runs, design: Design) -> tuple[str, ...]:
    """Return the compared fields that differ within these runs, but for `epochs`."""
    values = runs.values()
    return tuple(name for name in design.compared if len(values[name]) > 1 and name != "epochs")


def sheets(runs: Runs, fields: tuple[str, ...], cell: tuple[float, float], most: tuple[int, int]) -> list[Sheet]:
    """Return pictures of at most so many columns and rows, with the layout that fits a page best.

    Parameters
    ----------
    runs : Runs
        What is drawn.
    fields : tuple of str
        The fields in which the cells differ.
    cell : (float, float)
        The width and the height of a cell, in any unit.
    most : (int, int)
        The most columns and the most rows of a picture. Where there are more, each value of a field has a picture.
    """
    sizes = {name: len(values) for name, values in runs.values().items()}
    best, layout = math.inf, ((), ())
    for choice in itertools.product((0, 1), repeat=len(fields)):
        rows = tuple(name for name, side in zip(fields, choice, strict=True) if side == 0)
        columns = tuple(name for name, side in zip(fields, choice, strict=True) if side == 1)
        down, across = (math.prod(sizes[name] for name in names) for names in (rows, columns))
        ratio = (1 + down * cell[1]) / (1 + across * cell[0])
        cost = abs(math.log(ratio / 0.9)) + 0.3 * max(0, len(columns) - 1)
        if across <= most[0] and down <= most[1] and ratio <= TALLEST and cost < best:
            best, layout = cost, (rows, columns)
    if best < math.inf:
        return [Sheet("", runs, *layout)]
    first, *others = sorted(fields, key=lambda name: sizes[name])
    return [
        sheet._replace(name=" · ".join(filter(None, [f"{first} {value}", sheet.name])))
        for value in runs.values()[first]
        for sheet in sheets(runs.filter(**{first: [value]}), tuple(others), cell, most)
    ]


def is_crossed(runs: Runs, fields: Iterable[str]) -> bool:
    """Return whether at least half of all combinations of these fields' values are there."""
    fields = list(fields)
    settings = {tuple(run.experiment.resolved()[name] for name in fields) for run in runs}
    values = runs.values()
    return 2 * len(settings) >= math.prod(len(values[name]) for name in fields)
