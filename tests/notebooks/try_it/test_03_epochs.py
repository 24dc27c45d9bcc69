"""Each *Try it* of 03_epochs, done as a student would."""

import statistics

import matplotlib.pyplot as plt
import pytest
from notebook_code import run_cells

from cnnlab import build_cnn, fit, load_data, replay, score_guess

NAME = "03_epochs"


def test_with_ten_times_the_images_the_lowest_loss_is_lower_and_later_losses_rise_less():
    names = run_cells(NAME, only=["small"]).names
    many = load_data("mnist", train=3000, validation=500)
    epochs = 12  # the item trains 50
    longer = fit(build_cnn(seed=0, **names["shape"]), many, epochs=epochs, seed=0, **names["rule"])
    assert min(longer["validation_loss"]) == pytest.approx(0.18, abs=0.04)
    assert longer.best_epoch == pytest.approx(10, abs=2)
    assert longer["validation_loss"][-1] < 2 * min(longer["validation_loss"])


def test_no_patience_ends_above_the_lowest_loss_and_min_delta_raises_it():
    five = run_cells(NAME, only=["five"]).names["five"]
    above = {0.0: [], 0.05: []}
    for run in five.filter(epochs=350):
        lowest = min(run.history["validation_loss"])
        for min_delta, ends in above.items():
            stopped = replay(run.history, epochs=350, patience=0, min_delta=min_delta)
            ends.append((len(stopped), min(stopped["validation_loss"]) - lowest))
    lengths = {min_delta: [length for length, _ in ends] for min_delta, ends in above.items()}
    assert [(min(each), max(each)) for each in lengths.values()] == [(6, 10), (4, 6)]
    rises = {min_delta: [round(rise, 2) for _, rise in ends] for min_delta, ends in above.items()}
    assert [(min(each), max(each)) for each in rises.values()] == [(0.0, 0.21), (0.12, 0.35)]


def test_with_exams_of_100_images_the_push_and_the_scatter_grow():
    change = [("order.split(500), order.split(500)[::-1]", "order[:200].split(100), order[:200].split(100)[::-1]")]
    trained = {"plt": plt, "score_guess": score_guess} | run_cells(NAME, only=["small", "exam"]).names
    pushes, scatters = [], []
    for changes in ({}, {"halves": change}):
        names = run_cells(NAME, changes, only=["halves", "halves-plot", "halves-facts"], names=dict(trained)).names
        pushes.append(statistics.mean(names["too_high"]["by the exam"]))
        scatters.append(statistics.stdev(names["too_high"]["by the exam"]))
    assert pushes[1] > 1.5 * pushes[0]
    assert scatters[1] > 1.5 * scatters[0]
