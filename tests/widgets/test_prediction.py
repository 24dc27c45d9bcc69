"""Test PredictThenRun without a browser: it shows no answer before the guess, and keeps the guess."""

import re
import threading

import ipywidgets
import pytest
from living import living_widgets
from made_runs import QUESTION, TWO_LEFT, comparison
from places import PATIENCE
from shown import texts_shown

from cnnlab.comparison.guesses import show_guesses
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.comparison.predictions import commit_guess, score_guess
from cnnlab.comparison.question import Guess
from cnnlab.errors import ConfigError
from cnnlab.widgets import PredictThenRun, prediction

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


def ask(run=None) -> PredictThenRun:
    return PredictThenRun(QUESTION, run or Asked(), choices=[3, 5, 7])


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
    assert (run.calls, panel.prediction) == (0, None)
    assert panel.plot.label == "no comparison yet"
    assert panel.score.value == "No prediction has been scored yet."


def test_a_click_without_an_answer_commits_nothing():
    panel = ask(run := Asked())
    panel.commit.click()
    assert panel.status.value == (
        '<span class="cnnlab-error">choose an answer, say how sure you are, and commit then</span>'
    )
    assert (run.calls, PREDICTIONS.read(), state(panel)) == (0, {}, (True, True, True))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, r"Working, about (1 min|55 s) left\."),
        (None, r"Working for 1 s now\."),
        (0.01, r"Working for 1 s now\."),
    ],
)
def test_while_the_function_works_the_line_says_how_long_it_takes(seconds, words, monkeypatch):
    monkeypatch.setattr(prediction, "PAUSE", 0.02)
    seen, is_seen = [], threading.Event()

    def look(change):
        seen.append(change["new"])
        if re.fullmatch(rf"Your guess is committed\. {words}", change["new"]):
            is_seen.set()

    def run():
        assert is_seen.wait(PATIENCE), seen
        return comparison()

    panel = PredictThenRun(QUESTION, run, choices=[3, 5, 7], seconds=seconds)
    panel.status.observe(look, "value")
    before = {*threading.enumerate()}  # perhaps the clock of another test's panel
    guess(panel)
    assert panel.status.error is None
    assert panel.status.value.startswith("Your guess: 5 (70 % sure). Right: 5 is best.")
    assert not [thread for thread in {*threading.enumerate()} - before if thread.name == "clock"]  # it has ended


def test_the_committed_guess_is_scored_shown_and_locked():
    panel = ask(run := Asked())
    empty = panel.plot.picture
    guess(panel)
    assert PREDICTIONS.read()[QUESTION].guess == Guess("5", 0.7)
    assert run.calls == 1
    assert state(panel) == (False, False, False)
    assert panel.commit.description == "Committed"
    assert panel.status.value == (
        "Your guess: 5 (70 % sure). Right: 5 is best. Brier score 0.12 (0 is perfect, knowing nothing gives 0.75)."
    )
    assert panel.score.value.startswith("1 prediction scored, 1 right (100 %). Where you said how sure you are (1): 70")
    assert panel.plot.picture != empty
    assert panel.plot.label.startswith("validation_accuracy by kernel_size, after the last epoch")
    assert panel.plot.label.endswith(panel.status.value)
    assert "5 better +0.2000, 7 cannot tell " in panel.plot.label


def test_while_it_runs_the_guess_is_locked_already_and_the_status_says_so():
    seen = []

    def run():
        seen.append((state(panel), panel.status.value, panel.plot.label, dict(PREDICTIONS.read())))
        return comparison()

    panel = ask(run)
    guess(panel)
    ((states, words, label, entries),) = seen
    assert states == (False, False, False)
    assert (words, label) == ("Your guess is committed. Working…", "no comparison yet")
    assert entries[QUESTION].guess == Guess("5", 0.7)


def test_the_button_says_how_long_the_comparison_takes():
    assert PredictThenRun(QUESTION, comparison()).takes.value == ""
    panel = ask()
    assert panel.takes.value == "It takes a while: how long is not known."
    guess(panel)
    assert panel.takes.value == ""
    panel = PredictThenRun("And now?", Asked(), choices=[3, 5, 7], seconds=95)
    assert panel.takes.value == "It takes about 1 min 40 s."
    with pytest.raises(ConfigError, match="seconds must be a finite number of 0 or more, got -1"):
        PredictThenRun("And now?", Asked(), choices=[3, 5, 7], seconds=-1)


def test_a_second_click_changes_nothing():
    panel = ask(run := Asked())
    guess(panel)
    guess(panel, "7", 100)
    assert PREDICTIONS.read()[QUESTION].guess == Guess("5", 0.7)
    assert (panel.answer.value, panel.confidence.value) == ("5", 70)
    assert run.calls == 1


