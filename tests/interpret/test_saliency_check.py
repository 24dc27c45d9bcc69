"""The check says whether a saliency map depends on what was learnt."""

import numpy as np
import pytest
import torch
from scipy import stats
from strangers import torchvision_model
from torch import nn

from cnnlab.data.loading import load_data
from cnnlab.data.training_split import shuffle_labels
from cnnlab.errors import ConfigError
from cnnlab.interpret.saliency import saliency
from cnnlab.interpret.saliency_check import SaliencyCheck, saliency_check
from cnnlab.model.cnn import build_cnn
from cnnlab.training.fit import fit


def images_of(shape, count=3):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(scope="module")
def trained():
    data = load_data("mnist", train=600, validation=100, test=10)
    networks = []
    for trained_on in (data, shuffle_labels(data)):
        networks.append(build_cnn(seed=0))
        fit(networks[-1], trained_on, epochs=6, progress=False)
    return data, *networks


def test_the_check_compares_with_random_weights_and_shuffled_labels(trained):
    data, model, other = trained
    images = data.validation.images[:20]
    before = torch.random.get_rng_state()
    check = saliency_check(model, images, method="gradient", shuffled=other, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert list(check.maps) == ["trained", "random weights", "shuffled labels"]
    assert torch.equal(check.maps["trained"], saliency(model, images))
    assert torch.equal(check.targets, model(images).argmax(1))
    assert torch.equal(check.maps["shuffled labels"], saliency(other, images, check.targets))
    for name, correlation in check.correlation.items():
        pairs = zip(check.maps["trained"], check.maps[name], strict=True)
        scipys = [stats.spearmanr(a.abs().flatten(), b.abs().flatten()).statistic for a, b in pairs]
        assert correlation == pytest.approx(scipys, rel=1e-9)
    again = saliency_check(model, images, shuffled=other, seed=3)
    assert all(torch.equal(check.maps[name], again.maps[name]) for name in check.maps)
    assert not torch.equal(saliency_check(model, images, seed=4).maps["random weights"], check.maps["random weights"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_weights_are_not_those_that_the_network_began_with(seed):
    model, images = build_cnn(seed=seed + 1), images_of((1, 28, 28)).float()
    with torch.no_grad():
        model.logits.weight.mul_(1.01)  # what it learnt, and little else
        for layer in (model.conv1, model.conv2, model.fc1):
            layer.weight.mul_(1.01)
            layer.bias.mul_(1.01)
    assert (saliency_check(model, images, 3, seed=seed).correlation["random weights"] < 0.9).all()


def test_the_check_keeps_to_the_batch_size():
    model, images = build_cnn(seed=1), images_of((1, 28, 28), count=5).float()
    counts = []
    handle = model.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
    check = saliency_check(model, images, batch_size=2)
    handle.remove()
    assert max(counts) == 2
    assert torch.equal(check.targets, model.eval()(images).argmax(1))
    with pytest.raises(ConfigError, match="batch_size must be a whole number of 1 or more, got 0"):
        saliency_check(model, images, batch_size=0)


def test_the_check_tells_a_map_that_ignores_the_network(trained):
    """The correlation with random weights is below 0.9 for the gradient, and 1 for the same network."""
    data, model, _ = trained
    images = data.validation.images[:20]
    assert (saliency_check(model, images).correlation["random weights"] < 0.9).all()
    same = saliency_check(model, images, shuffled=model).correlation["shuffled labels"]
    assert same == pytest.approx(np.ones(20))


def test_the_check_takes_a_positive_control(trained):
    data, model, _ = trained
    images = data.validation.images[:20]
    check = saliency_check(model, images, another_seed=model)
    assert list(check.maps) == ["trained", "random weights", "another seed"]
    assert check.means["another seed"] == pytest.approx(1)  # the same network
    assert check.means["random weights"] == pytest.approx(check.correlation["random weights"].mean())


def made_check(method, **correlation):
    return SaliencyCheck(method, torch.zeros(3, 1, 4, 4), torch.zeros(3), {}, correlation)


def test_the_check_says_its_means_in_few_words_and_explains_a_missing_one():
    check = made_check("gradient", random=np.array([0.1, 0.2, 0.3]))
    assert repr(check) == (
        "gradient, 3 images: mean rank correlation with the trained network's maps\n"  # no tensors
        "  random: 0.20"
    )
    check = made_check("grad_cam", random=np.array([0.1, np.nan, 0.3]), other=np.full(3, np.nan))
    assert check.means == {"random": pytest.approx(0.2), "other": pytest.approx(np.nan, nan_ok=True)}
    assert repr(check) == (
        "grad_cam, 3 images: mean rank correlation with the trained network's maps\n"
        "  random: 0.20 (1 left out)\n"
        "  other: nan (3 left out)\n"
        "  left out: images where a map has the same value everywhere, so that its pixels have no order\n"
        "  (grad_cam keeps what speaks for the class: where nothing does, its map is all zero)"
    )
    assert "grad_cam" not in repr(made_check("occlusion", random=np.array([0.1, np.nan, 0.3])))


def test_a_map_that_is_zero_everywhere_has_no_correlation():
    """The last convolution is far below zero here: no gradient comes back to it, and Grad-CAM has nothing to add."""
    model, images = build_cnn(seed=1), images_of((1, 28, 28), count=2).float()
    with torch.no_grad():
        model.conv2.bias.fill_(-1000)
    check = saliency_check(model, images, 3, "grad_cam")
    assert check.maps["trained"].eq(0).all()
    assert np.isnan(check.correlation["random weights"]).all()
    assert np.isnan(check.means["random weights"])


def test_the_check_on_a_stranger_draws_every_layer_anew():
    model = torchvision_model("resnet18").eval()
    images = torch.randn(2, 3, 48, 48)
    check = saliency_check(model, images, 1)
    assert (np.abs(check.correlation["random weights"]) < 0.9).all()
    assert torch.equal(check.maps["trained"], saliency(model, images, 1))


def test_the_check_leaves_nothing_learnt_in_place():
    """Weights that no layer draws by itself are shuffled: weight_norm, and parameters of one's own."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.template = nn.Parameter(torch.randn(3, 64))

        def forward(self, images):
            return images.flatten(1) @ self.template.T

    normed = nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(64, 3, bias=False)))
    for model in (Own(), normed):
        check = saliency_check(model, torch.randn(4, 1, 8, 8), 0)
        assert (np.abs(check.correlation["random weights"]) < 0.5).all()
