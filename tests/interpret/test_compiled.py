"""Compiled networks are measured layer by layer under their own names, or refused in words; never an empty table."""

import pytest
import torch
from strangers import WithSkip, colours, hooks
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.interpret.recorder import Recorder
from cnnlab.interpret.saliency import METHODS, saliency
from cnnlab.interpret.saliency_check import saliency_check
from cnnlab.interpret.top_images import top_images
from cnnlab.interpret.weight_distributions import weight_distributions
from cnnlab.model.evaluation import evaluate, predict
from cnnlab.model.layer_table import layer_table
from cnnlab.model.networks import uncompiled
from cnnlab.model.weights import load_weights, read_tensors, save_weights
from cnnlab.training.fit import fit

pytestmark = [
    pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
LAYERS = ["conv1", "norm1", "relu", "conv2", "head"]
FEWER = {"samples": 2, "steps": 2, "window": 16, "stride": 16}


def whole():
    return torch.compile(WithSkip(), backend="eager")


def in_parts():
    model = WithSkip()
    model.conv1, model.conv2 = (torch.compile(layer, backend="eager") for layer in (model.conv1, model.conv2))
    return model


def whole_and_in_parts():
    return torch.compile(in_parts(), backend="eager")


def by_method():
    model = WithSkip()
    model.compile(backend="eager")
    return model


@torch.compile(backend="eager")
def forward(network, images):
    """Return the logits; a compiled function."""
    return WithSkip.forward(network, images)


class CompiledFunction(WithSkip):
    """A network that calls a compiled function, which calls its layers."""

    def forward(self, images):
        return forward(self, images)


WAYS = {
    "whole": whole, "in parts": in_parts, "whole and in parts": whole_and_in_parts, "by its method": by_method,
    "function": CompiledFunction,
}  # fmt: skip


@pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
def test_a_compiled_network_is_measured_as_the_one_that_it_was_made_from(make, tmp_path):
    model, plain, data = make(), WithSkip().eval(), colours()
    load_weights(model, _saved(plain, tmp_path / "plain"))
    images, split = data.validation.images[:2], data.validation
    predict(model, images)  # compiled by now
    with torch.no_grad(), capture(model) as seen, capture(plain) as expected:
        plain(images)
        model(images)
    assert list(seen) == LAYERS
    assert all(torch.equal(seen[name], expected[name]) for name in LAYERS)
    with capture(model, "conv2") as seen:
        model(images)
    assert list(seen) == ["conv2"]
    assert list(activation_statistics(model, split)) == LAYERS
    assert list(gradient_flow(model, split)) == list(weight_distributions(model)) == ["conv1", "conv2", "head"]
    assert weight_distributions(model, initial=model.state_dict())["conv1"].change == 0
    for method in METHODS:
        maps = [saliency(network, images, 1, method, **FEWER) for network in (model, plain)]
        torch.testing.assert_close(*maps)
    maps = [saliency(network, images, 1, "grad_cam", layer="conv1") for network in (model, plain)]
    torch.testing.assert_close(*maps)
    assert "random weights" in saliency_check(model, images, another_seed=make()).means
    assert top_images(model, split, "conv1", 0).indices == top_images(plain, split, "conv1", 0).indices
    assert receptive_field(model, "conv2", 0, 200, data.input_shape) == receptive_field(
        plain, "conv2", 0, 200, data.input_shape
    )
    assert layer_table(model, data.input_shape) == layer_table(plain, data.input_shape)
    assert evaluate(model, split).accuracy == evaluate(plain, split).accuracy
    assert hooks(model) == 0


@pytest.mark.parametrize("make", [whole, in_parts, by_method])
def test_a_compiled_network_is_trained_and_saved_under_plain_names(make, tmp_path):
    model, plain, data = make(), WithSkip(), colours()
    load_weights(model, _saved(plain, tmp_path / "plain"))
    settings = {"epochs": 2, "batch_size": 4, "progress": False}
    histories = [fit(network, data, on_epoch=Recorder(), **settings) for network in (model, plain)]
    assert histories[0]["train_loss"] == pytest.approx(histories[1]["train_loss"], rel=1e-4)
    assert histories[0].metrics == histories[1].metrics
    names = read_tensors(_saved(model, tmp_path / "compiled"))[0].keys()
    assert names == plain.state_dict().keys()
    other = load_weights(WithSkip(), tmp_path / "compiled")
    torch.testing.assert_close(predict(other, data.train.images), predict(model, data.train.images))


def test_a_weights_file_with_the_compilers_names_is_read(tmp_path):
    from safetensors.torch import save_file

    model = whole()
    save_file(model.state_dict(), tmp_path / "other.safetensors")
    plain = load_weights(WithSkip(), tmp_path / "other.safetensors")
    assert torch.equal(plain.conv1.weight, model.conv1.weight)


def test_compiling_goes_on_after_the_last_of_several_blocks():
    from torch._dynamo import eval_frame

    whole()  # torch's compiler is loaded by now
    first, second = uncompiled(), uncompiled()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # as in another thread
    assert eval_frame._stance.stance == "force_eager"
    second.__exit__(None, None, None)
    assert eval_frame._stance.stance == "default"


@pytest.mark.filterwarnings("ignore:.torch.jit.*:FutureWarning")
def test_torchscript_is_refused_in_words():
    data, words = colours(), "the layers of a TorchScript network can't be seen; give the network that it was made from"
    scripted = torch.jit.trace(WithSkip().eval(), data.train.images[:2])
    looks = [
        lambda: activation_statistics(scripted, data.validation),
        lambda: saliency(scripted, data.validation.images, 1, "grad_cam"),
        lambda: top_images(scripted, data.validation, "conv1", 0),
        lambda: capture(scripted).__enter__(),
        lambda: layer_table(scripted, data.input_shape),
    ]
    for look in looks:
        with pytest.raises(ConfigError, match=words):
            look()
    assert predict(scripted, data.validation.images).shape == (5, 5)  # what needs no layer works


def test_layers_that_never_run_are_no_empty_table():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.idle, self.head = nn.ReLU(), nn.Linear(3 * 32 * 32, 5)

        def forward(self, images):
            return self.head(images.flatten(1))

    with pytest.raises(ConfigError, match="none of these layers ran"):
        activation_statistics(Idle(), colours().validation, layers="idle")
    table = layer_table(Idle(), (3, 32, 32))
    assert [(row.name, row.parameters) for row in table] == [("head", 15365)]


def _saved(model, path):
    save_weights(model, path)
    return path
