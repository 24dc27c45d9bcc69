"""The probes say the same of a network on a GPU as on the processor.

Runs on a GPU where there is one and this file is named (`python -m pytest tests/gpu/test_gpu.py`: the other tests hide
it), and on a pretend GPU when test_pretend_gpu.py starts it in a process of its own.
"""

from __future__ import annotations

import copy
import os
from dataclasses import replace

import pretend_gpu
import pytest
import torch
from torch import nn

from cnnlab.comparison.compare import compare
from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.experiments.experiment import Experiment
from cnnlab.experiments.replicas import train_replicas
from cnnlab.experiments.run import run
from cnnlab.experiments.sweep import grid, sweep
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.recorder import Recorder
from cnnlab.interpret.saliency import METHODS, saliency
from cnnlab.interpret.saliency_check import saliency_check
from cnnlab.interpret.top_images import top_images
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.cnn import Dropout, build_cnn
from cnnlab.model.evaluation import evaluate, evaluate_all, mistakes, predict
from cnnlab.training.fit import fit

PRETENDS = "CNNLAB_TEST_PRETEND_GPU" in os.environ
HAS_DOUBLES = os.environ.get("CNNLAB_TEST_PRETEND_GPU") != "without float64"
DTYPE, CLOSE = (torch.float64, 1e-9) if HAS_DOUBLES else (torch.float32, 1e-4)
DEVICE = pretend_gpu.NAME if PRETENDS else "cuda"
if PRETENDS:
    pretend_gpu.register(without_doubles=not HAS_DOUBLES)

pytestmark = pytest.mark.skipif(
    not PRETENDS and not torch.cuda.is_available(),
    reason="needs a GPU, and this file named: `python -m pytest tests/gpu/test_gpu.py`",
)


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=300, validation=100, test=10)


@pytest.fixture
def both(data):
    """Return the same network on the processor and on the GPU, and images on the processor, with some noise.

    Where all pixels are equal, the last bit decides which of four maximums a pool passes its gradient to, and this bit
    depends on the device.
    """
    images = data.validation.images.to(DTYPE)
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(0), dtype=DTYPE)
    return build_cnn(seed=1).to(DTYPE), build_cnn(seed=1).to(DTYPE).to(DEVICE), images + noise / 10


def test_capture_keeps_tensors_there(both):
    _, there, images = both
    with capture(there) as seen:
        there(images.to(DEVICE))
    assert {values.device.type for values in seen.values()} == {DEVICE}


def test_statistics_gradients_and_weights_are_the_same(both, data):
    here, there, images = both
    for expected, actual in zip(
        *(activation_statistics(model, images).values() for model in (here, there)), strict=True
    ):
        assert actual.scale == pytest.approx(expected.scale, rel=CLOSE)
        assert actual.dead == expected.dead
    flows = []
    for model in (here, there):
        adam = torch.optim.Adam(model.parameters())
        flows.append(gradient_flow(model, images, data.validation.labels, optimizer=adam))
    for name, row in flows[0].items():
        assert row.gradient_norm == pytest.approx(flows[1][name].gradient_norm, rel=CLOSE)
        assert row.update_ratio == pytest.approx(flows[1][name].update_ratio, rel=max(1e-6, CLOSE))
    assert weight_distributions(there, here)["conv1"].change == 0


@pytest.mark.parametrize("method", METHODS)
def test_saliency_is_the_same(both, method):
    here, there, images = both
    expected, actual = (saliency(model, images[:4], 3, method) for model in (here, there))
    assert actual.device.type == "cpu"  # where the images are
    # In float32 two pixels of a pool are at times so nearly equal that each device takes another one for the maximum.
    assert (actual - expected).abs().max() <= (1e-9 if HAS_DOUBLES else 1e-3) * expected.abs().max()
    assert saliency(there, images[:4].to(DEVICE), 3, method).device.type == DEVICE
    assert saliency_check(there, images[:4], method=method).correlation["random weights"].shape == (4,)


def test_favourites_and_mistakes_are_the_same(both, data):
    here, there, images = both
    expected, actual = (top_images(model, images, "relu2", 3) for model in (here, there))
    assert (actual.indices, actual.boxes) == (expected.indices, expected.boxes)
    network = build_cnn(seed=1).to(DEVICE)
    assert torch.equal(mistakes(network, data.validation).confusion, mistakes(network.cpu(), data.validation).confusion)


