"""Test the alt text of figures: numbers worked out by hand, and what Jupyter stores."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnlab.plots.alt_text import LONGEST, alt_text, describe


@pytest.fixture
def ax():
    return Figure().subplots()


def test_curves_are_told_by_name_first_last_and_extreme_value(ax):
    ax.plot([1, 2, 3], [2.0, 0.25, 0.5], label="validation")
    ax.plot([1, 2, 3], [1.0, 0.5, 0.125], label="training")
    ax.axhline(0.3)  # a mark
    ax.set(title="A run", xlabel="epoch", ylabel="loss (nats)")
    words = "A run: loss (nats) over epoch 1 to 3: validation from 2 to 0.5, lowest 0.25; training from 1 to 0.125."
    assert alt_text(ax.figure) == words


def test_curves_without_names_are_counted(ax):
    ax.plot([0, 1, 2], [[0, 1], [2, 3], [-4, 5]])
    assert alt_text(ax.figure) == "curves 0 to 2: 2 curves that end between −4 and 5."


def test_dots_bars_and_histograms_are_told_by_their_range(ax):
    dots, bars, histogram = Figure().subplots(), Figure().subplots(), ax
    dots.scatter([0, 1, 2], [0.5, 0.25, 1])
    dots.set(xlabel="seed", ylabel="accuracy")
    assert alt_text(dots.figure) == "accuracy over seed: 3 dots from 0.25 to 1."
    bars.bar(["max", "avg"], [3, 7])
    bars.set_ylabel("runs")
    assert alt_text(bars.figure) == "runs: 2 bars, lowest 3, highest 7 at avg."
    histogram.stairs([1, 8, 2], [0, 2, 4, 6])
    histogram.set_xlabel("weight")
    assert alt_text(histogram.figure) == "weight from 0 to 6, most near 3."


def test_pictures_are_told_by_the_words_on_them_or_by_their_size(ax):
    ax.imshow([[0, 1], [1, 0]], cmap="grey")
    assert alt_text(ax.figure) == "picture of 2×2 pixels, mean 0.5."
    ax.text(0, 0, "says 3")
    ax.text(1, 0, "is 8")
    assert alt_text(ax.figure) == "pictures with the labels says 3, is 8."


def test_a_heat_map_names_its_extremes(ax):
    ax.pcolormesh([[1, 2, 3], [4, 9, 6]])
    ax.set_xticks([0.5, 1.5, 2.5], ["3", "5", "7"])
    ax.set_yticks([0.5, 1.5], ["max", "avg"])
    assert alt_text(ax.figure) == "heat map, 2×3 values: lowest 1 at max, 3; highest 9 at avg, 5."


def test_many_plots_are_told_together():
    figure = Figure()
    for place, ax in enumerate(figure.subplots(2, 3).flat):
        ax.plot([1, 2, 3], [9, 5, place], label="training")
        ax.set_title(f"k{place}")
    figure.suptitle("All runs")
    words = "All runs. 6 plots: k0, k1, k2, k3, k4, k5. training ends between 0 and 5"
    assert alt_text(figure) == words


def test_a_plot_can_give_a_better_sentence_for_its_axes_or_its_figure():
    figure = Figure()
    first, second = figure.subplots(1, 2)
    second.plot([0, 1, 2], [1, 2, 3], label="line")
    describe(first, "The first.")
    assert alt_text(figure) == "The first. curves 0 to 2: line from 1 to 3."
    describe(figure, "Both.")
    assert alt_text(figure) == "Both."


def test_it_is_cut_between_words(ax):
    describe(ax, "word " * 100)
    words = alt_text(ax.figure)
    assert len(words) <= LONGEST
    assert words.endswith("word…")


def test_jupyter_stores_it_and_the_picture_is_the_same():
    from IPython.core.formatters import DisplayFormatter
    from IPython.core.pylabtools import print_figure

    from cnnlab.plots import alt_text as module

    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, print_figure)
    figure, ax = plt.subplots()
    ax.plot([0, 1], [1, 2])
    before, no_words = formatter.format(figure)
    formatter.mimebundle_formatter.for_type(Figure, module.for_jupyter)
    after, words = formatter.format(figure)
    plt.close(figure)
    assert no_words == {}
    assert words == {"image/png": {"alt": alt_text(figure)}}
    assert after.keys() == before.keys()
    np.testing.assert_array_equal(after["image/png"], before["image/png"])
