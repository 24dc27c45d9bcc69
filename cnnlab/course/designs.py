"""Find out what is wrong with the design of an experiment: what else moves, too few seeds, which images choose.

Each function returns what is wrong in words, or None where the design is right.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from cnnlab.course.answers import describe, wrong_choice
from cnnlab.experiments.experiment import FIELDS, Experiment

SEEDS = 5  # fewer know too little about their own scatter: see comparison/right_answer.py


def wrong_design(
    answer: object,
    by: str,
    wanted: Mapping[Any, Experiment],
    *,
    shared: Mapping[str, str] | None = None,
    used_seeds: Collection[int] = (),
    other_images: bool = False,
) -> str | None:
    """Find what is wrong with a list of experiments that shall compare the levels of one field.

    Parameters
    ----------
    answer : object
        The student's answer: a list of experiments, as `grid` returns it.
    by : str
        The field that is compared.
    wanted : mapping
        Level → the experiment that is wanted there, with any seed.
    shared : mapping, optional
        Field that shall differ between the levels → what is wrong if it is the same at all of them, in words.
    used_seeds : collection of int
        Seeds that have already made a choice, and may not judge it.
    other_images : bool
        Whether each seed shall have images of its own: `data_seed` equal to `seed`.
    """
    if not isinstance(answer, (list, tuple)) or not answer or not all(isinstance(each, Experiment) for each in answer):
        return f"Give a list of experiments, as grid(...) returns it. This is {describe(answer)}."
    at_level = {level: [each for each in answer if getattr(each, by) == level] for level in wanted}
    others = sorted({str(getattr(each, by)) for each in answer if getattr(each, by) not in wanted})
    if others:
        return f"Nobody asked for {by} {' and '.join(others)}."
    missing = [str(level) for level, experiments in at_level.items() if not experiments]
    if missing:
        return f"There is no experiment with {by} {' or '.join(missing)}, so there is nothing to compare."
    return (
        _what_else_moves(at_level, by, wanted, shared or {}, {"seed", "data_seed"} if other_images else {"seed"})
        or _wrong_seeds(at_level, used_seeds)
        or (_wrong_images(at_level) if other_images else None)
    )


def _what_else_moves(
    at_level: Mapping[Any, list[Experiment]],
    by: str,
    wanted: Mapping[Any, Experiment],
    shared: Mapping[str, str],
    free: Collection[str],
) -> str | None:
    """Find a field, beside the compared one and the free ones, that has another value than wanted."""
    for field in (name for name in FIELDS if name != by and name not in free):
        values = {level: {each.resolved()[field] for each in at_level[level]} for level in wanted}
        right = {level: experiment.resolved()[field] for level, experiment in wanted.items()}
        if all(_is_value(values[level], right[level]) for level in wanted):
            continue
        every = set().union(*values.values())
        if len(every) == 1:
            return shared.get(field, f"{field} is {next(iter(every))!r}: that is not the value asked for.")
        if any(len(at) > 1 for at in values.values()):
            return f"{field} varies within a level, too. Let {by} alone differ, and the seed."
        if field in shared:
            return f"{field} is not the one asked for at each level."
        return f"{field} moves together with {by}: nobody could tell which of the two made a difference."
    return None


def _is_value(values: set[Any], right: object) -> bool:
    if len(values) != 1:
        return False
    (value,) = values
    return math.isclose(value, right) if isinstance(value, float) and isinstance(right, float) else value == right


def _wrong_seeds(at_level: Mapping[Any, list[Experiment]], used: Collection[int]) -> str | None:
    """Find what is wrong with the seeds: not the same everywhere, too few, repeated, or used before."""
    seeds = {level: [each.seed for each in experiments] for level, experiments in at_level.items()}
    first, *others = seeds.values()
    if any(set(first) != set(other) for other in others):
        return "The levels have different seeds, so the runs can't be paired. Give each level the same ones."
    if any(len(set(each)) < len(each) for each in seeds.values()):
        return "Some experiments are there twice. A repeated seed tells nothing new."
    if len(first) == 1:
        return "With one seed a level, chance and the difference can't be told apart."
    if len(first) < SEEDS:
        return "These are too few seeds: they would know too little about their own scatter."
    if set(first) & set(used):
        return "These seeds have chosen the settings, so their scores are a little too good. Take new ones."
    return None


def _wrong_images(at_level: Mapping[Any, list[Experiment]]) -> str | None:
    every = [each for experiments in at_level.values() for each in experiments]
    images = {level: {each.seed: each.data_seed for each in experiments} for level, experiments in at_level.items()}
    first, *others = images.values()
    if any(first != other for other in others):
        return "For one seed the levels have different images, so a difference may come from the images."
    if len({each.data_seed for each in every}) == 1:
        return "All have the same images. Let the images differ from seed to seed: data_seed decides them."
    if any(each.data_seed != each.seed for each in every):
        return "data_seed is not equal to seed everywhere."
    return None


def wrong_choices(answer: object, questions: Mapping[str, tuple[str, Mapping[str, str]]]) -> str | None:
    """Find what is wrong with several choices between words.

    Parameters
    ----------
    answer : object
        The student's answer: a dict, question → choice.
    questions : mapping
        Question → the right choice, and for each other choice why it is wrong.
    """
    if not isinstance(answer, Mapping):
        return f"Give a dict with the keys {_listed(questions)}. This is {describe(answer)}."
    if set(answer) != set(questions):
        return f"The keys must be {_listed(questions)}."
    for question, (right, choices) in questions.items():
        if words := wrong_choice(answer[question], right, choices):
            return f"{question}: {words}"
    return None


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))
