"""Saliency maps equal those of Captum, in float64."""

import captum.attr
import numpy as np
import pytest
import torch
from strangers import SIZES, TupleOutput, UsedTwice, hooks, narrow_model
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.interpret.saliency import METHODS, concentration, saliency
from cnnlab.interpret.saliency_check import saliency_check
from cnnlab.interpret.saliency_methods import draw_noise
from cnnlab.model.cnn import build_cnn


def images_of(shape, count=3, seed=0):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def networks():
    """Yield random networks and images: max, average and no pooling, one and three channels, in-place layers."""
    for seed, pooling, shape, options in [
        (0, "max", (1, 28, 28), {}),
        (1, "avg", (1, 28, 28), {"kernel_size": 5}),
        (2, "max", (3, 17, 14), {"padding": "valid", "convs_per_block": 2, "channels": (6,)}),
        (3, "none", (3, 12, 12), {"dropout": 0.5, "channels": (4, 5, 6)}),
    ]:
        model = build_cnn(pooling=pooling, input_shape=shape, seed=seed, **options).double()
        yield pytest.param(model, images_of(shape, seed=seed), id=f"{pooling}-{shape[0]}-{shape[1]}")
    torch.manual_seed(0)
    yield pytest.param(UsedTwice().double(), images_of((1, 20, 20)), id="in-place")


def captums(model, images, targets, method, layer):
    """Return Captum's map."""
    size = tuple(images.shape[2:])
    if method == "gradient":
        return captum.attr.Saliency(model).attribute(images.clone().requires_grad_(), target=targets, abs=False)
    if method == "gradient_x_input":
        return captum.attr.InputXGradient(model).attribute(images.clone().requires_grad_(), target=targets)
    if method == "integrated_gradients":
        explain = captum.attr.IntegratedGradients(model)
        return explain.attribute(images.clone().requires_grad_(), target=targets, n_steps=50, method="gausslegendre")
    if method == "occlusion":
        shape = (images.shape[1], 5, 5)
        explain = captum.attr.Occlusion(model)
        return explain.attribute(images, target=targets, sliding_window_shapes=shape, strides=(images.shape[1], 2, 2))
    maps = captum.attr.LayerGradCam(model, layer).attribute(images, target=targets, relu_attributions=True)
    return captum.attr.LayerAttribution.interpolate(maps, size, "bilinear").expand_as(images)


