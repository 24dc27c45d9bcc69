"""Test PredictThenRun without a browser: it shows no answer before the guess, and keeps the guess."""

import ipywidgets
import pytest
from IPython.core.formatters import DisplayFormatter
from living import living_widgets
from made_runs import QUESTION, TWO_LEFT, comparison

from cnnlab.comparison.predictions import Guess, Scorebook, scorebook
from cnnlab.errors import ConfigError
from cnnlab.widgets import PredictThenRun

NASTY = "<img src=x onerror=alert(1)>"


class Asked:
    """Return a comparison, and count the calls; raise RuntimeError in the first `failures` calls."""

    def __init__(self, failures=0, **options):
        self.calls, self.failures, self.options = 0, failures, options

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise RuntimeError(NASTY)
        return comparison(**self.options)


def ask(run=None, book=None, **options) -> PredictThenRun:
    return PredictThenRun(
        QUESTION, run or Asked(), choices=[3, 5, 7], scorebook=Scorebook() if book is None else book, **options
    )


def guess(panel, answer="5", confidence=70) -> None:
    panel.answer.value, panel.confidence.value = answer, confidence
    panel.commit.click()


def state(panel) -> tuple:
    """Return whether each control is enabled."""
    return tuple(not control.disabled for control in (panel.answer, panel.confidence, panel.commit))


def test_before_the_guess_nothing_is_chosen_and_nothing_runs():
    panel = ask(run := Asked())
    assert panel.answer.options == ("3", "5", "7", "cannot tell")
    assert panel.answer.value is None
    assert (panel.confidence.value, panel.confidence.max) == (25, 100)  # one of four
    assert state(panel) == (True, True, True)
    assert (run.calls, panel.entry) == (0, None)
    assert panel.plot.label == "no comparison yet"
    assert panel.score.value == "No guess has been scored yet."


def test_a_click_without_an_answer_commits_nothing():
    panel = ask(run := Asked())
    panel.commit.click()
    assert panel.status.value == (
        '<span class="cnnlab-error">choose an answer, say how sure you are, and commit then</span>'
    )
    assert (run.calls, panel.scorebook.entries, state(panel)) == (0, {}, (True, True, True))


def test_the_committed_guess_is_scored_shown_and_locked():
    panel = ask(run := Asked())
    empty = panel.plot.picture
    guess(panel)
    assert panel.scorebook.entries[QUESTION].guess == Guess("5", 0.7)
    assert run.calls == 1
    assert state(panel) == (False, False, False)
    assert panel.commit.description == "Committed"
    assert panel.status.value == "Your guess: 5 (70 % sure). Right: 5 is best. Brier score 0.12."
    assert panel.score.value.startswith("This session: 1 guess, 1 right (100 %), 70 % sure on average.")
    assert panel.plot.picture != empty
    assert panel.plot.label.startswith("validation_accuracy by kernel_size, after the last epoch")
    assert panel.plot.label.endswith(panel.status.value)


def test_while_it_runs_the_guess_is_locked_already_and_the_status_says_so():
    seen = []

    def run():
        seen.append((state(panel), panel.status.value, panel.plot.label, dict(panel.scorebook.entries)))
        return comparison()

    panel = ask(run)
    guess(panel)
    ((states, words, label, entries),) = seen
    assert states == (False, False, False)
    assert (words, label) == ("Your guess is committed. Working…", "no comparison yet")
    assert entries[QUESTION].guess == Guess("5", 0.7)


def test_a_second_click_changes_nothing():
    panel = ask(run := Asked())
    guess(panel)
    guess(panel, "7", 100)
    assert panel.scorebook.entries[QUESTION].guess == Guess("5", 0.7)
    assert (panel.answer.value, panel.confidence.value) == ("5", 70)
    assert run.calls == 1


def test_the_cell_run_again_shows_the_first_guess_and_counts_nothing_twice():
    book = Scorebook()
    first = ask(book=book)
    guess(first, "7", 90)
    again = ask(run := Asked(), book)
    assert state(again) == (False, False, False)
    assert (again.answer.value, again.confidence.value) == ("7", 90)
    assert again.status.value == (
        "You answered this already; the first guess counts. Your guess: 7 (90 % sure). Not so: 5 is best. "
        "Brier score 1.75."  # 0.9² + (1 − 0.1/3)² + 2 × (0.1/3)² = 1.7467
    )
    assert again.plot.label == first.plot.label
    guess(again, "5", 100)
    assert run.calls == 0
    assert again.score.value == first.score.value
    assert again.score.value.startswith("This session: 1 guess, 0 right")


def test_an_older_panel_that_asks_the_same_gives_no_second_guess():
    book = Scorebook()
    older, newer = ask(book=book), ask(book=book)
    guess(newer, "7", 90)
    guess(older, "5", 100)
    assert older.answer.value == "7"
    assert older.status.value.startswith("You answered this already; the first guess counts. Your guess: 7 (90 % sure)")
    assert len(book.scored) == 1


