"""Whatever a student's function changes for the whole notebook is put back."""

import contextlib
import os
import random
import sys
import warnings

import numpy as np
import pytest
import torch

from cnnlab.course.exercise import Exercise
from cnnlab.course.practice import outcome_of
from cnnlab.course.student_functions import Mistake, try_function


def _set_streams():
    sys.stdin = sys.stdout = sys.stderr = None


CHANGES = {  # what changes it, and what shows it
    "torch's random numbers": (lambda: torch.manual_seed(0), lambda: torch.get_rng_state().tolist()),
    "numpy's random numbers": (lambda: np.random.seed(0), lambda: np.random.get_state()[1].tolist()),  # noqa: NPY002
    "Python's random numbers": (lambda: random.seed(0), random.getstate),
    "default dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "default device": (lambda: torch.set_default_device("meta"), torch.get_default_device),
    "deterministic": (lambda: torch.use_deterministic_algorithms(True), torch.are_deterministic_algorithms_enabled),
    "anomaly mode": (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), torch.get_num_threads),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "working folder": (lambda: os.chdir(".."), os.getcwd),
    "environment": (lambda: os.environ.update(CNNLAB_GRADING="1"), os.environ.copy),
    "streams": (_set_streams, lambda: (sys.stdin, sys.stdout, sys.stderr)),
    "warnings": (lambda: warnings.simplefilter("error"), lambda: [*warnings.filters]),
    "numpy's errors": (lambda: np.seterr(all="raise"), np.geterr),
    "recursion limit": (lambda: sys.setrecursionlimit(5000), sys.getrecursionlimit),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("ends", ["returns", "raises"])
def test_a_students_function_leaves_the_notebook_as_it_was(what, ends, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    change, show = CHANGES[what]
    before, during = show(), []

    def function():
        change()
        during.append(show())
        return 1 if ends == "returns" else 1 / 0

    with contextlib.suppress(Mistake):
        try_function(function)
    assert during != [before]
    assert show() == before


def test_a_working_folder_that_is_gone_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert try_function(lambda: 3) == 3


@pytest.mark.parametrize(
    "unusual", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu"), lambda: torch.device("meta")]
)
def test_a_right_answer_is_right_whatever_the_notebook_has_set(unusual):
    def find_mistake(function):
        image = torch.ones(2, requires_grad=True)
        (gradient,) = torch.autograd.grad(function(image @ torch.eye(2)).sum(), image)
        return None if gradient.tolist() == [2, 2] and gradient.dtype == torch.float32 else "wrong"

    exercise = Exercise(name="99-a", find_mistake=find_mistake, further="", hints=("", ""), solution="")
    with unusual():
        assert outcome_of(exercise, lambda x: 2 * x).state == "correct"
