"""The comparison of the finished runs in TrainingPanel: a table, a picture, and a warning of unfair questions."""

from __future__ import annotations

import dataclasses
import html
import warnings
from collections.abc import Iterable

import ipywidgets

from cnnlab.checks import counted
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.settings import compare_settings, setting_names
from cnnlab.comparison.verdicts import Level
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.plots.comparison import plot_comparison
from cnnlab.plots.names import write_plainly
from cnnlab.plots.style import wrapped
from cnnlab.widgets.base import flowing_row, offer
from cnnlab.widgets.training.code import comparison_code
from cnnlab.widgets.web.live_plot import LivePlot

PAIRED = "Compared with {} seed by seed: mean and difference are over the seeds that both have."
NO_RUNS = "No runs yet. Finished runs are compared here, each setting with the first one, or with the one you choose."
UNFAIR = "{} in several fields. A difference may come from each of them: change one at a time."
TABLE = 'tabindex="0" role="region" aria-label="comparison"'  # focusable, so that the keys scroll it


class ComparedRuns(ipywidgets.VBox):
    """Show the comparison of whole settings, each of which has a letter, in a table and in a picture.

    Attributes
    ----------
    metric, reference : Dropdown
        What the runs are compared by, and the letter of the setting that the others are compared with.
    table : HTML
        The table.
    plot : LivePlot
        The picture.
    names : str
        Which letter stands for which setting; "" if nothing is compared.

    >>> compared = ComparedRuns()
    >>> compared.show_runs(runs)
    """

    def __init__(self) -> None:
        self.metric = ipywidgets.Dropdown(options=["validation_accuracy", "validation_loss"], description="compared by")
        self.reference = ipywidgets.Dropdown(options=["A"], description="against")
        for control in (self.metric, self.reference):
            control.style.description_width = "initial"
        self.table, self.names = ipywidgets.HTML(), ""
        self.plot = LivePlot(8.2, 2.6, label=NO_RUNS)
        super().__init__([flowing_row(self.metric, self.reference), self.table, self.plot])

    def show_runs(self, runs: Iterable[Run]) -> str:
        """Compare these runs, and return the code that repeats the comparison; "" if nothing can be compared."""
        runs, code, self.names, halves = list(runs), "", "", []
        self.plot.figure.clear()
        try:
            with warnings.catch_warnings(record=True) as caught:  # shown here: on standard error nobody sees them
                warnings.simplefilter("always")
                comparison, letters = self._compare(runs)
        except ConfigError as error:  # no run is finished, or no run has this metric
            words = str(error) if runs else NO_RUNS
            self.table.value = html.escape(words)
            write_plainly(self.plot.figure.text(0.5, 0.5, wrapped(words, 70), ha="center", va="center", color="0.4"))
        else:
            words = _verdicts_in_words(comparison)
            self.names = "; ".join(f"{letters[row.level]}: {row.level}" for row in comparison.levels)
            cautions = [
                *_unfair(runs, comparison, letters),
                *_not_finite(comparison, letters),
                *(str(warning.message) for warning in caught),
            ]
            self.table.value = _table_of(comparison, letters) + "".join(map(_caution, cautions))
            left = plot_comparison(_lettered(comparison, letters), ax=self.plot.figure.subplots())
            halves = [left, self.plot.figure.axes[1]]
            chosen = comparison.levels[0].level
            against = None if letters[chosen] == "A" else str(chosen)
            code = comparison_code([run.experiment for run in runs], metric=self.metric.value, against=against)
        self.plot.freeze([])
        self.plot.show(label=words, cuts=self.plot.between(halves))  # on a narrow page, one half below the other
        return code

    def _compare(self, runs: list[Run]) -> tuple[Comparison, dict[str, str]]:
        """Return the comparison with the chosen reference, and setting → letter in the order of training."""
        comparison = compare_settings(runs, metric=self.metric.value)
        letters = {row.level: _letter(place) for place, row in enumerate(comparison.levels)}
        offer(self.reference, list(letters.values()), otherwise="A")
        chosen = next(level for level, letter in letters.items() if letter == self.reference.value)
        return comparison.against(chosen), letters


