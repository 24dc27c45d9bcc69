"""The quick forward pass: the bits of a plain call, in values and gradients, and only where nothing watches."""

import math

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.utils import parametrizations

from cnnlab.data.loading import load_data
from cnnlab.errors import ConfigError
from cnnlab.model import evaluation, forward_pass
from cnnlab.model.cnn import build_cnn
from cnnlab.model.evaluation import evaluate, evaluate_all, predict
from cnnlab.model.forward_pass import as_in_fit, compute_logits, relu_after_max
from cnnlab.training.fit import fit

IMAGES = torch.randn(16, 2, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % 10
CHANNELS = (4, 6, 8, 10)


def networks(**settings):
    """Return the networks of one to four blocks that these settings allow, with their weights channels_last."""
    built = []
    for blocks in range(1, 5):
        try:
            built.append(build_cnn(channels=CHANNELS[:blocks], hidden=8, input_shape=(2, 32, 32), **settings))
        except ConfigError:  # a map would be smaller than a kernel or a pool
            break
    return [model.to(memory_format=torch.channels_last) for model in built]


def bits(values):
    return values.detach().contiguous().view(torch.int32)


def logits_and_gradients(compute, model):
    """Return the bits of the logits and of each weight's gradient, with dropout's generator at its beginning."""
    for layer in model:
        if hasattr(layer, "generator"):
            layer.generator.manual_seed(0)
    model.zero_grad()
    logits = compute(IMAGES)
    nn.functional.cross_entropy(logits, LABELS).backward()
    return [bits(logits), *(bits(weight.grad) for weight in model.parameters())]


@pytest.mark.parametrize("pooling", ["max", "avg", "none"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7, 9, 11])
def test_every_bit_is_that_of_a_plain_call(kernel_size, padding, pooling):
    built = networks(kernel_size=kernel_size, padding=padding, pooling=pooling, dropout=0.3)
    assert built
    assert len(built) == 4 or padding == "valid"
    for model in built:
        quick = logits_and_gradients(lambda images, model=model: compute_logits(model, images), model)
        for own, plain in zip(quick, logits_and_gradients(model, model), strict=True):
            assert torch.equal(own, plain)


def test_two_convolutions_in_a_block_as_well():
    for model in networks(convs_per_block=2):
        quick = logits_and_gradients(lambda images, model=model: compute_logits(model, images), model)
        assert all(map(torch.equal, quick, logits_and_gradients(model, model)))


WINDOWS = {  # a window of four pixels: its maximum after ReLU, and the pixel that gets the gradient
    (-1.0, 2.0, 3.0, 0.0): (3.0, 2),
    (5.0, 5.0, 1.0, 5.0): (5.0, 0),  # the first of equal numbers
    (-3.0, -1.0, -2.0, -4.0): (0.0, None),
    (-1.0, 0.0, -0.0, 0.0): (0.0, None),
    (-0.0, -1.0, -0.0, -2.0): (0.0, None),
    (math.inf, 1.0, -math.inf, 2.0): (math.inf, 0),
}


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_window_worked_out_by_hand(window):
    largest, place = WINDOWS[window]
    layers = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    for compute in (layers, lambda values: compute_logits(layers, values)):
        pixels = torch.tensor(window).view(1, 1, 2, 2).requires_grad_()
        pooled = compute(pixels)
        pooled.backward(torch.full((1, 1, 1, 1), -7.0))
        expected = [-7.0 if pixel == place else 0.0 for pixel in range(4)]
        assert pooled.item() == largest
        assert pixels.grad.flatten().tolist() == expected


@pytest.mark.parametrize("pool", [{}, {"stride": 1}, {"padding": 1}, {"ceil_mode": True}, {"dilation": 2}], ids=str)
def test_many_ties_zeros_and_numbers_that_are_none(pool):
    layers = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2, **pool))
    generator = torch.Generator().manual_seed(0)
    special = torch.tensor([-0.0, 0.0, -1.0, 1.0, 1.0, -math.inf, math.inf, math.nan])
    pixels = special[torch.randint(0, 8, (5, 3, 9, 9), generator=generator)]
    upstream = special[torch.randint(0, 8, layers(pixels).shape, generator=generator)]
    results = []
    for compute in (layers, lambda values: compute_logits(layers, values)):
        values = pixels.clone().requires_grad_()
        pooled = compute(values)
        pooled.backward(upstream)
        results.append((pooled, values.grad))
    for plain, quick in zip(*results, strict=True):
        assert torch.equal(plain.isnan(), quick.isnan())
        assert torch.equal(plain.nan_to_num(nan=9.0), quick.nan_to_num(nan=9.0))  # −0.0 equals 0.0 here


