"""How far a student has come, counted by hand."""

import re

import pytest

from cnnlab import check, commit_guess, progress, score_guess
from cnnlab.course import progress as module
from cnnlab.course.exercise import Exercise


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    def make(name):
        return Exercise(
            name=name,
            find_mistake=lambda answer: None if answer == 3 else "no.",
            further="And?",
            hints=("a", "b"),
            solution="answer = 3",
        )

    every = {name: make(name) for name in ("01-one", "01-two", "02-three")}
    monkeypatch.setattr("cnnlab.course.practice.all_exercises", lambda: every)
    monkeypatch.setattr(module, "all_exercises", lambda: every)


def test_nothing_yet():
    shown = progress()
    assert shown.words == "0 of 3 exercises are correct. Go on with 01-one. No prediction has been scored yet."
    assert shown.table()["in all"].tolist() == [2, 1]
    assert shown.table()[["exercises correct", "tried", "predictions right", "scored"]].to_numpy().sum() == 0
    assert "<img" in shown._repr_html_()


def test_counts_of_exercises_and_predictions():
    check("01-one", 3)
    check("01-two", 4)
    for question, guess in {"01-a": 80, "01-b": 10, "04-c": 1}.items():
        commit_guess(question, guess, tolerance=5, confidence=0.8)
    score_guess("01-a", 82)
    score_guess("01-b", 82)
    shown = progress()
    assert shown.table().to_dict("index") == {
        "01": {"exercises correct": 1, "tried": 2, "in all": 2, "predictions right": 1, "scored": 2},
        "02": {"exercises correct": 0, "tried": 0, "in all": 1, "predictions right": 0, "scored": 0},
        "04": {"exercises correct": 0, "tried": 0, "in all": 0, "predictions right": 0, "scored": 0},
    }
    assert shown.words.startswith("1 of 3 exercises are correct. Go on with 01-two. 2 predictions scored, 1 right")


def test_all_done_and_the_picture_has_words():
    for name in ("01-one", "01-two", "02-three"):
        check(name, 3)
    shown = progress()
    assert shown.words.startswith("3 of 3 exercises are correct. No prediction")
    alt = re.search('<img alt="([^"]+)"', shown._repr_html_()).group(1)
    assert "exercises (count)" in alt
