"""Test the alt text of figures: numbers worked out by hand, and what Jupyter stores."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import levels_of
from matplotlib.figure import Figure

from cnnlab.comparison.guesses import Guesses
from cnnlab.plots.alt_text import LONGEST, alt_text, describe
from cnnlab.plots.noise_floor import plot_noise_floor
from cnnlab.plots.predictions import plot_calibration


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


def test_a_curve_is_told_as_far_as_it_is_shown(ax):
    ax.plot([1, 2, 3, 4], [4.0, 1.0, 2.0, 9.0], label="validation")
    ax.set_xlim(0, 3.5)
    assert alt_text(ax.figure) == "curves 1 to 3: validation from 4 to 2, lowest 1."


def test_curves_without_names_are_counted(ax):
    ax.plot([0, 1, 2], [[0, 1], [2, 3], [-4, 5]])
    assert alt_text(ax.figure) == "curves 0 to 2: 2 curves that end between −4 and 5."


def test_one_curve_without_a_name_is_told_by_its_first_and_last_value(ax):
    ax.plot([0, 1, 2], [3e-5, 0.01, 0.225])
    ax.set_ylabel("gradient norm")
    assert alt_text(ax.figure) == "gradient norm 0 to 2: from 3e−05 to 0.225."


def test_a_label_that_stands_below_the_lowest_axes_of_a_column_is_that_of_all():
    figure = Figure()
    axes = figure.subplots(2, 2, sharex=True)
    for place, ax in enumerate(axes.flat):
        ax.plot([1, 2, 3], [place, 5, 6])
    axes[1, 0].set_xlabel("x, along")
    axes[1, 1].set_xlabel("epoch")
    axes[0, 0].set_ylabel("y, across")
    first, rest = "y, across over x, along 1 to 3: from 0 to 6.", "{} 1 to 3: from {} to 6."
    others = [rest.format(name, place) for place, name in ((1, "epoch"), (2, "x, along"), (3, "epoch"))]
    assert alt_text(figure) == " ".join([first, *others])


def test_dots_bars_and_histograms_are_told_by_their_range(ax):
    dots, bars, histogram = Figure().subplots(), Figure().subplots(), ax
    dots.scatter([0, 1, 2], [0.5, 0.25, 1])
    dots.set(xlabel="seed", ylabel="accuracy")
    assert alt_text(dots.figure) == "accuracy over seed 0 to 2: 3 dots from 0.25 to 1."
    bars.bar(["max", "avg"], [3, 7])
    bars.set_ylabel("runs")
    assert alt_text(bars.figure) == "runs: 2 bars, lowest 3, highest 7 at avg."
    histogram.stairs([0, 8, 2, 0], [0, 2, 4, 6, 8])  # the edges reach farther than the values
    histogram.set_xlabel("weight")
    assert alt_text(histogram.figure) == "weight from 2 to 6, most near 3."


def test_an_empty_histogram_has_no_values(ax):
    ax.stairs([0, 0], [0, 1, 2])
    ax.text(1, 1, "100% zeros, 16 of 16 dead")
    ax.set_ylabel("relu2")
    assert alt_text(ax.figure) == "relu2 no values (100% zeros, 16 of 16 dead)."


def test_histograms_of_two_runs_are_told_by_name_each_with_its_own_note(ax):
    ax.stairs([3, 1, 0], [0, 1, 2, 3], label="short")
    ax.stairs([1, 2, 3], [0, 1, 2, 3], label="long")
    ax.text(1, 1, "54% zeros")
    ax.text(1, 0, "48% zeros")
    ax.set_ylabel("relu1")
    short, long = "short from 0 to 2, most near 0.5 (54% zeros)", "long from 0 to 3, most near 2.5 (48% zeros)"
    assert alt_text(ax.figure) == f"relu1 {short}; {long}."


def test_the_highest_bar_on_a_scale_is_told_by_its_middle_and_each_group_by_its_name(ax):
    ax.hist([0.95] * 3, bins=10, range=(0, 1), label="late")
    ax.hist([0.45] * 2, bins=10, range=(0, 1), label="early")
    ax.set_xlabel("probability")
    late, early = "late 10 bars, lowest 0, highest 3 at 0.95", "early 10 bars, lowest 0, highest 2 at 0.45"
    assert alt_text(ax.figure) == f"probability: {late}; {early}."


def test_bars_side_by_side_are_told_by_the_name_below_both():
    bars = Figure().subplots()
    bars.bar([-0.2, 0.8], [3, 7], width=0.4, label="first")
    bars.bar([0.2, 1.2], [9, 8], width=0.4, label="second")
    bars.set_xticks([0, 1], ["3", "5"])
    first, second = "first 2 bars, lowest 3, highest 7 at 5", "second 2 bars, lowest 8, highest 9 at 3"
    assert alt_text(bars.figure) == f"values: {first}; {second}."
    nothing = Figure().subplots()
    nothing.bar(["a"], [float("nan")])
    assert alt_text(nothing.figure) == ""


def test_only_dots_are_counted_as_dots_at_named_places_too(ax):
    ax.axhline(0.9, color="grey")
    ax.plot(["a", "b"], [0.1, 0.2], "o")
    ax.plot([0, 1], [0.5, 0.6], "--")
    ax.plot([], [], "o", label="only in the legend")
    ax.vlines([0, 1], 0.0, 0.7)
    ax.set_ylabel("rank correlation")
    assert alt_text(ax.figure) == "rank correlation: 2 dots from 0.1 to 0.2 for a, b."


def test_places_without_a_line_are_dots_also_if_there_are_many(ax):
    ax.plot([16, 17, 20], [0.88, 0.89, 0.87], "s")
    ax.axvspan(16, 20)
    ax.set(xlabel="best epoch", ylabel="accuracy")
    assert alt_text(ax.figure) == "accuracy over best epoch 16 to 20: 3 dots from 0.87 to 0.89."


def test_a_curve_is_told_without_the_dots_around_it(ax):
    ax.plot([1, 1, 1], [5.0, 6.0, 7.0], "o")
    ax.plot([1, 2, 3], [4.0, 3.0, 2.0], "o-", label="mean")
    assert alt_text(ax.figure) == "curves 1 to 3: mean from 4 to 2."


def test_histograms_drawn_as_outlines_are_told_by_where_they_are_highest(ax):
    ax.hist([1, 1, 3], bins=4, range=(0, 4), histtype="step", label="exam")
    ax.hist([2.5, 2.5, 2.5], bins=4, range=(0, 4), histtype="step", label="validation")
    ax.axvline(2)
    ax.set(xlabel="claim minus truth\n(percentage points)", ylabel="claims")
    where = "claims over claim minus truth (percentage points) 0 to 4"
    assert alt_text(ax.figure) == f"{where}: exam highest 2 near 1.5; validation highest 3 near 2.5."


def test_where_there_is_no_dot_the_words_in_the_picture_are_told():
    figure = plot_calibration(Guesses({})).figure
    words = "share that was right (0–1) over confidence (0–1): no guess with a confidence has been scored yet."
    assert alt_text(figure) == words
    plt.close(figure)


def test_a_note_below_a_label_is_no_part_of_it():
    ax = plot_noise_floor(levels_of("kernel_size", {3: [0.5, 0.6, 0.4]}))
    assert ax.get_xlabel().startswith("seed\ngrey, the noise floor")
    assert alt_text(ax.figure) == "validation accuracy (0–1) over seed: 3 dots from 0.4 to 0.6."
    plt.close(ax.figure)


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


def test_of_many_plots_a_label_of_the_first_in_a_row_is_the_name_of_the_row():
    figure = Figure()
    axes = figure.subplots(2, 3)
    for (row, column), ax in np.ndenumerate(axes):
        ax.plot([1, 2, 3], [9, 5, 10 * row + column], label="training")
        ax.set_title(f"k{column}" if row == 0 else "")
        ax.set_ylabel(["max", "avg"][row] if column == 0 else "")
    words = "6 plots: k0, max, k1, k2, avg. training ends between 0 and 12"
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
    describe(ax, "word " * LONGEST)
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
