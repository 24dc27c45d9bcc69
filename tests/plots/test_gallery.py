"""Test that a gallery shows training and validation of every setting, on one scale."""

from itertools import pairwise

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import made, unvalidated

from cnnlab.errors import ConfigError
from cnnlab.experiments.runs import Runs
from cnnlab.plots.gallery import plot_gallery
from cnnlab.plots.style import TRAIN, VALIDATION

KERNELS = {3: 0.0, 5: 0.2}


def settings(*, epochs=(2, 4), seeds=2):
    """Runs of two kernels and two poolings; the accuracy is 0.1 × epoch, plus something of the setting and the seed."""
    return [
        made([0.1 * epoch + more + 0.05 * seed for epoch in range(1, length + 1)], kernel_size=size, pooling=pooling,
             epochs=length, seed=seed)
        for size, more in KERNELS.items() for pooling in ("avg", "max") for length in epochs for seed in range(seeds)
    ]  # fmt: skip


def curve(ax, look):
    """Return the one line of training or of validation in a panel."""
    (line,) = [line for line in ax.lines if line.get_label() == look["label"]]
    return line


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_a_panel_is_one_setting_with_the_mean_and_the_range_of_its_seeds():
    axes = plot_gallery(settings(), rows="kernel_size", columns="pooling")
    assert axes.shape == (2, 2)
    for (row, _), ax in np.ndenumerate(axes):
        accuracies = np.array([[0.1, 0.2, 0.3, 0.4], [0.15, 0.25, 0.35, 0.45]]) + [*KERNELS.values()][row]
        for look, seeds, band in zip(
            (TRAIN, VALIDATION), ((1 - accuracies) / 2, 1 - accuracies), ax.collections, strict=True
        ):
            line = curve(ax, look)
            assert (line.get_color(), line.get_linestyle()) == (look["color"], look["linestyle"])
            assert list(line.get_xdata()) == [1, 2, 3, 4]
            assert line.get_ydata() == pytest.approx(seeds.mean(0))
            corners = band.get_paths()[0].vertices
            for epoch in range(4):
                heights = corners[corners[:, 0] == epoch + 1][:, 1]
                assert (heights.min(), heights.max()) == pytest.approx((seeds[:, epoch].min(), seeds[:, epoch].max()))
    axes[0, 0].figure.canvas.draw()


def test_lengths_are_points_of_one_trajectory_with_a_tick_and_a_marker_each():
    axes = plot_gallery(settings(epochs=(1, 3, 4)), rows="kernel_size", columns="pooling")
    for ax in axes.flat:
        assert list(ax.get_xticks()) == [1, 3, 4]
        assert curve(ax, TRAIN).get_markevery() == curve(ax, VALIDATION).get_markevery() == [0, 2, 3]
        assert [line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1]] == [1, 3, 4]


def test_rows_and_columns_are_named_once_and_stand_in_the_courses_order():
    axes = plot_gallery(settings(), rows="kernel_size", columns=("pooling", "optimizer"))
    assert [ax.get_title() for ax in axes.flat] == ["max · adam", "avg · adam", "", ""]
    assert [ax.get_ylabel() for ax in axes.flat] == ["kernel_size 3", "", "kernel_size 5", ""]
    figure = axes[0, 0].figure
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    assert figure.get_suptitle() == "loss: training beside validation, mean and range of 2 seeds"
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("epoch", "loss (nats)")


def test_all_panels_share_their_scale_and_a_logarithmic_one_has_plain_labels():
    axes = plot_gallery(settings(), rows="kernel_size", columns="pooling", log=True)
    assert {ax.get_yscale() for ax in axes.flat} == {"log"}
    assert len({(*ax.get_xlim(), *ax.get_ylim()) for ax in axes.flat}) == 1
    axes[0, 0].set_ylim(1e-3, 1)
    axes[0, 0].figure.canvas.draw()
    assert axes[1, 1].get_ylim() == (1e-3, 1)
    assert {"10⁻²", "10⁻¹"} <= {label.get_text() for label in axes[1, 0].get_yticklabels()}


def test_labels_of_lengths_do_not_touch():
    runs = [
        made([0.5] * length, epochs=length, pooling=pooling, optimizer=optimizer)
        for length in (5, 50, 100, 250, 350) for pooling in ("max", "avg") for optimizer in ("sgd", "adam", "rmsprop")
    ]  # fmt: skip
    axes = plot_gallery(runs, columns=("pooling", "optimizer"))
    figure = axes[0, 0].figure
    figure.canvas.draw()
    for ax in axes.flat:
        assert list(ax.get_xticks()) == [5, 50, 100, 250, 350]
        labels = [label for label in ax.get_xticklabels() if label.get_text()]
        assert [label.get_text() for label in labels] == ["5", "100", "250", "350"]
        boxes = [label.get_window_extent() for label in labels]
        assert all(left.x1 + 2 < right.x0 for left, right in pairwise(boxes))


