"""Find out what is wrong with a verdict that a student reads off a picture, and with the experiments that she plans."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, WORSE, Level
from cnnlab.course.answer_values import describe
from cnnlab.course.answers import wrong_choice
from cnnlab.course.sentences import say
from cnnlab.experiments.experiment import FIELDS, Experiment

SEEDS = 5  # fewer know too little about their own scatter: see comparison/right_answer.py
SIDE = (
    "Two things decide: the side of zero, and whether more of this metric is good. One of them you read the other way "
    "round."
)
HOLDS_ZERO = "For *better* or *worse* the whole interval must lie on one side of zero. Where do its two ends lie?"
EXCLUDES_ZERO = "Look at the zero line: does the interval reach it?"
MOVES_TOGETHER = "{name} moves together with {by}: nobody could tell which of the two made a difference."
TAKES_VALUES = "{name} takes {count} values. Hold it fixed: only {by} and the seed may move."


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


def wrong_plan(
    answer: object,
    *,
    by: str,
    wanted: Mapping[Any, Mapping[str, Any]],
    shared: Mapping[str, str] | None = None,
    used_seeds: Collection[int] = (),
    other_images: bool = False,
) -> str | None:
    """Find what is wrong with a list of experiments that shall compare the levels of one field, and nothing else.

    Parameters
    ----------
    answer : object
        The student's answer: a list of `Experiment`, as `grid` returns it.
    by : str
        The compared field.
    wanted : mapping
        Level → the fields that the question fixes there, with their values. Other fields may have any value, if it is
        the same in all experiments.
    shared : mapping, optional
        Field that shall differ between the levels → what is wrong if it is the same at all of them, in words.
    used_seeds : collection of int
        Seeds that have already made a choice, and may not judge it.
    other_images : bool
        Whether each seed shall have images of its own: `data_seed` equal to `seed`.
    """
    if (
        not isinstance(answer, (list, tuple))
        or not answer
        or not all(isinstance(experiment, Experiment) for experiment in answer)
    ):
        return say("Give a list of experiments, as grid returns it. This is {answer}.", answer=describe(answer))
    groups = {level: [experiment for experiment in answer if getattr(experiment, by) == level] for level in wanted}
    if missing := [level for level in wanted if not groups[level]]:
        return say("There is no experiment with {by}={level!r}.", by=by, level=missing[0])
    if others := [getattr(experiment, by) for experiment in answer if getattr(experiment, by) not in wanted]:
        return say("{by}={level!r} is not part of the question.", by=by, level=others[0])
    return (
        _what_else_moves(answer, groups, {by, "seed", *(shared or {})}, by, other_images)
        or _unwanted_value(groups, wanted, shared or {}, by)
        or _no_validation(answer)
        or (_unlike_seeds(answer) if other_images else None)
        or _wrong_seeds(groups, by, used_seeds)
        or (_same_images(answer) if other_images else None)
    )


def fixed_fields(experiment: Experiment, *free: str) -> dict[str, Any]:
    """Return the fields of an experiment with their values, but for its seed and the free ones: for `wrong_plan`."""
    return {name: value for name, value in experiment.resolved().items() if name not in ("seed", *free)}


def _what_else_moves(
    experiments: Sequence[Experiment],
    groups: dict[Any, list[Experiment]],
    free: Collection[str],
    by: str,
    other_images: bool,
) -> str | None:
    """Return in words which other field moves with the compared field, or by itself; `data_seed` may, if asked for."""
    for name in FIELDS:
        values = {repr(experiment.resolved()[name]) for experiment in experiments}
        if name in free or len(values) == 1 or (name == "data_seed" and _is_paired(groups)):
            continue
        of_groups = [{repr(experiment.resolved()[name]) for experiment in group} for group in groups.values()]
        if any(group != of_groups[0] for group in of_groups):
            return say(MOVES_TOGETHER, name=name, by=by)
        if other_images and name == "data_seed":
            continue
        return say(TAKES_VALUES, name=name, count=len(values), by=by)
    if by == "kernel_size" and {experiment.padding for experiment in experiments} == {"valid"}:
        return say("Without padding the size of the maps and the number of parameters move together with kernel_size.")
    return None


def _unwanted_value(
    groups: dict[Any, list[Experiment]], wanted: Mapping[Any, Mapping[str, Any]], shared: Mapping[str, str], by: str
) -> str | None:
    """Return in words which field has another value than the question asks for."""
    for level, fields in wanted.items():
        for name, right in fields.items():
            values = {experiment.resolved()[name] for experiment in groups[level]}
            wrong = [value for value in values if not _is_near(value, right)]
            if not wrong:
                continue
            if name not in shared:
                return say("{name} is {value!r}: that is not what the question asks for.", name=name, value=wrong[0])
            every = {experiment.resolved()[name] for group in groups.values() for experiment in group}
            if len(every) == 1:
                return say(shared[name])
            return say(
                "With {by}={level!r}, {name} is {value!r}: that is not what the question asks for.",
                by=by, level=level, name=name, value=wrong[0],
            )  # fmt: skip
    return None


def _is_near(value: object, right: object) -> bool:
    return math.isclose(value, right) if isinstance(value, float) and isinstance(right, float) else value == right


def _is_paired(groups: dict[Any, list[Experiment]]) -> bool:
    """Return whether each seed has images of its own, the same at every level."""
    pairs = [{(experiment.seed, experiment.data_seed) for experiment in group} for group in groups.values()]
    return all(group == pairs[0] and len(dict(group)) == len(group) for group in pairs)


def _wrong_seeds(groups: dict[Any, list[Experiment]], by: str, used: Collection[int]) -> str | None:
    of_groups = [[experiment.seed for experiment in group] for group in groups.values()]
    if any(len(set(group)) < len(group) for group in of_groups):
        return say("A seed stands there twice: the same experiment gives the same result again, and no new evidence.")
    if any(set(group) != set(of_groups[0]) for group in of_groups):
        return say("The seeds differ between the values of {by}: they can't be compared seed by seed.", by=by)
    if len(of_groups[0]) < SEEDS:
        return say("Too few seeds: {count}. Then nobody can tell the difference from chance.", count=len(of_groups[0]))
    if set(of_groups[0]) & set(used):
        return say("These seeds have chosen the settings, so their scores are a little too good. Take new ones.")
    return None


def _no_validation(experiments: Sequence[Experiment]) -> str | None:
    if any(experiment.validation_size == 0 for experiment in experiments):
        return say("Without validation images there is nothing to compare by, and the test set is for the exam.")
    return None


def _unlike_seeds(experiments: Sequence[Experiment]) -> str | None:
    images = {experiment.data_seed for experiment in experiments}
    if len(images) > 1 and any(experiment.data_seed != experiment.seed for experiment in experiments):
        return say("data_seed is not equal to seed everywhere.")
    return None


def _same_images(experiments: Sequence[Experiment]) -> str | None:
    if len({experiment.data_seed for experiment in experiments}) == 1:
        return say("All have the same images. Let the images differ from seed to seed: data_seed decides them.")
    return None
