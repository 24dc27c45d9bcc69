"""Test the numbers at ticks: those of matplotlib, but plainly written, and two of them where there is little room."""

import re

import matplotlib.pyplot as plt
import pytest

from cnnlab.plots.ticks import FarApart, few_ticks, log_scale


@pytest.mark.parametrize(
    "limits", [(1e-6, 1e3), (0.03, 40), (0.11, 1.2), (0.2, 0.9), (1.1, 8), (1e-9, 1e-2), (0.08, 0.7)]
)
def test_a_logarithmic_axis_says_what_matplotlib_says_but_not_as_formulas(limits):
    ours, theirs = plt.subplots(1, 2)[1]
    log_scale(ours)
    theirs.set_yscale("log")
    result = []
    for ax in (ours, theirs):
        ax.set_ylim(limits)
        ax.figure.canvas.draw()
        ticks = {which: ax.get_yticks(minor=which == "minor") for which in ("major", "minor")}
        texts = {which: [text.get_text() for text in ax.get_yticklabels(which=which)] for which in ticks}
        result.append(
            {at: text for which in ticks for at, text in zip(ticks[which], texts[which], strict=True) if text}
        )
    assert result[0].keys() == result[1].keys()
    for at, text in result[0].items():
        power = re.fullmatch(r"\$\\mathdefault\{10\^\{(-?\d+)\}\}\$", result[1][at])
        raised = power and "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] if d != "-" else "⁻" for d in power[1])
        assert text == (raised if raised and limits[1] > 10 * limits[0] else f"{at:.3g}")


def test_an_axis_never_mixes_raised_powers_with_other_numbers():
    _, ax = plt.subplots()
    log_scale(ax)
    ax.set_ylim(0.08, 0.7)
    ax.figure.canvas.draw()
    labels = [text.get_text() for which in ("major", "minor") for text in ax.get_yticklabels(which=which)]
    assert {"0.1", "0.2"} <= {*labels}
    assert not any("10" in label for label in labels)


@pytest.mark.parametrize(
    ("limits", "ticks"),
    [
        ((0.9601, 0.9699), [0.964, 0.968]),
        ((0, 9.7e-5), [0, 8e-5]),
        ((-0.3, 0.2), [-0.25, 0.0]),
        ((-0.6, 0.6), [-0.5, 0.5]),
        ((0.4, 1.0), [0.5, 1.0]),
    ],
)
def test_in_little_room_two_ticks_stand_far_apart(limits, ticks):
    """Ticks are worked out by hand: multiples of the largest round step that has two of them within the limits."""
    places = FarApart(10).tick_values(*limits)
    assert list(places) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("length", "ticks"),
    [
        (200, [3e-5, 6e-5]),  # 3 of 6.4 are 94 points; two numbers of four letters of 5.6 points need 22.4 and 10
        (60, [2e-5, 6e-5]),  # 3 of 6.4 are 28 points, too little; 4 are 37.5
        (45, [1e-5, 7e-5]),  # 4 of 6.4 are 28 points; 6 are 42
        (10, [1e-5, 7e-5]),  # no room at all: the widest
    ],
)
def test_ticks_whose_numbers_would_touch_stand_farther_apart(length, ticks):
    assert list(FarApart(10).tick_values(0.9e-5, 7.3e-5, length)) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("inner", "ticks"),
    [
        (None, [0.9625, 0.9725]),
        # A number has six letters of 5.6 points; 14 points lie between the middles of its first and its last letter. On
        # 72 points of 0.0106, its tick must be 0.00206 from the edge: below 0.97054 at the right, above 0.96406 at the
        # left. Of the step 0.005, 0.965 and 0.97 are too near each other; the next one is 0.0025.
        ("right", [0.9625, 0.97]),
        ("left", [0.965, 0.9725]),
    ],
)
def test_no_number_reaches_over_the_inner_edge(inner, ticks):
    assert list(FarApart(10, inner).tick_values(0.962, 0.9726, 72)) == pytest.approx(ticks)


@pytest.mark.parametrize(("inner", "ticks"), [("right", [-0.6, -0.3, 0, 0.3]), ("left", [-0.3, 0, 0.3, 0.6])])
def test_of_many_ticks_those_are_left_out_whose_number_reaches_over_the_inner_edge(inner, ticks):
    figure, ax = plt.subplots(figsize=(4, 3))
    ax.set_xlim(-0.6, 0.6)
    ax.xaxis.set_major_locator(few_ticks((-0.6, 0.6), 800, 10, inner))
    figure.canvas.draw()
    assert [tick for tick in ax.get_xticks() if abs(tick) < 0.61] == pytest.approx(ticks)
