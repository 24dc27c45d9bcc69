"""Hold the weights of many networks of one architecture in one network, and step all of them at once."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab.data.dataset import Data
from cnnlab.experiments.experiment import Experiment
from cnnlab.model.cnn import Dropout
from cnnlab.model.forward_pass import relu_after_max
from cnnlab.training.options import make_optimizer


class StackedNetwork:
    """Stacked weights (replicas, …), one optimizer for each setting of them, and the layers in which they are used.

    Parameters
    ----------
    model : nn.Sequential
        A network of the common architecture, as `build_cnn` returns it.
    weights : dict of str to Tensor
        The name of a weight → the values of all replicas, (replicas, …).
    settings : list of dict
        The training's settings of each replica. Replicas with the same optimizer lie side by side.

    Attributes
    ----------
    count : int
        The number of replicas.
    dropout : Dropout or None
        The network's dropout layer.
    """

    def __init__(self, model: nn.Sequential, weights: dict[str, Tensor], settings: list[dict[str, Any]]) -> None:
        self.model, self.settings = model, settings
        self.weights = {name: value.contiguous().requires_grad_() for name, value in weights.items()}
        first = next(iter(weights.values()))
        self.count, self.dtype, self.device = len(first), first.dtype, first.device
        self.layers = relu_after_max(list(model.named_children()))
        self.dropout = next((layer for _, layer in self.layers if isinstance(layer, Dropout)), None)
        # For each optimizer: the replicas that it steps, itself, and their weights as its parameters.
        self.optimizers: list[tuple[slice, torch.optim.Optimizer, list[nn.Parameter]]] = []
        for _, group in itertools.groupby(range(self.count), key=lambda place: optimizer_settings(settings[place])):
            places = list(group)
            own = slice(places[0], places[-1] + 1)
            parameters = [nn.Parameter(value.detach()[own]) for value in self.weights.values()]  # the same memory
            optimizer = make_optimizer(nn.ParameterList(parameters), settings[places[0]])
            for options in optimizer.param_groups:
                options["capturable"] = self.device.type == "cuda"  # in a CUDA graph
            self.optimizers.append((own, optimizer, parameters))

    def logits(self, images: Tensor, indices: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return (replicas, batch, classes).

        Parameters
        ----------
        images : Tensor
            (N, C, H, W).
        indices : Tensor
            The images of each replica's batch, (replicas, batch).
        kept : Tensor, optional
            Which hidden units dropout keeps, (replicas, batch, hidden). None: all of them, as in evaluation.
        """
        values = images[indices.t()].flatten(1, 2)  # (batch, replicas × channels, height, width)
        for name, layer in self.layers:
            if isinstance(layer, nn.Conv2d):  # each replica's maps are a group, with kernels of its own
                weight, bias = self.weights[f"{name}.weight"].flatten(0, 1), self.weights[f"{name}.bias"].flatten()
                padding = layer.kernel_size[0] // 2 if layer.padding == "same" else 0
                values = functional.conv2d(values, weight, bias, padding=padding, groups=self.count)
            elif isinstance(layer, nn.Linear):
                weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
                values = torch.baddbmm(bias[:, None], values, weight.transpose(1, 2))
            elif isinstance(layer, nn.Flatten):  # (replicas, batch, features)
                values = values.unflatten(1, (self.count, -1)).flatten(2).transpose(0, 1)
            elif not isinstance(layer, Dropout):  # ReLU and pooling
                values = layer(values)
            elif kept is not None:
                values = values * kept / (1 - layer.p)
        return values

    def step(self, losses: Tensor) -> None:
        """Take one optimizer step down the gradient of each replica's loss (replicas,)."""
        # The gradient of the sum of all losses: each depends on the weights of its own replica only.
        gradients = torch.autograd.grad(losses, list(self.weights.values()), torch.ones_like(losses))
        gradients = [gradient.contiguous() for gradient in gradients]  # a fused optimizer reads memory in order
        for own, optimizer, parameters in self.optimizers:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient[own]
            optimizer.step()

    def weights_of(self, place: int) -> dict[str, Tensor]:
        """Return a copy of one replica's weights."""
        return {name: value.detach()[place].clone() for name, value in self.weights.items()}

    def take(self, places: list[int]) -> StackedNetwork:
        """Return the network of these replicas alone, with what their optimizers remember."""
        weights = {name: value.detach()[places] for name, value in self.weights.items()}
        smaller = StackedNetwork(self.model, weights, [self.settings[place] for place in places])
        for own, optimizer, parameters in smaller.optimizers:
            self._copy_state(places[own], optimizer, parameters)
        return smaller

    def extract(self, place: int, experiment: Experiment, data: Data) -> tuple[nn.Sequential, torch.optim.Optimizer]:
        """Return one replica as a network of its own, in eval mode, and its optimizer."""
        model = experiment.build_cnn(data).to(self.device, self.dtype)
        model.load_state_dict(self.weights_of(place))
        optimizer = make_optimizer(model, self.settings[place])
        self._copy_state([place], optimizer, list(model.parameters()))
        return model.eval(), optimizer

    def _copy_state(
        self, places: list[int], to_optimizer: torch.optim.Optimizer, to_parameters: list[nn.Parameter]
    ) -> None:
        """Copy what the optimizer of these replicas remembers of them; they have the same optimizer."""
        own, optimizer, parameters = next(item for item in self.optimizers if item[0].start <= places[0] < item[0].stop)
        within = [place - own.start for place in places]
        for parameter, target in zip(parameters, to_parameters, strict=True):
            for name, value in optimizer.state[parameter].items():
                if isinstance(value, Tensor):
                    sliced = value[within].reshape(target.shape) if value.shape == parameter.shape else value
                    to_optimizer.state[target][name] = sliced.clone()
                else:
                    to_optimizer.state[target][name] = value


def optimizer_settings(settings: dict[str, Any]) -> tuple:
    """Return what two replicas must have in common to share one of torch's optimizers."""
    return tuple(settings[name] for name in ("optimizer", "learning_rate", "momentum", "weight_decay"))
