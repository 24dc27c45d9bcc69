"""Test that the pictures of runs and comparisons show the numbers of the tables."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_runs import levels_of, made

from cnnlab.comparison.noise_floor import noise_floor
from cnnlab.errors import ConfigError
from cnnlab.experiments.runs import Runs
from cnnlab.plots.runs import plot_curves, plot_grid, plot_noise_floor

TABLE = {3: [0.50, 0.60, 0.40], 5: [0.70, 0.81, 0.59]}
ODD = ["$x^2 <b>one</b>", r"a $\frac{$ folder"]  # the second is no formula that matplotlib could read


@pytest.fixture(autouse=True)
def _never_shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_args, **_options: pytest.fail("a plot showed itself"))


# --- Curves


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
    assert all(one != two for one, two in zip(*looks, strict=True))  # colour, dash and mark all tell them apart


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


# --- A grid


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
    runs = [made(0.1 * size + 0.01 * seed + 0.02 * (pooling == "avg") * (size == 5), kernel_size=size, pooling=pooling,
                 optimizer=optimizer, learning_rate=0.01, seed=seed)
            for size in (5, 3) for pooling in ("avg", "max") for optimizer in ("adam", "sgd")
            for seed in range(3)]  # fmt: skip
    gone = [run for run in runs if (run.experiment.pooling, run.experiment.optimizer) == ("max", "sgd")]
    kept = [run for run in runs if run not in gone or run.experiment.kernel_size == 3]
    failed = made(0.9, kernel_size=5, pooling="max", optimizer="sgd", learning_rate=0.01, stopped_by="diverged")
    ax = plot_grid([*kept, failed, *kept[:1]], rows=("optimizer", "pooling"), columns="kernel_size")
    values, texts = drawn_cells(ax)
    # Rows sgd · max, sgd · avg, adam · max, adam · avg; the mean over three seeds adds 0.01
    assert values == pytest.approx(np.array([[0.31, np.nan], [0.31, 0.53], [0.31, 0.51], [0.31, 0.53]]), nan_ok=True)
    assert texts == [["0.310", ""], ["0.310", "0.530"], ["0.310", "0.510"], ["0.310", "0.530"]]
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


# --- All of them


def test_names_from_outside_are_shown_as_text():
    runs = [made(0.5 + 0.1 * place * seed, dataset="images", folder=folder, seed=seed)
            for place, folder in enumerate(ODD) for seed in range(3)]  # fmt: skip
    names = sorted(ODD)
    ax = plot_curves(runs, by="folder")
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [f"folder {name}" for name in names]
    for rows, columns in (("folder", "pooling"), ("pooling", "folder")):
        ax = plot_grid(runs, rows=rows, columns=columns)
        ax.figure.canvas.draw()
        labels = ax.get_yticklabels() if rows == "folder" else ax.get_xticklabels()
        assert [label.get_text() for label in labels] == names


def test_what_cannot_be_drawn_is_refused_in_words():
    runs = levels_of("kernel_size", TABLE)
    nothing = made([], stopped_by="diverged")
    cases = [
        (lambda: plot_curves(runs, by="kernel"), "did you mean 'kernel_size'?"),
        (lambda: plot_curves(runs, by="kernel_size", metric="loss"), "unknown metric 'loss'"),
        (lambda: plot_curves(runs, by="epochs"), "epochs is the horizontal axis; name another field"),
        (lambda: plot_curves([nothing], by="pooling"), "none of these 1 runs has validation_loss in any epoch"),
        (lambda: plot_curves(Runs([]), by="pooling"), "none of these 0 runs has"),
        (lambda: plot_curves(runs, by="pooling", metric="train_accuracy"), "has train_accuracy in any epoch"),
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
    for call in (lambda: plot_curves(runs, by="kernel_size"), lambda: plot_grid(runs, "kernel_size", "pooling")):
        with pytest.warns(UserWarning, match=r"these runs differ in threads \(3, 5\)"):
            call()


# --- The noise floor


def test_the_noise_floor_of_one_setting_is_a_band_round_its_mean():
    runs = levels_of("kernel_size", {3: [0.5, 0.6, 0.4]})
    ax = plot_noise_floor(runs)
    (band,) = ax.patches
    assert (band.get_y(), band.get_height()) == pytest.approx((0.5 - noise_floor(runs), 2 * noise_floor(runs)))
    (dots,) = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert list(dots.get_ydata()) == [0.5, 0.6, 0.4]
    words = "seed grey, the noise floor: two single runs of one setting differ by less than this 95 times in 100"
    assert (ax.get_xlabel().split(), ax.get_ylabel()) == (words.split(), "validation accuracy (0–1)")
    assert ax.get_legend() is None  # it would lie over the dots


def test_the_axis_of_the_noise_floor_ends_at_an_accuracy_of_1():
    ax = plot_noise_floor(levels_of("kernel_size", {3: [0.95, 0.99, 1.0]}))
    (band,) = ax.patches
    assert band.get_y() + band.get_height() > 1
    assert ax.get_ylim()[1] == 1
    assert ax.get_ylim()[0] < band.get_y()


def test_the_noise_floor_of_several_settings_is_refused():
    with pytest.raises(ConfigError, match="differ in the seed alone"):
        plot_noise_floor(levels_of("kernel_size", {3: [0.5, 0.6], 5: [0.4, 0.5]}))
