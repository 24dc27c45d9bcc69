"""Each *Try it* of 01_kernel_size, done as a student would."""

import matplotlib.pyplot as plt
import torch
from notebook_code import run_cells

from cnnlab import Experiment, apply_kernel, compare, grid, sweep

NAME = "01_kernel_size"


def test_a_kernel_for_one_diagonal():
    kernel = torch.tensor([[2.0, -1, -1], [-1, 2, -1], [-1, -1, 2]])
    upright = torch.zeros(9, 9)
    upright[:, 4] = 1
    diagonal = torch.eye(9)
    strokes = {"diagonal": diagonal, "other diagonal": diagonal.flip(1), "upright": upright, "flat": upright.T}
    answers = {name: apply_kernel(stroke, kernel).max().item() for name, stroke in strokes.items()}
    assert answers == {"diagonal": 6, "other diagonal": 2, "upright": 1, "flat": 1}
    assert apply_kernel(torch.ones(9, 9), kernel)[4, 4] == 0


def test_with_fewer_images_the_intervals_get_wider_and_there_is_no_verdict():
    changes = {"mnist": [("train_size=1000", "train_size=300")]}
    few = run_cells(NAME, changes, only=["mnist", "mnist-plot", "mnist-numbers"], names={"plt": plt})
    usual = run_cells(NAME, only=["mnist"])
    tables = [compare(page.names["digits"], by="kernel_size") for page in (few, usual)]
    for wide, narrow in zip(tables[0].levels[1:], tables[1].levels[1:], strict=True):
        assert wide.high - wide.low > narrow.high - narrow.low
    assert tables[0].verdicts == {5: "cannot tell", 7: "cannot tell"}


def test_3x3_keeps_up_on_clear_coarse_patterns():
    made = {"small": {"channels": (8, 16), "hidden": 32}, "Experiment": Experiment}
    names = run_cells(NAME, only=["patterns-load"], names=made).names
    clear = names["coarse"].replace(noise=0.2)
    comparison = compare(sweep(grid(clear, kernel_size=[3, 7], seed=range(5))), by="kernel_size")
    assert min(level.mean for level in comparison.levels) > 0.98
    assert comparison.verdicts == {7: "cannot tell"}
