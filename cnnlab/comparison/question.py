"""Say how a question can be answered, check an answer that a student gives, and ask for one in words."""

from __future__ import annotations

import itertools
import json
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_choice, check_number, is_finite_number, is_iterable, shown
from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, HIGHER, LOWER, WORSE
from cnnlab.errors import ConfigError

VERDICTS = ({BETTER, WORSE, CANNOT_TELL}, {HIGHER, LOWER, CANNOT_TELL})


@dataclass(frozen=True)
class Rule:
    """How a question can be answered; with none of the three: in free words, which nobody scores.

    Parameters
    ----------
    choices : tuple of str
        The answers to choose from, as text.
    tolerance : float, optional
        A number is right if it is at most this far off.
    factor : float, optional
        A number is right if it is at most this many times too large or too small.
    """

    choices: tuple[str, ...] = ()
    tolerance: float | None = None
    factor: float | None = None

    @property
    def is_number(self) -> bool:
        """Whether the answer is a number."""
        return self.tolerance is not None or self.factor is not None

    @property
    def answers(self) -> int:
        """How many answers a confidence is spread over; a number is near enough, or it is not."""
        return len(self.choices) or 2


@dataclass(frozen=True)
class Guess:
    """An answer, and the confidence in it: a probability, 0–1; None if nobody asked for it.

    >>> Guess("5", 0.6)
    Guess(answer='5', confidence=0.6)
    """

    answer: str | float
    confidence: float | None = None

    def __post_init__(self) -> None:
        check_arguments(Guess, vars(self))
        check_confidence(self.confidence)

    def __str__(self) -> str:
        sure = "" if self.confidence is None else f" ({100 * self.confidence:.0f} % sure)"
        return f"{say_value(self.answer)}{sure}"


def check_question(question: object) -> str:
    """Return the question; raise ConfigError unless it is a name or a sentence."""
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"a question is a name, such as '01-kernel-digits', or a sentence, got {shown(question)}")
    return question


def check_rule(choices: object, tolerance: object, factor: object) -> Rule:
    """Return how a question can be answered; raise ConfigError for two rules at once, or a single choice."""
    given = {"choices": choices, "tolerance": tolerance, "factor": factor}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ConfigError(f"{' and '.join(names)} do not go together; give one of them")
    named = () if choices is None else check_choices(choices)
    if len(named) == 1:
        raise ConfigError(f"choices wants two or more to choose from, got {list(named)}")
    return Rule(
        named,
        None if tolerance is None else float(check_number("tolerance", tolerance, 0)),
        None if factor is None else float(check_number("factor", factor, 1)),
    )


def check_choices(choices: Any) -> tuple[str, ...]:
    """Return the choices as text, each once; raise ConfigError if they are no list."""
    if isinstance(choices, str) or not is_iterable(choices):
        raise ConfigError(f"choices wants a list, such as [3, 5, 7], got {shown(choices)}")
    return tuple(dict.fromkeys(map(as_text, itertools.islice(choices, 1000))))


def as_text(value: object) -> str:
    """Return a value as text; raise ConfigError for an object of the person's own whose text fails."""
    try:
        return str(value)
    except Exception as error:
        raise ConfigError(f"want a text or a number, got {shown(value)}") from error


def which_is_best(levels: Iterable[object]) -> tuple[str, ...]:
    """Return the possible answers to "which is best?": each level as text, and "cannot tell".

    Raises ConfigError if there are fewer than two levels.
    """
    named = [name for name in check_choices(levels) if name != CANNOT_TELL]
    if len(named) < 2:
        raise ConfigError(f"choices wants two levels or more to choose from, got {named}")
    return (*named, CANNOT_TELL)


def check_guess(answer: Any, confidence: Any, rule: Rule) -> Guess:
    """Return the guess; raise ConfigError if it is no answer to the question, or its confidence is missing or wrong."""
    if rule.choices:
        check_choice("answer", as_text(answer), rule.choices)
    elif rule.is_number and not is_finite_number(answer):
        raise ConfigError(f"the answer is a number, such as 5 or 0.5, got {shown(answer)}")
    if confidence is ...:
        raise ConfigError("say how sure you are, too: a number from 0 to 1, such as 0.6")
    return Guess(plain_number(answer) if rule.is_number else as_text(answer), check_confidence(confidence))


def check_confidence(confidence: Any) -> float | None:
    """Return the confidence, which may be None; raise ConfigError unless it lies in 0–1."""
    if confidence is None:
        return None
    if check_number("confidence", confidence, 0) > 1:
        raise ConfigError(f"confidence must lie in 0–1, got {shown(confidence)}; try {confidence / 100:g} for per cent")
    return float(confidence)


def is_missing(answer: object) -> bool:
    """Return whether nobody has answered yet: `...`, None or an empty text."""
    return answer is ... or answer is None or (isinstance(answer, str) and not answer.strip())


def plain_number(value: Any) -> int | float:
    """Return a number of numpy's as one of Python's."""
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def say_value(value: object) -> str:
    """Return a value as text; a number with a point gets four digits.

    >>> say_value(42.30000000000001)
    '42.3'
    """
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 10_000 else str(value)


def ask(choices: Any, rule: Rule, confidence: object) -> str:
    """Say in words what to write in place of `...`."""
    if rule.choices:
        *most, last = (json.dumps(choice) if isinstance(choice, str) else str(choice) for choice in choices)
        what = f"{', '.join(most)} or {last}"
    elif rule.tolerance is not None:
        what = f"a number (up to {say_value(rule.tolerance)} off counts as right)"
    elif rule.factor is not None:
        what = f"a number (up to {say_value(rule.factor)} times too large or too small counts as right)"
    else:
        what = "your answer, in quotation marks,"
    sure = "" if confidence is None else ", say how sure you are (0 to 1),"
    return f"No prediction yet. Write {what} in place of ...{sure} and run this cell again."
