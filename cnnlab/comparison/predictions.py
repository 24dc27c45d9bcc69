"""Score guesses: whether each was right, and how well the confidence agrees with that.

Nobody types the right answer: `right_answer` takes it from the verdicts of a comparison.
The score is Brier's: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
78, 1950. It is the sum over all answers of (probability given − 1 if right, else 0)²: 0 is perfect, and 2 is all
confidence on a wrong answer.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cnnlab.checks import check_choice, check_number, check_whole
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.metrics import higher_is_better
from cnnlab.comparison.verdicts import CANNOT_TELL, FEWEST_SEEDS, LOWER, WORSE
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import in_order


@dataclass(frozen=True)
class Guess:
    """An answer, and the confidence in it: a probability, 0–1.

    >>> Guess("5", 0.6)
    Guess(answer='5', confidence=0.6)
    """

    answer: str
    confidence: float

    def __str__(self) -> str:
        return f"{self.answer} ({100 * self.confidence:.0f} % sure)"


@dataclass(frozen=True)
class Entry:
    """A question and the guess that was committed.

    Parameters
    ----------
    question : str
        A sentence.
    choices : tuple of str
        The answers that could be given, "cannot tell" included.
    guess : Guess
        What was committed.
    comparison : Comparison, optional
        What answers the question; None until `Scorebook.score` has it.
    """

    question: str
    choices: tuple[str, ...]
    guess: Guess
    comparison: Comparison | None = None

    @property
    def right_answer(self) -> str | None:
        """The answer of the comparison; None as long as there is no comparison."""
        return None if self.comparison is None else right_answer(self.comparison)

    @property
    def was_right(self) -> bool:
        """True if the guess is the answer of the comparison; False as long as there is no comparison."""
        return self.guess.answer == self.right_answer

    @property
    def brier(self) -> float:
        """The Brier score of the guess; NaN as long as there is no comparison."""
        if self.comparison is None:
            return float("nan")
        return brier_score(self.guess.confidence, right=self.was_right, choices=len(self.choices))

    @property
    def words(self) -> str:
        """The guess, the right answer and the score, in words."""
        if self.comparison is None:
            return f"Your guess: {self.guess}. The comparison has not been made."
        outcome = "Right" if self.was_right else "Not so"
        return f"Your guess: {self.guess}. {outcome}: {say_answer(self.comparison)}. Brier score {self.brier:.2f}."

    def __repr__(self) -> str:
        return f"{self.question}\n{self.words}"


class Bin(NamedTuple):
    """Guesses of similar confidence: how many they are, their mean confidence, and the share that was right (0–1)."""

    guesses: int
    confidence: float
    right: float


@dataclass
class Scorebook:
    """A list of questions with their guesses and scores. The first guess to a question counts.

    Parameters
    ----------
    entries : dict
        Question → `Entry`.

    >>> book = Scorebook()
    >>> book.commit("Which kernel reads best?", ["3", "5"], "5", 0.6)
    """

    entries: dict[str, Entry] = field(default_factory=dict)

    def commit(self, question: str, choices: Iterable[object], answer: object, confidence: float) -> Entry:
        """Write a guess down before the answer is known, and return its entry; an earlier guess stays as it is.

        Parameters
        ----------
        question : str
            A sentence; the entry is known by it.
        choices : iterable
            The levels. "cannot tell" is added.
        answer : object
            One of the choices.
        confidence : float
            A probability, 0–1.

        Raises
        ------
        ConfigError
            If the answer is none of the choices, or the confidence is outside 0–1.
        """
        check_question(question)
        choices = answers(choices)
        check_choice("answer", str(answer), choices)
        if check_number("confidence", confidence, 0) > 1:
            raise ConfigError(f"confidence must lie in 0–1, got {confidence!r}; try {confidence / 100:g} for per cent")
        entry = Entry(question, choices, Guess(str(answer), float(confidence)))
        return self.entries.setdefault(question, entry)

    def score(self, question: str, comparison: Comparison) -> Entry:
        """Compare the guess with a comparison, and return its entry with the score; a scored entry stays as it is.

        Raises ConfigError if the comparison has other levels than the question had choices, or has too few seeds for
        any verdict: "cannot tell" would always be right.
        """
        if question not in self.entries:
            raise ConfigError(f"no guess was committed for {question!r}; commit one first")
        entry = self.entries[question]
        if entry.comparison is None:
            compared = answers(check_comparison(comparison).values)
            if set(compared) != set(entry.choices):
                raise ConfigError(
                    f"asked were {', '.join(entry.choices)}, compared were {', '.join(compared)}: give both"
                )
            fewest = min(level.seeds for level in comparison.levels)
            if fewest < FEWEST_SEEDS:
                raise ConfigError(
                    f"no verdict is possible with {fewest} seed{'' if fewest == 1 else 's'} in common, so that there "
                    f"is nothing to score; train {FEWEST_SEEDS} seeds or more of each"
                )
            entry = self.entries[question] = replace(entry, comparison=comparison)
        return entry

    @property
    def scored(self) -> list[Entry]:
        """The entries that have a comparison."""
        return [entry for entry in self.entries.values() if entry.comparison is not None]

    @property
    def words(self) -> str:
        """The score of all guesses together, in words."""
        scored = self.scored
        if not scored:
            return "No guess has been scored yet."
        right = sum(entry.was_right for entry in scored)
        sure = statistics.fmean(entry.guess.confidence for entry in scored)
        brier = statistics.fmean(entry.brier for entry in scored)
        nothing = statistics.fmean(know_nothing_score(len(entry.choices)) for entry in scored)
        guesses = "1 guess" if len(scored) == 1 else f"{len(scored)} guesses"
        return (
            f"This session: {guesses}, {right} right ({100 * right / len(scored):.0f} %), {100 * sure:.0f} % sure on "
            f"average. Mean Brier score {brier:.2f} (perfect: 0; knowing nothing, and saying so: {nothing:.2f})."
        )

    def calibration(self, *, bins: int = 5) -> list[Bin]:
        """Return the scored guesses in bins of equal width of confidence; empty bins are left out.

        A person is calibrated where the share that was right equals the confidence.
        """
        bins = check_whole("bins", bins, 1)
        filled: dict[int, list[Entry]] = {}
        for entry in self.scored:
            filled.setdefault(min(int(entry.guess.confidence * bins + 1e-9), bins - 1), []).append(entry)
        return [
            Bin(
                len(entries),
                statistics.fmean(entry.guess.confidence for entry in entries),
                statistics.fmean(entry.was_right for entry in entries),
            )
            for _, entries in sorted(filled.items())
        ]

    def __repr__(self) -> str:
        return f"Scorebook: {self.words}"


scorebook = Scorebook()
"""The scorebook of this kernel: every guess that names no other goes into it, until the kernel is restarted."""


def choose_scorebook(chosen: Scorebook | None) -> Scorebook:
    """Return the chosen scorebook, or that of this kernel for None; raise ConfigError if it is no Scorebook."""
    if chosen is None:
        return scorebook
    if not isinstance(chosen, Scorebook):
        raise ConfigError(f"scorebook wants a Scorebook, got {chosen!r:.60}; leave it out for that of this kernel")
    return chosen


def record_guess(
    question: str, answer: object, confidence: float, comparison: Comparison, *, scorebook: Scorebook | None = None
) -> Entry:
    """Commit a guess, compare it with a comparison, and return its entry with the score.

    `PredictThenRun` does the same at a click. The first guess to a question counts, however often its cell is run;
    another guess gives a warning.

    Parameters
    ----------
    question : str
        A sentence; the guess is known by it.
    answer : object
        One of the comparison's levels, or "cannot tell".
    confidence : float
        A probability, 0–1.
    comparison : Comparison
        What answers the question.
    scorebook : Scorebook, optional
        Where the guess is written down. None: the scorebook of this kernel.

    >>> record_guess("Which kernel reads best?", 5, 0.6, compare(runs, by="kernel_size"))
    """
    book = choose_scorebook(scorebook)
    check_comparison(comparison)
    known = question in book.entries
    entry = book.commit(question, comparison.values, answer, confidence)
    if known and entry.guess != Guess(str(answer), float(confidence)):
        warnings.warn(f"you answered this already: {entry.guess}; the first guess counts", stacklevel=2)
    return book.score(question, comparison)


def right_answer(comparison: Comparison) -> str:
    """Return the level that is better than all others by verdict, as text, or "cannot tell".

    The only level that can win is the one with the best mean: compared with it, every other level must be worse. If two
    levels are left that cannot be told apart, the answer is "cannot tell", although both may be better than a third.

    The level is chosen after looking at the means, and still a wrong winner is named at most 5 times in 100. With m + 1
    levels, the interval of each pair errs in one direction at most 0.025 / m of the time (Bonferroni). A wrong winner
    needs such an error against a level that is as good or better, and at most m + 1 levels can be that wrong winner.

    If neither direction of the metric is better, the winner is the highest.

    >>> right_answer(compare(runs, by="kernel_size"))
    '5'
    """
    left = contenders(comparison)
    return left[0] if len(left) == 1 else CANNOT_TELL


def contenders(comparison: Comparison) -> list[str]:
    """Return the level with the best mean, and all levels that cannot be told from it, in order, as text."""
    left = [row.level for row in leading(comparison).levels if row.verdict not in (WORSE, LOWER)]
    return [str(level) for level in sorted(left, key=in_order)]


def leading(comparison: Comparison) -> Comparison:
    """Return the comparison with the level of the best mean as the reference."""
    falls = higher_is_better(check_comparison(comparison).metric) is False
    rows = [row for row in comparison.levels if comparison.values[row.level]]  # all runs of a setting may diverge
    best = (min if falls else max)(rows, key=lambda row: row.mean)
    return comparison.against(best.level)


def say_answer(comparison: Comparison) -> str:
    """Return the comparison's answer in words."""
    word = "highest" if higher_is_better(comparison.metric) is None else "best"
    left = contenders(comparison)
    if len(left) == 1:
        return f"{left[0]} is {word}"
    return f"these runs cannot tell which is {word}: {' or '.join([', '.join(left[:-1]), left[-1]])}"


def answers(levels: Iterable[object]) -> tuple[str, ...]:
    """Return the possible answers: each level as text, and "cannot tell".

    Raises ConfigError if there are fewer than two levels.
    """
    if isinstance(levels, str) or not isinstance(levels, Iterable):
        raise ConfigError(f"choices wants a list of the levels, such as [3, 5, 7], got {levels!r}")
    named = list(dict.fromkeys(map(str, levels)))
    named = [name for name in named if name != CANNOT_TELL]
    if len(named) < 2:
        raise ConfigError(f"choices wants two levels or more to choose from, got {named}")
    return (*named, CANNOT_TELL)


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


def check_question(question: object) -> str:
    """Return the question; raise ConfigError unless it is a sentence."""
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"a question is a sentence, such as 'Which kernel reads best?', got {question!r:.60}")
    return question


def check_comparison(comparison: object) -> Comparison:
    """Return the comparison; raise ConfigError unless it is a Comparison of two levels or more."""
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"wanted a comparison, such as compare(runs, by='kernel_size'), got {comparison!r:.60}")
    if len(comparison.levels) < 2:
        raise ConfigError("this comparison has one level, and nothing to be better than; compare two or more")
    return comparison
