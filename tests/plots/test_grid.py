"""Test that a heat map shows the means of its cells, for the epoch and the metric asked for; light is better."""

from itertools import pairwise

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import levels_of, made

from cnnlab.errors import ConfigError
from cnnlab.plots.grid import plot_grid

ODD = ["$x^2 <b>one</b>", r"a $\frac{$ folder"]  # the second is no formula that matplotlib could read


def drawn_cells(ax):
    """Return the values and the texts of the cells, row by row; "" for an empty cell."""
    (mesh,) = [collection for collection in ax.collections if collection.get_array() is not None]
    values = np.ma.filled(mesh.get_array().astype(float), np.nan)
    cells = [["" for _ in row] for row in values]
    for text in ax.texts:
        column, row = (int(number) for number in text.get_position())
        cells[row][column] = text.get_text()
    return values, cells


def test_a_cell_is_the_mean_of_its_runs():
    runs = [made(0.1 * size + more + 0.02 * (pooling == "avg") * (size == 5), kernel_size=size, pooling=pooling,
                 optimizer=optimizer, learning_rate=0.01, seed=seed)
            for size in (5, 3) for pooling in ("avg", "max") for optimizer in ("adam", "sgd")
            for seed, more in enumerate((0.0, 0.01, 0.05))]  # fmt: skip
    gone = [run for run in runs if (run.experiment.pooling, run.experiment.optimizer) == ("max", "sgd")]
    kept = [run for run in runs if run not in gone or run.experiment.kernel_size == 3]
    failed = made(0.9, kernel_size=5, pooling="max", optimizer="sgd", learning_rate=0.01, stopped_by="diverged")
    ax = plot_grid([*kept, failed, *kept[:1]], rows=("optimizer", "pooling"), columns="kernel_size")
    values, texts = drawn_cells(ax)
    # Rows sgd · max, sgd · avg, adam · max, adam · avg; the mean over three seeds adds 0.02, their median 0.01
    assert values == pytest.approx(np.array([[0.32, np.nan], [0.32, 0.54], [0.32, 0.52], [0.32, 0.54]]), nan_ok=True)
    assert texts == [["0.320", ""], ["0.320", "0.540"], ["0.320", "0.520"], ["0.320", "0.540"]]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "sgd · max",
        "sgd · avg",
        "adam · max",
        "adam · avg",
    ]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["3", "5"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("kernel_size", "optimizer · pooling")
    assert ax.figure.axes[1].get_ylabel() == "validation accuracy (0–1)"


def test_a_grid_reads_the_epoch_and_metric_asked_for_in_given_axes():
    figure, ax = plt.subplots()
    runs = [made([0.25, 0.5, 0.125], kernel_size=size, epochs=3) for size in (3, 5)]
    assert plot_grid(runs, "kernel_size", "pooling", metric="validation_loss", at=1, ax=ax) is ax
    assert drawn_cells(ax)[0].tolist() == [[0.75], [0.75]]
    assert figure.axes[1].get_ylabel() == "validation loss (nats)"
    assert drawn_cells(plot_grid(runs, "pooling", "kernel_size", at="best"))[0].tolist() == [[0.5, 0.5]]
    assert drawn_cells(plot_grid(runs, "pooling", "kernel_size"))[0].tolist() == [[0.125, 0.125]]


def test_one_far_value_does_not_flatten_the_colours_and_light_is_better():
    losses = {3: 0.4, 5: 0.5, 7: 0.6, 9: 0.7, 11: 9.0}
    runs = [made(1 - loss, kernel_size=size) for size, loss in losses.items()]
    ax = plot_grid(runs, "pooling", "kernel_size", metric="validation_loss")
    ax.figure.canvas.draw()
    (mesh,) = [collection for collection in ax.collections if collection.get_array() is not None]
    assert mesh.get_clim() == pytest.approx((0.4, 0.7))
    assert mesh.colorbar.extend == "max"
    colours = mesh.get_facecolors()
    dark, light = (plt.get_cmap("viridis")(end) for end in (0.0, 1.0))
    assert tuple(colours[0]) == pytest.approx(light)  # the lowest loss
    assert tuple(colours[3]) == tuple(colours[4]) == pytest.approx(dark)
    assert [text.get_text() for text in ax.texts][-1] == "9.000"


def test_names_from_outside_are_shown_as_text():
    runs = [made(0.5 + 0.1 * place * seed, dataset="images", folder=folder, seed=seed)
            for place, folder in enumerate(ODD) for seed in range(3)]  # fmt: skip
    for rows, columns in (("folder", "pooling"), ("pooling", "folder")):
        ax = plot_grid(runs, rows=rows, columns=columns)
        ax.figure.canvas.draw()
        labels = ax.get_yticklabels() if rows == "folder" else ax.get_xticklabels()
        assert [label.get_text() for label in labels] == sorted(ODD)


def test_what_cannot_be_drawn_is_refused_in_words():
    runs = levels_of("kernel_size", {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59]})
    cases = [
        (lambda: plot_grid(runs, "kernel_size", "pool"), "unknown field of Experiment 'pool'"),
        (lambda: plot_grid(runs, "kernel_size", "pooling", at="end"), "unknown at 'end'"),
        (lambda: plot_grid(runs, "kernel_size", "epochs", at="best"), "at='best' can't compare epochs"),
        (lambda: plot_grid(runs, "kernel_size", "pooling", at=9), "no run has validation_accuracy at 9"),
        (lambda: plot_grid([runs[0].history], "kernel_size", "pooling"), "wanted runs"),
    ]
    for call, words in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert words in str(caught.value)
    assert plt.get_fignums() == []  # refused before a figure is made


