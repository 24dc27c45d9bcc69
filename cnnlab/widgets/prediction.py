"""PredictThenRun: commit a guess with a confidence first, then see the comparison with the guess marked in it."""

from __future__ import annotations

import contextlib
import html
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import ipywidgets
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnlab.checks import check_number, listed, shown
from cnnlab.comparison.compare import Comparison
from cnnlab.comparison.guesses import show_guesses
from cnnlab.comparison.prediction import Prediction
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.comparison.predictions import keep_first, keep_outcome
from cnnlab.comparison.question import Guess, Rule, check_question, which_is_best
from cnnlab.comparison.right_answer import check_comparison, find_outcome
from cnnlab.errors import ConfigError
from cnnlab.plots.comparison_words import in_words
from cnnlab.plots.predictions import plot_guess
from cnnlab.plots.style import PAGE
from cnnlab.progress_line import time_in_words
from cnnlab.widgets.base import Panel, picture_row
from cnnlab.widgets.web.live_plot import LivePlot
from cnnlab.widgets.web.status_line import StatusLine

COMMIT, AGAIN, COMMITTED = "Commit", "Show the comparison", "Committed"
PAUSE = 1.0  # seconds between two looks at the clock while the comparison is made


class PredictThenRun(Panel):
    """Ask a question, take a guess that cannot be changed, and then show the comparison with the guess marked in it.

    A question is identified by its words: the same cell, run again, shows the first guess and takes no second one, also
    in another kernel. `commit_guess` and `score_guess` do the same without a click, in the same file.

    Parameters
    ----------
    question : str
        A sentence.
    run : Comparison or function
        A comparison: the usual case, and nothing of it is shown before the guess. Where it takes long, a function
        without arguments that returns it; it is called after the guess is committed, so give it no variable that a
        later cell may change: write `partial(compare, runs, by="pooling")`, not a lambda. While it works, the panel
        says how long it has taken, or with `seconds` how long it still takes.
    choices : iterable
        The settings that are compared; may be left out with a Comparison.
    seconds : float, optional
        About how long the function takes; the panel says it beside the button.

    Attributes
    ----------
    answer, confidence, commit
        The controls; `confidence` is in per cent.
    prediction : Prediction or None
        The guess and its score.
    comparison : Comparison or None
        What is shown; None before the guess is committed.
    plot : LivePlot
        The picture.
    status, score : StatusLine
        The result of this guess, and of all guesses of the course, in words.

    >>> PredictThenRun("Which kernel is best?", compare(runs, by="kernel_size"))
    """

    explained = ("confidence", "seed", "noise floor", "interval", "cannot tell", "Brier score", "nat")

    def __init__(
        self,
        question: str,
        run: Comparison | Callable[[], Comparison],
        *,
        choices: Iterable[object] | None = None,
        seconds: float | None = None,
    ) -> None:
        self._seconds = None if seconds is None else check_number("seconds", seconds, 0)
        self._takes = _takes_in_words(run, self._seconds)
        self.question, self.run = check_question(question), run
        given = tuple(listed("choices", choices)) if isinstance(choices, Iterator) else choices
        self.choices = _check_choices(run, given)
        self.comparison: Comparison | None = None
        prediction = PREDICTIONS.read().get(question)
        self.prediction = None if prediction is None else self._check_prediction(prediction)
        super().__init__()
        self._answered_before = self.prediction is not None
        self._make_parts()
        with self._lock:
            if self.prediction is not None and isinstance(run, Comparison):
                self._compare()
            self._draw()
        self.commit.on_click(lambda _button: self._guarded(self._commit))
        how_sure = ipywidgets.VBox([self.confidence, self.commit, self.takes])
        controls = picture_row([self.answer, how_sure], "repeat(auto-fit, minmax(260px, 1fr))")
        self.children = [self.asked, controls, self.plot, self.status, self.score, self.glossary]

    def _make_parts(self) -> None:
        self.asked = ipywidgets.HTML(f"<b>{html.escape(self.question)}</b>")
        self.answer = ipywidgets.RadioButtons(options=list(self.choices), value=None, description="answer")
        # With less confidence than an equal share of all choices, another answer would be the better guess.
        least = 5 * math.ceil(20 / len(self.choices))
        self.confidence = ipywidgets.IntSlider(least, least, 100, 5, description="confidence (%)")
        self.commit = ipywidgets.Button(description=COMMIT, button_style="primary")
        self.takes = ipywidgets.Label(self._takes)
        self.answer.layout.width = self.confidence.layout.width = self.commit.layout.width = "auto"
        self.answer.style.description_width = self.confidence.style.description_width = "initial"
        self.plot = LivePlot(PAGE, 4.2, label="")
        self.score = StatusLine()

    def _check_prediction(self, prediction: Prediction) -> Prediction:
        """Return the prediction; raise ConfigError if its answer is none of the choices."""
        if prediction.guess.answer not in self.choices:
            raise ConfigError(
                f"you answered this already: {prediction.guess}, which is no choice any more; put the question in "
                "other words to ask anew"
            )
        return prediction

    def _commit(self) -> None:
        """Write the guess down first, then make the comparison and show it, once."""
        if self.prediction is not None and self.comparison is not None:
            self._lock_controls(self.prediction)
            return
        if self.prediction is None:
            if self.answer.value is None:
                raise ConfigError("choose an answer, say how sure you are, and commit then")
            guess = Guess(self.answer.value, self.confidence.value / 100)
            kept = keep_first(Prediction(self.question, guess, Rule(self.choices)))
            self.prediction = self._check_prediction(kept)  # a panel with the same question may have other choices
            self._answered_before = kept.guess != guess  # in another panel
        self._lock_controls(self.prediction, working=True)
        try:
            with self._clock_in_sight():
                self._compare()
            self._draw()
        finally:
            self._lock_controls(self.prediction)

    @contextlib.contextmanager
    def _clock_in_sight(self) -> Iterator[None]:
        """Within the block, say in the status line how long the comparison takes."""
        begun, is_made = time.monotonic(), threading.Event()

        def say_it() -> None:
            self.status.say(f"Your guess is committed. {_working_words(time.monotonic() - begun, self._seconds)}")

        def say_again() -> None:
            while not is_made.wait(PAUSE):
                say_it()

        say_it()
        clock = threading.Thread(target=say_again, name="clock", daemon=True)
        clock.start()
        try:
            yield
        finally:
            is_made.set()
            clock.join()

    def _compare(self) -> None:
        """Make the comparison, and score the guess."""
        comparison = check_comparison(self.run() if callable(self.run) else self.run)
        self.prediction = keep_outcome(self.question, find_outcome(comparison, Rule(self.choices)))
        self.comparison = comparison

    def _lock_controls(self, prediction: Prediction, *, working: bool = False) -> None:
        """Show the guess and disable its controls; the button stays enabled until there is a comparison.

        working: the comparison is being made, so that the button is disabled, too.
        """
        is_waiting = self.comparison is None
        self.answer.value, self.answer.disabled = prediction.guess.answer, True
        percent = round(100 * (prediction.guess.confidence or 0))
        self.confidence.min = min(self.confidence.min, percent)
        self.confidence.value, self.confidence.disabled = percent, True
        self.commit.description = AGAIN if is_waiting and not working else COMMITTED
        self.commit.disabled = working or not is_waiting
        self.takes.value = self._takes if is_waiting else ""

    def _in_plain_words(self) -> str:
        return "\n".join([self.question, f"Choices: {', '.join(self.choices)}.", super()._in_plain_words()])

    def _draw(self) -> None:
        """Show the comparison if the guess is committed and the comparison is made; else a frame without numbers."""
        prediction = self.prediction
        words = "Choose an answer, say how sure you are, and commit." if prediction is None else prediction.words
        label = "no comparison yet"
        self.plot.figure.clear()
        if prediction is None or self.comparison is None:
            _draw_placeholder(self.plot.figure)
        else:
            plot_guess(self.comparison, prediction.guess, ax=self.plot.figure.subplots())
            label = f"{self.comparison.title}: {in_words(self.comparison, '')} {words}"
        self.plot.freeze([])
        self.plot.show(label=label)
        before = "You answered this already; the first guess counts. " if self._answered_before else ""
        self.status.say(f"{before}{words}")
        self.score.say(show_guesses().words)
        if prediction is not None:
            self._lock_controls(prediction)


