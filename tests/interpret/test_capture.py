"""Captured tensors are the true values, and no hook is left."""

import gc
import weakref

import pytest
import torch
from strangers import SIZES, ByKeyword, TupleOutput, UsedTwice, hooks, narrow_model
from torch import nn
from torch.nn import functional

from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import capture
from cnnlab.model.cnn import build_cnn
from cnnlab.model.networks import logits_of

IMAGES = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    return build_cnn(seed=1)


def test_what_is_captured_is_what_the_layers_compute(model):
    with capture(model) as seen:
        logits = model(IMAGES)
    conv1 = functional.conv2d(IMAGES, model.conv1.weight, model.conv1.bias, padding=1)
    assert list(seen) == [name for name, _ in model.named_children()]
    assert torch.equal(seen["conv1"], conv1)
    assert torch.equal(seen["relu1"], conv1.clamp_min(0))
    assert torch.equal(seen["pool1"], functional.max_pool2d(conv1.clamp_min(0), 2))
    assert torch.equal(seen["logits"], logits)
    assert not any(values.requires_grad for values in seen.values())
    assert seen.nbytes == sum(values.numel() * 4 for values in seen.values())
    assert repr(seen).startswith("captured 10 layers, ")
    assert "  relu2: (4, 32, 14, 14)" in repr(seen)


def test_before_and_after_an_in_place_relu_are_the_true_values():
    own, torchs = UsedTwice().eval(), nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True))
    with capture(torchs, inputs=True) as seen:
        torchs(IMAGES)
    true = functional.conv2d(IMAGES, torchs[0].weight, torchs[0].bias)
    assert (true < 0).any()
    assert torch.equal(seen["0"], true)
    assert torch.equal(seen.inputs["1"], true)
    assert torch.equal(seen["1"], true.clamp_min(0))
    assert torch.equal(seen.inputs["0"], IMAGES)
    with capture(own, ["relu", "first"], inputs=True) as seen:
        own(IMAGES)
    assert set(seen) == {"first", "relu", "relu#2"}  # used twice: both are there
    assert torch.equal(seen["relu"], seen["first"].clamp_min(0))
    second = functional.conv2d(seen["relu"], own.second.weight, own.second.bias, padding=1)
    assert torch.equal(seen.inputs["relu#2"], second)
    assert torch.equal(seen["relu#2"], second.clamp_min(0))


def test_layers_are_chosen_by_name_or_type_each_once(model):
    for wanted in (["relu1", "pool1"], ["pool1", "relu1", "relu1"], ("relu1", nn.MaxPool2d, "relu1")):
        with capture(model, wanted) as seen:
            model(IMAGES)
        assert list(seen)[:2] == ["relu1", "pool1"]  # in the model's order, however they were named
    with capture(model, nn.ReLU) as seen:
        model(IMAGES)
    assert list(seen) == ["relu1", "relu2", "relu_fc1"]
    with capture(model, "conv2") as seen:
        model(IMAGES)
    assert list(seen) == ["conv2"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["rely1"], "unknown layer 'rely1'; did you mean 'relu1'"),
        (nn.Tanh, "no layer of type Tanh; it has Conv2d, Flatten, Linear, MaxPool2d, ReLU"),
        ([3], "unknown layer 3"),
    ],
)
def test_an_unknown_layer_is_named_with_what_there_is(model, wanted, words):
    with pytest.raises(ConfigError, match=words), capture(model, wanted):
        pass
    assert hooks(model) == 0


def test_a_layer_that_was_not_captured_is_named(model):
    with capture(model, ["relu1"]) as seen:
        model(IMAGES)
    with pytest.raises(ConfigError, match="unknown captured layer 'pool1'; choose from 'relu1'"):
        seen["pool1"]


def test_all_hooks_are_gone_on_every_way_out(model):
    def way_out(how):
        with capture(model) as seen:
            assert hooks(model) == 21  # two a layer, one at the door
            if how == "error in the block":
                raise KeyError("mine")
            if how == "error in the model":
                model(torch.zeros(1, 3, 28, 28))
            if how == "return":
                return seen
            if how == "interrupt":
                raise KeyboardInterrupt
            model(IMAGES)
        return seen

    for how, error in {
        "end": None, "return": None, "error in the block": KeyError, "error in the model": RuntimeError,
        "interrupt": KeyboardInterrupt,
    }.items():  # fmt: skip
        if error is None:
            way_out(how)
        else:
            with pytest.raises(error):
                way_out(how)
        assert hooks(model) == 0, how


