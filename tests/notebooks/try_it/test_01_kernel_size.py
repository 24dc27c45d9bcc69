"""Each *Try it* of 01_kernel_size, done as a student would."""

import pytest
import torch
from notebook_code import run_cells

from cnnlab import compare, grid, sweep

NAME = "01_kernel_size"


def test_a_kernel_for_one_diagonal():
    apply_kernel = run_cells(NAME, only=["by-hand"]).names["apply_kernel"]
    kernel = torch.tensor([[2.0, -1, -1], [-1, 2, -1], [-1, -1, 2]])
    upright = torch.zeros(9, 9)
    upright[:, 4] = 1
    diagonal = torch.eye(9)
    strokes = {"diagonal": diagonal, "other diagonal": diagonal.flip(1), "upright": upright, "flat": upright.T}
    answers = {name: apply_kernel(stroke, kernel).max().item() for name, stroke in strokes.items()}
    assert answers.pop("diagonal") == 6
    assert answers.pop("other diagonal") == 2
    assert max(answers.values()) <= 1
    assert apply_kernel(torch.ones(9, 9), kernel)[4, 4] == 0


def test_the_intervals_get_wider_with_fewer_images():
    cells = ["field-guess", "field", "mnist-guess", "mnist", "mnist-plot", "mnist-numbers"]
    names = {"build_cnn": __import__("cnnlab").build_cnn, "plt": __import__("matplotlib.pyplot").pyplot}
    few = run_cells(NAME, {"mnist": [("train_size=1000", "train_size=300")]}, only=cells, names=names)
    comparison = compare(few.names["digits"], by="kernel_size")
    usual = compare(run_cells(NAME, only=["mnist"]).names["digits"], by="kernel_size")
    for wide, narrow in zip(comparison.levels[1:], usual.levels[1:], strict=True):
        assert wide.high - wide.low > narrow.high - narrow.low
    assert comparison.verdicts == {5: "cannot tell", 7: "cannot tell"}


def test_3x3_on_clear_coarse_patterns():
    names = run_cells(
        NAME,
        only=["mnist-guess", "patterns-load"],
        names={
            "small": {"channels": (8, 16), "hidden": 32},
            "Experiment": __import__("cnnlab").Experiment,
            "commit_guess": lambda *_, **__: None,
        },
    ).names
    clear = names["coarse"].replace(noise=0.2)
    comparison = compare(sweep(grid(clear, kernel_size=[3, 7], seed=range(5))), by="kernel_size")
    assert comparison.levels[0].mean == pytest.approx(0.9, abs=0.1)
