"""Test that the flow of gradients and the insides over the epochs are drawn with their numbers."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch

from cnnlab.errors import ConfigError
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.flow import plot_gradient_flow, plot_insides
from cnnlab.training.history import History

IMAGES = torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 10


@pytest.mark.parametrize(
    "number", ["gradient_norm", "gradient_mean", "gradient_maximum", "gradient_ratio", "update_ratio"]
)
def test_the_flow_is_drawn_by_layer_on_a_log_scale(number):
    model = build_cnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flow = gradient_flow(model, IMAGES, LABELS, batch_size=10, optimizer=optimizer)
    ax = plot_gradient_flow(flow, number)
    assert ax.get_yscale() == "log"
    means = ax.lines[-1]
    assert list(means.get_xdata()) == list(flow)
    assert means.get_ydata() == pytest.approx([getattr(row, number) for row in flow.values()])
    if number in ("gradient_norm", "gradient_ratio", "update_ratio"):
        assert ax.lines[0].get_ydata() == pytest.approx(flow["conv1"].each_batch[number])
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
        (lambda: plot_gradient_flow(weight_distributions(build_cnn())), "wants what gradient_flow gives"),
        (
            lambda: plot_gradient_flow(gradient_flow(build_cnn(), IMAGES, LABELS), "gradient_nrm"),
            "unknown number 'gradient_nrm'; did you",
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
