"""The weights of each layer and their change, compared with what torch computes by itself."""

import copy

import numpy as np
import pytest
import torch
from strangers import torchvision_model
from torch import nn

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import build_cnn
from cnnlab.training.fit import fit


def test_parametrized_layers_and_weights_of_zero():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    start = copy.deepcopy(model)
    assert weight_distributions(model, start)["0"].change == 0
    zero = nn.Linear(3, 2)
    with torch.no_grad():
        zero.weight.zero_()
    row = weight_distributions(nn.Sequential(zero), start)["0"]
    assert row.change == pytest.approx(1)
    assert np.isnan(row.similarity)
    assert np.isnan(weight_distributions(start, nn.Sequential(zero))["0"].change)


def test_weights_and_their_change_from_the_start():
    data = load_data("mnist", train=200, validation=50, test=10)
    model = build_cnn(seed=3)
    fit(model, data, epochs=2, progress=False)
    start = build_cnn(seed=3)
    measured = weight_distributions(model, start)
    assert {name: row.kind for name, row in measured.items()} == {
        "conv1": "Conv2d", "conv2": "Conv2d", "fc1": "Linear", "logits": "Linear",
    }  # fmt: skip
    for name, row in measured.items():
        now, then = (getattr(network, name).weight.detach().double().flatten() for network in (model, start))
        assert np.array_equal(row.values, now.numpy())
        assert np.array_equal(row.initial, then.numpy())
        assert (row.count, row.mean) == (now.numel(), pytest.approx(now.mean().item(), rel=1e-9))
        assert row.std == pytest.approx(now.std(correction=0).item(), rel=1e-9)
        assert row.change == pytest.approx(((now - then).norm() / then.norm()).item(), rel=1e-9)
        assert row.similarity == pytest.approx(torch.cosine_similarity(now, then, dim=0).item(), rel=1e-9)
        assert row.change > 0
    again = weight_distributions(model, start.state_dict())
    assert again["conv1"].change == measured["conv1"].change
    assert weight_distributions(start, start)["fc1"].change == 0
    assert weight_distributions(start, start)["fc1"].similarity == pytest.approx(1)


def test_the_names_are_those_of_gradient_flow():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1, 28))
            self.norm = nn.BatchNorm2d(1)
            self.rnn = nn.GRU(28, 4)
            self.head = nn.Linear(4, 3)

        def forward(self, images):
            return self.head(self.rnn(self.norm(images)[:, 0] * self.scale)[0].mean(1))

    images, labels = torch.randn(6, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
    for model in (build_cnn(), Recurrent()):
        flow = gradient_flow(model, images, labels)
        measured = weight_distributions(model, copy.deepcopy(model))
        assert {name: row.kind for name, row in flow.items()} == {name: row.kind for name, row in measured.items()}
        assert all(row.change == 0 for row in measured.values())
    assert list(measured) == ["scale", "rnn.weight_ih_l0", "rnn.weight_hh_l0", "head"]


def test_without_a_start_there_is_no_change_to_tell():
    row = weight_distributions(build_cnn())["conv1"]
    assert np.isnan(row.change)
    assert np.isnan(row.similarity)
    assert len(row.initial) == 0


def test_a_start_of_another_architecture_is_refused():
    with pytest.raises(ConfigError, match=r"conv1.weight is \(16, 1, 3, 3\) here and \(16, 1, 5, 5\) there"):
        weight_distributions(build_cnn(), build_cnn(5))
    with pytest.raises(ConfigError, match=r"conv1.weight is \(16, 1, 3, 3\) here and missing there"):
        weight_distributions(build_cnn(), {})
    with pytest.raises(ConfigError, match="initial wants a network or its state_dict"):
        weight_distributions(build_cnn(), 5)
    assert len(weight_distributions(torchvision_model("resnet18"))) == 21  # 20 convolutions and one Linear
