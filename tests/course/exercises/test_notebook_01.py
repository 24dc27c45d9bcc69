"""The exercises of notebook 01, with right answers, and with wrong ones that students give."""

import pytest
from exercise_cases import Case, run_case

CASES = {
    "01-output-size": Case(
        right=[26, 26.0],
        wrong=[
            (28, "with padding"),
            (25, "off by one"),
            (27, "one pixel in all"),
            (24, "A kernel of 5"),
            (676, "number of all pixels"),
            (14, "too small"),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])
