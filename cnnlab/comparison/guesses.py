"""Show all predictions of a student, with their scores, and clear them."""

from __future__ import annotations

import html
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_whole, counted, shown
from cnnlab.comparison.prediction import Prediction, know_nothing_score
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.errors import ConfigError
from cnnlab.formulas import without_formulas

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Guesses:
    """All predictions of a student, as a table and as a score.

    Parameters
    ----------
    predictions : dict
        Question → `Prediction`, in the order in which they were made.
    note : str
        What was done with others, such as "Cleared: 00-digits."
    """

    predictions: dict[str, Prediction]
    note: str = ""

    def __post_init__(self) -> None:
        check_arguments(Guesses, vars(self))

    @property
    def scored(self) -> list[Prediction]:
        """The predictions that are right or not."""
        return [each for each in self.predictions.values() if each.was_right is not None]

    @property
    def words(self) -> str:
        """The score of all predictions together, in words."""
        scored = self.scored
        if not scored:
            return "No prediction has been scored yet."
        right = sum(bool(each.was_right) for each in scored)
        sure = [each for each in scored if not math.isnan(each.brier)]
        mean = ""
        if sure:
            brier = statistics.fmean(each.brier for each in sure)
            nothing = statistics.fmean(know_nothing_score(each.rule.answers) for each in sure)
            confidence = statistics.fmean(each.guess.confidence or 0 for each in sure)
            mean = (
                f" Where you said how sure you are ({len(sure)}): {100 * confidence:.0f} % sure on average, mean Brier "
                f"score {brier:.2f} (0 is perfect, knowing nothing gives {nothing:.2f})."
            )
        return f"{counted(len(scored), 'prediction')} scored, {right} right ({100 * right / len(scored):.0f} %).{mean}"

    def calibration(self, *, bins: int = 5) -> list[Bin]:
        """Return the scored predictions in bins of equal width of confidence; empty bins are left out.

        A person is calibrated where the share that was right equals the confidence.
        """
        bins = check_whole("bins", bins, 1, most=1000)
        filled: dict[int, list[tuple[float, bool]]] = {}
        for each in self.scored:
            if (confidence := each.guess.confidence) is not None:
                place = min(int(confidence * bins + 1e-9), bins - 1)
                filled.setdefault(place, []).append((confidence, bool(each.was_right)))
        return [
            Bin(len(group), *(statistics.fmean(values) for values in zip(*group, strict=True)))
            for _, group in sorted(filled.items())
        ]

    def table(self) -> pandas.DataFrame:
        """Return a DataFrame with one row for each prediction."""
        from cnnlab.table import Table

        rows = [
            {
                "question": each.question,
                "your guess": str(each.guess),
                "the runs say": each.outcome.words if each.outcome else "",
                "result": each.result,
                "Brier score": "" if math.isnan(each.brier) else f"{each.brier:.2f}",
            }
            for each in self.predictions.values()
        ]
        return Table(rows).set_index("question") if rows else Table()

    def _lines(self) -> list[str]:
        kept = f"They are kept in {PREDICTIONS.path}." if self.predictions else "No prediction has been made yet."
        return [line for line in (self.note, self.words if self.predictions else "", kept) if line]

    def __repr__(self) -> str:
        table = [self.table().to_string()] if self.predictions else []
        return "\n".join([*table, *self._lines()])

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self._lines())
        return without_formulas((self.table().to_html() if self.predictions else "") + lines)


class Bin(NamedTuple):
    """Guesses of similar confidence: how many they are, their mean confidence, and the share that was right (0–1)."""

    guesses: int
    confidence: float
    right: float


def show_guesses(*, clear: str | None = None) -> Guesses:
    """Return all predictions of all notebooks with their scores; a notebook shows them as a table.

    Parameters
    ----------
    clear : str, optional
        Forget predictions first: "all", or those whose question begins with this text, such as "01" or
        "01-kernel-digits". What was cleared is said.

    >>> show_guesses()
    No prediction has been made yet.
    """
    if clear is None:
        return Guesses(PREDICTIONS.read())
    if not isinstance(clear, str) or not clear:
        raise ConfigError(f"clear wants 'all' or the beginning of a question, such as '01', got {shown(clear)}")
    with PREDICTIONS.editing() as predictions:
        gone = [name for name in predictions if clear == "all" or name.startswith(clear)]
        cleared = ", ".join(f"{name} ({predictions.pop(name).guess})" for name in gone)
        nothing = f"Nothing was cleared: no question begins with {clear!r}."
        return Guesses(dict(predictions), f"Cleared: {cleared}." if gone else nothing)
