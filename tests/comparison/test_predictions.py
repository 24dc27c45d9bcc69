"""commit_guess and score_guess: what a student reads, and that the first guess counts in every kernel."""

import subprocess
import sys

import pytest
from made_runs import TWO_LEFT, comparison

from cnnlab.comparison import predictions as module
from cnnlab.comparison.prediction_file import PREDICTIONS
from cnnlab.comparison.predictions import commit_guess, score_guess
from cnnlab.errors import ConfigError

NAME = "01-kernel"
CHOICES = [3, 5, 7, "cannot tell"]
RIGHT = "Your guess: 5 (60 % sure). Right: 5 is best. Brier score 0.21 (0 is perfect, knowing nothing gives 0.75)."


@pytest.fixture(autouse=True)
def _new_kernel(monkeypatch):
    monkeypatch.setattr(module, "_asked", {})


def commit(guess, confidence=0.6, **options) -> str:
    return commit_guess(NAME, guess, choices=CHOICES, confidence=confidence, **options)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"choices": CHOICES}, '3, 5, 7 or "cannot tell"'),
        ({"choices": [True, False]}, "True or False"),
        ({"choices": range(3)}, "0, 1 or 2"),
        ({"tolerance": 5}, "a number (up to 5 off counts as right)"),
        ({"factor": 1.5}, "a number (up to 1.5 times too large or too small counts as right)"),
        ({}, "your answer, in quotation marks,"),
    ],
)
@pytest.mark.parametrize("missing", [..., None, "", " "])
def test_without_a_guess_the_words_say_what_to_write_and_nothing_is_written(options, what, missing):
    words = commit_guess(NAME, missing, **options)
    assert words == f"No prediction yet. Write {what} in place of ... and run this cell again."
    asks = commit_guess(NAME, missing, confidence=..., **options)
    assert asks == (
        f"No prediction yet. Write {what} in place of ..., say how sure you are (0 to 1), and run this cell again."
    )
    assert not PREDICTIONS.path.parent.exists()


def test_a_notebook_shows_the_words_without_quotation_marks():
    assert repr(commit(...)).startswith("No prediction yet. Write 3, 5")


def test_a_guess_is_written_down_and_scored():
    assert commit(5) == "Written down: 5 (60 % sure)."
    assert score_guess(NAME, comparison()) == RIGHT
    assert commit("5") == "Written down: 5 (60 % sure)."  # the cell was run again
    assert score_guess(NAME, comparison()) == RIGHT
    assert commit(...) == "Written down earlier: 5 (60 % sure)."  # a new copy of the notebook


def test_without_a_guess_the_answer_is_told_and_nothing_written():
    assert score_guess(NAME, comparison()) == "No prediction was made. The answer: 5 is best."
    commit(...)
    assert score_guess(NAME, comparison()) == "No prediction was made. The answer: 5 is best."
    assert score_guess("00-digits", 92.3456) == "No prediction was made. The answer: ≈ 92.35."
    assert score_guess("03-epochs", "lower") == "No prediction was made. The answer: lower."
    assert not PREDICTIONS.path.parent.exists()


def test_the_first_guess_counts():
    commit(7, 0.9)
    assert commit(5, 1.0) == "You answered this already: 7 (90 % sure). The first guess counts."
    assert "Not so: 5 is best." in score_guess(NAME, comparison())
    assert commit(5, 1.0) == "You answered this already: 7 (90 % sure). The first guess counts."


def test_it_counts_in_another_kernel_too():
    commit(7, 0.9)
    code = f"import cnnlab; print(cnnlab.commit_guess('{NAME}', 5, choices={CHOICES}, confidence=1.0))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "You answered this already: 7 (90 % sure). The first guess counts.\n"


def test_a_scored_guess_stays_and_an_open_one_waits_for_better_evidence():
    open_one = comparison({3: [0.50, 0.60, 0.40], 5: [0.62, 0.55, 0.50], 7: [0.1, 0.2, 0.15]})
    commit(5)
    assert "The question stays open, and nothing is scored" in score_guess(NAME, open_one)
    assert "Not so: these runs cannot tell" in score_guess(NAME, comparison(TWO_LEFT))
    assert "Not so: these runs cannot tell" in score_guess(NAME, comparison())


@pytest.mark.parametrize(
    ("guess", "confidence", "problem"),
    [
        ("can't tell", 0.5, "unknown answer \"can't tell\"; did you mean 'cannot tell'? choose from '3', '5', '7', 'c"),
        (9, 0.5, "unknown answer '9'; choose from '3', '5', '7', 'cannot tell'"),
        ([5], 0.5, "unknown answer '[5]'; choose from '3', '5', '7', 'cannot tell'"),
        (5, ..., "say how sure you are, too: a number from 0 to 1, such as 0.6"),
        (5, 60, "confidence must lie in 0–1, got 60; try 0.6 for per cent"),
        (5, -0.1, "confidence must be a finite number of 0 or more, got -0.1"),
        (5, "very", "confidence must be a finite number of 0 or more, got 'very'"),
    ],
)
def test_what_is_no_answer_is_told_in_words_and_not_written_down(guess, confidence, problem):
    assert commit(guess, confidence).startswith(f"Not written down: {problem}")
    assert PREDICTIONS.read() == {}
    assert commit(5) == "Written down: 5 (60 % sure)."