def test_a_generator_that_is_thrown_away_leaves_no_hook(model):
    def steps():
        with capture(model):
            yield hooks(model)

    running = steps()
    assert next(running) == 21
    running.close()
    assert hooks(model) == 0


def test_an_error_while_hooks_are_attached_leaves_none(model, monkeypatch):
    monkeypatch.setattr(model.pool1, "register_forward_hook", lambda _hook, **_: 1 / 0)
    with pytest.raises(ZeroDivisionError), capture(model):
        pass
    assert hooks(model) == 0


def test_capturing_inside_a_capture_doubles_nothing(model):
    with capture(model, ["relu1"]) as outer:
        with capture(model, ["relu1", "relu2"]) as inner:
            logits = model(IMAGES)
        assert hooks(model) == 3
    assert set(outer) == {"relu1"}
    assert torch.equal(outer["relu1"], inner["relu1"])
    assert torch.equal(logits, model.eval()(IMAGES))


def test_a_capture_can_be_used_again_with_tensors_of_its_own(model):
    again = capture(model, "conv1")
    with again as first:
        model(torch.zeros(2, 1, 28, 28))
    with again as second:
        model(torch.ones(3, 1, 28, 28))
    assert (len(first["conv1"]), len(second["conv1"])) == (2, 3)
    assert hooks(model) == 0


def test_a_capture_that_is_open_is_not_opened_again(model):
    again = capture(model, "conv1")
    with again as seen:
        with pytest.raises(ConfigError, match="this capture is open already; call capture"), again:
            pass
        model(torch.zeros(2, 1, 28, 28))
    assert len(seen["conv1"]) == 2
    assert hooks(model) == 0
    with pytest.raises(ConfigError, match="this capture is not open"):
        again.__exit__(None, None, None)


def test_mode_gradients_and_requires_grad_are_as_found():
    model = build_cnn(dropout=0.5)
    model.train()
    model.pool1.eval()
    model.conv1.weight.requires_grad_(False)
    model.conv2.weight.grad = torch.ones_like(model.conv2.weight)
    modes = {name: module.training for name, module in model.named_modules()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with capture(model) as seen:
        assert not model.dropout.training  # a network is looked at as it answers
        first = model(IMAGES)
        again = model(IMAGES)
    assert torch.equal(first, again)
    assert first.requires_grad  # whoever wants to go backward from here can
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert not model.conv1.weight.requires_grad
    assert torch.equal(model.conv2.weight.grad, torch.ones_like(model.conv2.weight))
    assert model.fc1.weight.grad is None
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(seen["dropout"], seen["relu_fc1"])


def test_batch_norm_does_not_learn_from_being_looked_at():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    with capture(model):
        model(IMAGES + 5)
    assert torch.equal(model[1].running_mean, torch.zeros(2))
    assert model.training
    assert model[1].training


def test_the_latest_pass_replaces_the_one_before(model):
    with capture(model, ["relu1"]) as seen:
        model(IMAGES)
        model(IMAGES[:1])
        assert seen["relu1"].shape[0] == 1
        assert list(seen) == ["relu1"]


def test_captured_tensors_are_freed_with_their_last_reference(model):
    with capture(model, ["relu1", "relu2"], inputs=True) as seen:
        model(IMAGES)
    kept = seen["relu2"]
    watched = [weakref.ref(seen["relu1"]), weakref.ref(seen.inputs["relu1"])]
    del seen
    gc.collect()
    assert [reference() for reference in watched] == [None, None]
    assert kept.shape == (4, 32, 14, 14)


def test_memory_has_a_limit_that_is_told_before_it_is_passed(model):
    limit = 4 * 16 * 28 * 28 * 4  # bytes of conv1's output for four images
    with capture(model, ["conv1"], most_bytes=limit) as seen:
        model(IMAGES)
    assert seen.nbytes == limit
    too_much = pytest.raises(MemoryError, match="more than most_bytes=200,704 at relu1; give fewer images")
    with too_much, capture(model, ["conv1", "relu1"], most_bytes=limit):
        model(IMAGES)
    assert hooks(model) == 0


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES[0], r"must be a float tensor \(N, C, H, W\), got float32 \(1, 28, 28\); for a single image"),
        ((IMAGES * 10).long(), "got int64"),
        ([1, 2], "got list"),
    ],
)
def test_images_of_another_kind_are_refused_before_the_first_layer(model, images, words):
    with pytest.raises(ConfigError, match=words), capture(model):
        model(images)
    assert hooks(model) == 0