def test_relu_after_relu_and_first_of_all_does_not_write_into_its_input():
    layers = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.AvgPool2d(2), nn.ReLU(), nn.Flatten(), nn.ReLU(), nn.Linear(4, 2))
    pixels = torch.randn(1, 1, 4, 4, requires_grad=True)
    before = pixels.detach().clone()
    compute_logits(layers, pixels).sum().backward()
    quick = pixels.grad.clone()
    pixels.grad = None
    layers(pixels).sum().backward()
    assert torch.equal(quick, pixels.grad)
    assert torch.equal(pixels, before)


def test_the_order_of_the_layers_by_hand():
    def order(**settings):
        return " ".join(name for name, _ in relu_after_max(list(build_cnn(**settings).named_children())))

    assert order() == "conv1 pool1 relu1 conv2 pool2 relu2 flatten fc1 relu_fc1 logits"
    assert order(convs_per_block=2, channels=(4,)).startswith("conv1_1 relu1_1 conv1_2 pool1 relu1_2 flatten")
    assert order(pooling="avg") == "conv1 relu1 pool1 conv2 relu2 pool2 flatten fc1 relu_fc1 logits"


class OwnReLU(nn.ReLU):
    """A layer that torch does not have."""


def hook(*_):
    return None


def replace_relu(model):
    model.relu1 = OwnReLU()


def change_forward(model):
    model.relu1.forward = lambda values: values.clamp(0, 6)


WATCHERS = {
    "forward hook": lambda model: model.relu1.register_forward_hook(hook),
    "forward pre-hook": lambda model: model.fc1.register_forward_pre_hook(hook),
    "backward hook": lambda model: model.pool1.register_full_backward_hook(hook),
    "backward pre-hook": lambda model: model.conv2.register_full_backward_pre_hook(hook),
    "hook on the network": lambda model: model.register_forward_hook(hook),
    "global forward hook": lambda _: torch_module.register_module_forward_hook(hook),
    "global backward hook": lambda _: torch_module.register_module_full_backward_hook(hook),
    "a layer of one's own": replace_relu,
    "another forward": change_forward,
    "parametrization": lambda model: parametrizations.weight_norm(model.conv1),
    "compiled": lambda model: model.compile(backend="eager"),
    "compiled layer": lambda model: model.conv1.compile(backend="eager"),
}


@pytest.fixture
def quick_way_fails(monkeypatch):
    def fail(_layers):
        raise AssertionError("the quick way")

    monkeypatch.setattr(forward_pass, "relu_after_max", fail)


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")  # torch's compiler
@pytest.mark.parametrize("watch", WATCHERS.values(), ids=WATCHERS)
@pytest.mark.usefixtures("quick_way_fails")
def test_a_network_that_is_watched_or_changed_is_called(watch):
    model, images = build_cnn(channels=(2, 3), hidden=4), torch.rand(2, 1, 28, 28)
    handle = watch(model)
    try:
        assert torch.equal(compute_logits(model, images), model(images))
    finally:
        if hasattr(handle, "remove"):
            handle.remove()


