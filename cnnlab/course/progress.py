"""Show how far a student has come: exercises and predictions of each notebook, as a table and as a picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cnnlab.comparison.guesses import Guesses, show_guesses
from cnnlab.course.exercise import Exercise
from cnnlab.course.practice import all_exercises
from cnnlab.course.practice_file import PRACTICE, Practice
from cnnlab.formulas import without_formulas
from cnnlab.plots.alt_text import alt_text
from cnnlab.plots.predictions import plot_calibration
from cnnlab.plots.style import PALETTE

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Progress:
    """What a student has done so far: Jupyter shows it as a table and a picture.

    Parameters
    ----------
    exercises : mapping
        Name → `Exercise`, all of the course.
    practised : mapping
        Name → `Practice`, those that the student has begun.
    guesses : Guesses
        Her predictions.
    """

    exercises: Mapping[str, Exercise]
    practised: Mapping[str, Practice]
    guesses: Guesses

    def table(self) -> pandas.DataFrame:
        """Return a DataFrame with a row for each notebook: exercises that are correct, begun and there; predictions."""
        import pandas

        notebooks = sorted({exercise.notebook for exercise in self.exercises.values()} | set(self._predictions()))
        rows = [
            {
                "notebook": notebook,
                "exercises correct": sum(self._of(name).is_correct for name in names),
                "tried": sum(self._of(name).attempts > 0 for name in names),
                "in all": len(names),
                "predictions right": sum(bool(each.was_right) for each in predictions),
                "scored": sum(each.was_right is not None for each in predictions),
            }
            for notebook in notebooks
            for names in [[name for name, each in self.exercises.items() if each.notebook == notebook]]
            for predictions in [self._predictions().get(notebook, [])]
        ]
        return pandas.DataFrame(rows).set_index("notebook")

    def _of(self, name: str) -> Practice:
        return self.practised.get(name, Practice())

    def _predictions(self) -> dict[str, list]:
        """Return notebook → its predictions."""
        groups: dict[str, list] = {}
        for question, prediction in self.guesses.predictions.items():
            groups.setdefault(question.partition("-")[0], []).append(prediction)
        return groups

    @property
    def words(self) -> str:
        """The progress in two sentences, and the exercise to go on with."""
        correct = sum(self._of(name).is_correct for name in self.exercises)
        following = next((name for name in self.exercises if not self._of(name).is_correct), None)
        then = f" Go on with {following}." if following else ""
        return f"{correct} of {len(self.exercises)} exercises are correct.{then} {self.guesses.words}"

    def picture(self) -> Figure:
        """Draw the exercises of each notebook as bars, and the calibration of the predictions."""
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        self._draw_exercises(left)
        plot_calibration(self.guesses, ax=right)
        return figure

    def _draw_exercises(self, ax: Axes) -> None:
        table = self.table()
        places = range(len(table))
        ax.bar(places, table["in all"], color="0.9", label="in all")
        ax.bar(places, table["tried"], color=PALETTE[0], alpha=0.35, hatch="//", edgecolor="white", label="tried")
        ax.bar(places, table["exercises correct"], color=PALETTE[0], label="correct")
        ax.set(xlabel="notebook", ylabel="exercises (count)", xticks=places, xticklabels=list(table.index))
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=9)

    def __repr__(self) -> str:
        return f"{self.table().to_string()}\n{self.words}"

    def _repr_html_(self) -> str:
        figure, page = self.picture(), io.BytesIO()
        figure.savefig(page, format="png", dpi=80)
        picture = base64.b64encode(page.getvalue()).decode()
        image = f'<img alt="{html.escape(alt_text(figure))}" src="data:image/png;base64,{picture}">'
        return without_formulas(f"{self.table().to_html()}<p>{html.escape(self.words)}</p>{image}")


def progress() -> Progress:
    """Return how far the student has come, in exercises and in predictions; a notebook shows a table and a picture.

    To begin again, delete `exercises.json` in the course folder; `show_guesses` clears predictions.

    >>> progress().words
    '0 of 84 exercises are correct. Go on with 00-steps. No prediction has been scored yet.'
    """
    return Progress(all_exercises(), PRACTICE.read(), show_guesses())
