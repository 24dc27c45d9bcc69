"""Score a prediction: whether it was right, and how well the confidence agrees with that.

The score is Brier's: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
78, 1950. It is the sum over all answers of (probability given − 1 if right, else 0)²: 0 is perfect, and 2 is all
confidence on a wrong answer. It is proper: whoever says how sure she really is gets the best score that she can expect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cnnlab.comparison.question import Guess, Rule, say_value
from cnnlab.comparison.right_answer import Outcome


@dataclass(frozen=True)
class Prediction:
    """A question, the guess that was made, and what the runs said.

    Parameters
    ----------
    question : str
        A short name, such as "01-kernel-digits", or a sentence; the prediction is known by it.
    guess : Guess
        What was written down first.
    rule : Rule
        How the question can be answered.
    outcome : Outcome, optional
        What the evidence says; None as long as nobody has looked.
    """

    question: str
    guess: Guess
    rule: Rule
    outcome: Outcome | None = None

    @property
    def was_right(self) -> bool | None:
        """Whether the guess was right; None if that is not known, or if free words are only compared by eye."""
        if self.outcome is None or self.outcome.answer is None:
            return None
        if self.rule.choices:
            return self.guess.answer == self.outcome.answer
        if not self.rule.is_number:
            return None
        guessed, true = float(self.guess.answer), float(self.outcome.answer)
        if self.rule.tolerance is not None:
            return abs(guessed - true) <= self.rule.tolerance + 1e-9 * abs(true)
        return guessed * true > 0 and abs(math.log(guessed / true)) <= math.log(self.rule.factor or 1) + 1e-9

    @property
    def result(self) -> str:
        """Whether the guess was right, in one or two words."""
        if self.was_right is not None:
            return "right" if self.was_right else "not so"
        if self.outcome is None:
            return "waiting"
        return "open" if self.outcome.answer is None else "judge yourself"

    @property
    def brier(self) -> float:
        """The Brier score of the guess; NaN if it has no confidence or is not scored."""
        if self.was_right is None or self.guess.confidence is None:
            return math.nan
        return brier_score(self.guess.confidence, right=self.was_right, choices=self.rule.answers)

    @property
    def words(self) -> str:
        """The guess, what the runs say, and the score, in words."""
        if self.outcome is None:
            return f"Your guess: {self.guess}. The answer has not been looked at."
        says = str(self.outcome)
        if self.outcome.answer is None:
            return f"Your guess: {self.guess}. The question stays open, and nothing is scored: {says}."
        if self.was_right is None:
            return f"Your guess: {self.guess}. Compare it yourself: {says}."
        score = ""
        if not math.isnan(self.brier):
            nothing = know_nothing_score(self.rule.answers)
            score = f" Brier score {self.brier:.2f} (0 is perfect, knowing nothing gives {nothing:.2f})."
        return f"Your guess: {self.guess}. {self.result.capitalize()}: {says}{self._how_far_off()}.{score}"

    def _how_far_off(self) -> str:
        """Say how far off a number was, and how far off still counts as right; nothing for other answers."""
        if not self.rule.is_number or self.outcome is None or self.outcome.answer is None:
            return ""
        guessed, true = float(self.guess.answer), float(self.outcome.answer)
        side, tolerance, factor = "low" if guessed < true else "high", self.rule.tolerance, self.rule.factor
        if tolerance is not None:
            off = f"your guess is {say_value(abs(guessed - true))} too {side}" if guessed != true else "exactly so"
            return f"; {off} (up to {say_value(tolerance)} off counts as right)"
        if guessed * true <= 0:
            return f"; your guess is too {side}"
        times = max(guessed / true, true / guessed)
        return f"; your guess is {times:.1f} times too {side} (up to {say_value(factor)} times counts as right)"

    def __repr__(self) -> str:
        return f"{self.question}\n{self.words}"


def brier_score(confidence: float, *, right: bool, choices: int) -> float:
    """Return the Brier score of a guess; what confidence leaves is spread evenly over the other answers.

    Parameters
    ----------
    confidence : float
        The probability given to the guessed answer, 0–1.
    right : bool
        Whether the guess was right.
    choices : int
        The number of possible answers.

    >>> brier_score(1.0, right=True, choices=4)
    0.0
    """
    rest = (1 - confidence) / (choices - 1)
    if right:
        return (1 - confidence) ** 2 + (choices - 1) * rest**2
    return confidence**2 + (1 - rest) ** 2 + (choices - 2) * rest**2


def know_nothing_score(choices: int) -> float:
    """Return the Brier score of a person who finds all answers equally likely: 1 − 1 / choices.

    >>> know_nothing_score(4)
    0.75
    """
    return 1 - 1 / choices
