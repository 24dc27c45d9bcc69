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

from cnnlab.data import Split
from cnnlab.errors import ConfigError, check_whole
from cnnlab.evaluation import check_takes, evaluating
from cnnlab.probes import capture, check_model, hooked


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
    check_whole("count", count, 1)
    check_whole("unit", unit, 0)
    device = next(model.parameters()).device
    values, places = [], []

    def see(name: str, _layer: nn.Module, _entering: tuple, output: Tensor) -> None:
        if name == layer:  # where a layer is used again, its first use counts
            _check_unit(layer, unit, output)
            value, place = output[:, unit].flatten(1).max(1) if output.ndim > 2 else (output[:, unit], None)
            values.append(value.cpu())
            places.append(torch.zeros(len(output), dtype=torch.long) if place is None else place.cpu())

    with evaluating(model), torch.no_grad(), hooked(model, layer, see):
        for part in tensors.split(check_whole("batch_size", batch_size, 1)):
            model(part.to(device))
    best = torch.cat(values).sort(descending=True, stable=True)
    indices = best.indices[:count].tolist()
    where = torch.cat(places)
    shape = tuple(tensors.shape[1:])
    boxes = {place: receptive_field(model, layer, unit, place, shape) for place in set(where[indices].tolist())}
    chosen = images[torch.tensor(indices)]
    found = [boxes[int(where[index])] for index in indices]
    return TopImages(layer, unit, chosen, indices, best.values[:count].tolist(), found)


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
    _, height, width = input_shape
    twin = copy.deepcopy(model).cpu().double()  # in single precision, fast convolutions may smear a NaN (Winograd)
    image = torch.zeros(1, *input_shape, dtype=torch.float64)

    def sees(rows: slice = slice(None), columns: slice = slice(None)) -> bool:
        poisoned = image.clone()
        poisoned[:, :, rows, columns] = float("nan")
        with capture(twin, layer) as seen, torch.no_grad():
            twin(poisoned)
        output = seen[layer]
        return bool(output[0, unit].flatten()[place].isnan())

    if not sees():
        return 0, 0, 0, 0
    top = bisect_left(range(height), True, key=lambda row: sees(rows=slice(row + 1)))
    left = bisect_left(range(width), True, key=lambda column: sees(columns=slice(column + 1)))
    bottom = bisect_left(range(height), True, key=lambda row: not sees(rows=slice(row, None)))
    right = bisect_left(range(width), True, key=lambda column: not sees(columns=slice(column, None)))
    return top, left, bottom, right
