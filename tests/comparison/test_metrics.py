"""Metrics: of which epoch, those that are computed from the curves, why one is missing, and their range."""

import math

import pytest
from made_runs import NO_IMAGES, made, unvalidated

from cnnlab.comparison.compare import compare
from cnnlab.comparison.metrics import possible_range, value_at, why_missing
from cnnlab.comparison.settings import compare_settings
from cnnlab.errors import ConfigError
from cnnlab.plots.grid import plot_grid


def test_at_reads_the_epoch_that_it_names():
    waited = made([0.5, 0.8, 0.7, 0.6], epochs=9, patience=1, stopped_by="patience", seconds=4.0)
    assert [value_at(waited, "validation_accuracy", at) for at in ("last", "stopped", "best", 1, 5)] == [
        0.6, 0.8, 0.8, 0.5, None,
    ]  # fmt: skip
    patient = made([0.5, 0.8, 0.7, 0.6], epochs=4)
    assert [value_at(patient, "validation_accuracy", at) for at in ("last", "stopped", "best", 3)] == [
        0.6, 0.6, 0.8, 0.7,
    ]  # fmt: skip
    assert value_at(waited, "seconds", "stopped") == 4.0
    assert value_at(waited, "train_accuracy", "last") is None


def test_metrics_that_are_computed_from_the_curves():
    """Worked out by hand: 0.78 is reached in the third epoch; the losses double and halve, and fall by a tenth."""
    accuracies, losses = [0.5, 0.77, 0.78, 0.8, 0.7, 0.79], [9.0, 9.0, 9.0, 1.0, 2.0, 1.0]
    curves = made(accuracies, epochs=6)
    for row, loss, train in zip(curves.history.rows, losses, [5, 5, 5, 1.0, 0.9, 0.81], strict=True):
        row |= {"validation_loss": loss, "train_loss": train}
    reached = {target: value_at(curves, f"epochs_to_reach:{target}", "last") for target in (0.5, 0.78, 0.8, 0.81)}
    assert reached == {0.5: 1, 0.78: 3, 0.8: 4, 0.81: None}
    assert why_missing([curves], "epochs_to_reach:0.81", "last") == "never reached a validation accuracy of 0.81"
    assert value_at(curves, "fluctuation_validation", "last") == pytest.approx(math.log(2))  # of epochs 4 to 6
    assert value_at(curves, "fluctuation", "last") == pytest.approx(-math.log(0.9))
    assert value_at(curves, "generalization_gap", "last") == pytest.approx(0.19)
    assert value_at(curves, "generalization_gap", 1) == 4
    assert value_at(curves, "generalization_gap", 7) is None
    curves.history.rows[5]["train_loss"] = 0.0  # no logarithm
    assert value_at(curves, "fluctuation", "last") == pytest.approx(-math.log(0.9))
    curves.history.rows[4]["train_loss"] = 0.0
    assert value_at(curves, "fluctuation", "last") is None
    assert value_at(made([0.5], epochs=1), "fluctuation_validation", "last") is None


@pytest.mark.parametrize("metric", ["epochs_to_reach", "epochs_to_reach:", "epochs_to_reach:0", "epochs_to_reach:2"])
def test_a_target_that_no_accuracy_can_be_is_refused(metric):
    with pytest.raises(ConfigError, match="say which validation accuracy is to be reached"):
        compare([made([0.5], kernel_size=size) for size in (3, 5)], by="kernel_size", metric=metric)
    with pytest.raises(ConfigError, match="fluctuation has no number after it; take 'fluctuation'"):
        compare([made([0.5], kernel_size=size) for size in (3, 5)], by="kernel_size", metric="fluctuation:0.5")


def test_a_run_that_never_gets_there_is_counted_and_never_fast():
    runs = [made([0.5, 0.9], kernel_size=3, epochs=2, seed=seed) for seed in range(3)]
    runs += [made([0.9, 0.9] if seed else [0.1, 0.2], kernel_size=5, epochs=2, seed=seed) for seed in range(3)]
    with pytest.warns(UserWarning, match="what remains may look better than it is"):
        comparison = compare(runs, by="kernel_size", metric="epochs_to_reach:0.9")
    assert comparison.values[5] == {1: 1, 2: 1}
    assert (comparison.without_value, comparison.why_without) == (1, {5: "never reached a validation accuracy of 0.9"})
    assert "never reached a validation accuracy of 0.9" in repr(comparison)


