"""Build a convolutional network from its hyperparameters, count its parameters, and match those of another network."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnlab.checks import check_device, check_whole
from cnnlab.errors import ConfigError
from cnnlab.model.architecture import POOLINGS, check_architecture, conv_name, map_size
from cnnlab.model.networks import check_model
from cnnlab.torch_state import usual_torch_state

MOST_PARAMETERS = 100_000_000  # 400 MB of weights; training with Adam needs four times as much


class Dropout(nn.Dropout):
    """`nn.Dropout` with its own random generator, so that nothing else in the process can change its masks.

    The mask is always drawn on the CPU: the same seed drops the same units on every device.

    >>> Dropout(0.5, seed=1)(torch.ones(1000)).unique()
    tensor([0., 2.])
    """

    def __init__(self, p: float, seed: int = 0):
        super().__init__(p)
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return values
        kept = torch.rand(values.shape, generator=self.generator, device="cpu") >= self.p
        return values * kept.to(values.device) / (1 - self.p)


@usual_torch_state
def build_cnn(  # noqa: PLR0913 (a network's settings)
    kernel_size: int = 3,
    pooling: str = "max",
    *,
    channels: tuple[int, ...] = (16, 32),
    convs_per_block: int = 1,
    hidden: int = 64,
    padding: str = "same",
    dropout: float = 0.0,
    input_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Sequential:
    """Build a convolutional network: blocks of convolution, ReLU and pooling, then two fully connected layers.

    The layers are named conv1, relu1, pool1, conv2, …, flatten, fc1, relu_fc1, dropout, logits; with two convolutions
    in a block, these are conv1_1 and conv1_2. The network takes images (N, C, H, W) and returns logits (N, classes).

    Parameters
    ----------
    kernel_size : int
        Side of each kernel in pixels: odd, 1 to 11.
    pooling : str
        "max", "avg" or "none". A pool takes windows of 2×2 pixels with stride 2.
    channels : tuple of int
        Number of filters in each block, for one to four blocks.
    convs_per_block : int
        Number of convolutions in each block.
    hidden : int
        Number of units in the first fully connected layer.
    padding : str
        "same" surrounds each map with zeros, so that its size stays; "valid" adds none.
    dropout : float
        Probability that a hidden unit is dropped in training, 0 or more and below 1.
    input_shape : tuple of int
        (C, H, W) of one image.
    classes : int
        Number of classes, 2 or more.
    seed : int
        Draws the weights: those that torch's own layers draw after `torch.manual_seed(seed)`.
    device : str
        Where the weights lie. "meta" builds the network without weights, to count its parameters and for `layer_table`.

    Raises
    ------
    ConfigError
        Before any tensor exists, for values that can't work.

    >>> model = build_cnn(kernel_size=5, pooling="avg")
    >>> model.conv1.weight.shape
    torch.Size([16, 1, 5, 5])
    """
    check_architecture({
        "kernel_size": kernel_size, "pooling": pooling, "channels": channels, "convs_per_block": convs_per_block,
        "hidden": hidden, "padding": padding, "dropout": dropout, "input_shape": input_shape, "classes": classes,
        "seed": seed,
    })  # fmt: skip
    chosen = check_device(device)
    with torch.device("meta"):  # shapes only; the weights are drawn below, with a generator of their own
        layers = _blocks(kernel_size, pooling, channels, convs_per_block, padding, input_shape[0])
        height, width = map_size(kernel_size, pooling, channels, convs_per_block, padding, input_shape)
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(channels[-1] * height * width, hidden)
        layers["relu_fc1"] = nn.ReLU()
        if dropout > 0:
            layers["dropout"] = Dropout(float(dropout), int(seed))
        layers["logits"] = nn.Linear(hidden, classes)
    model = nn.Sequential(layers)
    # torch's annotations allow tensors and modules only.
    model.input_shape = tuple(input_shape)  # pyright: ignore[reportArgumentType]
    if chosen.type == "meta":
        return model
    check_parameter_count(model)
    _draw_weights(model, torch.Generator().manual_seed(int(seed)))
    return model.to(chosen)


def _blocks(
    kernel_size: int, pooling: str, channels: tuple[int, ...], convs_per_block: int, padding: str, depth: int
) -> OrderedDict[str, nn.Module]:
    """Return the layers of all blocks, by name and in order; depth is the number of the image's channels."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, filters in enumerate(channels, start=1):
        for step in range(1, convs_per_block + 1):
            name = conv_name(block, step, convs_per_block)
            layers[f"conv{name}"] = nn.Conv2d(depth, filters, kernel_size, padding=padding)
            layers[f"relu{name}"] = nn.ReLU()
            depth = filters
        if pooling != "none":
            layers[f"pool{block}"] = POOLINGS[pooling](2)
    return layers


def _draw_weights(model: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases as torch's layers do by default: uniform from −1/√n to 1/√n.

    n is the number of weights of one unit. For weights this is the rule of He et al. 2015 with a slope of √5.
    """
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            for name, shape in [(name, value.shape) for name, value in layer.named_parameters()]:
                setattr(layer, name, nn.Parameter(torch.empty(shape, device="cpu")))  # to_empty would load a compiler
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            bound = 1 / math.sqrt(layer.weight[0].numel())
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def check_parameter_count(model: nn.Module) -> None:
    """Raise ConfigError if the network has too many parameters for an ordinary computer."""
    count = count_parameters(model)
    if count > MOST_PARAMETERS:
        raise ConfigError(
            f"this network has {count:,} parameters, more than {MOST_PARAMETERS:,}: too many to train here; "
            "take fewer channels, a smaller hidden, or pooling"
        )


def count_parameters(model: nn.Module) -> int:
    """Return the number of parameters of a network: all its weights and biases, those of shared layers once.

    Parameters
    ----------
    model : nn.Module
        Any network, compiled or not. Raises ConfigError for one whose lazy layers have seen no image yet.

    >>> count_parameters(build_cnn())
    105866
    """
    if any(is_lazy(parameter) for parameter in check_model(model, may_be_meta=True).parameters()):
        raise ConfigError("the model has lazy layers, which get weights with the first image; call model(images) first")
    return sum(parameter.numel() for parameter in model.parameters())


def match_channels(target: int | nn.Module, *, channels: tuple[int, ...] = (16, 32), **architecture) -> tuple[int, ...]:
    """Return the channel widths with which a network has as nearly as possible the parameter count of another one.

    Parameters
    ----------
    target : int or nn.Module
        The count to match, or the network that has it: any network.
    channels : tuple of int
        The widths returned have these proportions.
    **architecture
        The other arguments of `build_cnn`.

    Raises
    ------
    ConfigError
        For a target or an architecture that can't work.

    >>> match_channels(build_cnn(3), kernel_size=7)
    (14, 28)
    """
    goal = count_parameters(target) if isinstance(target, nn.Module) else target
    check_whole("target", goal, 1, most=MOST_PARAMETERS)
    build_cnn(channels=channels, device="meta", **architecture)  # raises ConfigError if it can't be built

    def widths(first: int) -> tuple[int, ...]:
        return tuple(max(1, round(first * width / channels[0])) for width in channels)

    def count(first: int) -> int:
        return count_parameters(build_cnn(channels=widths(first), device="meta", **architecture))

    low, high = 0, 1  # the count grows with the width: double it, then halve the interval
    while count(high) < goal:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < goal else (low, middle)
    return widths(min((max(1, low), high), key=lambda first: abs(count(first) - goal)))
