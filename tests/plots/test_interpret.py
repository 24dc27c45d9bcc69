"""Test that measurements from inside a network are drawn with their numbers."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow, weight_distributions
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.interpret import (
    plot_activations,
    plot_distributions,
    plot_gradient_flow,
    plot_insides,
    plot_weights,
)
from cnnlab.training.history import History

IMAGES = torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 10


def heights(ax, place):
    """Return the outline of the place-th filled ridge: x and y."""
    path = ax.collections[place].get_paths()[0].vertices
    return path[:, 0], path[:, 1]


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_each_distribution_stands_below_the_one_before_on_one_scale():
    ax = plot_distributions(
        {"$a": torch.tensor([0.0, 0.0, 0.0, 1.0]), 5: np.array([[3.0, 3.0], [3.0, 1.0]])}, xlabel="w"
    )
    assert names(ax) == ["$a", "5"]
    assert ax.get_xlabel() == "w"
    for place, peak in enumerate([0.0, 3.0]):
        x, y = heights(ax, place)
        assert y.min() == -place
        assert y.max() == pytest.approx(-place + 0.8)
        assert abs(x[y.argmax()] - peak) < 0.15
    ax.figure.canvas.draw()


def test_zeros_are_told_not_drawn():
    values = torch.tensor([0.0, 0.0, 0.0, 2.0, 2.0, 2.5, 3.0, 2.0])
    ax = plot_distributions({"relu1": values}, zeros=True)
    assert [text.get_text() for text in ax.texts] == ["38% zeros"]
    x, _ = heights(ax, 0)
    assert x.min() > 1.9
    everything_zero = plot_distributions({"relu1": torch.zeros(5)}, zeros=True)
    assert [text.get_text() for text in everything_zero.texts] == ["100% zeros"]


def test_activations_of_a_capture_of_statistics_and_of_one_tensor():
    model = build_cnn()
    with capture(model, nn.ReLU) as seen:
        model(IMAGES)
    assert names(plot_activations(seen)) == ["relu1", "relu2", "relu_fc1"]
    assert names(plot_activations(seen["relu1"])) == [""]
    result = activation_statistics(model, IMAGES, layers=nn.ReLU)
    texts = [text.get_text() for text in plot_activations(result).texts]
    assert texts[:3] == [f"{np.mean(row.sample == 0):.0%} zeros" for row in result.values()]
    assert texts[3:] == [f"{row.dead} of {row.units} dead" for row in result.values()]


def test_weights_now_and_then_share_their_bins():
    model, start = build_cnn(seed=0), build_cnn(seed=0)
    with torch.no_grad():
        model.fc1.weight.mul_(3)
    ax = plot_weights(weight_distributions(model, start))
    assert names(ax) == ["conv1", "conv2", "fc1", "logits"]
    assert [text.get_text() for text in ax.texts] == [f"changed by {change}" for change in ("0%", "0%", "200%", "0%")]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["now", "before training"]
    for place, line in enumerate(ax.lines):
        _, y = heights(ax, place)
        same = set(np.round(y, 6)) == set(np.round([-place, *line.get_ydata()], 6))
        assert same == (place != 2)
    assert len(plot_weights(weight_distributions(model)).lines) == 0


@pytest.mark.parametrize("number", ["norm", "mean", "maximum", "ratio", "update_ratio"])
def test_the_flow_is_drawn_by_layer_on_a_log_scale(number):
    model = build_cnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flow = gradient_flow(model, IMAGES, LABELS, batch_size=10, optimizer=optimizer)
    ax = plot_gradient_flow(flow, number)
    assert ax.get_yscale() == "log"
    means = ax.lines[-1]
    assert list(means.get_xdata()) == list(flow)
    assert means.get_ydata() == pytest.approx([getattr(row, number) for row in flow.values()])
    if number in ("norm", "ratio", "update_ratio"):
        assert ax.lines[0].get_ydata() == pytest.approx(flow["conv1"].each[number])
    ax.figure.canvas.draw()
    both = plot_gradient_flow({"one": flow, "$two": flow}, number)
    assert [text.get_text() for text in both.get_legend().get_texts()] == ["one", "$two"]


def test_a_gradient_of_zero_leaves_a_gap_and_the_others_are_drawn():
    model = build_cnn()
    with torch.no_grad():
        model.logits.weight.zero_()  # nothing flows back through it
    ax = plot_gradient_flow(gradient_flow(model, IMAGES, LABELS))
    drawn = ax.lines[-1].get_ydata()
    assert np.isnan(drawn[:3]).all()
    assert drawn[3] > 0
    ax.figure.canvas.draw()


def made(number="update_ratio"):
    rows = [
        {"epoch": epoch, "train_loss": 1.0, f"conv1.{number}": 0.1 / epoch}
        | ({f"fc1.{number}": 0.2} if epoch % 2 else {})
        for epoch in range(1, 6)
    ]
    return History({"epochs": 5, "patience": None}, {}, rows)


def test_the_insides_are_drawn_over_the_epochs():
    ax = plot_insides(made())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["conv1", "fc1"]
    assert list(ax.lines[0].get_xdata()) == [1, 2, 3, 4, 5]
    assert ax.lines[0].get_ydata() == pytest.approx([0.1, 0.05, 0.1 / 3, 0.025, 0.02])
    assert list(ax.lines[1].get_xdata()) == [1, 3, 5]
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "update / weights")
    assert plot_insides(made("dead_share"), "dead_share").get_yscale() == "linear"


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (lambda: plot_distributions({}), "wants a dict of name: numbers"),
        (lambda: plot_activations([1]), "wants what capture or activation_statistics gives, got list"),
        (lambda: plot_weights(gradient_flow(build_cnn(), IMAGES, LABELS)), "wants what weight_distributions gives"),
        (lambda: plot_gradient_flow(weight_distributions(build_cnn())), "wants what gradient_flow gives"),
        (
            lambda: plot_gradient_flow(gradient_flow(build_cnn(), IMAGES, LABELS), "nrm"),
            "unknown number 'nrm'; did you",
        ),
        (
            lambda: plot_gradient_flow(gradient_flow(build_cnn(), IMAGES, LABELS), "update_ratio"),
            "no update_ratio here; give gradient_flow the optimizer",
        ),
        (lambda: plot_insides([1]), "wants a History, got list"),
        (lambda: plot_insides(made(), "dead_share"), "conv1.dead_share was not recorded in these runs"),
        (lambda: plot_insides(made(), "update"), "unknown number 'update'"),
    ],
)
def test_what_is_not_there_is_said(plot, words):
    with pytest.raises(ConfigError, match=words):
        plot()
