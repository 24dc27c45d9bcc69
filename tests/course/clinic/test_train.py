"""Test the clinic's training: its bare loop, what it records, and that the bank is what it gives."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cnnlab import count_parameters, load_data
from cnnlab.course.clinic.recording import LAYERS, read_recording
from cnnlab.course.clinic.settings import HEALTHY, setting_of
from cnnlab.course.clinic.train import BATCH, SHOWN, _batches, build_network, load_images, train_network

SHORT = HEALTHY.change({"epochs": 1})


def test_the_network_has_one_number_of_parameters_for_all():
    assert count_parameters(build_network(HEALTHY)) == 80 + 3 * 584 + 128 * 16 + 16 + 16 * 10 + 10
    sigmoids = build_network(HEALTHY.change({"activation": "sigmoid"}))
    assert [type(layer).__name__ for layer in sigmoids][:2] == ["Conv2d", "Sigmoid"]
    assert torch.equal(sigmoids.conv1.weight, build_network(HEALTHY).conv1.weight)


def test_weights_and_biases_begin_as_the_setting_says():
    model = build_network(HEALTHY.change({"random_weights": False}))
    assert {round(float(value), 6) for value in model.conv2.weight.detach().flatten()} == {round(1 / 72, 6)}
    model = build_network(HEALTHY.change({"initial_bias": -5.0}))
    assert [float(model.get_submodule(name).bias.detach().unique()) for name in LAYERS] == [-5, -5, -5, -5, -5, 0]
    spread = float(build_network(HEALTHY).conv2.weight.detach().std())
    assert spread == pytest.approx((2 / 72) ** 0.5, rel=0.1)  # He et al. 2015


def test_the_images_have_the_faults_of_the_setting_and_no_other():
    published = load_data("mnist", train=2000, validation=300, test=1)
    train, validation = load_images(HEALTHY)
    assert (len(train), len(validation)) == (1000, 300)
    assert torch.equal(train.images, published.train.images[:1000])
    assert torch.equal(validation.images, published.validation.images)
    raw, _ = load_images(HEALTHY.change({"normalize": False}))
    assert (raw.images - 255 * train.pixels).abs().max() < 1e-3
    assert raw.images.max() == 255
    assert (raw.pixels - train.pixels).abs().max() < 1e-5
    shuffled, unseen = load_images(HEALTHY.change({"shuffle_labels": True}))
    assert shuffled.labels.bincount().tolist() == train.labels.bincount().tolist()
    assert 0.02 < (shuffled.labels == train.labels).float().mean() < 0.2
    assert torch.equal(unseen.labels, validation.labels)
    both, leaked = load_images(HEALTHY.change({"new_validation_images": False}))
    assert torch.equal(leaked.images, both.images[:300])
    assert torch.equal(leaked.labels, both.labels[:300])
    few, same = load_images(HEALTHY.change({"train_size": 30}))
    assert torch.equal(few.images, train.images[:30])
    assert torch.equal(same.images, validation.images)


def test_a_pass_takes_each_image_once_and_few_images_come_several_times():
    batches = _batches(30, torch.Generator().manual_seed(0))
    numbers = torch.cat([next(batches) for _ in range(3)])
    assert numbers.bincount().tolist() == [2] * 30
    assert sorted(numbers[:30].tolist()) == list(range(30))


@pytest.mark.parametrize("zeroed", [True, False])
def test_one_epoch_is_that_of_torchs_own_optimizer(zeroed):
    setting = SHORT.change({"zero_gradients": zeroed, "learning_rate": 0.01})
    recording = train_network(setting)
    train, validation = load_images(setting)
    model, batches = build_network(setting), _batches(1000, torch.Generator().manual_seed(1))
    piled = [torch.zeros_like(value) for value in model.parameters()]
    losses, norms = [], []
    for _ in range(SHOWN // BATCH):
        chosen = next(batches)
        loss = functional.cross_entropy(model(train.images[chosen]), train.labels[chosen])
        for total, gradient in zip(piled, torch.autograd.grad(loss, list(model.parameters())), strict=True):
            total.copy_(gradient if zeroed else total + gradient)
        norms.append(float(piled[0].norm()))
        with torch.no_grad():
            for value, total in zip(model.parameters(), piled, strict=True):
                value -= 0.01 * total
        losses.append(loss.item())
    assert recording.history["train_loss"] == [pytest.approx(np.mean(losses), rel=1e-4)]
    assert recording.gradients(1)["that the step uses"]["conv1"].gradient_norm == pytest.approx(
        np.mean(norms), rel=1e-3
    )
    with torch.no_grad():
        loss = float(functional.cross_entropy(model(validation.images), validation.labels))
        act1 = model[:2](validation.images[:100])
    assert recording.history["validation_loss"] == [pytest.approx(loss, rel=1e-4)]
    assert recording.activations(1)["act1"].zeros == pytest.approx(float((act1 == 0).float().mean()), abs=1e-4)
    weights = model.conv2.weight.detach().flatten()
    assert recording.weights(1)["conv2"].values == pytest.approx(weights[:100].numpy(), rel=2e-3, abs=1e-4)
    assert recording.weights(1)["conv2"].std == pytest.approx(float(weights.std(correction=0)), rel=1e-3)
    assert torch.allclose(recording.kernels(1), model.conv1.weight.detach(), rtol=2e-3, atol=1e-4)


def test_a_training_that_diverges_ends_and_says_so():
    recording = train_network(HEALTHY.change({"learning_rate": 1e9}))
    assert recording.diverged
    assert recording.epochs < 12
    assert not train_network(SHORT).diverged


@pytest.mark.parametrize("disease", ["healthy", "gradients never zeroed"])
def test_training_again_gives_the_bank(disease):
    setting = setting_of(disease)
    recorded, again = read_recording(setting.key), train_network(setting.change({"epochs": 2}))
    for metric in ("train_loss", "validation_loss"):
        assert again.history[metric] == pytest.approx(recorded.history[metric][:2], rel=0.05)
    assert recorded.epochs == 12
