"""The exercises of notebook 05a, with right answers, and with wrong ones that students give."""

import numpy as np
import pytest
import torch
from exercise_cases import Case, run_case
from torch.nn import functional

from cnnlab import activation_statistics, capture
from cnnlab.course.references.signals import OddNetwork, dead_units, make_all_outputs, outputs_of, relu, relu_backward

# --- A hook


def by_a_list(model, layer, images):
    kept = []
    with torch.no_grad():
        handle = layer.register_forward_hook(lambda *passed: kept.append(passed[2].clone()))
        try:
            model(images)
        finally:
            handle.remove()
    return kept[0]


def by_capture(model, layer, images):
    names = {each: name for name, each in model.named_modules()}
    with capture(model, [names[layer]]) as seen:
        model(images)
    return seen[names[layer]]


def with_hook(keep, finish="handle.remove()", before="", after=""):
    """Return a function that registers a hook, with these lines in it."""
    text = (
        "def outputs_of(model, layer, images):\n"
        "    kept = {}\n"
        "    def hook(layer, inputs, output):\n"
        f"        kept['output'] = {keep}\n"
        f"    {before or 'pass'}\n"
        "    handle = layer.register_forward_hook(hook)\n"
        "    model(images)\n"
        f"    {finish or 'pass'}\n"
        f"    {after or 'pass'}\n"
        "    return kept['output']"
    )
    names = {"torch": torch}
    exec(text, names)
    return names["outputs_of"]


def with_a_hook_that_returns_its_copy(model, layer, images):
    kept = []

    def hook(layer, inputs, output):  # noqa: ARG001
        kept.append(output.detach().clone())
        return kept[0]

    handle = layer.register_forward_hook(hook)
    model(images)
    handle.remove()
    return kept[0]


COPY = "output.detach().clone()"


def still_attached(model, layer, images):
    kept = {}
    handle = layer.register_forward_hook(lambda *passed: kept.update(output=passed[2].clone()))
    try:
        model(images)
    finally:
        handle.remove()
    return kept["output"]


# --- Dead units


def by_loops(outputs):
    count = 0
    for unit in range(outputs.shape[1]):
        count += all(float(image[unit].max()) == 0 for image in outputs)
    return count


def zeros_of(outputs):
    return [float((outputs[:, unit] == 0).float().mean()) for unit in range(outputs.shape[1])]


def in_numpy(outputs):
    largest = np.asarray(outputs).max(axis=0)
    return np.sum(largest.reshape(len(largest), -1).max(axis=1) == 0)


def relu_in_place(values):
    values[values < 0] = 0
    return values


def masked_in_place(values, gradients):
    gradients[values <= 0] = 0
    return gradients


def relu_by_loops(values):
    return torch.tensor([max(0.0, float(value)) for value in values.flatten()]).reshape(values.shape)


def backward_by_torch(values, gradients):
    values = values.clone().requires_grad_()
    functional.relu(values).backward(gradients)
    return values.grad


def backward_by_where(values, gradients):
    return torch.where(values > 0, gradients, torch.zeros_like(gradients))


