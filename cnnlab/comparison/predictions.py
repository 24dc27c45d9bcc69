"""Write a student's guesses down before the answer is known, and score them afterwards.

A notebook asks in one cell, and answers in a later one:

>>> my_guess = ...
>>> commit_guess("01-kernel-digits", my_guess, choices=[3, 5, 7, "cannot tell"])
No prediction yet. Write 3, 5, 7 or "cannot tell" in place of ... and run this cell again.
>>> score_guess("01-kernel-digits", compare(runs, by="kernel_size"))
No prediction was made. The answer: 5 is best.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cnnlab.comparison.prediction import Prediction
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.comparison.question import Rule, ask, check_guess, check_question, check_rule, is_missing
from cnnlab.comparison.right_answer import Outcome, find_outcome
from cnnlab.errors import ConfigError

ON_DRIVE = """
Colab deletes this when it disconnects. To keep it on your Drive, run these two lines first, in a cell of their own:
from google.colab import drive; drive.mount("/content/drive")
import os; os.environ["CNNLAB_COURSE"] = "/content/drive/MyDrive/my_course\""""


class Words(str):
    """A text that a notebook shows without quotation marks."""

    __repr__ = str.__str__


_asked: dict[str, Rule] = {}  # by this kernel, also without a guess: so a notebook whose evidence does not fit fails


def commit_guess(
    question: str,
    guess: object,
    *,
    choices: Any = None,
    tolerance: Any = None,
    factor: Any = None,
    confidence: Any = None,
) -> Words:
    """Write a guess down before the answer is known, and return that in words; the first guess to a question counts.

    Nothing is written as long as the guess is `...`, nor if it is no answer to the question: the words say what to do.
    Without choices, tolerance and factor the guess is free words, which are shown beside the answer and not scored.

    Parameters
    ----------
    question : str
        A short name that begins with the notebook's number, such as "01-kernel-digits".
    guess : object
        One of the choices, a number, free words, or `...`. Several answers at once: a dict of name → guess. Then each
        of the other arguments may be a dict with these names, too.
    choices : list, optional
        The answers to choose from. For a comparison its levels and "cannot tell", or the verdicts "better", "worse" and
        "cannot tell".
    tolerance : float, optional
        A number is right if it is at most this far off.
    factor : float, optional
        A number is right if it is at most this many times too large or too small.
    confidence : float, optional
        How sure the student is, 0–1, or `...`. None: nobody asks, and there is no Brier score.

    >>> commit_guess("00-digits", 80, tolerance=5)
    Written down: 80.
    """
    check_question(question)
    options = {"choices": choices, "tolerance": tolerance, "factor": factor, "confidence": confidence}
    if isinstance(guess, Mapping):
        lines = []
        for name, part in guess.items():
            of_part = {key: _of_part(key, value, name) for key, value in options.items()}
            lines.append(f"{name}: {commit_guess(f'{question}/{name}', part, **of_part)}")
        return Words("\n".join(lines))
    rule = _asked[question] = check_rule(choices, tolerance, factor)
    if is_missing(guess):
        kept = PREDICTIONS.read().get(question)
        return Words(ask(choices, rule, confidence) if kept is None else f"Written down earlier: {kept.guess}.")
    try:
        new = Prediction(question, check_guess(guess, confidence, rule), rule)
    except ConfigError as error:
        return Words(f"Not written down: {error}.")
    kept = keep_first(new)
    done = f"Written down: {kept.guess}."
    if kept.guess != new.guess:
        done = f"You answered this already: {kept.guess}. The first guess counts."
    is_lost = "google.colab" in sys.modules and not os.environ.get("CNNLAB_COURSE")
    return Words(done + ON_DRIVE if is_lost else done)


def _of_part(option: str, value: Any, name: object) -> Any:
    """Return what an argument of `commit_guess` is for one of several guesses: a dict has a value for each of them."""
    if not isinstance(value, Mapping):
        return value
    if name not in value:
        raise ConfigError(f"{option} has nothing for {name!r}, only for {', '.join(map(repr, value))}; add it")
    return value[name]


def keep_first(prediction: Prediction) -> Prediction:
    """Write a prediction into the file, and return the one that counts: an earlier one stays as it is."""
    with PREDICTIONS.editing() as predictions:
        return predictions.setdefault(prediction.question, prediction)


def score_guess(question: str, evidence: object, *, level: object = None) -> Words:
    """Compare the guess with the evidence, and return the guess, the answer and the score in words.

    Without a guess the words give the answer alone. A score stays as it is, however often the cell is run. A question
    that the evidence leaves open is scored by later evidence; `cnnlab.comparison.right_answer` has the rule.

    Parameters
    ----------
    question : str
        The name that `commit_guess` got.
    evidence : Comparison, number, text, bool, dict or function
        What answers the question. A whole number is exact; a number with a point is written with ≈. Several answers at
        once: a dict of name → evidence. A function without arguments returns one of these.
    level : object, optional
        If the choices are verdicts: the level that is judged, where the comparison has more than two.

    >>> score_guess("00-digits", 84)
    Your guess: 80. Right: 84; your guess is 4 too low (up to 5 off counts as right).
    """
    check_question(question)
    evidence = evidence() if callable(evidence) else evidence
    if isinstance(evidence, Mapping):
        parts = ((name, score_guess(f"{question}/{name}", part, level=level)) for name, part in evidence.items())
        return Words("\n".join(f"{name}: {words}" for name, words in parts))
    prediction = PREDICTIONS.read().get(question)
    rule = _asked.get(question, prediction and prediction.rule)
    outcome = find_outcome(evidence, rule, level)
    if prediction is None:
        return Words(f"No prediction was made. The answer: {outcome}.")
    if prediction.rule != rule:
        return Words(
            f"Your guess: {prediction.guess}. The question has changed since then, and nothing is scored. "
            f"The answer: {outcome}. To answer the new question: show_guesses(clear={question!r})."
        )
    return Words(keep_outcome(question, outcome).words)


def keep_outcome(question: str, outcome: Outcome) -> Prediction:
    """Write an outcome into the file, and return the prediction with it; one that is scored stays as it is."""
    with PREDICTIONS.editing() as predictions:
        prediction = predictions[question]
        if prediction.outcome is None or prediction.outcome.answer is None:
            prediction = predictions[question] = replace(prediction, outcome=outcome)
        return prediction
