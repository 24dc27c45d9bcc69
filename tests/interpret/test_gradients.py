"""Gradients and steps, compared with those that torch computes by itself."""

import copy

import numpy as np
import pytest
import torch
from strangers import SIZES, TupleOutput, UsedTwice, narrow_model
from torch import nn
from torch.nn import functional

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.model.cnn import build_cnn
from cnnlab.training.options import make_optimizer

IMAGES = torch.randn(48, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(48) % 10
SETTINGS = {"learning_rate": 0.01, "momentum": 0.0, "weight_decay": 0.0}


def steps_of(model, name):
    """Return one of the course's optimizers, after two steps of its own."""
    momentum = 0.9 if name == "sgd" else 0.0
    optimizer = make_optimizer(model, SETTINGS | {"optimizer": name, "momentum": momentum})
    for _ in range(2):
        optimizer.zero_grad()
        functional.cross_entropy(model(IMAGES[:16]), LABELS[:16]).backward()
        optimizer.step()
    optimizer.zero_grad()
    return optimizer


def test_gradients_are_torchs_own():
    model = build_cnn(seed=1)
    measured = gradient_flow(model, IMAGES, LABELS, batch_size=16)
    assert list(measured) == ["conv1", "conv2", "fc1", "logits"]
    by_hand = []
    for start in (0, 16, 32):
        model.zero_grad()
        functional.cross_entropy(model(IMAGES[start : start + 16]), LABELS[start : start + 16]).backward()
        by_hand.append({name: getattr(model, name).weight.grad.clone() for name in measured})
    for name, row in measured.items():
        gradients = [gradient[name] for gradient in by_hand]
        norms = [float(gradient.norm()) for gradient in gradients]
        assert row.each_batch["gradient_norm"] == pytest.approx(norms, rel=1e-5)
        assert row.gradient_norm == pytest.approx(np.mean(norms), rel=1e-5)
        assert row.gradient_mean == pytest.approx(
            np.mean([float(gradient.abs().mean()) for gradient in gradients]), rel=1e-5
        )
        assert row.gradient_maximum == pytest.approx(
            max(float(gradient.abs().max()) for gradient in gradients), rel=1e-5
        )
        assert row.gradient_ratio == pytest.approx(
            row.gradient_norm / float(getattr(model, name).weight.detach().norm()), rel=1e-5
        )
        assert np.isnan(row.update_ratio)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam"])
def test_the_step_is_the_optimizers_real_next_one(name):
    model = build_cnn(seed=1)
    optimizer = steps_of(model, name)
    measured = gradient_flow(model, IMAGES[:16], LABELS[:16], optimizer=optimizer)
    before = {key: getattr(model, key).weight.detach().clone() for key in measured}
    functional.cross_entropy(model(IMAGES[:16]), LABELS[:16]).backward()
    optimizer.step()
    for key, row in measured.items():
        step = (getattr(model, key).weight.detach() - before[key]).norm() / before[key].norm()
        assert row.update_ratio == pytest.approx(float(step), rel=1e-4), key
    assert measured["conv1"].update_ratio > 0


def test_every_batch_steps_from_the_same_point():
    model = build_cnn(seed=1)
    optimizer = steps_of(model, "adam")
    measured = gradient_flow(
        model, IMAGES[:16].repeat(3, 1, 1, 1), LABELS[:16].repeat(3), optimizer=optimizer, batch_size=16
    )
    for row in measured.values():
        assert np.ptp(row.each_batch["update_ratio"]) == 0


def test_the_model_and_its_optimizer_are_not_touched():
    model = build_cnn(seed=1, dropout=0.3)
    optimizer = steps_of(model, "adam")
    model.train()
    model.conv1.weight.grad = torch.full_like(model.conv1.weight, 7)
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    before = torch.random.get_rng_state(), model.dropout.generator.get_state()
    gradient_flow(model, IMAGES, LABELS, optimizer=optimizer)
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    for key, values in state["state"].items():
        for name, value in values.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(optimizer.state_dict()["state"][key][name]))
    assert model.training
    assert (model.conv1.weight.grad == 7).all()
    assert model.conv2.weight.grad is None
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert torch.equal(model.dropout.generator.get_state(), before[1])


