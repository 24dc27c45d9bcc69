"""Do each *Try it* of notebook 04 as a student would."""

import pytest
from notebook_code import run_cells

NOTEBOOK = "04_optimizers"
OWN = ["step", "surface", "paths", "surface-plot", "shared", "sweep", "sweep-facts", "own"]  # and what they need


def test_after_40_epochs_plain_sgd_and_adam_classify_as_many_correctly():
    """Plain SGD and Adam, one seed: no verdicts here; the answer's come from all four settings and ten seeds."""
    changes = {
        "own": [("[4, 12]", "[4, 12, 40]"), ("range(100, 110)", "[100]"), ("in settings for", "in settings[::2] for")]
    }
    page = run_cells(NOTEBOOK, changes, only=OWN)
    accuracies = page.names["own"].filter(epochs=40).to_frame().validation_accuracy
    assert accuracies.tolist() == pytest.approx([0.93, 0.93], abs=0.03)


def test_the_loop_that_prints_the_verdicts_takes_40_epochs():
    changes = {
        "own": [("[4, 12]", "[4, 12, 5]"), ("range(100, 110)", "range(100, 102)")],  # 5 for 40: it trains in seconds
        "own-facts": [("(4, 12)", "(4, 12, 5)")],
    }
    page = run_cells(NOTEBOOK, changes, only=[*OWN, "own-plot", "own-facts"])
    assert page.printed["own-facts"].count("5 epochs, ") == 3


def test_sgd_flies_out_of_the_ravine_at_a_rate_of_2_1():
    page = run_cells(
        NOTEBOOK, {"paths": [("lr=1.5", "lr=2.1")]}, only=["step", "surface", "paths", "surface-plot", "surface-facts"]
    )
    across = page.names["paths"]["SGD"][:, 1]
    assert (across[1:] / across[:-1]).tolist() == pytest.approx([-1.1] * 60)  # each step: the other wall, farther
    assert page.printed["surface-facts"].splitlines()[0].endswith("SGD: loss at the start 3.15; under a hundredth of "
                                                                  "that since step never")  # fmt: skip


def test_with_weight_decay_all_is_trained_anew_and_the_order_stays():
    """Three rates, one seed, four epochs."""
    store = ', store=bank("optimizers")'
    changes = {
        "shared": [("epochs=4)", "epochs=4, weight_decay=0.01)"), (store, ""), ("range(5)", "[0]")],
        "sweep": [(store, ""), ("range(3)", "[0]"), ("range(5)", "(1, 2, 4)")],
        "own": [(store, ""), ("range(3)", "[0]"), ("[4, 12]", "[4]"), ("range(100, 110)", "[100]")],
    }
    page = run_cells(NOTEBOOK, changes, only=OWN)
    runs = page.names["own"]
    assert {run.experiment.weight_decay for run in runs} == {0.01}
    accuracy = runs.to_frame().groupby(["optimizer", "momentum"]).validation_accuracy.mean()
    assert accuracy["adam", 0.0] > accuracy["rmsprop", 0.0] > accuracy["sgd", 0.0]
