"""Find out what is wrong with a verdict that a student reads off a picture, and with the experiments that she plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, WORSE, Level
from cnnlab.course.answers import describe, wrong_choice
from cnnlab.experiments.experiment import FIELDS, Experiment

SIDE = "Look again on which side of zero the interval lies, and which side is good for this metric."
HOLDS_ZERO = "The middle of the interval is not enough. Where do its two ends lie?"
EXCLUDES_ZERO = "Look at the zero line: does the interval reach it?"


def wrong_verdict(answer: object, level: Level) -> str | None:
    """Find what is wrong with a verdict: "better", "worse" or "cannot tell".

    Parameters
    ----------
    answer : object
        The student's answer.
    level : Level
        The row of the comparison that she judges. Its verdict is the right answer.
    """
    words = {BETTER: HOLDS_ZERO, WORSE: HOLDS_ZERO}
    if level.verdict != CANNOT_TELL:
        words = {BETTER: SIDE, WORSE: SIDE, CANNOT_TELL: EXCLUDES_ZERO}
    return wrong_choice(answer, level.verdict, {name: why for name, why in words.items() if name != level.verdict})


def wrong_plan(answer: object, *, dataset: str, by: str, levels: Sequence[Any], seeds: int) -> str | None:
    """Find what is wrong with a list of experiments that shall compare the levels of one field, and nothing else.

    Parameters
    ----------
    answer : object
        The student's answer: a list of `Experiment`, as `grid` returns it.
    dataset : str
        The data set that the question is about.
    by : str
        The compared field.
    levels : sequence
        Its values.
    seeds : int
        How many seeds each level needs at least.
    """
    if (
        not isinstance(answer, (list, tuple))
        or not answer
        or not all(isinstance(experiment, Experiment) for experiment in answer)
    ):
        return f"Give a list of experiments, as grid returns it. This is {describe(answer)}."
    groups = {level: [experiment for experiment in answer if getattr(experiment, by) == level] for level in levels}
    if missing := [level for level in levels if not groups[level]]:
        return f"There is no experiment with {by}={missing[0]!r}."
    if others := [getattr(experiment, by) for experiment in answer if getattr(experiment, by) not in levels]:
        return f"{by}={others[0]!r} is not part of the question."
    if words := _what_else_moves(answer, groups, by):
        return words
    if answer[0].dataset != dataset:
        return f"The question is about {dataset}, and these experiments train on {answer[0].dataset}."
    if answer[0].validation_size == 0:
        return "Without validation images there is nothing to compare by, and the test set is for the exam."
    return _wrong_seeds(groups, by, seeds)


def _what_else_moves(experiments: Sequence[Experiment], groups: dict[Any, list[Experiment]], by: str) -> str | None:
    """Return in words which other field moves with the compared field, or by itself."""
    for name in FIELDS:
        values = {repr(getattr(experiment, name)) for experiment in experiments}
        if name in (by, "seed") or len(values) == 1 or (name == "data_seed" and _is_paired(groups)):
            continue
        of_groups = [{repr(getattr(experiment, name)) for experiment in group} for group in groups.values()]
        if any(group != of_groups[0] for group in of_groups):
            return f"{name} moves together with {by}: nobody could tell which of the two made a difference."
        return f"{name} takes {len(values)} values. Hold it fixed: only {by} and the seed may move."
    if by == "kernel_size" and {experiment.padding for experiment in experiments} == {"valid"}:
        return "Without padding the size of the maps and the number of parameters move together with kernel_size."
    return None


def _is_paired(groups: dict[Any, list[Experiment]]) -> bool:
    """Return whether each seed has images of its own, the same at every level."""
    pairs = [{(experiment.seed, experiment.data_seed) for experiment in group} for group in groups.values()]
    return all(group == pairs[0] and len(dict(group)) == len(group) for group in pairs)


def _wrong_seeds(groups: dict[Any, list[Experiment]], by: str, least: int) -> str | None:
    of_groups = [[experiment.seed for experiment in group] for group in groups.values()]
    if any(len(set(group)) < len(group) for group in of_groups):
        return "A seed stands there twice: the same experiment gives the same result again, and no new evidence."
    if any(set(group) != set(of_groups[0]) for group in of_groups):
        return f"The seeds differ between the values of {by}: they can't be compared seed by seed."
    if len(of_groups[0]) < least:
        return f"Too few seeds: {len(of_groups[0])}. Then nobody can tell the difference from chance."
    return None
