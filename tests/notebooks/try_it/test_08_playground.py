"""What a student finds who does the *Try it* of notebook 08."""

import math

import pytest
from notebook_code import run_cells

from cnnlab import build_cnn, count_parameters, noise_floor

NAME = "08_playground"
PANEL = ["question", "panel", "train-twin"]


def panel_with(question='"pooling", ["max", "avg"]', only=PANEL, guess=("...", "..."), **controls):
    """Run the cells with controls set before the training, and return the page."""
    settings = "\n".join(f"panel.{name}.value = {value!r}" for name, value in controls.items())
    changes = {
        "question": [
            ('"pooling", ["max", "avg"]', question),
            ("my_guess, my_confidence = ..., ...", f"my_guess, my_confidence = {', '.join(guess)}"),
        ],
        "train-twin": [("panel.seeds.value = 3", f"panel.seeds.value = 3\n{settings}")],
    }
    return run_cells(NAME, changes, only=only)


def test_1_a_question_of_ones_own_is_answered_and_scored():
    only = [*PANEL, "score", "guesses"]
    page = panel_with('"dropout", [0.0, 0.4]', only, ('"cannot tell"', "0.5"), epochs=3)
    assert page.values["question"] == "Written down: cannot tell (50 % sure)."
    assert page.names["comparison"].verdicts[0.4] != "better"
    assert page.values["score"].startswith("Your guess: cannot tell (50 % sure). ")
    assert "Right" not in page.values["score"]  # three seeds could not have told
    assert list(page.values["guesses"].predictions) == [page.names["my_question"]]


def test_2_sgd_at_a_rate_of_1_diverges_with_momentum_and_not_without():
    controls = {"optimizer": "sgd", "learning_rate": 1.0}
    page = panel_with('"momentum", [0.9, 0.0]', **controls)
    heavy, plain = (page.names["panel"].runs.filter(momentum=momentum) for momentum in (0.9, 0.0))
    assert any(run.history.stopped_by == "diverged" or max(run.history["train_loss"]) > 1000 for run in heavy)
    assert all(run.history.stopped_by == "epochs" for run in plain)
    accuracies = [run.history["validation_accuracy"][-1] for run in plain]
    assert max(accuracies) < 0.4
    assert math.log(10) == pytest.approx(2.3, abs=0.01)  # the loss of guessing
    assert all(math.isfinite(loss) for run in plain for loss in run.history["train_loss"])


def test_3_the_noise_floor_of_100_images_is_much_larger():
    page = panel_with('"train_size", [100, 2000]')
    floors = [noise_floor(page.names["panel"].runs.filter(train_size=size)) for size in (100, 2000)]
    assert floors[0] > 5 * floors[1]


def test_4_a_small_network_classifies_nine_of_ten_digits():
    assert count_parameters(build_cnn(channels=(4, 8, 16), hidden=16)) == 3_994
    # An epoch of 5 is enough here; the answer has 5.
    settings = {"channels": "4, 8, 16", "hidden": 16, "learning_rate": 0.003, "epochs": 3, "seeds": 1}
    page = panel_with('"train_size", [5000]', **settings)
    (run,) = page.names["panel"].runs
    assert run.history["validation_accuracy"][-1] >= 0.88
