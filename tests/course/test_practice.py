"""check, hint and solution: three outcomes, never an exception, and a file that remembers."""

import pytest

from cnnlab import ConfigError, check, hint, solution
from cnnlab.course import practice
from cnnlab.course.exercise import LINE, Exercise, Outcome, in_lines
from cnnlab.course.practice import NotCorrect
from cnnlab.course.practice_file import PRACTICE, Practice


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    def find_mistake(answer):
        if answer == "break":
            raise ZeroDivisionError("in the checker")
        return None if answer == 3 else f"not {answer!r}"

    exercise = Exercise(
        name="99-three", find_mistake=find_mistake, further="And 4?", hints=("Look.", "Count."), solution="answer = 3"
    )
    monkeypatch.setattr(practice, "all_exercises", lambda: {exercise.name: exercise})


def stub(x): ...


def stub_with_docstring(x):
    """Return x."""


def attempt(_):
    return 5


@pytest.mark.parametrize(
    "answer", [..., None, [..., ...], (...,), {"a": ..., "b": [...]}, stub, stub_with_docstring], ids=range(7)
)
def test_an_empty_answer_is_not_attempted_and_not_kept(answer):
    outcome = check("99-three", answer)
    assert outcome.state == "not attempted"
    assert repr(outcome).startswith("○ Not attempted. Write ")
    assert PRACTICE.read() == {}


@pytest.mark.parametrize("answer", [2, "3", [3, ...], {}, [], attempt, lambda x: x, object(), int], ids=range(9))
def test_any_other_answer_is_an_attempt(answer):
    assert check("99-three", answer).state == "not yet"
    assert PRACTICE.read()["99-three"] == Practice(attempts=1)


@pytest.mark.parametrize("answer", [[31500, ...], ["sgd", ..., "rmsprop"], (..., 3)], ids=range(3))
def test_a_list_in_which_dots_are_left_is_said_to_hold_them(answer):
    assert check("99-three", answer).message == "Your list still holds a `...`. Write your answer in its place."


def test_answers_that_break_whoever_reads_them():
    class Breaks:
        def __getattr__(self, name):
            raise RuntimeError

        def __eq__(self, other):
            raise SystemExit

        __hash__ = None

    within_itself = []
    within_itself.append(within_itself)
    for answer in (Breaks(), within_itself, {"a": {"b": within_itself}}):
        outcome = check("99-three", answer)
        assert outcome.state == "not yet"
        assert outcome.message.startswith("This answer can't be checked (")


def test_words_of_each_outcome():
    assert repr(check("99-three", 3)) == "✔ Correct. And 4?"
    assert repr(check("99-three", 2)) == "✘ Not yet. not 2"
    assert repr(check("99-three", ...)) == "○ Not attempted. Write your answer in place of ... and run the cell again."
    assert repr(check("99-three", stub)) == "○ Not attempted. Write the body of the function and run the cell again."


def test_a_checker_that_fails_is_said_and_raises_nothing():
    words = "✘ Not yet. This answer can't be checked (ZeroDivisionError: in the checker)."
    assert repr(check("99-three", "break")) == words


def test_correct_stays_correct_and_attempts_are_counted():
    for answer in (2, 3, 2):
        check("99-three", answer)
    assert PRACTICE.read() == {"99-three": Practice(attempts=3, is_correct=True)}


def test_two_hints():
    assert repr(hint("99-three")) == "Look.\nA second hint: hint('99-three', 2)"
    assert repr(hint("99-three", 2)) == "Count."
    assert repr(hint("99-three")).startswith("Look.")
    assert PRACTICE.read() == {"99-three": Practice(hints=2)}
    with pytest.raises(ConfigError, match="step must be 1 or 2, got 3; after both hints, solution"):
        hint("99-three", 3)
    with pytest.raises(ConfigError, match="step must be a whole number of 1 or more, got 0"):
        hint("99-three", 0)


def test_the_solution_comes_after_an_attempt():
    assert repr(solution("99-three")).startswith("Try it first: check('99-three', answer).")
    assert repr(solution("99-three", without_attempt=True)) == "answer = 3"
    assert PRACTICE.read() == {}
    check("99-three", 2)
    assert repr(solution("99-three")) == "answer = 3"
    assert PRACTICE.read() == {"99-three": Practice(attempts=1, has_seen_solution=True)}


def test_a_wrong_name_is_told_the_nearest():
    with pytest.raises(ConfigError, match="unknown exercise '99-tree'; did you mean '99-three'"):
        check("99-tree", 3)


@pytest.mark.parametrize("answer", [2, ...], ids=repr)
def test_grading_raises(monkeypatch, answer):
    monkeypatch.setenv("CNNLAB_GRADING", "1")
    check("99-three", 3)
    with pytest.raises(NotCorrect, match=r"99-three: [✘○] Not"):
        check("99-three", answer)


def test_a_long_line_is_broken_between_words():
    assert in_lines("not yet " * 11) == "not yet " * 11
    twelve = "not yet, " * 9 + "not\nyet, " + "not yet, " * 2
    assert in_lines("a line\n" + "not yet, " * 12 + "no") == f"a line\n{twelve}no"
    outcome = Outcome("99-three", "not yet", "it has a word more " * 9)
    assert max(map(len, repr(outcome).split("\n"))) <= LINE
    assert repr(outcome).split() == ["✘", "Not", "yet.", *(["it", "has", "a", "word", "more"] * 9)]