def close(ours, theirs, tolerance=1e-5):
    """Return whether two maps differ by at most tolerance, as a share of the largest value of theirs."""
    return theirs.abs().max() > 0 and (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


@pytest.mark.parametrize("method", [method for method in METHODS if method != "smoothgrad"])
@pytest.mark.parametrize(("model", "images"), list(networks()))
def test_maps_equal_captums(model, images, method):
    targets = torch.tensor([3, 0, 4])
    model.eval()
    layer = [module for module in model.modules() if isinstance(module, nn.Conv2d)][-1]
    if method == "grad_cam" and isinstance(model, UsedTwice):
        model.relu.inplace = False  # Captum's hook would read what the ReLU has rewritten
        theirs = captums(model, images, targets, method, layer)
        model.relu.inplace = True
    else:
        theirs = captums(model, images, targets, method, layer)
    ours = saliency(model, images, targets, method)
    assert ours.shape == images.shape
    assert ours.dtype == torch.float64
    assert close(ours, theirs.detach())


@pytest.mark.parametrize(("model", "images"), list(networks()))
def test_smoothgrad_equals_captums_on_the_same_noise(model, images, monkeypatch):
    targets, model = torch.tensor([1, 2, 0]), model.eval()
    noise = draw_noise(images, 8, 0.15, torch.Generator().manual_seed(5))
    ours = saliency(model, images, targets, "smoothgrad", samples=8, noise=0.15, seed=5)
    monkeypatch.setattr(torch, "normal", lambda _mean, _std: noise.flatten(0, 1))
    explain = captum.attr.NoiseTunnel(captum.attr.Saliency(model))
    theirs = explain.attribute(images.clone().requires_grad_(), target=targets, nt_samples=8, stdevs=1.0, abs=False)
    assert close(ours, theirs)


def test_the_noise_is_a_share_of_each_images_range():
    images = images_of((1, 8, 8), count=2)
    images[1] *= 100
    noise = draw_noise(images, 4000, 0.2, torch.Generator().manual_seed(0))
    for image, drawn in zip(images, noise, strict=True):
        assert drawn.std().item() == pytest.approx(0.2 * (image.max() - image.min()).item(), rel=0.02)
        assert abs(drawn.mean().item()) < 0.01 * drawn.std().item()


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("method", ["gradient", "grad_cam", "integrated_gradients"])
def test_torchvisions_networks_too(name, method):
    model, size = narrow_model(name).double().eval(), SIZES[name]
    images = images_of((3, size, size), count=2)
    ours = saliency(model, images, 4, method, steps=8)
    for layer in model.modules():  # Captum's hooks read what an in-place layer has rewritten
        if hasattr(layer, "inplace"):
            layer.inplace = False
    if method == "integrated_gradients":
        explain = captum.attr.IntegratedGradients(model)
        theirs = explain.attribute(images, target=4, n_steps=8, method="gausslegendre")
    else:
        last = [module for module in model.modules() if isinstance(module, nn.Conv2d)][-1]
        theirs = captums(model, images, torch.tensor([4, 4]), method, last).detach()
    if theirs.abs().max() > 0:
        assert close(ours, theirs)
    else:  # Grad-CAM keeps what speaks for the class, and there may be nothing
        assert method == "grad_cam"
        assert ours.abs().max() == 0


def test_integrated_gradients_sum_to_the_logits_rise():
    model, images = build_cnn(seed=1).double(), images_of((1, 28, 28))
    maps = saliency(model, images, 2, "integrated_gradients", steps=300)
    rise = (model(images) - model(torch.zeros_like(images)))[:, 2]
    assert maps.sum((1, 2, 3)).tolist() == pytest.approx(rise.tolist(), rel=0.01)  # ReLUs have kinks


def test_a_linear_networks_gradient_is_its_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    images = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    weights = model[1].weight.detach()[1].view(1, 1, 2, 2)
    for method, expected in {
        "gradient": weights, "gradient_x_input": weights * images, "integrated_gradients": weights * images,
        "smoothgrad": weights,
    }.items():  # fmt: skip
        assert torch.allclose(saliency(model, images, 1, method), expected, atol=1e-6), method
    occluded = saliency(model, images, 1, "occlusion", window=1, stride=1)
    assert torch.allclose(occluded, weights * images, atol=1e-5)


def test_targets_are_the_networks_own_answers_unless_given():
    model, images = build_cnn(seed=1), images_of((1, 28, 28)).float()
    answers = model.eval()(images).argmax(1)
    assert torch.equal(saliency(model, images), saliency(model, images, answers))
    assert torch.equal(saliency(model, images, 3), saliency(model, images, torch.full((3,), 3)))
    assert not torch.equal(saliency(model, images, 3), saliency(model, images, 4))


@pytest.mark.parametrize("method", METHODS)
def test_batches_change_nothing_and_nothing_is_changed(method):
    model, images = build_cnn(seed=1, dropout=0.4).double(), images_of((1, 28, 28), count=5)
    model.train()
    model.conv1.weight.requires_grad_(False)
    model.fc1.weight.grad = torch.ones_like(model.fc1.weight)
    kept, before = images.clone(), torch.random.get_rng_state()
    whole = saliency(model, images, method=method, batch_size=10_000)
    parts = saliency(model, images, method=method, batch_size=2)
    assert torch.allclose(whole, parts, rtol=1e-9, atol=1e-12)
    assert torch.equal(images, kept)
    assert not images.requires_grad
    assert model.training
    assert model.dropout.training
    assert not model.conv1.weight.requires_grad
    assert model.conv1.weight.grad is None
    assert (model.fc1.weight.grad == 1).all()
    assert hooks(model) == 0
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.no_grad():
        assert torch.equal(saliency(model, images, method=method, batch_size=2), parts)


def test_an_in_place_first_layer_and_a_tuple_output():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4, 2))
    images = torch.tensor([[[[1.0, -2.0], [3.0, -4.0]]]])
    expected = model[2].weight.detach()[0].view(1, 1, 2, 2) * (images > 0)
    assert torch.equal(saliency(model, images.clone(), 0), expected)
    for method in METHODS:
        maps = saliency(TupleOutput(), torch.randn(2, 1, 12, 12), 1, method, steps=4, samples=2)
        assert maps.shape == (2, 1, 12, 12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "smooth"}, "unknown method 'smooth'; did you mean 'smoothgrad'"),
        ({"images": torch.zeros(1, 28, 28)}, r"for a single image \(C, H, W\) write images\[None\]"),
        ({"images": torch.zeros(2, 1, 28, 28, dtype=torch.uint8)}, "got uint8"),
        ({"targets": 10}, r"the model has the classes 0 to 9, got \[10\]"),
        ({"images": torch.zeros(99, 1, 28, 28), "targets": torch.arange(99)}, r"got \[0, 1, 2, .{,60}…$"),
        ({"targets": -1}, "targets must be a whole number of 0 or more"),
        ({"targets": torch.tensor([1, 2, 3])}, r"must be one class, or one for each of 2 images, got int64 \(3,\)"),
        ({"targets": [1, 2, 3]}, r"must be one class, or one for each of 2 images, got int64 \(3,\)"),
        ({"targets": torch.tensor([True, False])}, r"got bool \(2,\)"),
        ({"images": torch.zeros(0, 1, 28, 28)}, "images: got none"),
        ({"targets": torch.tensor([1.0, 2.0])}, r"got float32 \(2,\)"),
        ({"method": "grad_cam", "layer": "conv3"}, "unknown layer 'conv3'"),
        ({"method": "grad_cam", "layer": "fc1"}, r"wants a layer that gives maps \(N, C, H, W\); fc1 gives \(2, 64\)"),
        ({"method": "occlusion", "window": 29}, "stride <= window <= the image's side, got stride=2, window=29"),
        ({"method": "occlusion", "window": 2, "stride": 3}, "got stride=3, window=2"),
        ({"samples": 0}, "samples must be"),
        ({"noise": -1}, "noise must be"),
    ],
)
def test_bad_input_is_named(change, words):
    arguments = {"model": build_cnn(), "images": torch.zeros(2, 1, 28, 28)} | change
    with pytest.raises(ConfigError, match=words):
        saliency(**arguments)