def test_batch_norm_is_in_train_mode_and_dropout_is_off():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Dropout(0.9), nn.Linear(2 * 26 * 26, 10)
    )
    model.eval()
    measured = [gradient_flow(model, IMAGES[:16] * 5 + 3, LABELS[:16]) for _ in range(2)]
    assert measured[0]["0"].gradient_norm == measured[1]["0"].gradient_norm  # no dropout, so no chance
    twin = copy.deepcopy(model).train()
    twin[3].p = 0.0
    functional.cross_entropy(twin(IMAGES[:16] * 5 + 3), LABELS[:16]).backward()
    assert measured[0]["0"].gradient_norm == pytest.approx(float(twin[0].weight.grad.norm()), rel=1e-5)
    assert torch.equal(model[1].running_mean, torch.zeros(2))


def test_no_random_number_of_the_process_is_drawn_and_every_call_gives_the_same():
    class Random(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(784, 10)

        def forward(self, images):
            return self.head(functional.dropout(images.flatten(1), 0.5, self.training))

    model, before = Random(), torch.random.get_rng_state()
    measured = [gradient_flow(model, IMAGES, LABELS)["head"].gradient_norm for _ in range(2)]
    assert measured[0] == measured[1]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_inside_inference_mode_there_is_a_gradient_too():
    model = build_cnn()
    with torch.inference_mode():
        inside = gradient_flow(model, IMAGES + 0, LABELS)
    assert inside["conv1"].gradient_norm == gradient_flow(model, IMAGES, LABELS)["conv1"].gradient_norm


def test_a_frozen_layer_is_left_out_and_an_unused_one_has_gradient_zero():
    model = build_cnn()
    model.conv1.weight.requires_grad_(False)
    assert list(gradient_flow(model, IMAGES, LABELS)) == ["conv2", "fc1", "logits"]
    stranger = UsedTwice()
    stranger.unused = nn.Linear(2, 2)
    measured = gradient_flow(stranger, IMAGES, LABELS % 5)
    assert (measured["unused"].gradient_norm, measured["unused"].gradient_ratio) == (0, 0)
    assert measured["first"].gradient_norm > 0


def test_a_layer_of_zeros_has_no_ratio():
    model = build_cnn(seed=1)
    with torch.no_grad():
        model.logits.weight.zero_()
    measured = gradient_flow(model, IMAGES, LABELS, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    row = measured["logits"]
    assert row.gradient_norm > 0
    assert np.isnan(
        [row.gradient_ratio, row.update_ratio, *row.each_batch["gradient_ratio"], *row.each_batch["update_ratio"]]
    ).all()
    assert not np.isnan([measured["conv1"].gradient_ratio, measured["conv1"].update_ratio]).any()


@pytest.mark.parametrize("name", SIZES)
def test_torchvisions_networks_have_a_flow_too(name):
    model, size = narrow_model(name), SIZES[name]
    images = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    measured = gradient_flow(model, images, torch.arange(4), optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    wanted = [key for key, layer in model.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    assert list(measured) == wanted
    assert all(
        row.update_ratio == pytest.approx(0.1 * row.gradient_ratio, rel=1e-2, abs=1e-6) for row in measured.values()
    )


def test_a_tuple_output_and_a_split():
    assert "rnn.weight_ih_l0" in gradient_flow(TupleOutput(), IMAGES, LABELS % 3)
    data = load_data("mnist", train=32, validation=10, test=10)
    first, second = (
        gradient_flow(build_cnn(), data.train),
        gradient_flow(build_cnn(), data.train.images, data.train.labels),
    )
    assert first["conv1"].gradient_norm == second["conv1"].gradient_norm


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": None}, r"labels must be whole numbers \(N,\), one for each of 48 images, got NoneType"),
        ({"labels": LABELS[:5]}, r"got int64 \(5,\)"),
        ({"labels": LABELS.float()}, "got float32"),
        ({"labels": LABELS + 5}, "labels go from 5 to 14; the model has 10 outputs"),
        ({"images": IMAGES[0]}, r"must be a float tensor \(N, C, H, W\)"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"labels": LABELS > 5}, "got bool"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images: got none"),
        ({"model": build_cnn().requires_grad_(False)}, "no weights that are trained"),
        ({"optimizer": torch.optim.LBFGS(build_cnn().parameters())}, "LBFGS takes several looks"),
        (
            {"model": nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10)), "batch_size": 47},
            r"can't be trained on a batch of \(1, 1, 28, 28\)",
        ),
        ({"optimizer": "adam"}, "optimizer wants one of torch's"),
        ({"optimizer": torch.optim.SGD(build_cnn().parameters(), lr=1)}, "steps another network's weights"),
    ],
)
def test_bad_input_is_named(change, words):
    arguments = {"model": build_cnn(), "images": IMAGES, "labels": LABELS} | change
    with pytest.raises(ConfigError, match=words):
        gradient_flow(arguments.pop("model"), arguments.pop("images"), arguments.pop("labels"), **arguments)
