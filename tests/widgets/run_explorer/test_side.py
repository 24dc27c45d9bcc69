"""Test the numbers of one run of RunExplorer against bare forward passes and torch's own gradient."""

import pytest
import torch
from two_runs import BASE, train

from cnnlab.widgets.run_explorer.side import ACTIVATION_IMAGES, Side


@pytest.fixture(scope="module")
def side(trained):
    return Side(trained[0], "the first")


@pytest.fixture(scope="module")
def image(side):
    return side.validation[0]


def test_layers_are_those_with_maps_and_lie_between_input_and_output(side):
    assert side.layers == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2"]
    assert [side.depth(layer) for layer in ("conv1", "pool2", "none")] == [0, 5, -1]


@pytest.mark.parametrize("epoch", [0, 2])
def test_maps_and_activations_are_those_of_a_bare_forward_pass(side, trained, image, epoch):
    layers = trained[0].model(epoch)[:4]  # up to conv2
    with torch.no_grad():
        assert torch.equal(side.maps(epoch, "conv2", image), layers(image.images)[0])
        expected = layers(trained[0].experiment.load_data().validation.images[:ACTIVATION_IMAGES])
    assert torch.equal(side.activations(epoch, "conv2"), expected.flatten())


@pytest.mark.parametrize(("layer", "convolution"), [("conv1", "conv1"), ("pool1", "conv1"), ("relu2", "conv2")])
def test_weights_are_those_of_the_last_convolution_up_to_the_layer(side, trained, layer, convolution):
    assert torch.equal(side.weights(1, layer), trained[0].model(1).get_submodule(convolution).weight.flatten())


def test_the_answer_and_its_gradient(side, trained, image):
    model, pixels = trained[0].model(2), image.images.clone().requires_grad_()
    logits = model(pixels)[0]
    label = int(logits.argmax())
    assert side.answer(2, image) == f"{image.classes[label]} ({logits.softmax(0)[label].item():.2f})"
    (gradient,) = torch.autograd.grad(logits[label], pixels)
    assert gradient.min() < 0 < gradient.max()  # else the sign would not matter
    torch.testing.assert_close(side.saliency(2, image), gradient[0].abs().sum(0))


def test_the_receptive_field_ends_at_the_edge_of_the_image(side):
    assert side.field("conv1", 0, 3, 5) == (2, 4, 5, 7)  # 3×3 around row 3, column 5
    assert side.field("conv1", 0, 0, 11) == (0, 10, 2, 12)


def test_without_validation_images_those_of_training_are_shown():
    run = train(BASE.replace(validation_size=0, epochs=1))
    assert len(Side(run, "alone").validation) == BASE.train_size
