"""Test that curves are the means of their seeds, with their range, and say which runs end early."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import levels_of, made

from cnnlab.errors import ConfigError
from cnnlab.experiments.runs import Runs
from cnnlab.plots.curves import plot_curves

ODD = ["$x^2 <b>one</b>", r"a $\frac{$ folder"]  # the second is no formula that matplotlib could read


def curves_of(table, **fields):
    return [made(values, seed=seed, epochs=len(values), **fields) for seed, values in enumerate(table)]


def band_of(ax, place):
    """Return the x, the lower and the upper edge of the place-th band."""
    corners = ax.collections[place].get_paths()[0].vertices
    xs = sorted(set(corners[:, 0]))
    columns = [corners[corners[:, 0] == x, 1] for x in xs]
    return xs, [column.min() for column in columns], [column.max() for column in columns]


def test_a_curve_is_the_mean_in_a_band_from_the_lowest_to_the_highest_seed():
    three = [[0.1, 0.5, 0.7], [0.2, 0.3, 0.9], [0.6, 0.4, 0.8]]
    five = [[0.3, 0.3, 0.3], [0.5, 0.4, 0.6]]
    runs = curves_of(three, kernel_size=3) + curves_of(five, kernel_size=5)
    ax = plot_curves(reversed(runs), by="kernel_size", metric="validation_accuracy")
    for place, table in enumerate([three, five]):
        xs, low, high = band_of(ax, place)
        assert xs == [1, 2, 3]
        assert low == pytest.approx(np.min(table, axis=0))
        assert high == pytest.approx(np.max(table, axis=0))
        assert list(ax.lines[place].get_xdata()) == [1, 2, 3]
        assert ax.lines[place].get_ydata() == pytest.approx(np.mean(table, axis=0))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["kernel_size 3", "kernel_size 5"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "validation accuracy (0–1)")
    looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines]
    assert all(
        first != second for first, second in zip(*looks, strict=True)
    )  # colour, dash and mark all tell them apart


def test_only_the_longest_of_each_trajectory_is_drawn():
    runs = [made([0.1, 0.2, 0.3, 0.4][:length], epochs=length) for length in (2, 4, 1)]
    ax = plot_curves(runs, by="kernel_size", metric="validation_accuracy")
    assert list(ax.lines[0].get_ydata()) == [0.1, 0.2, 0.3, 0.4]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["kernel_size 3"]


def test_other_fields_are_averaged_within_a_seed_first():
    runs = curves_of([[0.2], [0.4]], pooling="max") + curves_of([[0.4], [0.8]], pooling="avg")
    ax = plot_curves(runs, by="kernel_size", metric="validation_accuracy")
    assert band_of(ax, 0)[1:] == (pytest.approx([0.3]), pytest.approx([0.6]))
    assert ax.lines[0].get_ydata() == pytest.approx([0.45])


def test_runs_that_end_early_are_told_of():
    runs = [made([0.2, 0.4, 0.6], epochs=3, seed=0), made([0.4], epochs=3, seed=1, stopped_by="diverged")]
    runs.append(made([], epochs=3, seed=2, stopped_by="diverged"))
    runs.append(made([], epochs=3, optimizer="sgd", stopped_by="diverged"))
    ax = plot_curves(runs, by="optimizer", metric="validation_accuracy")
    assert ax.lines[1].get_ydata() == pytest.approx([0.3, 0.4, 0.6])
    assert len(ax.lines[0].get_ydata()) == 0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "optimizer sgd (1 of 1 runs end early, 1 of 1 runs diverged)",
        "optimizer adam (2 of 3 runs end early, 2 of 3 runs diverged)",
    ]  # fmt: skip


def test_losses_on_a_logarithmic_scale_in_given_axes():
    figure, (left, right) = plt.subplots(1, 2)
    assert plot_curves(curves_of([[0.1, 0.5]]), by="pooling", log=True, ax=right) is right
    assert right.get_yscale() == "log"
    assert right.get_ylabel() == "validation loss (nats)"
    assert right.lines[0].get_ydata() == pytest.approx([0.9, 0.5])
    assert plot_curves(curves_of([[0.1, 0.5]]), by="pooling", metric="train_loss", ax=left) is left
    assert left.get_ylabel() == "train loss (nats)"
    assert left.get_yscale() == "linear"
    assert len(figure.axes) == 2


def test_names_from_outside_are_shown_as_text():
    runs = [made(0.5 + 0.1 * place * seed, dataset="images", folder=folder, seed=seed)
            for place, folder in enumerate(ODD) for seed in range(3)]  # fmt: skip
    ax = plot_curves(runs, by="folder")
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [f"folder {name}" for name in sorted(ODD)]


def test_what_cannot_be_drawn_is_refused_in_words():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59]})
    nothing = made([], stopped_by="diverged")
    cases = [
        (lambda: plot_curves(runs, by="kernel"), "did you mean 'kernel_size'?"),
        (lambda: plot_curves(runs, by="kernel_size", metric="loss"), "unknown metric 'loss'"),
        (lambda: plot_curves(runs, by="epochs"), "epochs is the horizontal axis; name another field"),
        (lambda: plot_curves([nothing], by="pooling"), "none of these 1 runs has validation_loss in any epoch"),
        (lambda: plot_curves(Runs([]), by="pooling"), "none of these 0 runs has"),
        (lambda: plot_curves(runs, by="pooling", metric="train_accuracy"), "has train_accuracy in any epoch"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
    assert plt.get_fignums() == []  # refused before a figure is made


def test_mixed_threads_warn():
    runs = [made(0.5, kernel_size=size, environment={"threads": size}) for size in (3, 5)]
    with pytest.warns(UserWarning, match=r"these runs differ in threads \(3, 5\)"):
        plot_curves(runs, by="kernel_size")
