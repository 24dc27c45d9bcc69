"""A network, images and one of its units in, what that unit looks for out: the images that excite it most, and where.

The part of an image that a unit sees is found by experiment, for any network: rows and columns of an image are set to
NaN, and a unit that sees one of them becomes NaN.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.checks import check_whole
from cnnlab.data.dataset import Split
from cnnlab.errors import ConfigError
from cnnlab.interpret.capture import capture, check_model, check_some, choose_layers, hooked
from cnnlab.model.evaluation import check_takes, device_of, evaluating


@dataclass(frozen=True, eq=False)
class TopImages:
    """The images that excite one unit most, strongest first.

    images: the Split or tensor (count, C, H, W) of them; indices: their places among all; values: the unit's largest
    output in each. boxes: (top, left, bottom, right) of the pixels that this output depends on, bottom and right not
    included. crops: those pixels, each (C, height, width).
    """

    layer: str
    unit: int
    images: Split | Tensor
    indices: list[int]
    values: list[float]
    boxes: list[tuple[int, int, int, int]]

    @property
    def crops(self) -> list[Tensor]:
        pixels = self.images.pixels if isinstance(self.images, Split) else self.images
        return [image[:, box[0] : box[2], box[1] : box[3]] for image, box in zip(pixels, self.boxes, strict=True)]


def top_images(
    model: nn.Module, images: Split | Tensor, layer: str, unit: int, *, count: int = 8, batch_size: int = 250
) -> TopImages:
    """Return the `count` images in which a unit of a layer is most active, each with the pixels that it looked at.

    images: a Split, or float (N, C, H, W), normalized as in training. unit: a channel of maps, a neuron of a fully
    connected layer, from 0. Of a channel the place with the largest output counts.

    >>> top_images(model, data.validation, "relu2", unit=3).boxes[0]
    (4, 8, 14, 18)
    """
    tensors = images.images if isinstance(images, Split) else images
    check_takes(check_model(model), tensors)
    check_some(tensors)
    check_whole("count", count, 1)
    check_whole("unit", unit, 0)
    device = device_of(model)
    values, places = [], []

    def see(name: str, _layer: nn.Module, _entering: tuple, output: Tensor) -> None:
        if name == layer:  # where a layer is used again, its first use counts, unless layer is "relu#2"
            _check_unit(layer, unit, output)
            value, place = output[:, unit].flatten(1).max(1) if output.ndim > 2 else (output[:, unit], None)
            values.append(value.cpu())
            places.append(torch.zeros(len(output), dtype=torch.long) if place is None else place.cpu())

    with evaluating(model), torch.no_grad(), hooked(model, _of_output(model, layer), see):
        for part in tensors.split(check_whole("batch_size", batch_size, 1)):
            model(part.to(device))
    if not values:
        raise ConfigError(
            f"layer {layer!r} was not used, or gives no tensor of that name; capture(model) shows the names"
        )
    largest = torch.cat(values)
    if not largest.isfinite().all() or not largest.any():
        what = "zero for every one of these images: it is dead" if largest.isfinite().all() else "NaN or infinite"
        raise ConfigError(f"unit {unit} of {layer} is {what}; take another one")
    best = largest.sort(descending=True, stable=True)
    indices = best.indices[:count].tolist()
    where = torch.cat(places)
    shape = tuple(tensors.shape[1:])
    boxes = {place: receptive_field(model, layer, unit, place, shape) for place in set(where[indices].tolist())}
    chosen = images[torch.tensor(indices)]
    found = [boxes[int(where[index])] for index in indices]
    return TopImages(layer, unit, chosen, indices, best.values[:count].tolist(), found)


def _of_output(model: nn.Module, name: object) -> list[str]:
    """Return the layer that an output's name belongs to: "relu#2" and "lstm[0]" are those of "relu" and "lstm"."""
    layer = name.split("#")[0].split("[")[0] if isinstance(name, str) else name
    if not isinstance(layer, str):
        raise ConfigError(f"layer wants one name, such as 'relu1', got {name!r:.60}")
    choose_layers(model, layer)
    return [layer]


def _check_unit(layer: str, unit: int, output: Tensor) -> None:
    if output.ndim < 2 or unit >= output.shape[1]:
        units = output.shape[1] if output.ndim > 1 else 0
        raise ConfigError(f"unit={unit}: {layer} has {units} units, 0 to {units - 1}")


def receptive_field(
    model: nn.Module, layer: str, unit: int, place: int, input_shape: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of the pixels that one output of a layer depends on, bottom and right excluded.

    place: the output's place in its map, counted row by row; 0 for a fully connected layer. Each edge is found by
    halving: does the output become NaN when all rows (or columns) before or behind this one are NaN?

    >>> receptive_field(build_cnn(3), "conv1", 0, 0, (1, 28, 28))
    (0, 0, 2, 2)
    """
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ConfigError(f"input_shape wants (channels, height, width), such as (1, 28, 28); got {input_shape!r}")
    _, height, width = input_shape
    layers = _of_output(check_model(model), layer)
    check_whole("unit", unit, 0)
    check_whole("place", place, 0)
    twin = copy.deepcopy(model).cpu().double()  # in single precision, fast convolutions may smear a NaN (Winograd)
    image = torch.zeros(1, *input_shape, dtype=torch.float64)

    def sees(rows: slice = slice(None), columns: slice = slice(None)) -> bool:
        poisoned = image.clone()
        poisoned[:, :, rows, columns] = float("nan")
        with capture(twin, layers) as seen, torch.no_grad():
            twin(poisoned)
        output = seen[layer]
        _check_unit(layer, unit, output)
        places = output[0, unit].flatten()
        if place >= len(places):
            raise ConfigError(f"place={place}: a unit of {layer} has {len(places)} places, 0 to {len(places) - 1}")
        return bool(places[place].isnan())

    if not sees():
        return 0, 0, 0, 0
    top = bisect_left(range(height), True, key=lambda row: sees(rows=slice(row + 1)))
    left = bisect_left(range(width), True, key=lambda column: sees(columns=slice(column + 1)))
    bottom = bisect_left(range(height), True, key=lambda row: not sees(rows=slice(row, None)))
    right = bisect_left(range(width), True, key=lambda column: not sees(columns=slice(column, None)))
    return top, left, bottom, right