@pytest.mark.usefixtures("quick_way_fails")
def test_the_quick_way_is_taken_by_build_cnn_alone():
    class Own(nn.Sequential):
        """A network of one's own."""

    model, images = build_cnn(channels=(2, 3), hidden=4), torch.rand(2, 1, 28, 28)
    compute_logits(Own(*model), images)
    handle = model.relu1.register_forward_hook(hook)
    compute_logits(model, images)
    handle.remove()
    with pytest.raises(AssertionError, match="the quick way"):
        compute_logits(model, images)


def test_hooks_see_every_layer_in_its_order():
    model, seen = build_cnn(channels=(2, 3), hidden=4), []
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _layer, _inputs, output, name=name: seen.append((name, output.clone())))
    compute_logits(model, torch.rand(2, 1, 28, 28))
    assert [name for name, _ in seen] == [name for name, _ in model.named_children()]
    values = dict(seen)
    assert torch.equal(values["relu1"], values["conv1"].clamp(min=0))  # conv1's output was not written over


# --- The order of the kernels' memory


def strides(model):
    return [layer.weight.stride() for layer in model if isinstance(layer, nn.Conv2d)]


def test_within_the_block_the_kernels_lie_as_in_fit_and_afterwards_as_before():
    model = build_cnn(channels=(2, 3), hidden=4)
    before, places = strides(model), [weight.data_ptr() for weight in model.parameters()]
    expected = strides(build_cnn(channels=(2, 3), hidden=4).to(memory_format=torch.channels_last))
    assert before != expected
    with as_in_fit(model):
        assert strides(model) == expected
    assert strides(model) == before
    assert [weight.data_ptr() for weight in model.parameters()] == places
    with pytest.raises(KeyError), as_in_fit(model):
        raise KeyError
    assert strides(model) == before


def test_kernels_that_lie_so_already_are_let_alone():
    model = build_cnn(channels=(2, 3), hidden=4).to(memory_format=torch.channels_last)
    places = [weight.data_ptr() for weight in model.parameters()]
    with as_in_fit(model):
        assert [weight.data_ptr() for weight in model.parameters()] == places  # a training would change these


def test_a_network_that_is_watched_or_of_ones_own_keeps_its_order():
    watched, own = build_cnn(channels=(2, 3), hidden=4), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softplus())
    watched.relu1.register_forward_hook(hook)
    for model in (watched, own):
        before = strides(model)
        with as_in_fit(model):
            assert strides(model) == before


@pytest.mark.parametrize("score", [evaluate, lambda model, split: evaluate_all([model], split),
                                   lambda model, split: predict(model, split.images)])  # fmt: skip
def test_every_score_is_computed_in_that_order(score, monkeypatch):
    seen = []
    monkeypatch.setattr(
        evaluation, "compute_logits", lambda model, images: seen.append(strides(model)) or model(images)
    )
    model = build_cnn(channels=(2, 3), hidden=4)
    score(model, load_data("mnist", train=10, validation=10).validation)
    assert seen == [strides(build_cnn(channels=(2, 3), hidden=4).to(memory_format=torch.channels_last))]


@pytest.mark.parametrize(("device", "rounds"), [("cuda", False), ("cpu", True)])
def test_a_score_on_a_gpu_has_all_bits_as_in_fit(device, rounds, monkeypatch):
    monkeypatch.setattr(forward_pass, "device_of", lambda _: torch.device(device))
    seen = []
    monkeypatch.setattr(
        evaluation, "compute_logits",
        lambda model, images: seen.append(torch.backends.cudnn.allow_tf32) or model(images),
    )  # fmt: skip
    evaluate(build_cnn(channels=(2, 3), hidden=4), load_data("mnist", train=10, validation=10).validation)
    assert seen == [rounds]
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(("kernel_size", "hidden"), [(3, 64), (5, 8)])
def test_a_score_afterwards_has_the_bits_of_the_validation_in_fit(kernel_size, hidden):
    data = load_data("mnist", train=64, validation=100)
    model = build_cnn(channels=(8, 16), kernel_size=kernel_size, hidden=hidden)
    history = fit(model, data, epochs=2, progress=False)
    assert evaluate(model, data.validation).loss == history.last("validation_loss")
