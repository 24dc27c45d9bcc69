"""Layers are chosen each once, and what a hook returns replaces their output."""

import torch
from torch import nn

from cnnlab.interpret.hooks import choose_layers, hooked


def test_a_shared_layer_is_there_once_unless_both_names_are_asked_for():
    shared = nn.ReLU()
    model = nn.Sequential()
    for name, layer in {"a": nn.Linear(3, 3), "one": shared, "b": nn.Linear(3, 3), "two": shared}.items():
        model.add_module(name, layer)
    assert list(choose_layers(model)) == ["a", "one", "b"]
    assert list(choose_layers(model, nn.ReLU)) == ["one"]
    assert list(choose_layers(model, ["two"])) == ["two"]


def test_what_a_hook_returns_takes_the_outputs_place():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with hooked(model, "0", lambda _name, _layer, _entering, values: values * 0 - 1):
        assert torch.equal(model(torch.ones(1, 2)), torch.zeros(1, 2))
    assert model[0](torch.ones(1, 2)).abs().sum() > 0
