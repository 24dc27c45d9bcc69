"""Follow signals in a network (ReLU and its way back, dead units, a hook): the right way, and with known mistakes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def relu(values: Tensor) -> Tensor:
    """Return the values, with zero in place of those below zero."""
    return values.clamp(min=0)


RELU_MISTAKES = (
    (lambda values: values.abs(), "What lies below zero has lost its sign. It must become zero."),
    (lambda values: (values > 0).float(), "You return where the values are above zero. Return the values there."),
    (lambda values: values.clamp(max=0), "You have kept what lies below zero, and cut what lies above."),
    (lambda values: values.clamp(0, 1), "You have cut the values at 1, too. Above zero they stay as they are."),
    (lambda values: values.clamp(min=0).max(), "You return the largest value alone. Work on each value by itself."),
    (lambda values: values[values > 0], "You have dropped the values below zero. Their places must stay."),
    (lambda values: torch.sigmoid(values), "That is a sigmoid."),
    (lambda values: torch.where(values > 0, values, 0.01 * values), "That is a leaky ReLU: it lets something through."),
    (lambda values: values, "You return what came in."),
)


def relu_backward(values: Tensor, gradients: Tensor) -> Tensor:
    """Return the gradient of the loss for what goes into a ReLU.

    Parameters
    ----------
    values : Tensor
        What went into the ReLU.
    gradients : Tensor
        The gradient of the loss for what it puts out, of the same shape.
    """
    return gradients * (values > 0)


RELU_BACKWARD_MISTAKES = (
    (lambda values, gradients: gradients, "You pass on everything. Where the ReLU put out zero, nothing may pass."),
    (
        lambda values, gradients: gradients.clamp(min=0),
        "You look at the sign of the gradients. What counts is the sign of the values that went in.",
    ),
    (
        lambda values, gradients: gradients * (values >= 0),
        "A value of exactly zero passes its gradient on. torch's ReLU lets none through there.",
    ),
    (
        lambda values, gradients: (values > 0).float(),
        "You return where something passes. Return what passes there.",
    ),
    (
        lambda values, gradients: gradients * values.clamp(min=0),
        "You multiply by the values. The slope of a ReLU above zero is 1.",
    ),
    (lambda values, gradients: gradients * values, "You multiply by the values. The slope of a ReLU above zero is 1."),
    (lambda values, gradients: gradients * (values < 0), "You have it the wrong way round: above zero it must pass."),
    (lambda values, gradients: values.clamp(min=0), "That is the way forward. Now the gradient goes back."),
    (
        lambda values, gradients: gradients.clamp(min=0) * (values > 0),
        "A gradient may be negative: pass on negative gradients, too.",
    ),
    (lambda values, gradients: gradients[values > 0], "You have dropped the others. Their places must stay, as zeros."),
)


def dead_units(outputs: Tensor) -> int:
    """Return how many units are zero for every image, and of a map at every place.

    Parameters
    ----------
    outputs : Tensor
        What a ReLU puts out: (N, units), or (N, maps, H, W).
    """
    return int((outputs == 0).transpose(0, 1).flatten(1).all(1).sum())


def _dead_places(outputs: Tensor) -> int:
    return int((outputs == 0).all(0).sum())


DEAD_MISTAKES = (
    (lambda outputs: int((outputs == 0).sum()), "You count zeros. Count units that are zero for every image."),
    (
        lambda outputs: float((outputs == 0).float().mean()),
        "That is the share of zeros. Count units that are zero for every image.",
    ),
    (_dead_places, "You count the places of a map one by one. A whole map is one unit."),
    (
        lambda outputs: dead_units(outputs[:1]),
        "You look at the first image alone. For one image many units are silent.",
    ),
    (
        lambda outputs: int((outputs == 0).transpose(0, 1).flatten(1).any(1).sum()),
        "You count units that are zero somewhere. Dead are those that are zero everywhere.",
    ),
    (lambda outputs: outputs.shape[1] - dead_units(outputs), "You count the living. How many are dead?"),
    (lambda outputs: dead_units(outputs) / outputs.shape[1], "That is their share. Give their number."),
    (
        lambda outputs: int((outputs == 0).flatten(1).all(1).sum()),
        "You count images for which nothing answers. Count units.",
    ),
    (
        lambda outputs: int((outputs.flatten(2) == 0).all(2).all(1).sum()) if outputs.ndim > 2 else dead_units(outputs),
        "You count images for which nothing answers. Count units.",
    ),
    (lambda outputs: sum(dead_units(image[None]) for image in outputs), "You add up the silent units of each image."),
)


def make_outputs(generator: torch.Generator, *, dead: int, living: int, is_map: bool) -> Tensor:
    """Return random outputs of a ReLU, of five images or more, in which so many units are dead, and no others.

    Parameters
    ----------
    generator : torch.Generator
        Draws the outputs, and which units are dead.
    dead, living : int
        How many units are dead, and how many are not: three or more.
    is_map : bool
        Whether a unit is a whole map.
    """
    images, height, width = (int(size) for size in torch.randint(5, 9, (3,), generator=generator))
    shape = (images, dead + living, height, width + 1) if is_map else (images, dead + living)
    outputs = torch.randn(shape, generator=generator).clamp(min=0)
    outputs[0] += 0.1  # none is dead by chance
    outputs[:, :3] = 0.0  # three answer one image alone, the first at one place, and hardly: they are alive
    outputs[-1, 0].view(-1)[-1], outputs[0, 1], outputs[1, 2] = 0.001, 0.5, 0.5
    outputs[-1, 3:] = 0.0  # so that the last image has more silent units than the first one
    outputs[:, living:] = 0.0
    outputs[2 : 3 if is_map else 4] = 0.0  # nothing answers these images
    return outputs[:, torch.randperm(dead + living, generator=generator)]


def make_all_outputs(generator: torch.Generator) -> list[tuple[Tensor]]:
    """Return outputs of fully connected layers and of convolutions, each with another number of dead units."""
    dead, living = (1 + torch.randperm(4, generator=generator), 4 + torch.randperm(4, generator=generator))
    kinds = zip(dead.tolist(), living.tolist(), (False, True, True, False), strict=True)
    return [(make_outputs(generator, dead=count, living=alive, is_map=is_map),) for count, alive, is_map in kinds]


def outputs_of(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    """Return what a layer puts out while images go through a model, by a hook that is gone afterwards."""
    kept = {}
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(values=output.detach().clone()))
    try:
        model(images)
    finally:
        handle.remove()
    return kept["values"]


def _uncopied(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    return outputs_of(model, layer, images).clamp(min=0)  # the ReLU after the layer works in place


def _inputs_of(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    kept = {}
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(values=inputs[0].detach().clone()))
    model(images)
    handle.remove()
    return kept["values"]


HOOK_MISTAKES = (
    (
        _uncopied,
        "The values below zero are gone: the next layer is a ReLU that works in place. detach() alone makes no copy. "
        "Copy within the hook, and return nothing from it.",
    ),
    (lambda model, layer, images: model(images).detach(), "That is what the whole network puts out."),
    (_inputs_of, "That is what goes into the layer. A hook gets the output as its third argument."),
    (
        lambda model, layer, images: layer(images).detach(),
        "You send the images into the layer itself. It gets what the layers before it put out: hook it, and run the "
        "model.",
    ),
)


class OddNetwork(nn.Module):
    """A small random network whose layers run in another order than they are listed in.

    Parameters
    ----------
    channels : int
        Of its images.
    seed : int
        Draws its weights.
    """

    def __init__(self, channels: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.last = nn.Linear(5, 4)
            self.squeeze = nn.Conv2d(3, 5, 3, padding=1)
            self.first = nn.Conv2d(channels, 3, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 4)."""
        maps = self.relu(self.first(images))  # (N, 3, H, W)
        maps = self.relu(self.squeeze(maps))  # (N, 5, H, W)
        return self.last(maps.mean((2, 3)))