def _working_words(elapsed: float, seconds: float | None) -> str:
    """Say how long the work still takes, if it takes so many seconds; else how long it has taken."""
    if seconds is not None and elapsed < seconds:
        return f"Working, about {time_in_words(seconds - elapsed)} left."
    return "Working…" if elapsed < PAUSE else f"Working for {time_in_words(elapsed)} now."


def _takes_in_words(run: object, seconds: float | None) -> str:
    """Say how long it takes to make the comparison; nothing if it is made already."""
    if isinstance(run, Comparison):
        return ""
    if seconds is None:
        return "It takes a while: how long is not known."
    return f"It takes about {time_in_words(seconds)}."


def _draw_placeholder(figure: Figure) -> None:
    """Draw a frame where the comparison will stand."""
    words = "The comparison stands here\nonce you have committed a guess."
    frame = {"transform": figure.transFigure, "fill": False, "linestyle": "--", "edgecolor": "0.7"}
    figure.add_artist(Rectangle((0.02, 0.04), 0.96, 0.92, **frame))
    figure.text(0.5, 0.5, words, ha="center", va="center", color="0.35", fontsize=11)


def _check_choices(run: object, choices: Iterable[object] | None) -> tuple[str, ...]:
    """Return the answers to choose from; raise ConfigError if run and choices do not fit together."""
    if isinstance(run, Comparison):
        compared = which_is_best(run.values)
        if choices is not None and set(which_is_best(choices)) != set(compared):
            given = shown(choices)
            raise ConfigError(f"choices={given}, but compared were {', '.join(compared[:-1])}; leave choices out")
        return compared if choices is None else which_is_best(choices)
    if not callable(run):
        raise ConfigError(f"run wants a Comparison or a function that returns one, got {shown(run)}")
    if choices is None:
        raise ConfigError("choices is missing: run is called after the guess, so name the levels, as in [3, 5, 7]")
    return which_is_best(choices)
