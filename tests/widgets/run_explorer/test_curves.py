"""Test the curves of RunExplorer: losses, gradient flow and distributions of two runs."""

import numpy as np
import pytest
import torch
from two_runs import BASE, train

from cnnlab import RunExplorer, TrainingPanel
from cnnlab.plots.style import BINS
from cnnlab.widgets.run_explorer.curves import NOT_RECORDED


def test_before_training_there_is_no_loss_and_no_gradient(panel):
    panel.epoch.value = 0
    assert panel.plot.label.endswith("after epoch 0: untrained")
    assert [len(line.get_xdata()) for line in panel._curves._flow] == [0, 0]
    assert panel.status.value.startswith("After epoch 0: pooling=max reads ")


def test_the_zeros_after_a_relu_are_told_and_not_drawn(panel, trained):
    with torch.no_grad():
        values = trained[0].model(2)[:2](trained[0].experiment.load_data().validation.images[:100])
    text = f"first: {float((values == 0).float().mean()):.0%} zeros"
    assert panel._curves._activation_notes[0].get_text() == text
    counts, _ = np.histogram(values[values != 0], panel._curves._edges)
    assert counts.sum() == (values != 0).sum()  # none is outside
    assert list(panel._curves._activations[0].get_ydata()) == pytest.approx(counts / counts.max())


def test_the_bars_reach_over_the_first_and_the_last_epoch_of_both_runs(panel, trained):
    with torch.no_grad():
        weights = torch.cat([run.model(epoch).conv1.weight.flatten() for run in trained for epoch in (0, 2)])
    edges = panel._curves._weight_edges
    assert (edges[0], edges[-1]) == pytest.approx((float(weights.min()), float(weights.max())))


def test_values_outside_of_the_bars_are_counted_and_told(panel, trained):
    curves = panel._curves
    curves._edges = curves._weight_edges = np.linspace(-0.05, 0.05, BINS + 1)
    curves._counts.clear()
    curves.move_to(2)
    model = trained[1].model(2)
    with torch.no_grad():
        values = model[:2](trained[1].experiment.load_data().validation.images[:100])
        weights = model.conv1.weight
    too_high = int((values > 0.05).sum())
    assert too_high > 1000
    zeros = f"{float((values == 0).float().mean()):.0%} zeros"
    assert curves._activation_notes[1].get_text() == f"second: {zeros}, {too_high:,} outside"
    outside = int((weights.abs() > 0.05).sum())
    assert curves._weight_notes[1].get_text() == f"second: {outside} outside"


def test_the_words_for_missing_insides_name_the_box_to_tick():
    panel = TrainingPanel(BASE)
    assert panel.insides.description in NOT_RECORDED.replace("\n", " ")
    panel.close()


def test_the_legend_says_which_run_diverged():
    sound, blown = train(BASE), train(BASE.replace(pooling="avg"))
    blown.history.rows[-1]["train_loss"] = 1e6  # finite, and far above 1,000 times the loss of a guess
    panel = RunExplorer([sound, blown])
    legend = panel.plot.figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["first run", "second: diverged"]
    panel.close()


def test_words_and_legend_of_a_short_training_without_insides_hide_nothing():
    panel = RunExplorer([train(BASE), train(BASE.replace(pooling="avg"))])
    losses, flow = panel.plot.figure.axes
    (words,) = flow.texts
    extent, room = words.get_window_extent(), flow.get_window_extent()
    assert words.get_text() == NOT_RECORDED
    assert room.x0 <= extent.x0 < extent.x1 <= room.x1
    assert room.y0 <= extent.y0 < extent.y1 <= room.y1
    legend = losses.get_legend().get_window_extent()
    for line in losses.lines[:2]:
        points = losses.transData.transform(line.get_xydata())
        assert not any(legend.contains(*point) for point in points)
    panel.close()


def test_networks_of_unequal_depth_have_each_layer_at_its_own_place(trained):
    shallow = train(BASE.replace(channels=(4,)), insides=True)
    panel = RunExplorer([shallow, trained[0]])
    assert panel._curves._layers == ["conv1", "conv2", "fc1", "logits"]
    row = shallow.history.rows[1]
    places, norms = panel._curves._flow[0].get_data()
    assert list(places) == [0, 2, 3]
    assert list(norms) == [row[f"{name}.gradient_norm"] for name in ("conv1", "fc1", "logits")]
    panel.close()
