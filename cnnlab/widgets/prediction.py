"""PredictThenRun: commit a guess with a confidence first, then see the comparison with the guess marked in it."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Iterator

import ipywidgets
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.predictions import Entry, Guess, Scorebook, answers, check_question, choose_scorebook
from cnnlab.errors import ConfigError
from cnnlab.plots.predictions import plot_guess
from cnnlab.widgets.base import Panel, picture_row
from cnnlab.widgets.web.live_plot import LivePlot
from cnnlab.widgets.web.status_line import StatusLine

COMMIT, TRY_AGAIN, COMMITTED = "Commit", "Run again", "Committed"


class PredictThenRun(Panel):
    """Ask a question, take a guess that cannot be changed, and then show the comparison with the guess marked in it.

    A question is identified by its words: the same cell, run again, shows the first guess and takes no second one.
    `record_guess` and `plot_guess` do the same without a click.

    Parameters
    ----------
    question : str
        A sentence.
    run : Comparison or function
        A comparison, or a function without arguments that returns one. The function is called after the guess is
        committed. It should read stored runs: the panel shows no progress while it works.
    choices : iterable
        The settings that are compared; may be left out with a Comparison.
    scorebook : Scorebook
        Where the guess is written down; None takes that of this kernel.

    Attributes
    ----------
    answer, confidence, commit
        The controls; `confidence` is in per cent.
    entry : Entry or None
        The guess and its comparison.
    plot : LivePlot
        The picture.
    status, score : StatusLine
        The result of this guess and of the whole session, in words.

    >>> PredictThenRun("Which kernel reads best?", lambda: compare(runs, by="kernel_size"), choices=[3, 5, 7])
    """

    def __init__(
        self,
        question: str,
        run: Comparison | Callable[[], Comparison],
        *,
        choices: Iterable[object] | None = None,
        scorebook: Scorebook | None = None,
    ) -> None:
        self.question, self.run = check_question(question), run
        self.choices = _check_choices(run, tuple(choices) if isinstance(choices, Iterator) else choices)
        self.scorebook = choose_scorebook(scorebook)
        entry = self.scorebook.entries.get(question)
        self.entry = None if entry is None else self._check_entry(entry)
        super().__init__()
        self._answered_before = self.entry is not None
        self._make_parts()
        with self._lock:
            self._draw()
        self.commit.on_click(lambda _button: self._guarded(self._commit))
        how_sure = ipywidgets.VBox([self.confidence, self.commit])
        controls = picture_row([self.answer, how_sure], "repeat(auto-fit, minmax(260px, 1fr))")
        self.children = [self.asked, controls, self.plot, self.status, self.score]

    def _make_parts(self) -> None:
        self.asked = ipywidgets.HTML(f"<b>{html.escape(self.question)}</b>")
        self.answer = ipywidgets.RadioButtons(options=list(self.choices), value=None, description="answer")
        # With less confidence than an equal share of all choices, another answer would be the better guess.
        least = 5 * math.ceil(20 / len(self.choices))
        self.confidence = ipywidgets.IntSlider(least, least, 100, 5, description="confidence (%)")
        self.commit = ipywidgets.Button(description=COMMIT, button_style="primary")
        self.answer.layout.width = self.confidence.layout.width = self.commit.layout.width = "auto"
        self.answer.style.description_width = self.confidence.style.description_width = "initial"
        self.plot = LivePlot(7.2, 3.9, label="")
        self.score = StatusLine()

    def _check_entry(self, entry: Entry) -> Entry:
        """Return the entry; raise ConfigError if its answer is none of the choices."""
        if entry.guess.answer not in self.choices:
            raise ConfigError(
                f"you answered this already: {entry.guess}, which is no choice any more; put the question in other "
                "words to ask anew"
            )
        return entry

    def _commit(self) -> None:
        """Write the guess down first, then make the comparison and show it."""
        if self.entry is None:
            if self.answer.value is None:
                raise ConfigError("choose an answer, say how sure you are, and commit then")
            guess = Guess(self.answer.value, self.confidence.value / 100)
            entry = self.scorebook.commit(self.question, self.choices, guess.answer, guess.confidence)
            self.entry = self._check_entry(entry)  # a panel with the same question may have other choices
            self._answered_before = self.entry.guess != guess  # in another panel
        self._lock_controls(self.entry, working=True)
        self.status.say("Your guess is committed. Working…")
        try:
            if self.scorebook.entries[self.question].comparison is None:
                self.scorebook.score(self.question, self.run() if callable(self.run) else self.run)
            self.entry = self.scorebook.entries[self.question]
            self._draw()
        finally:
            self._lock_controls(self.entry)

    def _lock_controls(self, entry: Entry, *, working: bool = False) -> None:
        """Show the guess and disable its controls; the button stays enabled until there is a comparison.

        working: the comparison is being made, so that the button is disabled, too.
        """
        is_waiting = entry.comparison is None
        self.answer.value, self.answer.disabled = entry.guess.answer, True
        percent = round(100 * entry.guess.confidence)
        self.confidence.min = min(self.confidence.min, percent)
        self.confidence.value, self.confidence.disabled = percent, True
        self.commit.description = TRY_AGAIN if is_waiting and not working else COMMITTED
        self.commit.disabled = working or not is_waiting

    def _draw(self) -> None:
        """Show the comparison if the guess is committed and the comparison is made; else a frame without numbers."""
        entry = self.entry
        words = "Choose an answer, say how sure you are, and commit." if entry is None else entry.words
        label = "no comparison yet"
        self.plot.figure.clear()
        if entry is None or entry.comparison is None:
            _draw_placeholder(self.plot.figure)
        else:
            plot_guess(entry.comparison, entry.guess, ax=self.plot.figure.subplots())
            label = f"{entry.comparison.title}; {words}"
        self.plot.freeze([])
        self.plot.show(label=label)
        before = "You answered this already; the first guess counts. " if self._answered_before else ""
        self.status.say(f"{before}{words}")
        self.score.say(self.scorebook.words)
        if entry is not None:
            self._lock_controls(entry)


def _draw_placeholder(figure: Figure) -> None:
    """Draw a frame where the comparison will stand."""
    words = "The comparison stands here\nonce you have committed a guess."
    frame = {"transform": figure.transFigure, "fill": False, "linestyle": "--", "edgecolor": "0.7"}
    figure.add_artist(Rectangle((0.02, 0.04), 0.96, 0.92, **frame))
    figure.text(0.5, 0.5, words, ha="center", va="center", color="0.35", fontsize=11)


def _check_choices(run: object, choices: Iterable[object] | None) -> tuple[str, ...]:
    """Return the answers to choose from; raise ConfigError if run and choices do not fit together."""
    if isinstance(run, Comparison):
        compared = answers(run.values)
        if choices is not None and set(answers(choices)) != set(compared):
            raise ConfigError(f"choices={choices!r}, but compared were {', '.join(compared[:-1])}; leave choices out")
        return compared if choices is None else answers(choices)
    if not callable(run):
        raise ConfigError(f"run wants a Comparison or a function that returns one, got {run!r:.60}")
    if choices is None:
        raise ConfigError("choices is missing: run is called after the guess, so name the levels, as in [3, 5, 7]")
    return answers(choices)
