"""Test the curves of RunExplorer: losses, gradient flow and distributions of two runs."""

import numpy as np
import pytest
import torch
from two_runs import BASE, train

from cnnlab import RunExplorer, TrainingPanel
from cnnlab.widgets.run_explorer.curves import NOT_RECORDED


def test_before_training_there_is_no_loss_and_no_gradient(panel):
    panel.epoch.value = 0
    assert panel.plot.label.endswith("after epoch 0: untrained")
    assert [len(line.get_xdata()) for line in panel._curves._flow] == [0, 0]
    assert panel.status.value.startswith("After epoch 0: pooling=max reads ")


def test_the_zeros_behind_a_relu_are_told_and_not_drawn(panel, trained):
    with torch.no_grad():
        values = trained[0].model(2)[:2](trained[0].experiment.load_data().validation.images[:100])
    text = f"pooling=max: {float((values == 0).float().mean()):.0%} zeros"
    assert panel._curves._zeros[0].get_text() == text
    counts, _ = np.histogram(values[values != 0], panel._curves._edges)
    assert list(panel._curves._activations[0].get_ydata()) == pytest.approx(counts / counts.max())


def test_the_words_for_missing_insides_name_the_box_to_tick():
    panel = TrainingPanel(BASE)
    assert panel.insides.description in NOT_RECORDED
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