def test_where_the_run_raises_the_guess_stays_and_one_can_try_again():
    panel = ask(run := Asked(failures=1))
    guess(panel)
    assert panel.status.value == ('<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>')
    assert isinstance(panel.status.error, RuntimeError)
    assert state(panel) == (False, False, True)
    assert panel.commit.description == "Run again"
    assert panel.scorebook.entries[QUESTION].guess == Guess("5", 0.7)
    assert panel.scorebook.scored == []
    panel.commit.click()
    assert run.calls == 2
    assert panel.status.value.startswith("Your guess: 5 (70 % sure). Right")
    assert state(panel) == (False, False, False)


def test_a_cell_run_again_after_a_failure_keeps_the_guess_and_can_be_scored():
    book = Scorebook()
    guess(ask(Asked(failures=1), book))
    again = ask(book=book)
    assert state(again) == (False, False, True)
    assert "The comparison has not been made." in again.status.value
    again.commit.click()
    assert len(book.scored) == 1
    assert book.entries[QUESTION].guess == Guess("5", 0.7)


def test_an_interrupt_leaves_the_button_for_another_try():
    def run():
        raise KeyboardInterrupt

    panel = ask(run)
    with pytest.raises(KeyboardInterrupt):
        guess(panel)
    assert state(panel) == (False, False, True)


def test_a_run_that_compares_something_else_is_said_in_red_and_scores_nothing():
    panel = ask(lambda: comparison({3: [0.1, 0.2, 0.3], 5: [0.2, 0.3, 0.5]}))
    guess(panel)
    assert "asked were 3, 5, 7, cannot tell, compared were 3, 5, cannot tell" in panel.status.value
    assert panel.scorebook.scored == []
    assert state(panel) == (False, False, True)


def test_a_finished_comparison_needs_no_choices_and_no_function():
    panel = PredictThenRun(QUESTION, comparison(TWO_LEFT), scorebook=Scorebook())
    assert panel.plot.label == "no comparison yet"
    guess(panel, "cannot tell", 50)
    assert panel.entry.was_right


def test_without_a_scorebook_it_is_that_of_the_kernel():
    try:
        panel = PredictThenRun(QUESTION, comparison())
        guess(panel)
        assert scorebook.entries[QUESTION].guess == Guess("5", 0.7)
    finally:
        scorebook.entries.clear()


def test_the_question_is_shown_as_text():
    panel = PredictThenRun(NASTY, comparison(), scorebook=Scorebook())
    assert panel.asked.value == "<b>&lt;img src=x onerror=alert(1)&gt;</b>"


def test_every_control_has_a_name_and_the_text_is_the_same_in_every_kernel():
    panel = ask()
    names = [control.description for control in (panel.answer, panel.confidence, panel.commit)]
    assert names == ["answer", "confidence (%)", "Commit"]
    text = "<PredictThenRun: a live panel; run this cell to use it>"
    assert DisplayFormatter().format(panel)[0]["text/plain"] == text == repr(panel)


def test_close_leaves_nothing():
    living = ipywidgets.widgets.widget._instances
    before = set(living)
    panel = ask()
    guess(panel)
    assert len(set(living) - before) > 10
    panel.close()
    assert set(living) - before == set()


@pytest.mark.parametrize(
    ("run", "options", "words"),
    [
        (3, {}, "run wants a Comparison or a function that returns one, got 3"),
        (comparison, {}, "choices is missing: run is called after the guess, so name the levels, as in [3, 5, 7]"),
        (comparison(), {"choices": [3, 5]}, "choices=[3, 5], but compared were 3, 5, 7; leave choices out"),
        (comparison, {"choices": [3]}, "choices wants two levels or more to choose from, got ['3']"),
    ],
)
def test_what_cannot_be_asked_is_refused(run, options, words):
    with pytest.raises(ConfigError) as caught:
        PredictThenRun(QUESTION, run, **options)
    assert str(caught.value) == words


def test_a_question_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"a question is a sentence, such as .*, got \['Which\?'\]"):
        PredictThenRun(["Which?"], comparison())


def test_another_panels_answer_that_is_no_choice_here_is_told_in_words():
    book = Scorebook()

    def never():
        raise AssertionError

    one = PredictThenRun("Which?", never, choices=iter([3, 5]), scorebook=book)
    other = PredictThenRun("Which?", never, choices=[3, 7], scorebook=book)
    other.answer.value = "7"
    other.commit.click()
    for _ in range(2):
        one.answer.value = "3"
        one.commit.click()
        assert "which is no choice any more" in one.status.value
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda _: PredictThenRun("Which?", print, choices=[1, 2], scorebook={}), "wants a Scorebook"),
    ],
)
def test_wrong_arguments_are_told_in_words_and_leave_no_widget_behind(wrong, words):
    before = living_widgets()
    with pytest.raises(ConfigError, match=words):
        wrong(None)
    assert living_widgets() == before
