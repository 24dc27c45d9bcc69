"""A verdict that a student reads off a picture, and experiments that she plans."""

import pytest

from cnnlab import Experiment, grid
from cnnlab.comparison.verdicts import BETTER, CANNOT_TELL, WORSE, Level
from cnnlab.course.plans import EXCLUDES_ZERO, HOLDS_ZERO, SIDE, wrong_plan, wrong_verdict


@pytest.mark.parametrize(
    ("answer", "right", "words"),
    [
        (BETTER, BETTER, None),
        (WORSE, BETTER, SIDE),
        (CANNOT_TELL, BETTER, EXCLUDES_ZERO),
        (BETTER, WORSE, SIDE),
        (WORSE, WORSE, None),
        (CANNOT_TELL, WORSE, EXCLUDES_ZERO),
        (BETTER, CANNOT_TELL, HOLDS_ZERO),
        (WORSE, CANNOT_TELL, HOLDS_ZERO),
        (CANNOT_TELL, CANNOT_TELL, None),
    ],
)
def test_each_wrong_verdict_is_told_where_to_look(answer, right, words):
    assert wrong_verdict(answer, Level("avg", 5, 0.9, verdict=right)) == words


def test_a_plan_by_pooling():
    def said(**lists):
        wanted = {pooling: {"dataset": "mnist"} for pooling in ("max", "avg")}
        return wrong_plan(grid(Experiment(), **lists), by="pooling", wanted=wanted)

    assert said(pooling=["max", "avg"], seed=range(5)) is None
    assert said(pooling=["max", "avg"], padding=["valid"], seed=range(5)) is None  # the same at both levels
    assert said(pooling=["max", "avg"], seed=range(4)).startswith("Too few seeds: 4.")
    assert said(pooling=["max"], seed=range(5)) == "There is no experiment with pooling='avg'."
    assert said(pooling=["max", "avg", "none"], seed=range(5)) == "pooling='none' is not part of the question."