def test_scores_are_the_same(data):
    here, there = (evaluate(build_cnn(seed=1).to(device), data.validation) for device in ("cpu", DEVICE))
    assert there.accuracy == here.accuracy
    assert there.loss == pytest.approx(here.loss, rel=1e-3)  # a GPU may round its products to fewer digits
    network = build_cnn(seed=1)
    expected, actual = evaluate_all([network], data.validation), evaluate_all([network.to(DEVICE)], data.validation)
    assert actual.loss == pytest.approx(expected.loss, rel=1e-3)


def test_dropout_drops_the_same_units_there():
    here, there = (Dropout(0.5, seed=3)(torch.ones(4, 6, device=device)) for device in ("cpu", DEVICE))
    assert there.device.type == DEVICE
    assert torch.equal(there.cpu(), here)


def test_recording_does_not_change_a_training_there(data):
    plain, recorded = build_cnn(seed=2), build_cnn(seed=2)
    fit(plain, data, epochs=2, device=DEVICE, progress=False)
    record = Recorder(activations=True, saliency=True)
    history = fit(recorded, data, epochs=2, device=DEVICE, on_epoch=record, progress=False)
    assert all(torch.equal(value, recorded.state_dict()[name]) for name, value in plain.state_dict().items())
    assert len(history["saliency_concentration"]) == 2


def test_a_sweep_there_records_what_it_records_here(tmp_path):
    base = Experiment(train_size=100, validation_size=50, channels=(3, 4), hidden=8, dropout=0.2, epochs=3)
    experiments = grid(base, optimizer=["adam", "sgd", "rmsprop"])
    experiments.append(base.replace(pooling="avg", padding="valid"))
    experiments += [base.replace(seed=7, epochs=1), base.replace(optimizer="sgd", learning_rate=1e18)]
    there = sweep(experiments, tmp_path, device=DEVICE, snapshots=[3], insides=True, progress=False)
    here = sweep(experiments, workers=1, snapshots=[3], insides=True, progress=False)
    for actual, expected in zip(there, here, strict=True):
        assert actual.history.environment["device"] not in ("", "cpu")
        assert actual.history.stopped_by == expected.history.stopped_by
        assert actual.history.stopped_in == expected.history.stopped_in
        for name in ("train_loss", "validation_loss", "conv1.gradient_norm"):
            columns = [[row[name] for row in which.history.rows] for which in (actual, expected)]
            assert columns[0] == pytest.approx(columns[1], rel=1e-3), (name, actual.experiment)
        assert actual.snapshots == expected.snapshots
    assert there[-1].history.stopped_by == "diverged"
    for name, value in here[0].model().state_dict().items():
        assert torch.allclose(there[0].model().state_dict()[name], value, rtol=1e-2, atol=1e-3)
    alone = run(experiments[0], device=DEVICE, progress=False).history
    assert alone["train_loss"] == pytest.approx(there[0].history["train_loss"], rel=1e-3)
    assert alone.environment == there[0].history.environment
    with pytest.warns(UserWarning, match="differ in device"):
        compare([there[0], here[1]], by="optimizer", along="learning_rate")


@pytest.mark.skipif(PRETENDS, reason="a pretend GPU records no graphs")
@pytest.mark.filterwarnings("error:no CUDA graphs")
def test_graphs_change_no_bit_though_the_network_shrinks_and_replicas_stop_early():
    base = Experiment(train_size=100, validation_size=50, channels=(3, 4), hidden=8, dropout=0.2, epochs=6)
    short = grid(base.replace(epochs=1), seed=range(3))  # after one epoch more than half of the replicas have ended
    experiments = [*short, base, base.replace(seed=4, optimizer="sgd"), base.replace(seed=5, learning_rate=0.1)]
    patient = [base.replace(seed=seed, learning_rate=0.1, patience=1, epochs=20) for seed in range(3)]
    for stack in (experiments, patient):
        payloads = [{"experiment": experiment.to_dict(), "snapshots": []} for experiment in stack]
        histories = []
        for graphs in (True, False):
            runs = {}
            for ended in train_replicas(payloads, DEVICE, graphs=graphs):
                runs |= ended
            histories.append([runs[place].history for place in range(len(stack))])
        for recorded, plain in zip(*histories, strict=True):
            assert recorded.stopped_by == plain.stopped_by
            for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
                assert recorded[name] == plain[name], name


