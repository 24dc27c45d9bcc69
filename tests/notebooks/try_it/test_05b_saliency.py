"""Do each *Try it* of notebook 05b as a student would."""

import re

import numpy as np
from notebook_code import run_cells

NOTEBOOK = "05b_saliency"
SCORE = 'score_guess("05b-correlation", {name: checks["gradient_x_input"].means[name] for name in my_guess})'
SHORT = [("epochs=30", "epochs=1"), ("assert by_heart > 0.5", "")]  # the network with shuffled labels is not asked


def check_maps(*changes):
    """Run the cells up to the check with changes in the cell check-maps, and return the checks."""
    cells = ["network", "wrong", "check", "check-maps"]
    page = run_cells(NOTEBOOK, {"check": SHORT, "check-maps": [(SCORE, ""), *changes]}, only=cells)
    return page.names["checks"]


def test_occlusion_depends_more_on_what_was_learnt_than_grad_cam():
    checks = check_maps(('("gradient", "gradient_x_input")', '("occlusion", "grad_cam")'))
    occlusion, grad_cam = checks["occlusion"].means, checks["grad_cam"].means
    assert 0.55 < occlusion["another seed"] < 0.7  # about 0.6
    assert 0.25 < occlusion["random weights"] < 0.42  # about 0.3
    assert grad_cam["another seed"] < 0.2
    assert grad_cam["random weights"] < 0.15  # about 0.1
    assert np.isnan(checks["grad_cam"].correlation["another seed"]).any()
    assert re.search(r"another seed: 0\.\d\d \(\d+ left out\)", repr(checks["grad_cam"]))
    assert "its map is all zero" in repr(checks["grad_cam"])


def test_another_draw_of_the_weights_moves_little():
    for seed in (1, 2):
        checks = check_maps(("another_seed=another", f"another_seed=another, seed={seed}"))
        gradient, times_image = checks["gradient"].means, checks["gradient_x_input"].means
        assert 0.05 < gradient["random weights"] < 0.15 < gradient["another seed"]
        assert 0.25 < times_image["random weights"] < 0.35 < times_image["another seed"]