def differing_fields(runs: Iterable[Run], reference: str) -> dict[str, list[str]]:
    """Return setting → the fields in which it differs from the reference; settings have the names of `setting_names`.

    >>> differing_fields(runs, "kernel_size=3, pooling=max")["kernel_size=5, pooling=avg"]
    ['kernel_size', 'pooling']
    """
    runs = list(runs)
    fields = {name: run.experiment.resolved() for name, run in zip(setting_names(runs), runs, strict=True)}
    own = fields.pop(reference)
    return {
        name: [field for field, value in of_setting.items() if field != "seed" and value != own[field]]
        for name, of_setting in fields.items()
    }


def _unfair(runs: list[Run], comparison: Comparison, letters: dict[str, str]) -> list[str]:
    """Return a sentence that names the settings that differ from the reference in several fields, if any does."""
    reference = comparison.levels[0].level
    several = {name: fields for name, fields in differing_fields(runs, reference).items() if len(fields) > 1}
    if not several:
        return []
    parts = [f"{letters[name]} ({', '.join(fields)})" for name, fields in several.items()]
    subject = f"{_listed(parts)} differ{'' if len(parts) > 1 else 's'} from {letters[reference]}"
    return [UNFAIR.format(subject)]


def _not_finite(comparison: Comparison, letters: dict[str, str]) -> list[str]:
    """Return a sentence for each setting of which runs have no number, or diverged with finite ones."""
    return [
        f"The mean of {letters[level]} leaves runs out: {why}."
        for level, why in comparison.why_without.items()
        if comparison.values[level]
    ] + [
        f"The mean of {letters[level]} contains {counted(count, 'run')} that diverged, with the last finite numbers."
        for level, count in comparison.diverged.items()
    ]


def _caution(sentence: str) -> str:
    return f'<p class="cnnlab-caution">{html.escape(sentence)}</p>'


def _listed(words: list[str]) -> str:
    """Return the words with commas between, and "and" before the last."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _table_of(comparison: Comparison, letters: dict[str, str]) -> str:
    """Return the comparison as an HTML table, with a letter for each setting; letters: setting → letter."""
    table = comparison.table().reset_index()
    table.insert(0, "letter", [letters[row.level] for row in comparison.levels])
    table.insert(2, "verdict", table.pop("verdict"))  # visible on a narrow page, too
    table["seeds"] = [_seeds(comparison, row) for row in comparison.levels]
    look = {"index": False, "border": 0, "classes": "cnnlab-table", "na_rep": "", "float_format": "{:.4f}".format}
    note = (
        f'<p class="cnnlab-note">{PAIRED.format(letters[comparison.levels[0].level])}</p>' if len(letters) > 1 else ""
    )
    return f'<div class="cnnlab-scroll cnnlab-low" {TABLE}>{table.to_html(**look)}</div>{note}'


def _lettered(comparison: Comparison, letters: dict[str, str]) -> Comparison:
    """Return the comparison with letters in place of its settings, whose names are too long for an axis."""
    levels = tuple(row._replace(level=letters[row.level]) for row in comparison.levels)
    values = {letters[name]: values for name, values in comparison.values.items()}
    return dataclasses.replace(comparison, levels=levels, values=values)


def _seeds(comparison: Comparison, row: Level) -> str:
    """Return the number of seeds of a row, such as "3 of 5" if the reference has only 3 of the setting's 5 seeds."""
    trained = len(comparison.values[row.level])
    return str(row.seeds) if row.seeds == trained else f"{row.seeds} of {trained}"


def _letter(place: int) -> str:
    """Return the letter of a place: A, B, … Z, A2, B2, …"""
    return chr(ord("A") + place % 26) + (str(place // 26 + 1) if place >= 26 else "")


def _verdicts_in_words(comparison: Comparison) -> str:
    """Describe the comparison for a screen reader."""
    verdicts = "; ".join(f"{level}: {verdict}" for level, verdict in comparison.verdicts.items())
    return f"{comparison.title}: {verdicts or 'one setting, nothing to compare it with yet'}"