def test_a_mix_of_devices_is_refused():
    here = torch.ones(2, 2)
    there = here.to(DEVICE)
    mixes = [
        lambda: there + here,
        lambda: here.add_(there),
        lambda: there.mul_(here),
        lambda: torch.where(there > 0, here, there),
        lambda: torch.cat([there, here]),
        lambda: torch.equal(there, here),
        lambda: torch.allclose(there, here),
        lambda: here[there.long()],
        lambda: torch.nn.Linear(2, 2)(there),
        lambda: torch.nn.Linear(2, 2).to(DEVICE)(here),
        lambda: torch.nn.Conv2d(1, 1, 2)(there[None, None]),
        lambda: torch.nn.functional.cross_entropy(there, torch.tensor([0, 1])),
        lambda: torch.randn(2, device=DEVICE, generator=torch.Generator()),
    ]
    for mix in mixes:
        with pytest.raises(RuntimeError, match=r"device|expected everything on|should be the same"):
            mix()
    with pytest.raises(TypeError, match="to host memory first"):
        there.numpy()


def test_tensors_there_behave_as_tensors_do():
    there = torch.zeros(2, 3, device=DEVICE)
    there[0].add_(1)  # a view is the same memory
    torch.add(there[1], 2, out=there[1])
    assert there.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert there[torch.tensor([1])].cpu().tolist() == [[2, 2, 2]]  # the places may lie on the processor
    assert torch.add(there, there, out=torch.empty(0, device=DEVICE)).cpu().sum() == 18
    twin = copy.deepcopy(there)
    assert twin.device == there.device
    twin.zero_()
    assert there.cpu().sum() == 9
    weights = torch.ones(3, device=DEVICE, requires_grad=True)
    (there @ weights).square().sum().backward()  # the gradient of 3² + 6²: 2 · 3 · 1 + 2 · 6 · 2
    assert weights.grad.device == there.device
    assert weights.grad.tolist() == [30, 30, 30]


@pytest.mark.skipif(HAS_DOUBLES, reason="this device has float64")
def test_numbers_that_the_device_lacks_are_refused_in_words_before_training(data):
    words = f"device={DEVICE!r}.* has no float64; "
    images = [data.train.images.double(), data.validation.images.double()]
    splits = [replace(split, images=each) for split, each in zip((data.train, data.validation), images, strict=True)]
    doubles = replace(data, train=splits[0], validation=splits[1])
    epochs = []
    for model in (build_cnn(seed=1).double(), nn.Sequential(nn.Flatten(), nn.Linear(784, 10).double())):
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(ConfigError, match=words):
            fit(model, doubles, epochs=1, device=DEVICE, on_epoch=epochs.append, progress=False)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert next(model.parameters()).device.type == "cpu"
    buffered = nn.Sequential(build_cnn(seed=1), nn.Identity())
    buffered.register_buffer("kept", torch.zeros(2, dtype=torch.float64))
    with pytest.raises(ConfigError, match=words):
        fit(buffered, data, epochs=1, device=DEVICE, on_epoch=epochs.append, progress=False)
    assert epochs == []
    assert fit(build_cnn(seed=1), data, epochs=1, device=DEVICE, progress=False).stopped_by == "epochs"
    network = build_cnn(seed=1).to(DEVICE)
    with pytest.raises(ConfigError, match=r"images are torch.float64 and the model is torch.float32; give images.to"):
        predict(network, images[0])


@pytest.mark.skipif(HAS_DOUBLES, reason="this device has float64")
def test_the_pretend_device_refuses_float64_as_apples_gpus_do():
    there = torch.ones(2, device=DEVICE)
    for refused in (
        lambda: torch.ones(2, dtype=torch.float64).to(DEVICE),
        lambda: there.double(),
        lambda: there.sum(dtype=torch.float64),
        lambda: torch.zeros(2, dtype=torch.float64, device=DEVICE),
        lambda: build_cnn().double().to(DEVICE),
    ):
        with pytest.raises(TypeError, match="float64"):
            refused()
    assert (there * 0.5).dtype == (there * torch.tensor(0.5, dtype=torch.float64)).dtype == torch.float32
