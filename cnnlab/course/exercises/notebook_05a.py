"""The exercises of notebook 05a: signals."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn

from cnnlab.course.answers import wrong_number
from cnnlab.course.exercise import Exercise
from cnnlab.course.references.signals import (
    DEAD_MISTAKES,
    HOOK_MISTAKES,
    RELU_BACKWARD_MISTAKES,
    RELU_MISTAKES,
    OddNetwork,
    dead_units,
    make_all_outputs,
    outputs_of,
    relu,
    relu_backward,
)
from cnnlab.course.sentences import say
from cnnlab.course.student_functions import Mistake, try_function, wrong_function

SHAPES = ((7,), (3, 5), (2, 3, 4, 5))


def _values(generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    values = 3 * torch.randn(shape, generator=generator)
    values.view(-1)[0] = 0.0
    return values


def _wrong_relu(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [(_values(generator, shape),) for shape in SHAPES]

    return wrong_function(answer, relu, trials, known=RELU_MISTAKES, ready_made=("relu", "relu_", "ReLU"))


def _wrong_relu_backward(answer: object) -> str | None:
    def trials(generator: torch.Generator) -> list[tuple]:
        return [(_values(generator, shape), torch.randn(shape, generator=generator)) for shape in SHAPES]

    return wrong_function(answer, relu_backward, trials, known=RELU_BACKWARD_MISTAKES)


def _wrong_dead_units(answer: object) -> str | None:
    return wrong_function(answer, dead_units, make_all_outputs, known=DEAD_MISTAKES)


def _hook_trials(generator: torch.Generator) -> list[tuple[OddNetwork, nn.Module, Tensor]]:
    """Return a network, a layer of it, and images, twice: the first layer that runs, and the second."""
    trials = []
    for name, channels in (("first", int(torch.randint(1, 4, (), generator=generator))), ("squeeze", 3)):
        height, seed = (int(torch.randint(5, high, (), generator=generator)) for high in (9, 9999))
        network = OddNetwork(channels, seed)
        trials.append(
            (network, getattr(network, name), torch.randn(2, channels, height, height + 2, generator=generator))
        )
    return trials


def _wrong_hook(answer: object) -> str | None:
    words = wrong_function(answer, outputs_of, _hook_trials, known=HOOK_MISTAKES, ready_made=("capture",))
    return words or _wrong_manners(answer)


def _wrong_manners(answer: object) -> str | None:
    """Find what a function that returns the right output leaves behind, or takes away."""
    network, layer, images = _hook_trials(torch.Generator().manual_seed(0))[0]
    others = [layer.register_forward_hook(lambda *_: None), network.last.register_forward_hook(lambda *_: None)]
    try:
        result = try_function(answer, network, layer, images)  # pyright: ignore[reportArgumentType]
    except Mistake as mistake:
        return str(mistake)
    if _count_hooks(network) > len(others):
        return say(
            "Your hook is still there afterwards. It would be called for ever; run the cell twice and there are two."
        )
    if _count_hooks(network) < len(others):
        return say("A hook of somebody else is gone. Remove your own alone, by what register_forward_hook returned.")
    if not all(part.training for part in network.modules()):
        return say("Your function leaves the network in eval mode: a later training would go on in it.")
    if getattr(result, "requires_grad", False):
        return say("Your tensor holds on to all that a gradient would need. Detach it.")
    with contextlib.suppress(Mistake):
        try_function(answer, network, layer, images.repeat(1, 2, 1, 1))  # pyright: ignore[reportArgumentType]
    if _count_hooks(network) > len(others):
        return say("If the network stops with an error, your hook stays. Let it be removed in any case.")
    return None


def _count_hooks(network: nn.Module) -> int:
    return sum(len(layer._forward_hooks) for layer in network.modules())


def _wrong_vanishing(answer: object) -> str | None:
    known = {
        1 / 24: "You divide by the number of sigmoids. Each one multiplies what the one after it has left.",
        1.5: "You add the slopes. Each sigmoid multiplies what the one after it has left.",
        0.25: "That is one sigmoid.",
        4**6: "You have it upside down: the factor is below 1.",
        0.25**5: "That is one sigmoid too few.",
        0.25**7: "That is one sigmoid too many.",
        0.5**6: "The steepest slope of a sigmoid is not a half.",
        6**0.25: "You have mixed up base and exponent.",
        6**-4: "You have mixed up base and exponent.",
    }
    return wrong_number(answer, 0.25**6, known=known, tolerance=0.02)


def _wrong_ratio(answer: object) -> str | None:
    known = {
        0.02: "That is the step. Compare it with the weights.",
        0.05: "That is the gradient beside the weights. The step is the gradient times the rate.",
        200: "You have it upside down: how large is the step, as a share of the weights?",
        20: "You have it upside down, and without the rate.",
        0.025: "That is the rate beside the weights. How long is the step?",
        0.08: "You multiply by the weights. Divide.",
        3.98: "Those are the weights after the step. How large is the step beside them?",
        0.5: "Is that in per cent? Give a share. Or did you divide the rate by the gradient? SGD's step is rate × "
        "gradient.",
    }
    return wrong_number(answer, 0.005, known=known, tolerance=0.001)


EXERCISES = (
    Exercise(
        name="05a-hook",
        find_mistake=_wrong_hook,
        further="capture does the same for many layers at once, and puts the network into eval mode meanwhile.",
        hints=(
            "Copy the lines of the cell above into the function: register, run, remove. What if the middle one fails?",
            "Put model(images) after try: and handle.remove() after finally:. Keep output.detach().clone().",
        ),
        solution=(
            "def outputs_of(model, layer, images):\n"
            "    kept = []\n"
            "    keep = lambda layer, inputs, output: kept.append(output.detach().clone())\n"
            "    handle = layer.register_forward_hook(keep)\n"
            "    try:\n"
            "        model(images)\n"
            "    finally:\n"
            "        handle.remove()\n"
            "    return kept[0]\n\n\n"
            "answer = outputs_of"
        ),
    ),
    Exercise(
        name="05a-relu",
        find_mistake=_wrong_relu,
        further="The same line works for every shape, because it treats each value by itself.",
        hints=(
            "Each value is treated by itself: it stays, or becomes zero.",
            "torch.where chooses between two tensors; a tensor's clamp cuts it at a limit. Either will do.",
        ),
        solution="def relu(values):\n    return values.clamp(min=0)\n\n\nanswer = relu",
    ),
    Exercise(
        name="05a-dead-units",
        find_mistake=_wrong_dead_units,
        further="With more images the number can only fall: each image may wake a unit up.",
        hints=(
            "Ask for each unit by itself: is it zero for all images? Of a map, at all places?",
            "outputs.amax(0) is the largest value over the images. For maps go on over height and width.",
        ),
        solution=(
            "def dead_units(outputs):\n"
            "    by_unit = outputs.transpose(0, 1).flatten(1)  # a row for each unit\n"
            "    return int((by_unit == 0).all(1).sum())\n\n\n"
            "answer = dead_units"
        ),
    ),
    Exercise(
        name="05a-relu-backward",
        find_mistake=_wrong_relu_backward,
        further="A unit that is zero for every image passes nothing on for any of them: so it cannot learn.",
        hints=(
            "Above zero a ReLU hands its value on unchanged. What is its slope there, and what is it below?",
            "Multiply the gradients by 1 where the value that went in is above zero, and by 0 elsewhere.",
        ),
        solution=(
            "def relu_backward(values, gradients):\n    return gradients * (values > 0)\n\n\nanswer = relu_backward"
        ),
    ),
    Exercise(
        name="05a-vanishing",
        find_mistake=_wrong_vanishing,
        further="A ReLU that is awake has the slope 1: it passes the gradient on whole, however many there are.",
        hints=(
            "On its way back the gradient is multiplied at each sigmoid. By what, at most?",
            "Two sigmoids make at most 1/4 × 1/4. Go on.",
        ),
        solution="answer = (1 / 4) ** 6",
    ),
    Exercise(
        name="05a-update-ratio",
        find_mistake=_wrong_ratio,
        further="It is five times the rule of thumb, and the healthy network above took steps of that size.",
        hints=(
            "How long is SGD's step? Notebook 04 has its rule.",
            "The step is rate × gradient. Divide its size by that of the weights.",
        ),
        solution="answer = 0.1 * 0.2 / 4",
    ),
)