def test_the_cell_run_again_shows_the_first_guess_and_counts_nothing_twice():
    first = ask()
    guess(first, "7", 90)
    again = ask(run := Asked())
    assert state(again) == (False, False, True)
    assert (again.answer.value, again.confidence.value) == ("7", 90)
    assert again.status.value == (
        "You answered this already; the first guess counts. Your guess: 7 (90 % sure). Not so: 5 is best. "
        "Brier score 1.75 (0 is perfect, knowing nothing gives 0.75)."  # 0.9² + (1 − 0.1/3)² + 2 × (0.1/3)² = 1.7467
    )
    assert (again.plot.label, run.calls) == ("no comparison yet", 0)  # it may take long
    assert again.commit.description == "Show the comparison"
    guess(again, "5", 100)
    assert run.calls == 1
    assert state(again) == (False, False, False)
    assert again.plot.label == first.plot.label
    assert again.score.value == first.score.value
    assert again.score.value.startswith("1 prediction scored, 0 right")


def test_the_cell_run_again_with_a_finished_comparison_shows_it_at_once():
    first, again = PredictThenRun(QUESTION, comparison()), None
    guess(first, "7", 90)
    again = PredictThenRun(QUESTION, comparison())
    assert again.plot.label == first.plot.label
    assert again.status.value.startswith("You answered this already; the first guess counts. Your guess: 7 (90 % sure)")
    assert state(again) == (False, False, False)


def test_a_question_that_stays_open_is_shown_and_not_scored():
    panel = PredictThenRun(QUESTION, comparison({3: [0.50, 0.60, 0.40], 5: [0.62, 0.55, 0.50]}))
    guess(panel, "cannot tell", 100)
    assert "The question stays open, and nothing is scored: these runs cannot tell" in panel.status.value
    assert panel.score.value == "No prediction has been scored yet."
    assert panel.plot.label.startswith("validation_accuracy by kernel_size")


def test_a_guess_of_a_cell_is_the_panels_guess_too():
    commit_guess(QUESTION, 7, choices=[3, 5, 7, "cannot tell"], confidence=0.9)
    panel = PredictThenRun(QUESTION, comparison())
    assert (panel.answer.value, panel.confidence.value) == ("7", 90)
    words = panel.status.value.removeprefix("You answered this already; the first guess counts. ")
    assert score_guess(QUESTION, comparison()) == words


def test_an_older_panel_that_asks_the_same_gives_no_second_guess():
    older, newer = ask(), ask()
    guess(newer, "7", 90)
    guess(older, "5", 100)
    assert older.answer.value == "7"
    assert older.status.value.startswith("You answered this already; the first guess counts. Your guess: 7 (90 % sure)")
    assert len(show_guesses().scored) == 1


def test_where_the_run_raises_the_guess_stays_and_one_can_try_again():
    panel = ask(run := Asked(failures=1))
    guess(panel)
    assert panel.status.value == ('<span class="cnnlab-error">RuntimeError: &lt;img src=x onerror=alert(1)&gt;</span>')
    assert isinstance(panel.status.error, RuntimeError)
    assert state(panel) == (False, False, True)
    assert panel.commit.description == "Show the comparison"
    assert PREDICTIONS.read()[QUESTION].guess == Guess("5", 0.7)
    assert show_guesses().scored == []
    panel.commit.click()
    assert run.calls == 2
    assert panel.status.value.startswith("Your guess: 5 (70 % sure). Right")
    assert state(panel) == (False, False, False)


def test_a_cell_run_again_after_a_failure_keeps_the_guess_and_can_be_scored():
    guess(ask(Asked(failures=1)))
    again = ask()
    assert state(again) == (False, False, True)
    assert "The answer has not been looked at." in again.status.value
    again.commit.click()
    assert len(show_guesses().scored) == 1
    assert PREDICTIONS.read()[QUESTION].guess == Guess("5", 0.7)


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
    assert show_guesses().scored == []
    assert state(panel) == (False, False, True)


def test_a_finished_comparison_needs_no_choices_and_no_function():
    panel = PredictThenRun(QUESTION, comparison(TWO_LEFT))
    assert panel.plot.label == "no comparison yet"
    guess(panel, "cannot tell", 50)
    assert panel.prediction.was_right


def test_the_question_is_shown_as_text():
    panel = PredictThenRun(NASTY, comparison())
    assert panel.asked.value == "<b>&lt;img src=x onerror=alert(1)&gt;</b>"


def test_every_control_has_a_name_and_the_text_is_the_same_in_every_kernel():
    panel = ask()
    names = [control.description for control in (panel.answer, panel.confidence, panel.commit)]
    assert names == ["answer", "confidence (%)", "Commit"]
    text = "<PredictThenRun: a live panel; run this cell to use it>"
    assert texts_shown(panel) == [text] == [repr(panel)]


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
    with pytest.raises(ConfigError, match=r"a question is a name, such as .*, got \['Which\?'\]"):
        PredictThenRun(["Which?"], comparison())


def test_another_panels_answer_that_is_no_choice_here_is_told_in_words():

    def never():
        raise AssertionError

    one = PredictThenRun("Which?", never, choices=iter([3, 5]))
    other = PredictThenRun("Which?", never, choices=[3, 7])
    other.answer.value = "7"
    other.commit.click()
    for _ in range(2):
        one.answer.value = "3"
        one.commit.click()
        assert "which is no choice any more" in one.status.value
    one.close()
    other.close()


def test_wrong_arguments_leave_no_widget_behind():
    before = living_widgets()
    with pytest.raises(ConfigError, match="choices wants two levels or more"):
        PredictThenRun("Which?", print, choices=[1])
    assert living_widgets() == before