def test_a_model_without_convolutions_may_take_what_it_likes():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    with capture(model) as seen:
        model(torch.tensor([1, 2, 3]))
    assert seen["1"].shape == (3, 2)


def test_a_model_that_shapes_its_input_itself_may_take_what_it_likes():
    class Reshapes(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, numbers):
            return self.conv(numbers.view(-1, 1, 8, 8))

    model = Reshapes()
    with capture(model) as seen:
        model(torch.randn(5, 64))
    assert seen["conv"].shape == (5, 2, 6, 6)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    with pytest.raises(ConfigError, match="for a single image"), capture(flat):
        flat(torch.randn(1, 8, 8))


def test_a_layer_called_by_keyword_is_seen_with_its_input():
    model = ByKeyword(nn.MaxPool2d(2))
    with capture(model, inputs=True) as seen:
        model(IMAGES)
    assert torch.equal(seen.inputs["pool"], IMAGES)
    assert torch.equal(seen["pool"], functional.max_pool2d(IMAGES, 2))


def test_a_single_layer_is_a_model_too():
    model = nn.Linear(3, 2)
    with capture(model) as seen:
        output = model(torch.ones(1, 3))
    assert torch.equal(seen[""], output)


@pytest.mark.parametrize(
    ("layers", "words"), [([], "layers names none"), (nn.ReLU(), "unknown layer ReLU"), (3, "layer 3")]
)
def test_layers_of_another_kind_are_named(model, layers, words):
    with pytest.raises(ConfigError, match=words), capture(model, layers):
        pass


def test_something_that_is_no_model_is_refused():
    with (
        pytest.raises(ConfigError, match=r"must be an nn.Module, such as build_cnn\(\), got 'model'"),
        capture("model"),
    ):
        pass


def test_tuples_lists_and_dicts_are_captured_piece_by_piece():
    model = TupleOutput()
    with capture(model) as seen:
        logits, others = model(IMAGES)
    assert set(seen) == {"conv", "rnn[0]", "rnn[1][0]", "rnn[1][1]", "head"}
    assert torch.equal(seen["rnn[1][0]"][0], seen["rnn[0]"][:, -1])  # an LSTM's last output is its hidden state
    assert torch.equal(others["maps"], seen["conv"].relu())
    assert torch.equal(logits_of((logits, others)), logits)


@pytest.mark.parametrize("name", SIZES)
def test_torchvisions_networks_can_be_captured_whole(name):
    model, size = narrow_model(name), SIZES[name]
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    model.train()
    with torch.no_grad(), capture(model, inputs=True) as seen:
        logits = model(images)
    convolutions = {key: layer for key, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    assert convolutions.keys() <= seen.keys()
    for key, layer in convolutions.items():
        assert torch.allclose(seen[key], layer(seen.inputs[key]), rtol=1e-4, atol=1e-5), key
    inplace = [key for key, layer in model.named_modules() if getattr(layer, "inplace", False)]
    assert inplace
    for key in inplace:
        layer = model.get_submodule(key)
        for use in (used for used in seen if used.split("#")[0] == key):
            assert torch.equal(seen[use], layer.eval()(seen.inputs[use].clone())), use
    last = [key for key, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    assert torch.equal(seen[last], logits)
    assert hooks(model) == 0
    if name == "resnet18":
        assert {"layer1.0.relu", "layer1.0.relu#2"} <= set(seen)