def test_grad_cam_wants_a_convolution_and_may_look_at_another_layer():
    with pytest.raises(ConfigError, match="grad_cam needs a convolution"):
        saliency(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), torch.ones(1, 1, 4, 4), 0, "grad_cam")
    model, images = build_cnn(seed=1).double(), images_of((1, 28, 28))
    maps = saliency(model, images, 0, "grad_cam", layer="relu1")
    assert close(
        maps, captums(model.eval(), images, torch.zeros(3, dtype=torch.long), "grad_cam", model.relu1).detach()
    )


def test_the_last_convolution_is_the_last_that_runs():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head, self.spare = nn.Conv2d(1, 3, 3), nn.Linear(3, 2), nn.Conv2d(1, 1, 1)

        def forward(self, images):
            return self.head(self.conv(images).relu().mean((2, 3)))

    model, images = Spare().double(), images_of((1, 8, 8))
    assert torch.equal(saliency(model, images, 0, "grad_cam"), saliency(model, images, 0, "grad_cam", layer="conv"))
    with pytest.raises(ConfigError, match="the network does not use spare"):
        saliency(model, images, 0, "grad_cam", layer="spare")


def test_grad_cam_says_that_no_convolution_runs():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 3, 3), nn.Linear(64, 2)

        def forward(self, images):
            return self.head(images.flatten(1))

    words = "grad_cam: no convolution runs in this network's forward pass; take another method"
    with pytest.raises(ConfigError, match=f"^{words}$"):
        saliency(Unused(), torch.ones(1, 1, 8, 8), 0, "grad_cam")


@pytest.mark.parametrize("method", METHODS)
def test_inference_mode_and_half_precision(method):
    model, images = build_cnn(seed=1), images_of((1, 28, 28), count=2).float()
    with torch.inference_mode():
        inside = saliency(model, images * 1, 3, method, samples=2, steps=4)
    assert torch.equal(inside, saliency(model, images, 3, method, samples=2, steps=4))
    half = saliency(model.bfloat16(), images.bfloat16(), 3, method, samples=2, steps=4)
    assert half.dtype == torch.bfloat16
    assert saliency_check(model, images.bfloat16(), 3, method, samples=2, steps=4).correlation[
        "random weights"
    ].shape == (2,)


def test_concentration_is_the_gini_index():
    single, even = torch.zeros(1, 10, 10), torch.ones(1, 10, 10)
    single[0, 3, 4] = -5
    half = torch.zeros(1, 10, 10)
    half[0, :5] = 2
    indices = concentration(torch.stack([single, even, half, torch.zeros(1, 10, 10)]))
    assert indices.tolist() == pytest.approx([0.99, 0.0, 0.5, 0.0])
    assert concentration(torch.full((1, 1, 4, 4), float("nan"))).isnan().all()
    with pytest.raises(ConfigError, match="maps must be a float"):
        concentration(torch.zeros(3, 16, 16))
    values = torch.rand(1, 3, 6, 7, dtype=torch.float64) - 0.5
    flat = values.abs().sum(1).flatten().numpy()
    by_pairs = np.abs(flat[:, None] - flat[None]).mean() / (2 * flat.mean())  # the mean difference's definition
    assert concentration(values).item() == pytest.approx(by_pairs, rel=1e-9)
