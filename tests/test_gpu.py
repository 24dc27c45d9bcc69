"""What the probes say of a network on a GPU is what they say of it on the processor. Runs where there is a GPU."""

from __future__ import annotations

import pytest
import torch

from cnnlab.activity import activation_statistics
from cnnlab.attribution import METHODS, saliency, saliency_check
from cnnlab.evaluation import mistakes
from cnnlab.features import top_images
from cnnlab.gradients import gradient_flow, weight_distributions
from cnnlab.insides import Recorder
from cnnlab.loading import load_data
from cnnlab.model import build_cnn
from cnnlab.probes import capture
from cnnlab.training import fit

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=300, validation=100, test=10)


@pytest.fixture
def both(data):
    """One trained network, here and there."""
    model = build_cnn(seed=1).double()
    return model, build_cnn(seed=1).double().cuda(), data.validation.images.double()


def test_capture_keeps_tensors_there(both):
    _, there, images = both
    with capture(there) as seen:
        there(images.cuda())
    assert {values.device.type for values in seen.values()} == {"cuda"}


def test_statistics_gradients_and_weights_are_the_same(both, data):
    here, there, images = both
    for one, other in zip(*(activation_statistics(model, images).values() for model in (here, there)), strict=True):
        assert one.scale == pytest.approx(other.scale, rel=1e-9)
        assert one.dead == other.dead
    flows = []
    for model in (here, there):
        adam = torch.optim.Adam(model.parameters())
        flows.append(gradient_flow(model, images, data.validation.labels, optimizer=adam))
    for name, row in flows[0].items():
        assert row.norm == pytest.approx(flows[1][name].norm, rel=1e-9)
        assert row.update_ratio == pytest.approx(flows[1][name].update_ratio, rel=1e-6)
    assert weight_distributions(there, here)["conv1"].change == 0


@pytest.mark.parametrize("method", METHODS)
def test_saliency_is_the_same(both, method):
    here, there, images = both
    one, other = (saliency(model, images[:4], 3, method) for model in (here, there))
    assert other.device.type == "cpu"  # where the images are
    assert torch.allclose(one, other, rtol=1e-6, atol=1e-12)
    assert saliency(there, images[:4].cuda(), 3, method).device.type == "cuda"
    assert saliency_check(there, images[:4], method=method).correlation["random weights"].shape == (4,)


def test_favourites_and_mistakes_are_the_same(both, data):
    here, there, images = both
    one, other = (top_images(model, images, "relu2", 3) for model in (here, there))
    assert (one.indices, one.boxes) == (other.indices, other.boxes)
    network = build_cnn(seed=1).cuda()
    assert torch.equal(mistakes(network, data.validation).confusion, mistakes(network.cpu(), data.validation).confusion)


def test_recording_does_not_change_a_training_there(data):
    plain, recorded = build_cnn(seed=2), build_cnn(seed=2)
    fit(plain, data, epochs=2, device="cuda", progress=False)
    record = Recorder(activations=True, saliency=True)
    history = fit(recorded, data, epochs=2, device="cuda", on_epoch=record, progress=False)
    assert all(torch.equal(value, recorded.state_dict()[name]) for name, value in plain.state_dict().items())
    assert len(history["saliency_concentration"]) == 2
