"""Mode and device of a network, and the logits in its output."""

import pytest
import torch
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.model.cnn import build_cnn
from cnnlab.model.networks import device_of, dtype_of, evaluating, logits_of


def test_each_layer_gets_its_mode_back_even_after_an_exception():
    def fail_in_eval_mode():
        with evaluating(model):
            assert not any(layer.training for layer in model.modules())
            raise KeyError

    model = build_cnn(dropout=0.5).train()
    model.conv1.eval()
    before = [layer.training for layer in model.modules()]
    with pytest.raises(KeyError):
        fail_in_eval_mode()
    assert [layer.training for layer in model.modules()] == before
    assert set(before) == {True, False}


def test_the_device_is_that_of_a_parameter_else_of_a_buffer_else_the_processor():
    assert device_of(build_cnn(device="meta")).type == "meta"
    buffer = nn.Module()
    buffer.register_buffer("mean", torch.zeros(1, device="meta"))
    assert device_of(buffer).type == "meta"
    assert device_of(nn.ReLU()) == torch.device("cpu")


def test_the_dtype_is_that_of_the_first_parameter_with_decimal_numbers():
    assert dtype_of(build_cnn().double()) == torch.float64
    whole = nn.ParameterList([nn.Parameter(torch.zeros(2, dtype=torch.long), requires_grad=False)])
    assert dtype_of(whole) == torch.float32
    assert dtype_of(whole, torch.float16) == torch.float16


def test_logits_are_the_output_or_the_first_of_it():
    logits = torch.zeros(2, 3)
    assert logits_of(logits) is logits
    assert logits_of([logits, 5]) is logits
    assert logits_of({"out": logits}) is logits
    for wrong, words in {"text": "got str", 5: "got int"}.items():
        with pytest.raises(ConfigError, match=words):
            logits_of(wrong)
    with pytest.raises(ConfigError, match=r"got \(2, 3, 4\)"):
        logits_of(torch.zeros(2, 3, 4))
