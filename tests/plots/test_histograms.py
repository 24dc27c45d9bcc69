"""Test that distributions of activations and weights are drawn with their numbers."""

import dataclasses

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.by_layer import ByLayer
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import build_cnn
from cnnlab.plots.histograms import plot_activations, plot_distributions, plot_weights
from cnnlab.plots.style import BINS

IMAGES = torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 10


def bars(ax, place):
    """Return the histograms in the place-th row: of each the heights of the bars, and their edges."""
    return [(patch.get_data().values, patch.get_data().edges) for patch in ax.child_axes[place].patches]


def names(ax):
    return [panel.get_ylabel() for panel in ax.child_axes]


def notes(ax):
    return [text.get_text() for panel in ax.child_axes for text in panel.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def test_each_distribution_stands_below_the_one_before_on_one_scale():
    ax = plot_distributions(
        {"$a": torch.tensor([0.0, 0.0, 0.0, 1.0]), 5: np.array([[3.0, 3.0], [3.0, 1.0]])}, xlabel="w"
    )
    assert names(ax) == ["$a", "5"]
    assert ax.get_xlabel() == "w"
    assert ax.child_axes[0].get_position().y0 > ax.child_axes[1].get_position().y1
    for place, shares in enumerate([{0: 0.75, 1: 0.25}, {3: 0.75, 1: 0.25}]):
        ((heights, edges),) = bars(ax, place)
        assert (edges[0], edges[-1]) == ax.child_axes[place].get_xlim() == (0, 3)
        for value, share in shares.items():
            assert heights[min(BINS - 1, int(value / 3 * BINS))] == share
    ax.figure.canvas.draw()


def test_layers_with_scales_of_their_own_reach_from_their_lowest_to_their_highest_value():
    ax = plot_distributions({"conv1": torch.tensor([-9.0, 1.0]), "fc1": torch.tensor([0.0, 0.01])}, own_scales=True)
    assert [panel.get_xlim() for panel in ax.child_axes] == [(-9, 1), (0, pytest.approx(0.01))]


@pytest.mark.parametrize("own_scales", [True, False])
def test_no_value_is_outside_of_the_bars(own_scales):
    generator = torch.Generator().manual_seed(0)
    layers = {scale: scale * torch.randn(2000, generator=generator) ** 3 for scale in (0.001, 1, 100)}  # long tails
    ax = plot_distributions(layers, own_scales=own_scales)
    for place, values in enumerate(layers.values()):
        ((heights, _),) = bars(ax, place)
        assert round(heights.sum() * len(values)) == 2000
    assert not any(notes(ax))


def test_values_that_are_not_finite_are_counted_at_the_right():
    ax = plot_distributions({"fc1": torch.tensor([1.0, 2.0, float("nan"), float("inf")])})
    assert notes(ax) == ["2 not finite"]
    assert bars(ax, 0)[0][0].sum() == 0.5
    nothing = plot_distributions({"fc1": torch.full((3,), float("nan"))}, zeros=True)
    assert notes(nothing) == ["0% zeros, 3 not finite"]


def test_zeros_are_told_not_drawn():
    values = torch.tensor([0.0, 0.0, 0.0, 2.0, 2.0, 2.5, 3.0, 2.0])
    ax = plot_distributions({"relu1": values}, zeros=True)
    assert notes(ax) == ["38% zeros"]
    ((heights, edges),) = bars(ax, 0)
    assert edges[0] == 0  # the axis begins where the zeros would stand
    assert heights[edges[1:] < 1.9].sum() == 0
    assert heights.sum() == 5 / 8  # with the zeros: all values
    assert notes(plot_distributions({"relu1": torch.zeros(5)}, zeros=True)) == ["100% zeros"]


def test_activations_of_a_capture_of_statistics_and_of_one_tensor():
    model = build_cnn()
    with capture(model, nn.ReLU) as seen:
        model(IMAGES)
    ax = plot_activations(seen)
    assert names(ax) == ["relu1", "relu2", "relu_fc1"]
    assert [panel.get_xlim()[1] for panel in ax.child_axes] == pytest.approx([float(seen[name].max()) for name in seen])
    assert names(plot_activations(seen["relu1"])) == [""]
    result = activation_statistics(model, IMAGES, layers=nn.ReLU)
    ax = plot_activations(result)
    assert notes(ax) == [f"{row.zeros:.0%} zeros, {row.dead} of {row.units} dead" for row in result.values()]
    for place, row in enumerate(result.values()):
        ((heights, _),) = bars(ax, place)
        assert round(heights.sum() * len(row.sample)) == (row.sample != 0).sum()
    assert legend(ax) == []


def test_activations_of_two_networks_share_the_axis_of_each_layer():
    small, large = build_cnn(seed=0), build_cnn(seed=1, channels=(8,))
    with torch.no_grad():
        large.conv1.weight.mul_(50)
    seen = {name: activation_statistics(model, IMAGES, layers=nn.ReLU) for name, model in (("$s", small), (5, large))}
    ax = plot_activations(seen)
    assert names(ax) == ["relu1", "relu2", "relu_fc1"]
    assert legend(ax) == ["$s", "5"]
    (first, edges), (second, same_edges) = bars(ax, 0)
    assert list(edges) == list(same_edges)
    assert edges[-1] == pytest.approx(max(seen[name]["relu1"].sample.max() for name in seen))
    for heights, layers in ((first, seen["$s"]), (second, seen[5])):
        assert round(heights.sum() * len(layers["relu1"].sample)) == (layers["relu1"].sample != 0).sum()
    assert len(bars(ax, 1)) == 1  # the second network has one convolution
    ax.figure.canvas.draw()


def test_weights_now_and_then_share_the_axis_of_their_layer():
    model, start = build_cnn(seed=0), build_cnn(seed=0)
    with torch.no_grad():
        model.fc1.weight.mul_(3)
    result = weight_distributions(model, start)
    ax = plot_weights(result)
    assert names(ax) == ["conv1", "conv2", "fc1", "logits"]
    assert [note for note in notes(ax) if note] == [f"changed by {change}" for change in ("0%", "0%", "200%", "0%")]
    assert legend(ax) == ["now", "before training"]
    for place, (name, row) in enumerate(result.items()):
        (now, edges), (before, same_edges) = bars(ax, place)
        assert list(edges) == list(same_edges)
        assert (edges[0], edges[-1]) == (row.values.min(), row.values.max())
        assert round(now.sum() * row.count) == round(before.sum() * row.count) == row.count  # none is outside
        assert (list(now) == list(before)) == (name != "fc1")
    assert [len(bars(plot_weights(weight_distributions(model)), place)) for place in range(4)] == [1] * 4


def network(seed, **factors):
    """Return a network with the weights of some layers multiplied by a factor."""
    model = build_cnn(seed=seed)
    with torch.no_grad():
        for layer, factor in factors.items():
            getattr(model, layer).weight.mul_(factor)
    return model


def weights_of(model):
    return weight_distributions(model, build_cnn(seed=0))


def activations_of(model):
    return activation_statistics(model, IMAGES, layers=nn.ReLU)


@pytest.mark.parametrize(("plot", "measured"), [(plot_weights, weights_of), (plot_activations, activations_of)])
def test_a_layer_has_the_same_scales_in_axes_beside_each_other(plot, measured):
    sides = [measured(network(0, conv1=20)), measured(network(1, fc1=5))]
    axes = [plot(side, beside=sides) for side in sides]
    alone = [plot(side) for side in sides]
    for place, (left, right) in enumerate(zip(*(ax.child_axes for ax in axes), strict=True)):
        assert left.get_xlim() == right.get_xlim()
        assert left.get_ylim() == right.get_ylim()
        ends = [ax.child_axes[place].get_xlim() for ax in alone]
        assert left.get_xlim() == (min(low for low, _ in ends), max(high for _, high in ends))
        (heights, edges), *_ = bars(axes[0], place)
        (other_heights, same_edges), *_ = bars(axes[1], place)
        assert list(edges) == list(same_edges)  # or a bar of the same height would be another share
        assert max(*heights, *other_heights) < left.get_ylim()[1]
    assert alone[0].child_axes[0].get_xlim() != alone[1].child_axes[0].get_xlim()


def test_weights_after_several_epochs_share_the_axis_of_their_layer():
    start, model = build_cnn(seed=0), build_cnn(seed=0)
    with torch.no_grad():
        model.conv1.weight.mul_(4)
    ax = plot_weights({epoch: weight_distributions(network, start) for epoch, network in ((0, start), (5, model))})
    assert legend(ax) == ["0", "5"]
    assert notes(ax)[:2] == ["changed by 0%", "changed by 300%"]
    (first, edges), (last, _) = bars(ax, 0)
    assert edges[-1] == pytest.approx(float(model.conv1.weight.detach().max()))
    assert round(first.sum() * 200) == round(last.sum() * 200) == 200


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (lambda: plot_distributions({}), "wants a dict of name: numbers"),
        (lambda: plot_weights({}), "wants what weight_distributions gives, got an empty dict"),
        (lambda: plot_activations([1]), "wants what capture or activation_statistics gives, got list"),
        (lambda: plot_weights(gradient_flow(build_cnn(), IMAGES, LABELS)), "wants what weight_distributions gives"),
    ],
)
def test_what_is_not_there_is_said(plot, words):
    with pytest.raises(ConfigError, match=words):
        plot()


