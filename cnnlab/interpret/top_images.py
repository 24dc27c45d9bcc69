"""Find the images that most activate a unit, and the pixels that it sees in each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.checks import check_batch_size, check_not_empty, check_whole
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.hooks import check_unit, hooked, layer_of_output
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.model.compatibility import check_takes
from cnnlab.model.networks import check_model, device_of, evaluating, original
from cnnlab.torch_state import usual_torch_state


@dataclass(frozen=True, eq=False)
class TopImages:
    """The images that most activate one unit, the strongest first.

    Parameters
    ----------
    layer, unit
        The arguments of `top_images`.
    images : Split or Tensor
        The images, (count, C, H, W).
    indices : list of int
        The index of each among all images.
    values : list of float
        The unit's largest output for each.
    boxes : list of (top, left, bottom, right)
        The pixels of each that this output depends on, bottom and right excluded.
    """

    layer: str
    unit: int
    images: Split | Tensor
    indices: list[int]
    values: list[float]
    boxes: list[tuple[int, int, int, int]]

    @property
    def crops(self) -> list[Tensor]:
        """The pixels in the box of each image, (C, height, width); of a Split as brightnesses 0–1."""
        pixels = self.images.pixels if isinstance(self.images, Split) else self.images
        return [
            image[:, top:bottom, left:right]
            for image, (top, left, bottom, right) in zip(pixels, self.boxes, strict=True)
        ]


@usual_torch_state
def top_images(
    model: nn.Module, images: Split | Tensor, layer: str, unit: int, *, count: int = 8, batch_size: int = 250
) -> TopImages:
    """Return the images that most activate a unit, each with the pixels that the unit sees in it.

    Parameters
    ----------
    model : nn.Module
        Any network, but TorchScript. A compiled one runs uncompiled meanwhile.
    images : Split or Tensor
        Float (N, C, H, W), normalized as in training.
    layer : str
        The name of an output, as in `capture`: "relu1", or "relu#2" for the second use of a layer.
    unit : int
        The channel of a map, or the neuron of a fully connected layer, from 0. A channel counts with the place in its
        map where it is largest.
    count : int
        How many images to return; fewer if there are not as many.
    batch_size : int
        How many images go through the network at once.

    >>> top_images(model, data.validation, "relu2", unit=3).boxes[0]
    (4, 8, 14, 18)
    """
    tensors = images.images if isinstance(images, Split) else images
    model = original(check_model(model))
    check_takes(model, tensors)
    check_not_empty(tensors)
    check_whole("count", count, 1, most=10_000)
    check_whole("unit", unit, 0)
    batch_size = check_batch_size(batch_size)
    values, places = _largest_outputs(model, tensors, layer, unit, batch_size)
    if not values.isfinite().all() or not values.any():
        state = "zero for every one of these images: it is dead" if values.isfinite().all() else "NaN or infinite"
        raise ConfigError(f"unit {unit} of {layer} is {state}; take another one")
    ranked = values.sort(descending=True, stable=True)
    indices = ranked.indices[:count].tolist()
    _, channels, height, width = tensors.shape
    shape = (channels, height, width)
    boxes = {place: receptive_field(model, layer, unit, place, shape) for place in set(places[indices].tolist())}
    return TopImages(
        layer, unit, images[torch.tensor(indices)], indices, ranked.values[:count].tolist(),
        boxes=[boxes[int(places[index])] for index in indices],
    )  # fmt: skip


def _largest_outputs(model: nn.Module, images: Tensor, layer: str, unit: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """Return the unit's largest output for each image, (N,), and its place in the unit's map, (N,), on the CPU."""
    values, places = [], []

    def see(name: str, _layer: nn.Module, _entering: tuple, output: Tensor) -> None:
        if name == layer:  # where a layer is used again, its first use counts, unless layer is "relu#2"
            check_unit(layer, unit, output)
            largest = output[:, unit].reshape(len(output), -1).max(1)  # a neuron has a single place
            values.append(largest.values.cpu())
            places.append(largest.indices.cpu())

    device = device_of(model)
    with evaluating(model), torch.no_grad(), hooked(model, layer_of_output(model, layer), see):
        for batch in images.split(batch_size):
            model(batch.to(device))
    if not values:
        raise ConfigError(
            f"layer {layer!r} was not used, or gives no tensor of that name; capture(model) shows the names"
        )
    return torch.cat(values), torch.cat(places)
