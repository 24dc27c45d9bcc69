"""The stacked network: each slice computes and steps as a network of its own."""

import pytest
import torch
from torch.nn import functional

from cnnlab.experiments.stacked_network import StackedNetwork, optimizer_settings
from cnnlab.model.cnn import build_cnn
from cnnlab.training.options import make_optimizer

SIZES = {"input_shape": (1, 12, 12), "classes": 3, "channels": (2, 3), "hidden": 8}
ADAM = {"optimizer": "adam", "learning_rate": 0.01, "momentum": 0.0, "weight_decay": 0.0}
SGD = ADAM | {"optimizer": "sgd", "momentum": 0.9}
IMAGES = torch.randn(20, 1, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.arange(20) % 3
INDICES = torch.tensor([[3, 1, 4, 15], [9, 2, 6, 5], [3, 5, 8, 19]])  # another batch for each network


def make_both(settings, **network):
    """Return three networks and their stack, with these settings of their optimizers."""
    models = [build_cnn(seed=seed, **SIZES, **network).double() for seed in range(3)]
    weights = {name: torch.stack([model.state_dict()[name] for model in models]) for name in models[0].state_dict()}
    return models, StackedNetwork(models[0], weights, settings)


def step_stack(stack):
    logits, labels = stack.logits(IMAGES, INDICES), LABELS[INDICES]
    stack.step(functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(3, 4).mean(1))


def step_alone(model, optimizer, indices):
    optimizer.zero_grad()
    functional.cross_entropy(model(IMAGES[indices]), LABELS[indices]).backward()
    optimizer.step()


@pytest.mark.parametrize("network", [{}, {"pooling": "avg"}, {"padding": "valid"}, {"convs_per_block": 2}], ids=str)
def test_each_slice_gives_the_logits_of_its_own_network(network):
    models, stack = make_both([SGD] * 3, **network)
    logits = stack.logits(IMAGES, INDICES)
    for place, model in enumerate(models):
        torch.testing.assert_close(logits[place], model(IMAGES[INDICES[place]]))


def test_hidden_units_that_dropout_drops_count_for_nothing_and_the_others_for_more():
    (model, *_), stack = make_both([SGD] * 3, dropout=0.5)
    kept = torch.ones(3, 4, 8, dtype=torch.bool)
    kept[0, :, 2:] = False
    hidden = model.eval()[:-2](IMAGES[INDICES[0]])  # all layers before dropout and logits
    by_hand = 2 * hidden[:, :2] @ model.logits.weight[:, :2].T + model.logits.bias
    torch.testing.assert_close(stack.logits(IMAGES, INDICES, kept)[0], by_hand)


def test_each_slice_steps_as_its_own_network_also_after_it_was_taken_out():
    settings = [ADAM, ADAM, SGD]
    models, stack = make_both(settings)
    optimizers = [make_optimizer(model, setting) for model, setting in zip(models, settings, strict=True)]
    for _ in range(2):
        step_stack(stack)
        for model, optimizer, indices in zip(models, optimizers, INDICES, strict=True):
            step_alone(model, optimizer, indices)
    smaller = stack.take([1, 2])
    step_alone(models[1], optimizers[1], INDICES[0])
    logits = smaller.logits(IMAGES, INDICES[:2])
    smaller.step(torch.stack([functional.cross_entropy(logits[place], LABELS[INDICES[place]]) for place in (0, 1)]))
    for name, value in smaller.weights_of(0).items():
        torch.testing.assert_close(value, models[1].state_dict()[name])
    assert (stack.count, smaller.count) == (3, 2)


def test_settings_of_the_optimizer_alone_decide_who_shares_one():
    assert optimizer_settings(ADAM | {"seed": 0}) == optimizer_settings(ADAM | {"seed": 1, "epochs": 3})
    assert optimizer_settings(ADAM) != optimizer_settings(ADAM | {"weight_decay": 0.1})
    assert len(make_both([ADAM, ADAM, SGD])[1].optimizers) == 2