def test_one_setting_needs_no_rows_and_stands_at_its_own_length():
    runs = Runs(settings(epochs=(2, 40), seeds=1)).filter(kernel_size=3, pooling="max", epochs=2)
    axes = plot_gallery(runs, metric="accuracy")
    assert axes.shape == (1, 1)
    assert axes[0, 0].get_xlim() == pytest.approx((0, 2.06))
    assert axes[0, 0].figure.get_suptitle() == "accuracy: training beside validation"  # one seed has no range
    assert [line.get_label() for line in axes[0, 0].lines][1:] == ["validation"]  # no training accuracy was recorded


def test_a_panel_says_when_it_has_no_run_and_when_runs_end_early():
    runs = [
        made([0.5, 0.6], kernel_size=3, pooling="max", epochs=2, seed=0),
        made([0.7], kernel_size=3, pooling="max", epochs=2, seed=1, stopped_by="diverged"),
        made([0.5, 0.6], kernel_size=5, pooling="avg", epochs=2, seed=0),
    ]
    axes = plot_gallery(runs, rows="kernel_size", columns="pooling")
    assert [texts(ax) for ax in axes.flat] == [["1 of 2 end early\n1 of 2 diverged"], ["no run"], ["no run"], []]
    assert curve(axes[0, 0], VALIDATION).get_ydata() == pytest.approx([0.4, 0.4])  # (0.5 + 0.3) / 2, then 0.4 alone
    assert axes[0, 0].figure.get_suptitle().endswith("mean and range of 1 to 2 seeds")


def test_training_without_validation_images_is_drawn_alone():
    axes = plot_gallery([unvalidated(0.5)], metric="accuracy")
    assert list(curve(axes[0, 0], TRAIN).get_ydata()) == [0.5]
    assert [text.get_text() for text in axes[0, 0].figure.legends[0].get_texts()] == ["training"]


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (lambda: plot_gallery(settings(), rows="kernel"), "unknown field of Experiment 'kernel'"),
        (lambda: plot_gallery(settings(), metric="validation_loss"), "unknown metric 'validation_loss'"),
        (lambda: plot_gallery([made([])]), "no run has a finished epoch"),
        (
            lambda: plot_gallery(settings(), rows="pooling"),
            r"a panel would mix runs that differ in kernel_size; name kernel_size in rows or columns, or filter the "
            r"runs, as in runs.filter\(kernel_size=3\)",
        ),
    ],
)
def test_what_makes_no_gallery_is_refused_in_words(plot, words):
    before = plt.get_fignums()
    with pytest.raises(ConfigError, match=words):
        plot()
    assert plt.get_fignums() == before


def of_batches(count):
    return [made([0.1, 0.01 * size], batch_size=size, pooling=pooling, epochs=2)
            for size in range(10, 10 + count) for pooling in ("max", "avg")]  # fmt: skip


@pytest.mark.parametrize(("count", "lines"), [(3, [3]), (4, [4]), (5, [3, 2]), (9, [3, 3, 3])])
def test_more_than_four_columns_stand_in_blocks_below_each_other(count, lines):
    axes = plot_gallery(of_batches(count), rows="pooling", columns="batch_size")
    assert axes.shape == (2, count)
    axes[0, 0].figure.canvas.draw()
    for column, ax in enumerate(axes[0]):
        assert ax.get_title().replace("\n", " ") == f"batch_size {10 + column}"
        assert curve(ax, VALIDATION).get_ydata()[-1] == pytest.approx(1 - 0.01 * (10 + column))
    heights = [round(ax.get_window_extent().y0) for ax in axes[0]]
    assert [heights.count(height) for height in dict.fromkeys(heights)] == lines
    starts = [sum(lines[:block]) for block in range(len(lines))]
    named = [column for column, ax in enumerate(axes[0]) if ax.get_ylabel() == "max"]
    assert named == starts  # each block has its rows named
    numbered = [any(label.get_visible() and label.get_text() for label in ax.get_xticklabels()) for ax in axes.flat]
    assert numbered == [False] * count + [True] * count  # below each block
    assert len({(*ax.get_xlim(), *ax.get_ylim()) for ax in axes.flat}) == 1
