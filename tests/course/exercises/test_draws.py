"""Each answer of a student is judged alike, whatever numbers a checker draws."""

import secrets
from pathlib import Path

import pytest
import torch
from exercise_cases import run_case
from scripts import load_script

from cnnlab.course.practice import all_exercises, find_exercise

DRAWS = 100
FUNCTIONS = [name for name, exercise in all_exercises().items() if "def " in exercise.solution]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_answers_of_students_are_judged_alike_in_every_draw(name, monkeypatch):
    case = load_script(Path(__file__).with_name(f"test_notebook_{name.partition('-')[0]}.py")).CASES[name]
    judged_otherwise = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small; on a busy computer several threads wait for each other
    for seed in range(DRAWS):
        monkeypatch.setattr(secrets, "randbits", lambda _, seed=seed: seed)
        try:
            run_case(name, case)
        except AssertionError as failure:
            judged_otherwise[seed] = str(failure).partition("\n")[0]
    torch.set_num_threads(threads)
    assert judged_otherwise == {}


def test_each_check_draws_numbers_of_its_own(monkeypatch):
    exercise, drawn, results = find_exercise("01-convolve"), iter([3, 4, 3]), []

    def answer(*inputs):
        results[-1].append(float(inputs[0].sum()))
        return inputs[0]

    monkeypatch.setattr(secrets, "randbits", lambda _: next(drawn))
    for _ in range(3):
        results.append([])
        exercise.find_mistake(answer)
    assert results[0] == results[2] != results[1]
