"""Test the style that all figures share."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab.plots.colours import colour_map, inner_limits
from cnnlab.plots.descent import look_of
from cnnlab.plots.style import (
    BINS,
    DASHES,
    MARKS,
    PALETTE,
    axis_label,
    bin_edges,
    legend_below,
    limits_within,
    line_look,
    look_of_level,
    plain_legend,
)


def test_ten_lines_have_ten_colours_and_every_look_can_be_told_apart():
    looks = [line_look(place) for place in range(10)]
    assert [look["color"] for look in looks] == PALETTE
    assert [look["marker"] for look in looks[:8]] == list(MARKS)
    assert [look["linestyle"] for look in looks[:6]] == DASHES
    assert line_look(10) == looks[0] | {"marker": MARKS[2], "linestyle": DASHES[4]}


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("validation_loss", "validation loss (nats)"),
        ("train_accuracy", "train accuracy (0–1)"),
        ("conv1.gradient_norm", "conv1: gradient norm"),
        ("update_ratio", "update / weights"),
        ("seconds", "seconds"),
        ("my.own_number", "my.own_number"),
    ],
)
def test_the_label_of_an_axis_has_the_unit_of_its_metric(metric, label):
    assert axis_label(metric) == label


def test_bins_go_from_the_lowest_to_the_highest_value():
    values = np.array([0.0, 3.0, 1.0, 10_000.0, -2.0])
    assert bin_edges(values) == pytest.approx(np.linspace(-2, 10_000, BINS + 1))
    assert bin_edges(np.array([1.0, np.nan, np.inf, 5.0]))[[0, -1]].tolist() == [1, 5]
    assert bin_edges(np.full(3, 2.0))[[0, -1]].tolist() == [2, 3]  # equal values
    assert bin_edges(np.zeros(0))[[0, -1]].tolist() == [0, 1]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("panels", [1, 3])
def test_a_legend_below_covers_neither_data_nor_labels(count, panels):
    figure, axes = plt.subplots(1, panels, figsize=(9, 3), squeeze=False, layout="constrained")
    for ax in axes.flat:
        for place in range(count):
            ax.plot([0, 1], [place, 1], label=f"update_ratio of the setting {place}", **line_look(place))
        ax.set(xlabel="epoch", title="a title, which stands above")
        legend_below(ax)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    legends = [ax.get_legend().get_window_extent(renderer) for ax in axes.flat]
    boxes = [ax.get_window_extent(renderer) for ax in axes.flat]
    labels = [ax.xaxis.label.get_window_extent(renderer) for ax in axes.flat]
    for legend in legends:
        assert not any(legend.overlaps(box) for box in (*boxes, *labels))
        assert 0 <= legend.x0 < legend.x1 <= figure.bbox.width
        assert legend.y0 >= 0
    assert not any(first.overlaps(other) for first, other in itertools.combinations(legends, 2))


def test_light_is_better_in_every_picture():
    assert [colour_map(metric) for metric in ("validation_accuracy", "train_accuracy")] == ["viridis"] * 2
    assert [colour_map(metric) for metric in ("validation_loss", "seconds")] == ["viridis_r"] * 2
    of_curves = ("generalization_gap", "epochs_to_reach:0.9", "fluctuation", "fluctuation_validation")
    assert [colour_map(metric) for metric in of_curves] == ["viridis_r"] * 4
    insides = ("dead_share", "relu1.activation_scale", "my_gap")  # light is higher
    assert [colour_map(metric) for metric in insides] == ["viridis"] * 3


def test_the_limits_of_colours_leave_out_what_lies_far_from_the_others():
    # Quartiles 2 and 4; 1.5 × (4 − 2) beyond them are −1 and 7
    assert inner_limits(np.array([1.0, 2.0, 3.0, 4.0, 50.0, np.nan])) == (1, 4)
    assert inner_limits(np.array([-9.0, 2.0, 3.0, 4.0, 7.0])) == (2, 7)
    assert inner_limits(np.array([[1.0, 1.0], [1.0, 1.0]])) == (1, 1)


def test_limits_have_room_but_not_beyond_the_possible():
    assert limits_within([2.0, 3.0], -np.inf, np.inf) == pytest.approx((1.92, 3.08))
    assert limits_within([0.01, 1.0], 0.0, 1.0) == (0.0, 1.0)
    assert limits_within([1.0, 1.0], 0.0, 1.0) == (0.95, 1.0)  # equal values
    assert limits_within([0.0], 0.0, np.inf) == (0.0, 0.05)


def test_a_name_in_a_legend_is_no_formula():
    _, ax = plt.subplots()
    ax.plot([0], [0], label=r"a $\frac{$ folder")  # matplotlib cannot read this formula
    legend = plain_legend(ax, frameon=False)
    ax.figure.canvas.draw()
    assert [text.get_text() for text in legend.get_texts()] == [r"a $\frac{$ folder"]


def test_an_optimizer_looks_as_its_path_does_and_other_levels_by_their_place():
    for level, path in (("sgd", "SGD"), ("rmsprop", "RMSprop"), ("adam", "Adam")):
        path_look = {option: look_of(path)[option] for option in ("color", "marker", "linestyle")}
        assert [look_of_level("optimizer", level, place) for place in range(3)] == [path_look] * 3
    assert look_of_level("pooling", "sgd", 5) == line_look(5)
