"""One of the runs that a panel shows: its networks epoch by epoch, and what they do with images."""

from __future__ import annotations

import dataclasses
import functools

import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Split
from cnnlab.experiments.run import Run, load_once
from cnnlab.interpret.capture import capture
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.interpret.saliency import saliency
from cnnlab.model.evaluation import predict

LOOKED_AT = 50  # validation images whose activations are counted


class Side:
    """A run, and its networks; each is read once. Images are those of the validation split, normalized as it was."""

    def __init__(self, run: Run, name: str) -> None:
        self.run = dataclasses.replace(run, read_weights=functools.cache(run.read_weights))  # unpacked once
        self.name = name
        self._models: dict[int, nn.Module] = {}
        self._fields: dict[tuple[str, int, int, int], tuple[int, int, int, int]] = {}

    @functools.cached_property
    def validation(self) -> Split:
        """The validation images of the run's data."""
        data = load_once(self.run.experiment)
        return data.validation if len(data.validation) else data.train

    @functools.cached_property
    def layers(self) -> list[str]:
        """The layers that put out maps (C, H, W)."""
        model = self.model(self.run.snapshots[0])
        with torch.no_grad(), capture(model) as seen:
            model(torch.zeros(1, *self.run.input_shape))
        return [name for name, values in seen.items() if values.ndim == 4]

    def depth(self, layer: str) -> int:
        """Return the layer's place in the network, -1 where it is not in it."""
        names = [name for name, _ in self.model(self.run.snapshots[0]).named_children()]
        return names.index(layer) if layer in names else -1

    def model(self, epoch: int) -> nn.Sequential:
        """Return the network as it was after that epoch."""
        if epoch not in self._models:
            self._models[epoch] = self.run.model(epoch)
        return self._models[epoch]

    def maps(self, epoch: int, layer: str, image: Split) -> Tensor:
        """Return the layer's maps (C, H, W) of one image."""
        return self._outputs(epoch, layer, image.images)[0]

    def activations(self, epoch: int, layer: str) -> Tensor:
        """Return the layer's outputs for the first images of the validation split, as a flat tensor."""
        return self._outputs(epoch, layer, self.validation.images[:LOOKED_AT]).flatten()

    def weights(self, epoch: int, layer: str) -> Tensor:
        """Return the kernels' weights of the layer, or of the convolution in front of it, as a flat tensor."""
        layers = dict(self.model(epoch).named_children())
        names = list(layers)[: list(layers).index(layer) + 1]
        convolution = next(layers[name] for name in reversed(names) if isinstance(layers[name], nn.Conv2d))
        return convolution.weight.detach().flatten()

    def saliency(self, epoch: int, image: Split) -> Tensor:
        """Return how strongly each pixel (H, W) moves the network's answer: |gradient|, summed over the channels."""
        return saliency(self.model(epoch), image.images)[0].abs().sum(0)

    def answer(self, epoch: int, image: Split) -> str:
        """Return what the network reads, and how sure it is."""
        probability, label = predict(self.model(epoch), image.images)[0].max(0)
        return f"{image.classes[int(label)]} ({float(probability):.2f})"

    def field(self, layer: str, unit: int, row: int, column: int) -> tuple[int, int, int, int]:
        """Return (top, left, bottom, right) of the pixels that one output depends on."""
        place = layer, unit, row, column
        if place not in self._fields:  # the same after every epoch
            first = self.run.snapshots[0]
            width = self._outputs(first, layer, torch.zeros(1, *self.run.input_shape)).shape[-1]
            at = row * width + column
            self._fields[place] = receptive_field(self.model(first), layer, unit, at, self.run.input_shape)
        return self._fields[place]

    def _outputs(self, epoch: int, layer: str, images: Tensor) -> Tensor:
        model = self.model(epoch)
        with torch.no_grad(), capture(model, layer) as seen:
            model(images)
        return seen[layer]