def test_mixed_threads_warn():
    runs = [made(0.5, kernel_size=size, environment={"threads": size}) for size in (3, 5)]
    with pytest.warns(UserWarning, match=r"these runs differ in threads \(3, 5\)"):
        plot_grid(runs, "kernel_size", "pooling")


def test_cells_of_unlike_numbers_of_runs_warn():
    runs = levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.7]})
    with pytest.warns(UserWarning, match="the cells are means of 1 to 2 runs: a mean of few is less sure") as caught:
        plot_grid(runs, "pooling", "kernel_size")
    assert [warning.filename for warning in caught] == [__file__]


def test_all_columns_are_named_upright_where_they_have_no_room():
    """The colour bar and the layout take room after the names are written, so that the first guess is too high."""
    runs = [made([0.5] * epochs, kernel_size=size, epochs=epochs, optimizer=optimizer)
            for epochs in (5, 350) for size in (3, 5, 7) for optimizer in ("rmsprop", "sgd")]  # fmt: skip
    figure, ax = plt.subplots(figsize=(5.4, 3), layout="constrained")
    plot_grid(runs, "optimizer", ("epochs", "kernel_size"), ax=ax)
    figure.canvas.draw()
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    assert [label.get_text() for label in labels] == ["5 · 3", "5 · 5", "5 · 7", "350 · 3", "350 · 5", "350 · 7"]
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert not any(box.overlaps(ax.xaxis.label.get_window_extent()) for box in boxes)


def test_a_map_of_gaps_is_light_where_the_gap_is_small():
    runs = [made([0.5], kernel_size=size) for size in (3, 5)]
    for run, loss in zip(runs, (0.4, 0.1), strict=True):
        run.history.rows[0]["train_loss"] = loss  # the validation loss is 0.5: gaps of 0.1 and 0.4
    ax = plot_grid(runs, "pooling", "kernel_size", metric="generalization_gap")
    ax.figure.canvas.draw()
    light, dark = ax.collections[0].get_facecolors()
    assert [light, dark] == [pytest.approx(plt.get_cmap("viridis")(end)) for end in (1.0, 0.0)]