@pytest.mark.parametrize("guess", ["80", True, float("nan"), [80]])
def test_what_is_no_number_is_told_in_words(guess):
    words = commit_guess("00-digits", guess, tolerance=5)
    assert words == f"Not written down: the answer is a number, such as 5 or 0.5, got {guess!r}."


def test_several_answers_at_once_are_several_predictions():
    guess = {"coarse": 7, "fine": ...}
    words = commit_guess("01-patterns", guess, choices=CHOICES, confidence={"coarse": 0.8, "fine": ...})
    assert words == (
        "coarse: Written down: 7 (80 % sure).\n"
        'fine: No prediction yet. Write 3, 5, 7 or "cannot tell" in place of ..., say how sure you are (0 to 1), and '
        "run this cell again."
    )
    words = score_guess("01-patterns", {"coarse": comparison(), "fine": comparison()})
    assert words.startswith("coarse: Your guess: 7 (80 % sure). Not so: 5 is best.")
    assert words.endswith("\nfine: No prediction was made. The answer: 5 is best.")
    assert list(PREDICTIONS.read()) == ["01-patterns/coarse"]


def test_each_of_several_answers_can_have_choices_of_its_own():
    choices = {"kernel": [3, 5], "pooling": ["max", "avg"]}
    commit_guess("06-best", {"kernel": 5, "pooling": "max"}, choices=choices)
    assert score_guess("06-best", {"kernel": 3, "pooling": "max"}) == (
        "kernel: Your guess: 5. Not so: 3.\npooling: Your guess: max. Right: max."
    )


def test_a_guess_that_has_no_choices_of_its_own_is_named():
    with pytest.raises(ConfigError, match="choices has nothing for 'pooling', only for 'kernel', 'pool'; add it"):
        commit_guess("06-best", {"pooling": "max"}, choices={"kernel": [3, 5], "pool": ["max", "avg"]})
    assert PREDICTIONS.read() == {}


def test_evidence_may_be_a_function_and_a_verdict_on_one_level():
    commit_guess(NAME, "better", choices=["better", "worse", "cannot tell"])
    assert score_guess(NAME, comparison, level=5) == "Your guess: better. Right: 5 is better than 3."


def test_evidence_that_does_not_fit_fails_in_the_untouched_notebook():
    commit_guess(NAME, ..., choices=[3, 5, "cannot tell"])
    with pytest.raises(ConfigError, match="asked were 3, 5, cannot tell, compared were 3, 5, 7, cannot tell"):
        score_guess(NAME, comparison())


def test_a_question_that_has_changed_is_not_scored():
    commit_guess(NAME, 4, tolerance=1)
    assert commit(5) == "You answered this already: 4. The first guess counts."
    assert score_guess(NAME, comparison()) == (
        "Your guess: 4. The question has changed since then, and nothing is scored. The answer: 5 is best. To answer "
        "the new question: show_guesses(clear='01-kernel')."
    )


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (" ", {}, "a question is a name, such as '01-kernel-digits', or a sentence, got ' '"),
        (NAME, {"choices": [3]}, r"choices wants two or more to choose from, got \['3'\]"),
        (NAME, {"choices": "35"}, "choices wants a list, such as .3, 5, 7., got '35'"),
        (NAME, {"choices": [3, 5], "tolerance": 1}, "choices and tolerance do not go together; give one of them"),
        (NAME, {"tolerance": -1}, "tolerance must be a finite number of 0 or more, got -1"),
        (NAME, {"factor": 0.5}, "factor must be a finite number of 1 or more, got 0.5"),
    ],
)
def test_a_question_that_cannot_be_asked_fails_without_a_guess_too(name, options, words):
    with pytest.raises(ConfigError, match=words):
        commit_guess(name, ..., **options)


def test_on_colab_the_words_say_how_to_keep_the_file(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert commit(5) == "Written down: 5 (60 % sure)."  # $CNNLAB_COURSE is set
    monkeypatch.delenv("CNNLAB_COURSE")
    monkeypatch.chdir(tmp_path)
    assert commit(5).splitlines() == [
        "Written down: 5 (60 % sure).",
        "Colab deletes this when it disconnects. To keep it on your Drive, run these two lines first, in a cell of "
        "their own:",
        'from google.colab import drive; drive.mount("/content/drive")',
        'import os; os.environ["CNNLAB_COURSE"] = "/content/drive/MyDrive/my_course"',
    ]
