"""A run of RunExplorer: its network after each epoch, and the network's maps, weights and answers."""

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

ACTIVATION_IMAGES = 50  # validation images whose activations are counted


class Side:
    """Read the networks of a run, each once, and compute what the panel shows of them.

    `epoch` is always one of `run.snapshots`; an image is a Split of one image, normalized like the run's data.
    """

    def __init__(self, run: Run, name: str) -> None:
        self.run = dataclasses.replace(run, read_weights=functools.cache(run.read_weights))  # unpacked once
        self.name = name
        self._models: dict[int, nn.Sequential] = {}
        self._fields: dict[tuple[str, int, int, int], tuple[int, int, int, int]] = {}

    @functools.cached_property
    def validation(self) -> Split:
        """The validation images of the run's data; its training images if there are none."""
        data = load_once(self.run.experiment)
        return data.validation if len(data.validation) else data.train

    @functools.cached_property
    def layers(self) -> list[str]:
        """The names of the layers that put out maps (C, H, W)."""
        model = self.model(self.run.snapshots[0])
        with torch.no_grad(), capture(model) as seen:
            model(torch.zeros(1, *self.run.input_shape))
        return [name for name, values in seen.items() if values.ndim == 4]

    def depth(self, layer: str) -> int:
        """Return the layer's place in the network, counted from the input; -1 if the network lacks it."""
        names = [name for name, _ in self.model(self.run.snapshots[0]).named_children()]
        return names.index(layer) if layer in names else -1

    def model(self, epoch: int) -> nn.Sequential:
        """Return the network with the weights after this epoch."""
        if epoch not in self._models:
            self._models[epoch] = self.run.model(epoch)
        return self._models[epoch]

    def maps(self, epoch: int, layer: str, image: Split) -> Tensor:
        """Return the layer's maps (C, H, W) of one image."""
        return self._outputs(epoch, layer, image.images)[0]

    def activations(self, epoch: int, layer: str) -> Tensor:
        """Return the layer's outputs for the first images of the validation split, as a flat tensor."""
        return self._outputs(epoch, layer, self.validation.images[:ACTIVATION_IMAGES]).flatten()

    def weights(self, epoch: int, layer: str) -> Tensor:
        """Return the weights of the layer, or of the last convolution before it, as a flat tensor."""
        layers = dict(self.model(epoch).named_children())
        before = list(layers.values())[: list(layers).index(layer) + 1]
        convolution = next(part for part in reversed(before) if isinstance(part, nn.Conv2d))
        return convolution.weight.detach().flatten()

    def saliency(self, epoch: int, image: Split) -> Tensor:
        """Return |gradient| of the answer's logit for each pixel (H, W), summed over the channels."""
        return saliency(self.model(epoch), image.images)[0].abs().sum(0)

    def answer(self, epoch: int, image: Split) -> str:
        """Return the class that the network answers with, and its probability."""
        probability, label = predict(self.model(epoch), image.images)[0].max(0)
        return f"{image.classes[int(label)]} ({float(probability):.2f})"

    def field(self, layer: str, unit: int, row: int, column: int) -> tuple[int, int, int, int]:
        """Return the receptive field (top, left, bottom, right) of one output of the layer, in pixels of the image."""
        place = layer, unit, row, column
        if place not in self._fields:  # the same after every epoch
            first = self.run.snapshots[0]
            width = self._outputs(first, layer, torch.zeros(1, *self.run.input_shape)).shape[-1]
            at = row * width + column
            self._fields[place] = receptive_field(self.model(first), layer, unit, at, self.run.input_shape)
        return self._fields[place]

    def _outputs(self, epoch: int, layer: str, images: Tensor) -> Tensor:
        """Return the layer's outputs (N, C, H, W) for images (N, C, H, W)."""
        model = self.model(epoch)
        with torch.no_grad(), capture(model, layer) as seen:
            model(images)
        return seen[layer]
