"""Test that the picture of a table shows the table's numbers, and where each metric is high."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from made_runs import levels_of

from cnnlab.errors import ConfigError
from cnnlab.experiments.runs import Runs
from cnnlab.plots.summary import plot_summary

TABLE = {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59], 7: [0.9, 0.9, 0.9]}


def made_table(metric=("validation_loss", "validation_accuracy")):
    return Runs(levels_of("kernel_size", TABLE, pooling="avg")).summary(metric)


def cells(ax):
    """Return the texts in the cells, row by row."""
    places = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in ax.texts}
    rows, columns = (max(place[side] for place in places) + 1 for side in (0, 1))
    return [[places[row, column] for column in range(columns)] for row in range(rows)]


def colours(ax):
    """Return the colours of the cells, (rows, columns, 4)."""
    return np.asarray(ax.images[0].get_array())


def labels(texts):
    return [text.get_text() for text in texts]


def test_a_cell_says_the_mean_and_the_standard_deviation_over_the_seeds():
    ax = plot_summary(made_table())
    assert labels(ax.get_yticklabels()) == ["3", "5", "7"]
    assert labels(ax.get_xticklabels()) == ["validation loss\n(nats)", "validation\naccuracy (0–1)"]
    assert ax.get_ylabel() == "kernel_size"
    assert cells(ax) == [["0.50 ± 0.10", "0.50 ± 0.10"], ["0.30 ± 0.11", "0.70 ± 0.11"], ["0.1", "0.9"]]
    ax.figure.canvas.draw()


def test_in_each_column_light_is_better():
    shown = colours(plot_summary(made_table()))
    dark, light = (list(plt.get_cmap("viridis")(end)) for end in (0.0, 1.0))
    assert (list(shown[0, 0]), list(shown[2, 0])) == (dark, light)  # the losses fall
    assert (list(shown[0, 1]), list(shown[2, 1])) == (dark, light)  # the accuracies rise
    assert shown[1] == pytest.approx(np.array(plt.get_cmap("viridis")([0.5, 0.5])), abs=0.01)  # of 256 colours


@pytest.mark.parametrize(("highest", "middle"), [(90.0, 9 / 89), (1000.0, 1 / 3)])
def test_colours_follow_the_logarithm_of_what_varies_by_more_than_a_hundred(highest, middle):
    # (10 − 1) / (90 − 1), and log 10 / log 1000
    table = pandas.DataFrame({"epochs": [5, 50, 100], "seeds": 1, "x": [1.0, 10.0, highest], "std": float("nan")})
    assert list(colours(plot_summary(table))[1, 0]) == pytest.approx(list(plt.get_cmap("viridis")(middle)))


def test_rows_keep_the_order_of_the_table_and_one_metric_is_enough():
    table = made_table("validation_loss").sort_values("validation_loss")
    ax = plot_summary(table)
    assert labels(ax.get_yticklabels()) == ["7", "5", "3"]
    assert cells(ax) == [["0.1"], ["0.30 ± 0.11"], ["0.50 ± 0.10"]]


def test_small_numbers_one_seed_and_no_number():
    table = pandas.DataFrame(
        {"optimizer": ["sgd", "$x^", "adam"], "seeds": [3, 1, 1], "x": [2.94e-6, 12.3456, float("nan")],
         "std": [5.1e-7, float("nan"), float("nan")]}
    )  # fmt: skip
    ax = plot_summary(table)
    assert cells(ax) == [["2.9e-06 ± 5e-07"], ["12.35"], ["–"]]
    assert ax.texts[2].get_color() == "black"  # the cell has no colour
    table = pandas.DataFrame({"seed": [1, 2, 3], "seeds": 5, "x": [0.97312, 8.96, 123.4], "std": [0.00214, 0.96, 12.0]})
    assert cells(plot_summary(table)) == [["0.973 ± 0.002"], ["9.0 ± 1.0"], ["123 ± 12"]]
    ax.figure.canvas.draw()  # "$x^" is no formula


def test_a_metric_that_no_setting_has_is_a_column_of_dashes():
    table = made_table(["epochs_to_reach:0.95", "validation_loss"])
    ax = plot_summary(table)
    assert [row[0] for row in cells(ax)] == ["–"] * 3
    assert [text.get_color() for text in ax.texts[:3]] == ["black"] * 3
    assert table["epochs_to_reach:0.95_missing"].tolist() == [3, 3, 3]
    equal = plot_summary(made_table("epochs_to_reach:0.8"))  # one seed of kernel 5 gets there, and each of kernel 7
    assert cells(equal) == [["–"], ["1"], ["1"]]
    assert [list(colours(equal)[row, 0]) for row in (0, 1)] == [[0, 0, 0, 0], list(plt.get_cmap("viridis")(0.5))]
    ax.figure.canvas.draw()


@pytest.mark.parametrize("table", [pandas.DataFrame({"seeds": [1]}), [1, 2], made_table()[:0]])
def test_what_is_no_summary_is_refused_in_words(table):
    with pytest.raises(ConfigError, match=r"plot_summary wants the table that runs.summary\(…\) returns, got"):
        plot_summary(table)


def test_light_is_a_small_gap_and_a_high_number_from_inside():
    table = pandas.DataFrame({"epochs": [5, 50], "seeds": 5, "generalization_gap": [0.1, 1.0], "std": [0.0, 0.0]})
    dark, light = (list(plt.get_cmap("viridis")(end)) for end in (0.0, 1.0))
    assert [list(colour) for colour in colours(plot_summary(table))[:, 0]] == [light, dark]
    inside = table.rename(columns={"generalization_gap": "dead_share"})
    assert [list(colour) for colour in colours(plot_summary(inside))[:, 0]] == [dark, light]
