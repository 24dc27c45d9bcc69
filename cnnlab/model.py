"""Hyperparameters in, a network out: an `nn.Sequential` whose layers are named by what they are.

Also what can be said of such a network without training it: its layer table, its parameter count, and the channel
widths that give another network the same count.
"""

from __future__ import annotations

import copy
import math
import numbers
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.errors import ConfigError, check_choice, check_kernel_size, check_number, check_whole

POOLINGS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d, "none": None}
PADDINGS = ("same", "valid")


class Dropout(nn.Dropout):
    """`nn.Dropout` with a generator of its own, so that nothing else in the process can change what it draws.

    The mask is drawn on the CPU, whatever the device: the same seed drops the same units everywhere.
    """

    def __init__(self, p: float, seed: int = 0):
        super().__init__(p)
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return values
        kept = torch.rand(values.shape, generator=self.generator) >= self.p
        return values * kept.to(values.device) / (1 - self.p)


def build_cnn(
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
) -> nn.Sequential:
    """Build a convolutional network: blocks of convolution, ReLU and pooling, then two fully connected layers.

    Each width in `channels` is one block. Pooling ("max", "avg", "none") is 2×2 with stride 2. Layers are named conv1,
    relu1, pool1, conv2, … (conv1_1, conv1_2 with two convolutions a block), flatten, fc1, relu_fc1, dropout, logits.
    Input (N, C, H, W) as in input_shape, output (N, classes): logits, not probabilities.
    The weights are what torch's own layers draw after `torch.manual_seed(seed)`, from a generator of their own.
    Raises ConfigError before any tensor exists.

    >>> model = build_cnn(kernel_size=5, pooling="avg")
    >>> model.conv1.weight.shape
    torch.Size([16, 1, 5, 5])
    """
    check_architecture(
        kernel_size, pooling, channels, convs_per_block, hidden, padding, dropout, input_shape, classes, seed
    )
    with torch.device("meta"):  # shapes only; the weights are drawn below, from a generator of their own
        layers = _blocks(kernel_size, pooling, channels, convs_per_block, padding, input_shape)
        height, width = _map_size(kernel_size, pooling, channels, convs_per_block, padding, input_shape)
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(channels[-1] * height * width, hidden)
        layers["relu_fc1"] = nn.ReLU()
        if dropout > 0:
            layers["dropout"] = Dropout(float(dropout), int(seed))
        layers["logits"] = nn.Linear(hidden, classes)
    model = nn.Sequential(layers)
    model.input_shape = tuple(input_shape)
    _draw_weights(model, torch.Generator().manual_seed(int(seed)))
    return model


def check_architecture(
    kernel_size, pooling, channels, convs_per_block, hidden, padding, dropout, input_shape, classes, seed
) -> None:
    """Raise ConfigError, naming field, value and remedy, unless `build_cnn` can build this."""
    check_kernel_size(kernel_size)
    check_choice("pooling", pooling, POOLINGS)
    check_choice("padding", padding, PADDINGS)
    wants = "channels wants one to four widths, each a whole number of 1 or more, such as (16, 32)"
    if not isinstance(channels, (tuple, list)) or len(channels) == 0:
        raise ConfigError(f"{wants}; got {channels!r}: give at least one positive width")
    if len(channels) > 4:
        raise ConfigError(f"{wants}; got {len(channels)} widths: {channels!r}")
    if any(isinstance(width, bool) or not isinstance(width, numbers.Integral) or width < 1 for width in channels):
        raise ConfigError(f"{wants}; got {channels!r}: give at least one positive width")
    check_whole("convs_per_block", convs_per_block, 1)
    check_whole("hidden", hidden, 1)
    check_whole("classes", classes, 2)
    check_whole("seed", seed, 0)
    check_number("dropout", dropout, 0, below=1)
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ConfigError(f"input_shape wants (channels, height, width), such as (1, 28, 28); got {input_shape!r}")
    for field, size in zip(("channels", "height", "width"), input_shape, strict=True):
        check_whole(f"input_shape: {field}", size, 1)
    _map_size(kernel_size, pooling, channels, convs_per_block, padding, input_shape)