def texts_of(ax):
    """Return (text, box) of the words of a plot of histograms."""
    texts = [text for panel in ax.child_axes for text in (panel.yaxis.label, *panel.texts, *panel.get_xticklabels())]
    texts = [text for text in (*texts, ax.xaxis.label, ax.title) if text.get_text()]
    return [(text.get_text(), text.get_window_extent()) for text in texts]


def layers(dead, zeros=0.75):
    """Activations of three layers, of which a share is zero and so many of 32 units are dead."""
    real = activation_statistics(build_cnn(), IMAGES, layers="relu_fc1")["relu_fc1"]
    sample = np.concatenate([np.zeros(30), np.arange(1.0, 11.0)])
    layer = dataclasses.replace(real, sample=sample, zeros=zeros, dead=dead, units=32)
    return ByLayer(dict.fromkeys(("relu1", "relu2", "relu_fc1"), layer))


@pytest.mark.parametrize("draw", [
    lambda ax: plot_activations(layers(15), ax=ax),
    lambda ax: plot_activations({"5 epochs": layers(15), "100 epochs": layers(0)}, ax=ax),
    lambda ax: plot_weights(weight_distributions(build_cnn(), build_cnn(seed=1)), ax=ax),
    lambda ax: plot_distributions({f"epoch {n}": torch.arange(5.0) for n in range(6)}, zeros=True, ax=ax),
])  # fmt: skip
def test_of_two_plots_beside_each_other_the_histograms_have_the_whole_width(draw):
    figure, axes = plt.subplots(1, 2, figsize=(5.4, 5), layout="constrained")
    for ax in axes:
        draw(ax).set_title("a title")
    figure.canvas.draw()
    half = figure.bbox.width / 2
    for ax in axes:
        panels = [panel.get_window_extent() for panel in ax.child_axes]
        assert all(panel.width > 0.85 * half for panel in panels)
        assert all(panel.height > 14 for panel in panels)  # pixels
        words = texts_of(ax)
        assert overlaps(words) == []
        assert [word for word, box in words for panel in panels if shared(box, panel)] == []


def shared(first, second):
    box = matplotlib.transforms.Bbox.intersection(first, second)
    return box is not None and box.width > 1 and box.height > 1


def overlaps(boxes):
    return [(a, b) for place, (a, first) in enumerate(boxes) for b, second in boxes[:place] if shared(first, second)]


def test_sides_of_different_notes_have_histograms_of_one_height():
    figure, axes = plt.subplots(1, 2, figsize=(5.4, 5), layout="constrained")
    sides = [layers(15), layers(0, zeros=0.0)]
    for ax, side in zip(axes, sides, strict=True):
        plot_activations(side, beside=sides, ax=ax)
    figure.canvas.draw()
    heights = [[round(panel.get_window_extent().height) for panel in ax.child_axes] for ax in axes]
    assert heights[0] == heights[1]
    assert [note for note in notes(axes[0]) if note] == ["75% zeros, 15 of 32 dead"] * 2 + ["75% zeros,\n15 of 32 dead"]