def test_metrics_of_curves_are_compared_and_drawn_like_others():
    slow_epochs = {3: (2, 3, 4), 5: (0, 0, 1)}  # before the curve rises
    runs = [
        made([0.5] * slow + [0.8] * (6 - slow), kernel_size=size, epochs=6, seed=seed)
        for size, of_seeds in slow_epochs.items() for seed, slow in enumerate(of_seeds)
    ]  # fmt: skip
    comparison = compare(runs, by="kernel_size", metric="epochs_to_reach:0.8")
    assert [row.mean for row in comparison.levels] == pytest.approx([4, 4 / 3])
    assert comparison.verdicts == {5: "lower"}  # neither direction is better
    for metric in ("epochs_to_reach", "fluctuation", "fluctuation_validation"):
        with pytest.raises(ConfigError, match=f"{metric}.* is that of the whole run, so that at=2 has none"):
            compare(runs, by="kernel_size", metric=f"{metric}:0.8" if metric == "epochs_to_reach" else metric, at=2)
    ax = plot_grid(runs, rows="kernel_size", columns="epochs", metric="epochs_to_reach:0.8")
    assert [text.get_text() for text in ax.texts] == ["4.000", "1.333"]
    unvalidated_runs = [unvalidated(kernel_size=size, seed=seed) for size in (3, 5) for seed in range(3)]
    for metric in ("generalization_gap", "fluctuation_validation", "epochs_to_reach:0.8"):
        with pytest.raises(ConfigError, match=NO_IMAGES):
            compare(unvalidated_runs, by="kernel_size", metric=metric)


def test_a_run_that_did_not_end_has_no_last_epoch():
    names = ("last", "stopped", "best", 2)
    diverged = made([0.5, 0.3], epochs=9, stopped_by="diverged")
    assert [value_at(diverged, "validation_accuracy", at) for at in names] == [None, None, 0.5, 0.3]
    assert value_at(diverged, "seconds", "last") is None
    kept = made([0.5, 0.3], epochs=9, patience=5, stopped_by="diverged")  # patience keeps the best weights
    assert value_at(kept, "validation_accuracy", "stopped") == 0.5
    for why in ("stop", "interrupt"):
        broken = made([0.5, 0.3], epochs=9, patience=5, stopped_by=why)
        assert [value_at(broken, "validation_accuracy", at) for at in names] == [None, None, None, 0.3]
    assert value_at(made([], epochs=9, patience=5, stopped_by="diverged"), "validation_loss", "stopped") is None


def test_a_run_without_validation_images_says_so_and_not_that_it_diverged():
    runs = [unvalidated(kernel_size=size, seed=seed) for size in (3, 5) for seed in range(3)]
    for metric, at in (("validation_accuracy", "last"), ("validation_loss", 1), ("train_loss", "best")):
        for refuses in (compare_settings, lambda runs, **how: compare(runs, by="kernel_size", **how)):
            with pytest.raises(ConfigError) as caught:
                refuses(runs, metric=metric, at=at)
            assert NO_IMAGES in str(caught.value)
            assert "diverged" not in str(caught.value)
    assert compare(runs, by="kernel_size", metric="train_loss").levels[1].seeds == 3
    # a tenth of very few images is none, whatever the experiment says
    few = made(0.5, kernel_size=3)
    few.history.rows[0] = {"epoch": 1, "train_loss": 1.0}
    with pytest.raises(ConfigError, match=NO_IMAGES):
        compare_settings([few])


@pytest.mark.parametrize(
    ("metric", "limits"),
    [
        ("validation_accuracy", (0, 1)),
        ("dead_share", (0, 1)),
        ("relu1.dead_share", (0, 1)),
        ("train_loss", (0, math.inf)),
        ("pool1.scale_change", (0, math.inf)),
        ("epochs_to_reach:0.85", (0, math.inf)),
        ("generalization_gap", (-math.inf, math.inf)),
        ("my.own_number", (-math.inf, math.inf)),
    ],
)
def test_the_possible_range_of_a_metric(metric, limits):
    assert possible_range(metric) == limits