def _map_size(kernel_size, pooling, channels, convs_per_block, padding, input_shape) -> tuple[int, int]:
    """Return the last map's height and width; raise ConfigError where a kernel or a pool meets one too small."""
    _, height, width = input_shape
    for block in range(1, len(channels) + 1):
        for step in range(1, convs_per_block + 1):
            if padding == "valid":
                if kernel_size > min(height, width):
                    name = _conv_name(block, step, convs_per_block)
                    raise ConfigError(
                        f"conv{name} has a {kernel_size}×{kernel_size} kernel but meets a {height}×{width} map; "
                        "take a smaller kernel_size, fewer channels, or padding='same'"
                    )
                height, width = height - kernel_size + 1, width - kernel_size + 1
        if pooling != "none":
            if min(height, width) < 2:
                raise ConfigError(
                    f"pool{block} meets a {height}×{width} map and would shrink it below 1×1; {block - 1} "
                    f"{'pool fits' if block == 2 else 'pools fit'} here: give fewer channels, or pooling='none'"
                )
            height, width = height // 2, width // 2
    return height, width


def _conv_name(block: int, step: int, convs_per_block: int) -> str:
    return f"{block}" if convs_per_block == 1 else f"{block}_{step}"


def _blocks(kernel_size, pooling, channels, convs_per_block, padding, input_shape) -> OrderedDict[str, nn.Module]:
    """Return the named layers of all blocks."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    depth = input_shape[0]
    for block, filters in enumerate(channels, start=1):
        for step in range(1, convs_per_block + 1):
            name = _conv_name(block, step, convs_per_block)
            layers[f"conv{name}"] = nn.Conv2d(depth, filters, kernel_size, padding=padding)
            layers[f"relu{name}"] = nn.ReLU()
            depth = filters
        if pooling != "none":
            layers[f"pool{block}"] = POOLINGS[pooling](2)
    return layers


def _draw_weights(model: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases as torch's layers do by default (He et al. 2015, with a = √5): U(−1/√n, 1/√n)."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            for name, shape in [(name, value.shape) for name, value in layer.named_parameters()]:
                setattr(layer, name, nn.Parameter(torch.empty(shape, device="cpu")))  # to_empty would load a compiler
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def check_images(images: object, what: str = "images") -> None:
    """Raise ConfigError unless images is a float tensor (N, C, H, W); a single image is never batched silently."""
    if isinstance(images, Tensor) and images.is_floating_point() and images.ndim == 4:
        return
    got = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
    single = isinstance(images, Tensor) and images.is_floating_point() and images.ndim == 3
    hint = "; for a single image (C, H, W) write images[None]" if single else ""
    raise ConfigError(f"{what}: want float (N, C, H, W), got {got}{hint}")


@dataclass(frozen=True)
class LayerRow:
    """One layer of a layer table; see `layer_table`."""

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: int | None
    note: str = ""


class LayerTable(list):
    """A list of `LayerRow`s that prints as a table."""

    def __repr__(self) -> str:
        lines = [f"{'layer':<10}{'output':<12}{'parameters':>11}{'multiply-adds':>15}  sees"]
        for row in self:
            shape = "×".join(map(str, row.output_shape))
            sees = "all" if row.receptive_field is None else f"{row.receptive_field}×{row.receptive_field}"
            note = f"  ({row.note})" if row.note else ""
            counts = f"{row.parameters:>11,}{row.multiply_adds:>15,}"
            lines.append(f"{row.name:<10}{shape:<12}{counts}  {sees}{note}")
        parameters, multiply_adds = (
            sum(row.parameters for row in self),
            sum(row.multiply_adds for row in self),
        )
        return "\n".join([*lines, f"{'total':<22}{parameters:>11,}{multiply_adds:>15,}"])


def layer_table(model: nn.Sequential, input_shape: tuple[int, int, int] | None = None) -> LayerTable:
    """Return one row a layer: name, output shape, parameters, multiply-adds for one image, receptive field.

    Multiply-adds count the weights' products, not the biases. The receptive field (pixels, one side of the square)
    grows by (kernel − 1) × jump, and the jump by the stride (Dumoulin & Visin 2016); None means the whole image.
    Nothing is computed: the network is walked with shapes only. Raises ConfigError for a layer that it can't judge.

    >>> layer_table(build_cnn())[0].receptive_field
    3
    """
    input_shape = input_shape or getattr(model, "input_shape", None)
    if not isinstance(model, nn.Sequential) or input_shape is None:
        raise ConfigError(
            f"layer_table wants a network from build_cnn, or an nn.Sequential with input_shape=(C, H, W); "
            f"got {type(model).__name__} and input_shape={input_shape!r}"
        )
    rows, sees, jump = LayerTable(), 1, 1
    values = torch.empty(1, *input_shape, device="meta")
    for name, layer in model.named_children():
        _check_known(name, layer)
        entering, note = values, ""
        try:
            values = _walk(layer, values)
        except RuntimeError as error:
            raise ConfigError(
                f"{name} can't take {tuple(values.shape[1:])}, with input_shape={input_shape}: {error}"
            ) from error
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            kernel, stride = _side(layer.kernel_size), _side(layer.stride)
            sees, jump = sees + (kernel - 1) * jump, jump * stride
            if kernel > min(entering.shape[2:]):
                note = f"kernel larger than its {entering.shape[2]}×{entering.shape[3]} map"
        seen = sees if values.ndim == 4 else None
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        products = layer.weight.numel() if hasattr(layer, "weight") else 0
        positions = math.prod(values.shape[2:])  # 1 after flatten
        rows.append(LayerRow(name, tuple(values.shape[1:]), parameters, products * positions, seen, note))
    return rows


def _walk(layer: nn.Module, values: Tensor) -> Tensor:
    """Return the layer's output, a shape without numbers.

    Most layers are not called: for mere shapes torch would load its compiler, which takes a second or two.
    """
    if isinstance(layer, ELEMENTWISE):
        return values
    if isinstance(layer, nn.Linear):
        _check_width("features", layer.in_features, values.shape[-1])
        return values.new_empty(*values.shape[:-1], layer.out_features)
    one_map = torch.zeros(1, 1, *values.shape[2:])  # real numbers, but of a single channel
    if isinstance(layer, nn.Conv2d):
        _check_width("channels", layer.in_channels, values.shape[1])
        kernel = torch.zeros(1, 1, *layer.kernel_size)
        one_map = nn.functional.conv2d(one_map, kernel, stride=layer.stride, padding=layer.padding)
        return values.new_empty(1, layer.out_channels, *one_map.shape[2:])
    if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
        return values.new_empty(1, values.shape[1], *layer(one_map).shape[2:])
    return copy.deepcopy(layer).to("meta").eval()(values)


def _check_width(what: str, wanted: int, found: int) -> None:
    if found != wanted:
        raise RuntimeError(f"it wants {wanted} {what}, not {found}")


ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout)
KNOWN = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Linear, nn.Dropout2d, nn.BatchNorm2d, *ELEMENTWISE)


def _check_known(name: str, layer: nn.Module) -> None:
    """Raise ConfigError for a layer whose numbers would come out wrong."""
    square = all(
        _side(getattr(layer, field, 1)) == _side(getattr(layer, field, 1), min) for field in ("kernel_size", "stride")
    )
    if not isinstance(layer, KNOWN) or not square or _side(getattr(layer, "dilation", 1)) != 1:
        known = ", ".join(sorted(kind.__name__ for kind in KNOWN))
        told = " ".join(repr(layer).split())
        raise ConfigError(
            f"layer_table can't judge {name} ({told:.60}); it knows square, undilated layers of these kinds: {known}"
        )


def _side(size: int | tuple[int, int], choose: Callable = max) -> int:
    return size if isinstance(size, int) else choose(size)


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers the network has to learn.

    >>> count_parameters(build_cnn())
    105866
    """
    return sum(parameter.numel() for parameter in model.parameters())


def match_channels(target: int | nn.Module, *, channels: tuple[int, ...] = (16, 32), **architecture) -> tuple[int, ...]:
    """Return the channel widths, in the proportions of `channels`, whose parameter count comes nearest to target.

    target is a network or a count; architecture is what else `build_cnn` takes. The fair opponent of a 3×3 network:

    >>> match_channels(build_cnn(3), kernel_size=7)
    (14, 28)
    """
    goal = count_parameters(target) if isinstance(target, nn.Module) else target
    check_whole("target", goal, 1)
    build_cnn(channels=channels, **architecture)  # raises ConfigError if these can't be

    def widths(first: int) -> tuple[int, ...]:
        return tuple(max(1, round(first * width / channels[0])) for width in channels)

    def count(first: int) -> int:
        return count_parameters(build_cnn(channels=widths(first), **architecture))

    low, high = 0, 1  # the count grows with the width: double, then halve the interval
    while count(high) < goal:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < goal else (low, middle)
    return widths(min((max(1, low), high), key=lambda first: abs(count(first) - goal)))
