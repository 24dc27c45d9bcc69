"""The work of a device: losses, hits and finite weights, compared with torch's own and with a single network's."""

import contextlib

import pytest
import torch
from torch.nn import functional

from cnnlab.experiments import device_work
from cnnlab.experiments.device_work import DeviceWork, TrainingStep, Validation, record_graphs
from cnnlab.experiments.stacked_network import StackedNetwork
from cnnlab.model.cnn import build_cnn

SETTINGS = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
IMAGES = torch.randn(600, 1, 12, 12, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(600) % 3


def stack_of(seeds):
    models = [build_cnn(input_shape=(1, 12, 12), classes=3, channels=(2,), hidden=4, seed=seed) for seed in seeds]
    weights = {name: torch.stack([model.state_dict()[name] for model in models]) for name in models[0].state_dict()}
    return models, StackedNetwork(models[0], weights, [SETTINGS] * len(models))


def test_a_step_reports_the_loss_before_it_and_moves_the_weights():
    models, network = stack_of([0, 1])
    step = TrainingStep(network, (IMAGES, LABELS), 30)
    step.indices.copy_(torch.randperm(600, generator=torch.Generator().manual_seed(1))[:60].view(2, 30))
    step.run()
    for place, model in enumerate(models):
        indices = step.indices[place]
        logits = model(IMAGES[indices])
        loss = functional.cross_entropy(logits, LABELS[indices])
        torch.testing.assert_close(step.losses[place], loss.detach())
        assert step.hits[place] == (logits.argmax(1) == LABELS[indices]).sum()
        (gradient,) = torch.autograd.grad(loss, model.logits.weight)
        stepped = network.weights_of(place)["logits.weight"]
        torch.testing.assert_close(stepped, model.logits.weight.detach() - 0.1 * gradient)


def test_validation_sums_over_its_batches_and_finds_weights_that_are_not_finite():
    models, network = stack_of([0, 1])
    with torch.no_grad():
        network.weights["fc1.weight"][1, 0, 0] = torch.inf
    validation = Validation(network, (IMAGES, LABELS), torch.stack([torch.arange(600)] * 2))
    validation.run()
    logits = models[0](IMAGES)
    assert validation.losses.shape == (3, 2)  # 250, 250 and 100 images
    torch.testing.assert_close(
        validation.losses[:, 0].sum(), functional.cross_entropy(logits, LABELS, reduction="sum").detach()
    )
    assert validation.hits[:, 0].sum() == (logits.argmax(1) == LABELS).sum()
    assert validation.finite.tolist() == [True, False]


def test_a_recorded_graph_is_run_in_place_of_the_work():
    class Counted(DeviceWork):
        def work(self):
            runs.append("work")

    runs = []
    item = Counted()
    item.run()
    item.replay = lambda: runs.append("graph")
    item.run()
    assert runs == ["work", "graph"]


@pytest.mark.parametrize("broken", [None, 0, 1, 2])
def test_all_work_becomes_graphs_or_none_of_it(monkeypatch, broken):
    """Without a GPU: torch's recording is replaced by one that records nothing, or breaks at one item."""
    second = torch.device("cuda:1")
    current = []
    work = [DeviceWork() for _ in range(3)]

    @contextlib.contextmanager
    def stream(chosen):
        current.append(chosen)
        yield
        current.pop()

    def record(method, pool, stream):
        assert (current, stream) == ([("current", second)], ("new", second))
        place = [item.work for item in work].index(method)
        if place == broken:
            raise RuntimeError("operation not permitted when stream is capturing")
        return lambda: (place, pool)

    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "one pool for all")
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: ("new", device))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: ("current", device))
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(device_work, "_record_graph", record)
    if broken is None:
        record_graphs(work, second)
        assert [item.replay() for item in work] == [(place, "one pool for all") for place in range(3)]
    else:
        with pytest.raises(RuntimeError, match="stream is capturing"):
            record_graphs(work, second)
        assert [item.replay for item in work] == [None] * 3
