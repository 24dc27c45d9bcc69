"""A guess with a confidence, and a comparison, in; whether it was right, and the score of a session, out.

The right answer is never typed in: it comes from the verdicts of the comparison. See `right_answer`.
The score is Brier's: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
78, 1950: the sum over all answers of (probability given − 1 if right, else 0)². 0 is perfect, 2 is all on a wrong one.
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
    """An answer, and how sure somebody is of it: confidence is a probability, 0–1."""

    answer: str
    confidence: float

    def __str__(self) -> str:
        return f"{self.answer} ({100 * self.confidence:.0f} % sure)"


@dataclass(frozen=True)
class Entry:
    """One question and the guess that was committed; comparison is None until it is there."""

    question: str
    choices: tuple[str, ...]
    guess: Guess
    comparison: Comparison | None = None

    @property
    def right_answer(self) -> str | None:
        """What the comparison says; None before it is there."""
        return None if self.comparison is None else right_answer(self.comparison)

    @property
    def was_right(self) -> bool:
        """Whether the guess is what the comparison says; False before it is there."""
        return self.guess.answer == self.right_answer

    @property
    def brier(self) -> float:
        """The Brier score of this guess; NaN before the comparison is there."""
        if self.comparison is None:
            return float("nan")
        return brier_score(self.guess.confidence, right=self.was_right, choices=len(self.choices))

    @property
    def words(self) -> str:
        """The guess, and what the runs say."""
        if self.comparison is None:
            return f"Your guess: {self.guess}. The comparison has not been made."
        outcome = "Right" if self.was_right else "Not so"
        return f"Your guess: {self.guess}. {outcome}: {say_answer(self.comparison)}. Brier score {self.brier:.2f}."

    def __repr__(self) -> str:
        return f"{self.question}\n{self.words}"


class Bin(NamedTuple):
    """Guesses of similar confidence: how many, how sure on average, and the share that was right."""

    guesses: int
    confidence: float
    right: float


@dataclass
class Scorebook:
    """The guesses of a session, one a question: the first one counts.

    entries: question → `Entry`.

    >>> book = Scorebook()
    >>> book.commit("Which kernel reads best?", ["3", "5"], "5", 0.6)
    """

    entries: dict[str, Entry] = field(default_factory=dict)

    def commit(self, question: str, choices: Iterable[object], answer: object, confidence: float) -> Entry:
        """Write a guess down, before the answer is known; return what is written: an earlier guess stays as it is.

        choices: the levels; "cannot tell" is always one more. Raises ConfigError for an answer that is none of them,
        and for a confidence outside 0–1.
        """
        check_question(question)
        choices = answers(choices)
        check_choice("answer", str(answer), choices)
        if check_number("confidence", confidence, 0) > 1:
            raise ConfigError(f"confidence must lie in 0–1, got {confidence!r}; try {confidence / 100:g} for per cent")
        entry = Entry(question, choices, Guess(str(answer), float(confidence)))
        return self.entries.setdefault(question, entry)

    def score(self, question: str, comparison: Comparison) -> Entry:
        """Hold the guess against the comparison, and return it with its score; once scored, it stays as it is.

        Raises ConfigError where the comparison has too few seeds for any verdict: "cannot tell" would always be right.
        """
        if question not in self.entries:
            raise ConfigError(f"no guess was committed for {question!r}; commit one first")
        entry = self.entries[question]
        if entry.comparison is None:
            found = answers(check_comparison(comparison).values)
            if set(found) != set(entry.choices):
                raise ConfigError(f"asked were {', '.join(entry.choices)}, compared were {', '.join(found)}: give both")
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
        """The guesses whose comparison is there."""
        return [entry for entry in self.entries.values() if entry.comparison is not None]

    @property
    def words(self) -> str:
        """The score of the session, in words."""
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
        """Return the scored guesses in equal bins of confidence, the empty ones left out.

        Somebody is calibrated where the share that was right is the confidence.
        """
        bins = check_whole("bins", bins, 1)
        filled: dict[int, list[Entry]] = {}
        for entry in self.scored:
            filled.setdefault(min(int(entry.guess.confidence * bins + 1e-9), bins - 1), []).append(entry)
        return [
            Bin(
                len(some),
                statistics.fmean(entry.guess.confidence for entry in some),
                statistics.fmean(entry.was_right for entry in some),
            )
            for _, some in sorted(filled.items())
        ]

    def __repr__(self) -> str:
        return f"Scorebook: {self.words}"


session = Scorebook()  # what is kept until the kernel is restarted


def record_guess(
    question: str, answer: object, confidence: float, comparison: Comparison, *, scorebook: Scorebook | None = None
) -> Entry:
    """Commit a guess and hold it against the comparison, in one go; the score of the session goes up by one.

    What `PredictThenRun` does at a click. The first guess to a question counts, however often its cell is run; another
    one is met with a warning. scorebook: None is that of the session.

    >>> record_guess("Which kernel reads best?", 5, 0.6, compare(runs, by="kernel_size"))
    """
    book = session if scorebook is None else scorebook
    check_comparison(comparison)
    known = question in book.entries
    entry = book.commit(question, comparison.values, answer, confidence)
    if known and entry.guess != Guess(str(answer), float(confidence)):
        warnings.warn(f"you answered this already: {entry.guess}; the first guess counts", stacklevel=2)
    return book.score(question, comparison)


def right_answer(comparison: Comparison) -> str:
    """Return the level that is better than all others by verdict, as text, or "cannot tell".

    The only level that can win is that with the best mean: against it as the reference, every other one must be worse.
    Where two are left that cannot be told apart, the answer to "which is best?" is "cannot tell", though both may be
    better than a third. The mean is chosen after looking, and still a winner is named wrongly at most 5 times in 100:
    with m + 1 levels each pair's interval errs in one direction at most 0.025 / m of the time (Bonferroni); one wrong
    winner needs such an error against a level that is as good or better, and there are at most m + 1 to be it. Of a
    number that has no good direction, the winner is the highest.

    >>> right_answer(compare(runs, by="kernel_size"))
    '5'
    """
    left = contenders(comparison)
    return left[0] if len(left) == 1 else CANNOT_TELL


def contenders(comparison: Comparison) -> list[str]:
    """Return the level with the best mean and all that the runs cannot tell from it, in order, as text."""
    left = [row.level for row in leading(comparison).levels if row.verdict not in (WORSE, LOWER)]
    return [str(level) for level in sorted(left, key=in_order)]


def leading(comparison: Comparison) -> Comparison:
    """Return the comparison with the level of the best mean as the reference."""
    falls = higher_is_better(check_comparison(comparison).metric) is False
    rows = [row for row in comparison.levels if comparison.values[row.level]]  # all runs of a setting may diverge
    best = (min if falls else max)(rows, key=lambda row: row.mean)
    return comparison.against(best.level)


def say_answer(comparison: Comparison) -> str:
    """Say in words what the comparison answers."""
    word = "highest" if higher_is_better(comparison.metric) is None else "best"
    left = contenders(comparison)
    if len(left) == 1:
        return f"{left[0]} is {word}"
    return f"these runs cannot tell which is {word}: {' or '.join([', '.join(left[:-1]), left[-1]])}"


def answers(levels: Iterable[object]) -> tuple[str, ...]:
    """Return what can be answered: each level as text, and "cannot tell"; ConfigError for fewer than two levels."""
    if isinstance(levels, str) or not isinstance(levels, Iterable):
        raise ConfigError(f"choices wants a list of the levels, such as [3, 5, 7], got {levels!r}")
    named = list(dict.fromkeys(map(str, levels)))
    named = [name for name in named if name != CANNOT_TELL]
    if len(named) < 2:
        raise ConfigError(f"choices wants two levels or more to choose from, got {named}")
    return (*named, CANNOT_TELL)


def brier_score(confidence: float, *, right: bool, choices: int) -> float:
    """Return the Brier score of one guess: the rest of the confidence is spread evenly over the other answers.

    >>> brier_score(1.0, right=True, choices=4)
    0.0
    """
    rest = (1 - confidence) / (choices - 1)
    if right:
        return (1 - confidence) ** 2 + (choices - 1) * rest**2
    return confidence**2 + (1 - rest) ** 2 + (choices - 2) * rest**2


def know_nothing_score(choices: int) -> float:
    """Return the Brier score of somebody who finds all answers equally likely: 1 − 1 / choices.

    >>> know_nothing_score(4)
    0.75
    """
    return 1 - 1 / choices


def check_question(question: object) -> str:
    """Return it, or raise ConfigError unless it is a sentence."""
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"a question is a sentence, such as 'Which kernel reads best?', got {question!r:.60}")
    return question


def check_comparison(comparison: object) -> Comparison:
    """Return it, or raise ConfigError unless it is what compare() returns."""
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"wanted a comparison, such as compare(runs, by='kernel_size'), got {comparison!r:.60}")
    if len(comparison.levels) < 2:
        raise ConfigError("this comparison has one level, and nothing to be better than; compare two or more")
    return comparison
