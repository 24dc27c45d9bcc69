"""Find the answer that a comparison gives to a prediction: a level, a verdict, "cannot tell", or none yet.

"cannot tell" is an answer only where the runs could have told: with five seeds or more, if the interval of the
difference, from end to end, is narrower than the noise floor. It holds 0, so that it excludes a difference as large as
the noise floor. (If the true difference is that large, this happens at most 3 times in 100, as far as the differences
are normal.) Else the question stays open and nobody is scored. (Fewer seeds know too little about their own scatter:
then an interval is narrow by luck.) A verdict that was found counts in any case. Whether a question is scored does not
depend on the guess, so that the Brier score stays proper.

Without this rule "cannot tell" is the safe bet, and the safer the fewer seeds. Let two settings differ by 0, 0.2, 0.4,
0.7 or 1 noise floor, each as often. Then always to say "cannot tell" is right in about 80 of 100 comparisons with three
seeds, in 60 with five, and in 45 with ten. With this rule it is never right with three seeds; with five it is right in
about 35 of 100 scored comparisons, and with ten in 45. A test holds these numbers.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from cnnlab.checks import check_choice, is_finite_number, shown
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.metrics import higher_is_better
from cnnlab.comparison.noise_floor import CONFIDENCE
from cnnlab.comparison.question import VERDICTS, Rule, as_text, plain_number, say_value, which_is_best
from cnnlab.comparison.verdicts import CANNOT_TELL, LOWER, WORSE, Level
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import in_order

ENOUGH_SEEDS = 5  # for "cannot tell"
MOST_SEEDS = 100  # that are advised


@dataclass(frozen=True)
class Outcome:
    """What the evidence says.

    Parameters
    ----------
    answer : str or number
        The right answer; None if the question stays open.
    words : str
        The same in words.
    why : str
        Why the runs cannot tell, in words.
    """

    answer: str | float | None
    words: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.words}, {self.why}" if self.why else self.words


def find_outcome(evidence: object, rule: Rule | None = None, level: object = None) -> Outcome:
    """Return what the evidence says; raise ConfigError if it does not fit the question's rule.

    Parameters
    ----------
    evidence : Comparison, number, text or bool
        A whole number is exact; a number with a point differs between machines, and is written with ≈.
    rule : Rule, optional
        How the question can be answered. None: not known.
    level : object, optional
        The level of a comparison that is judged, if the choices are verdicts.
    """
    if isinstance(evidence, Comparison):
        outcome, left_out = _of_comparison(check_comparison(evidence), rule, level), evidence.left_out
        if not left_out:
            return outcome
        runs = "1 run is" if left_out == 1 else f"{left_out} runs are"
        return replace(outcome, words=f"{outcome.words} ({runs} left out: no partner at every level, or no value)")
    if rule and rule.choices:
        check_choice("answer in the evidence", as_text(evidence), rule.choices)
    elif isinstance(evidence, numbers.Real) and not isinstance(evidence, bool):
        if not is_finite_number(evidence):
            return Outcome(None, f"there is no number ({evidence})")
        number = plain_number(evidence)
        return Outcome(number, f"{'≈ ' if isinstance(number, float) else ''}{say_value(number)}")
    elif rule and rule.is_number:
        raise ConfigError(f"the evidence wants a number, got {shown(evidence)}")
    return Outcome(as_text(evidence), as_text(evidence))


def _of_comparison(comparison: Comparison, rule: Rule | None, level: object) -> Outcome:
    """Return what a comparison says: a verdict where verdicts are the choices, else which level is best."""
    if rule and set(rule.choices) in VERDICTS:
        return right_verdict(comparison, level)
    possible = which_is_best(comparison.values)
    if rule and set(rule.choices) != set(possible):
        raise ConfigError(f"asked were {', '.join(rule.choices)}, compared were {', '.join(possible)}: give both")
    return best_level(comparison)


def right_answer(comparison: Comparison) -> str | None:
    """Return the level that is better than all others, "cannot tell", or None if the question stays open.

    The only level that can win is the one with the best mean: compared with it, every other level must be worse. If two
    levels are left that cannot be told apart, there is no winner, although both may be better than a third.

    The level is chosen after looking at the means, and still a wrong winner is named at most 5 times in 100. With m + 1
    levels, the interval of each pair errs in one direction at most 0.025 / m of the time (Bonferroni). A wrong winner
    needs such an error against a level that is as good or better, and at most m + 1 levels can be that wrong winner.

    If neither direction of the metric is better, the winner is the highest.

    >>> right_answer(compare(runs, by="kernel_size"))
    '5'
    """
    return best_level(comparison).answer  # type: ignore[return-value]  # of a comparison it is text


def best_level(comparison: Comparison) -> Outcome:
    """Return which level is best, and the same in words."""
    check_comparison(comparison)
    word = "highest" if higher_is_better(comparison.metric) is None else "best"
    left = contenders(comparison)
    if len(left) == 1:
        return Outcome(left[0], f"{left[0]} is {word}")
    rows = [row for row in leading(comparison).levels[1:] if str(row.level) in left]
    which = f"which is {word}: {' or '.join([', '.join(left[:-1]), left[-1]])}"
    return _without_verdict(comparison, rows, which)


def right_verdict(comparison: Comparison, level: object = None) -> Outcome:
    """Return the verdict on one level, such as "better", and the same in words.

    Parameters
    ----------
    comparison : Comparison
        Its first level is what the other is compared with.
    level : object, optional
        The level that is judged. It may be left out where there are two.
    """
    reference, *others = comparison.levels
    rows = [row for row in others if level is None or row.level == level]
    if len(rows) != 1:
        names = ", ".join(repr(row.level) for row in others)
        raise ConfigError(f"level={level!r}: say which level is judged against {reference.level!r}, one of {names}")
    (row,) = rows
    if row.verdict != CANNOT_TELL:
        return Outcome(row.verdict, f"{row.level} is {row.verdict} than {reference.level}")
    which = f"{row.level} from {reference.level}"
    return _without_verdict(comparison, rows, which)


def contenders(comparison: Comparison) -> list[str]:
    """Return the level with the best mean, and all levels that cannot be told from it, in order, as text."""
    left = [row.level for row in leading(comparison).levels if row.verdict not in (WORSE, LOWER)]
    return [str(level) for level in sorted(left, key=in_order)]


def leading(comparison: Comparison) -> Comparison:
    """Return the comparison with the level of the best mean as the reference.

    Its results chose this reference. So with m other levels, a wrong "worse" is in the table up to 2.5 · (m + 1) times
    in 100: 5 with one other level, 7.5 with two. That all other levels are worse is wrong at most 5 times in 100; see
    `right_answer`.
    """
    falls = higher_is_better(check_comparison(comparison).metric) is False
    rows = [row for row in comparison.levels if comparison.values[row.level]]  # all runs of a setting may diverge
    best = (min if falls else max)(rows, key=lambda row: row.mean)
    return comparison.against(best.level)


def _without_verdict(comparison: Comparison, rows: list[Level], which: str) -> Outcome:
    """Return "cannot tell" where each of these rows could have been told from the reference, else no answer."""
    words = f"these runs cannot tell {which}"
    floor = comparison.noise_floor
    widest = max(rows, key=lambda row: row.high - row.low if row.low < row.high else np.inf)
    width = widest.high - widest.low
    fewest = min(row.seeds for row in rows)
    if width < floor and fewest >= ENOUGH_SEEDS:
        return Outcome(CANNOT_TELL, words, "though they would have shown a difference as large as the noise floor")
    if width < floor:
        seeds = f"{fewest} seeds know too little about their own scatter; {ENOUGH_SEEDS} of each are the least"
        return Outcome(None, words, f"and a real difference could hide ({seeds})")
    if not width >= floor:  # there is no interval, or no noise floor
        missing = widest.why if math.isnan(width) else "no setting has two seeds: there is no noise floor"
        return Outcome(None, words, f"and nobody could ({missing})")
    needed = seeds_needed(widest, floor, len(comparison.levels) - 1)
    more = f"more than {MOST_SEEDS} seeds" if needed is None else f"≈ {needed} seeds instead of {widest.seeds}"
    hidden = f"the interval is ≈ {width:.3g} wide, the noise floor is ≈ {floor:.3g}"
    return Outcome(None, words, f"and a real difference could hide ({hidden}); {more} of each would show it")


def seeds_needed(row: Level, floor: float, comparisons: int) -> int | None:
    """Return about how many seeds are enough for "cannot tell", if the scatter stays the same; None: over `MOST_SEEDS`.

    More seeds narrow the interval. They lower the noise floor, too: Student's t falls with the degrees of freedom, of
    which each level has one fewer than seeds.

    Parameters
    ----------
    row : Level
        A row with an interval.
    floor : float
        The noise floor of these runs.
    comparisons : int
        How many intervals must hold together: one fewer than levels.

    >>> seeds_needed(compare(runs, by="pooling").levels[1], 0.02, 1)
    8
    """
    seeds = np.arange(row.seeds, MOST_SEEDS + 1)
    reach = stats.t.ppf(1 - (1 - CONFIDENCE) / (2 * comparisons), seeds - 1) / np.sqrt(seeds)
    floors = stats.t.ppf((1 + CONFIDENCE) / 2, (comparisons + 1) * (seeds - 1))
    are_enough = (row.high - row.low) * reach / reach[0] < floor * floors / floors[0]
    return max(int(seeds[np.argmax(are_enough)]), ENOUGH_SEEDS) if are_enough.any() else None


def check_comparison(comparison: object) -> Comparison:
    """Return the comparison; raise ConfigError unless it is a Comparison of two levels or more."""
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"wanted a comparison, such as compare(runs, by='kernel_size'), got {shown(comparison)}")
    if len(comparison.levels) < 2:
        raise ConfigError("this comparison has one level, and nothing to be better than; compare two or more")
    return comparison