CASES = {
    "05a-hook": Case(
        right=[by_a_list, lambda *given: by_a_list(*given).numpy()],
        wrong=[
            (with_hook(COPY, finish=""), "still there"),
            (with_hook(COPY, before="model.eval()"), "in eval mode"),
            (with_hook(COPY, before="torch.set_grad_enabled(False)"), "switches gradients off"),
            (by_capture, "it comes from capture"),
            (with_hook("output.detach()"), "makes no copy"),
            (with_hook("output.detach()", after="return kept['output'].clone()"), "makes no copy"),
            (with_a_hook_that_returns_its_copy, "return nothing from it"),
            (with_hook("inputs[0].detach().clone()"), "goes into the layer"),
            (still_attached, "Detach"),
            (with_hook(COPY), "stops with an error"),
            (with_hook(COPY, finish="layer._forward_hooks.clear()"), "somebody else"),
            (lambda model, layer, images: model(images).detach(), "whole network"),  # noqa: ARG005
            (lambda model, layer, images: layer(images).detach(), "into the layer itself"),  # noqa: ARG005
            (lambda model, layer, images: layer(images).clamp(min=0).detach(), "values are wrong"),  # noqa: ARG005
            (with_hook(COPY, after="return kept"), "a dict of length 1"),
            (with_hook(COPY, after="return None"), "returns nothing"),
            (with_hook("output[0].detach().clone()"), "The shape must be"),
        ],
    ),
    "05a-relu": Case(
        right=[relu_by_loops, lambda values: values * (values > 0), lambda values: np.maximum(values.numpy(), 0)],
        wrong=[
            (torch.abs, "lost its sign"),
            (torch.relu, "it comes from relu"),
            (functional.relu, "it comes from relu"),
            (torch.nn.ReLU(), "it comes from ReLU"),
            (lambda values: values.relu(), "it comes from relu"),
            (lambda values: values > 0, "Return the values there"),
            (lambda values: (values > 0).float(), "where the values are above zero"),
            (lambda values: values.clamp(max=0), "cut what lies above"),
            (lambda values: values.clamp(0, 1), "at 1, too"),
            (lambda values: values[values > 0], "Their places must stay"),
            (lambda values: max(0, values.max()), "largest value alone"),
            (lambda values: torch.where(values > 0, values, 0.01 * values), "leaky"),
            (relu_in_place, "changes its input"),
            (lambda values: max(0, values), "stops with RuntimeError"),
        ],
    ),
    "05a-dead-units": Case(
        right=[by_loops, in_numpy],
        wrong=[
            (lambda outputs: sum(share > 0.9 for share in zeros_of(outputs)), "too large"),
            (lambda outputs: by_loops(outputs if outputs.ndim == 2 else outputs[:, :, 0, 0]), "too large"),
            (lambda outputs: (outputs == 0).sum(), "You count zeros"),
            (lambda outputs: (outputs == 0).float().mean(), "share of zeros"),
            (lambda outputs: (outputs == 0).all(0).sum(), "places of a map one by one"),
            (lambda outputs: by_loops(outputs[:1]), "first image alone"),
            (lambda outputs: sum((outputs[:, unit] == 0).any() for unit in range(outputs.shape[1])), "everywhere"),
            (lambda outputs: outputs.shape[1] - by_loops(outputs), "How many are dead"),
            (lambda outputs: by_loops(outputs) / outputs.shape[1], "Give their number"),
            (lambda outputs: (outputs == 0).all(0), "of a single number"),
            (lambda outputs: sum((outputs == 0).all(3).all(2).all(0)), "stops with IndexError"),
            (lambda outputs: sum(by_loops(image[None]) for image in outputs), "of each image"),
            (lambda outputs: (outputs.transpose(0, 1).flatten(1).mean(1) < 0.01).sum(), "too large"),
            (lambda outputs: by_loops(outputs[-1:]), "too large"),
            (lambda outputs: 0, "too small"),  # noqa: ARG005
            *((lambda outputs, count=count: count, "too ") for count in range(1, 5)),  # noqa: ARG005
            (lambda outputs: outputs.shape[1] - 4, "too "),
        ],
    ),
    "05a-relu-backward": Case(
        right=[backward_by_torch, backward_by_where, lambda values, gradients: gradients * (values > 0).float()],
        wrong=[
            (lambda values, gradients: gradients, "pass on everything"),  # noqa: ARG005
            (lambda values, gradients: gradients * (gradients > 0), "sign of the gradients"),  # noqa: ARG005
            (lambda values, gradients: gradients * (values >= 0), "exactly zero"),
            (lambda values, gradients: (values > 0).float(), "where something passes"),  # noqa: ARG005
            (lambda values, gradients: gradients * values.clamp(min=0), "multiply by the values"),
            (lambda values, gradients: gradients * values, "multiply by the values"),
            (masked_in_place, "changes its input"),
            (lambda values, gradients: gradients * (values < 0), "wrong way round"),
            (lambda values, gradients: values * (values > 0), "the way forward"),  # noqa: ARG005
            (lambda values, gradients: gradients.clamp(min=0) * (values > 0), "negative gradients"),
        ],
    ),
    "05a-vanishing": Case(
        right=[1 / 4096, 0.25**6, 0.000244],
        wrong=[
            (6 * 0.25, "add the slopes"),
            (0.25 / 6, "number of sigmoids"),
            (0.25, "one sigmoid."),
            (4**6, "upside down"),
            (0.25**5, "too few"),
            (0.25**7, "too many"),
            (0.5**6, "not a half"),
            (0, "too small"),
        ],
    ),
    "05a-update-ratio": Case(
        right=[0.005, 1 / 200],
        wrong=[
            (0.02, "That is the step"),
            (0.05, "times the rate"),
            (200, "upside down"),
            (20, "without the rate"),
            (0.025, "How long is the step"),
            (0.08, "Divide"),
            (3.98, "weights after the step"),
            (0.5, "in per cent? Give a share. Or did you divide the rate by the gradient?"),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_answers_of_students(name):
    run_case(name, CASES[name])


def test_each_draw_has_one_two_three_and_four_dead_units_and_the_others_speak():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        trials = [outputs for (outputs,) in make_all_outputs(generator)]
        assert sorted(map(dead_units, trials)) == sorted(map(by_loops, trials)) == [1, 2, 3, 4]
        for outputs in trials:
            for image in range(len(outputs)):  # to leave out any of the first, second and last image makes a difference
                others = torch.cat([outputs[:image], outputs[image + 1 :]])
                assert by_loops(others) > by_loops(outputs) or image not in (0, 1, len(outputs) - 1)


def test_the_references_agree_with_torch_and_the_package():
    generator = torch.Generator().manual_seed(0)
    for (outputs,) in make_all_outputs(generator):
        if outputs.ndim == 4:
            statistics = activation_statistics(torch.nn.Sequential(torch.nn.ReLU()), outputs)
            assert statistics["0"].dead == dead_units(outputs)
    values, gradients = torch.randn(3, 4, generator=generator), torch.randn(3, 4, generator=generator)
    torch.testing.assert_close(relu(values), functional.relu(values))
    torch.testing.assert_close(relu_backward(values, gradients), backward_by_torch(values, gradients))


def test_the_hook_of_the_reference_is_gone_and_sees_what_goes_through():
    network, images = OddNetwork(2, seed=1), torch.randn(2, 2, 5, 6)
    outputs = outputs_of(network, network.first, images)
    torch.testing.assert_close(outputs, functional.conv2d(images, network.first.weight, network.first.bias, padding=1))
    assert not any(layer._forward_hooks for layer in network.modules())
