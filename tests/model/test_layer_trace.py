"""The layer table of any network, compared with torchinfo, with gradients, and with numbers worked out by hand."""

import math

import pytest
import torch
import torchinfo
import torchvision
from strangers import UsedTwice, WithSkip, make, torchvision_model, weight_normed
from torch import nn
from torch.nn import functional
from torchvision.models.regnet import BlockParams

from cnnlab.errors import ConfigError
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.model.cnn import build_cnn, count_parameters
from cnnlab.model.layer_table import layer_table
from cnnlab.model.layer_trace import rows_of_any


def torchinfo_products(model: nn.Module, input_shape: tuple[int, int, int]) -> tuple[int, dict[str, int]]:
    """Return torchinfo's number of parameters, and its multiply-adds of each layer without those of its bias.

    torchinfo counts a linear layer and a norm once an image, however many places they are applied at. Here each place
    counts.
    """
    names = {id(layer): name for name, layer in model.named_modules()}
    summary = torchinfo.summary(model.eval(), (1, *input_shape), verbose=0, device="meta")
    products: dict[str, int] = {}
    for info in summary.summary_list:
        layer, bias = info.module, getattr(info.module, "bias", None)
        if not info.is_leaf_layer or getattr(layer, "weight", None) is None or not info.executed:
            continue
        places = math.prod(info.output_size[2:]) if "Conv" in info.class_name else 1
        count = info.macs - (0 if bias is None else bias.numel() * places)
        if isinstance(layer, nn.Linear):
            count *= math.prod(info.output_size[1:-1])
        if not isinstance(layer, (nn.Linear, nn.Conv2d)):
            count = math.prod(info.output_size[1:])
        products[names[id(layer)]] = products.get(names[id(layer)], 0) + count
    return summary.total_params, products


def products_of(table) -> dict[str, int]:
    """Return the multiply-adds of each layer that has some, all its uses together."""
    products: dict[str, int] = {}
    for row in table:
        name = row.name.split("#")[0]
        products[name] = products.get(name, 0) + row.multiply_adds
    return {name: count for name, count in products.items() if count}


def attention_products(outline: nn.Module, table) -> dict[str, int]:
    """Return the products of each attention layer by hand, from its output's shape: windows × places × channels.

    Queries, keys, values and the result take width × width weights at each place; torchvision's maxvit has layers of
    their own for these. Each query with each key of its window, and the sum of the values: places × channels each.
    """
    products = {}
    for row in table:
        layer = outline.get_submodule("" if row.name.startswith("(") else row.name.split("#")[0])
        kind = type(layer).__name__
        if kind == "MultiheadAttention":
            places, width = row.output_shape
            products[row.name] = 4 * places * width**2 + 2 * places**2 * width
        elif kind.startswith("ShiftedWindowAttention"):
            height, across, width = row.output_shape
            side = layer.window_size[0]
            places = -(-height // side) * -(-across // side) * side**2  # padded to whole windows
            products[row.name] = 4 * places * width**2 + 2 * places * side**2 * width
        elif kind == "RelativePositionalMultiHeadAttention":
            windows, places, width = row.output_shape
            products[row.name] = 2 * windows * places**2 * width
    return products


def outline_of(name: str) -> nn.Module:
    """Return torchvision's network without values. The widths of a regnet are computed, so they need values."""

    def with_values(_kind, **settings):
        with torch.device("cpu"):
            return computed(**settings)

    computed = BlockParams.from_init_params
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(BlockParams, "from_init_params", classmethod(with_values))
        return torchvision_model(name)


def check_with_torchinfo(name: str, size: int) -> None:
    outline = outline_of(name)
    table = layer_table(outline, (3, size, size))
    parameters, products = torchinfo_products(outline, (3, size, size))
    assert sum(row.parameters for row in table) == count_parameters(outline) == parameters
    assert products_of(table) == products | attention_products(outline, table)


FEW = ("resnet18", "mobilenet_v3_small", "googlenet", "squeezenet1_0", "shufflenet_v2_x0_5", "convnext_tiny", "swin_t")


@pytest.mark.parametrize("name", FEW)
def test_parameters_and_products_are_torchinfos(name):
    check_with_torchinfo(name, 64)


@pytest.mark.slow
@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
def test_all_of_torchvisions_networks(name):
    check_with_torchinfo(name, 224)


@pytest.mark.parametrize(
    "settings", [{}, {"kernel_size": 5, "pooling": "avg", "padding": "valid", "convs_per_block": 2}]
)
def test_both_ways_give_the_same_table(settings):
    """The chain of `build_cnn` has a way of its own, which computes nothing."""
    model = build_cnn(**settings, dropout=0.5)
    assert list(rows_of_any(model, model.input_shape)) == layer_table(model)


# --- By hand


def test_branches_reuse_and_tuples_by_hand():
    rows = {row.name: row for row in layer_table(WithSkip(), (3, 10, 12))}
    assert list(rows) == ["conv1", "norm1", "relu", "conv2", "head"]
    assert [row.output_shape for row in rows.values()] == [*[(4, 10, 12)] * 4, (5,)]
    assert [row.parameters for row in rows.values()] == [4 * 27 + 4, 8, 0, 4 * 36 + 4, 25]
    assert [row.multiply_adds for row in rows.values()] == [4 * 27 * 120, 4 * 120, 0, 4 * 36 * 120, 20]
    assert [row.receptive_field for row in rows.values()] == [3, 3, 3, 5, None]

    table = layer_table(UsedTwice(), (1, 10, 10))
    assert [row.name for row in table] == ["first", "relu", "second", "relu#2", "head"]
    twice = nn.Conv2d(2, 2, 3, padding=1)
    table = layer_table(nn.Sequential(twice, nn.ReLU(), twice, nn.Conv2d(2, 3, 1)), (2, 6, 6))
    assert [(row.name, row.parameters, row.multiply_adds, row.note) for row in table] == [
        ("0", 38, 36 * 36, ""), ("1", 0, 0, ""), ("0#2", 0, 36 * 36, "used again"), ("3", 9, 6 * 36, ""),
    ]  # fmt: skip
    assert [row.receptive_field for row in table] == [3, 3, 5, 5]

    lstm = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(2), nn.LSTM(36, 6, batch_first=True))
    table = layer_table(lstm, (1, 8, 8))  # four steps of 36 numbers; the tuple begins with the outputs
    assert table[2].output_shape == (4, 6)
    assert table[2].multiply_adds == 4 * (4 * 6 * 36 + 4 * 6 * 6)
    assert table[2].parameters == count_parameters(lstm[2])


class Blocks(nn.Module):
    """Attention between 5×7 places with 8 channels each, by torch's layer."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 2, stride=2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)  # (N, 35, 8)
        return self.attention(tokens, tokens, tokens, need_weights=False)[0]


def test_attention_by_hand():
    rows = {row.name: row for row in layer_table(Blocks(), (3, 10, 14))}
    assert list(rows) == ["patches", "attention"]
    assert (rows["patches"].multiply_adds, rows["patches"].receptive_field) == (8 * 3 * 4 * 35, 2)
    # Queries, keys, values and the result: a product with 8 × 8 weights at each of 35 places. Each place's query with
    # each place's key, and the weighted sum of the values: 35 × 35 × 8 products each.
    assert rows["attention"].multiply_adds == 4 * 35 * 8 * 8 + 2 * 35 * 35 * 8
    assert rows["attention"].parameters == 4 * (8 * 8 + 8)
    assert rows["attention"].receptive_field is None
    assert rows["attention"].unknown == ""


def test_vision_transformer_by_hand():
    """vit_b_16 at 32×32: 4 patches and a class token, 12 blocks of width 768 with 12 heads, and 3,072 hidden units."""
    with torch.device("meta"):
        model = torchvision_model("vit_b_16", 1000, image_size=32)
    table = layer_table(model, (3, 32, 32))
    assert sum(row.parameters for row in table) == count_parameters(model)
    attention = 4 * 5 * 768**2 + 2 * 5 * 5 * 768
    block = attention + 2 * 5 * 768 * 3072 + 2 * 5 * 768  # two linear layers and two norms
    assert sum(row.multiply_adds for row in table) == 4 * 768**2 + 12 * block + 5 * 768 + 768 * 1000
    rows = {row.name: row for row in table}
    assert (rows["(VisionTransformer)"].parameters, rows["encoder"].parameters) == (768, 5 * 768)
    assert rows["conv_proj"].receptive_field == 16
    assert rows["encoder.layers.encoder_layer_0.self_attention"].multiply_adds == attention


def test_attention_within_windows_is_a_dash_that_says_why():
    with torch.device("meta"):
        model = torchvision_model("swin_t")
    table = layer_table(model, (3, 64, 64))
    assert sum(row.parameters for row in table) == count_parameters(model)
    rows = {row.name: row for row in table}
    assert rows["features.0.0"].receptive_field == 4
    # 16 × 16 places of 96 channels are padded to 21 × 21, that is 9 windows of 7 × 7
    assert rows["features.1.0.attn"].multiply_adds == 4 * 441 * 96**2 + 2 * 9 * 49 * 49 * 96
    assert rows["features.1.0.attn"].receptive_field is None
    assert rows["features.1.0.attn"].unknown
    line = next(line for line in repr(table).splitlines() if line.startswith("features.1.0.attn "))
    assert "  –  (" in line


# --- The receptive field


def middle_by_experiment(model, name, input_shape):
    """Return height and width of the pixels that reach the middle of a layer's map, by `receptive_field`'s NaN."""
    row = {row.name: row for row in layer_table(model, input_shape)}[name]
    _, height, width = row.output_shape
    place = height // 2 * width + width // 2
    top, left, bottom, right = receptive_field(model, name, 0, place, input_shape)
    return bottom - top, right - left


class Branches(nn.Module):
    """Kernels of several sizes, strides, dilations and shapes, joined by cat and a sum, and a shuffle of channels."""

    def __init__(self):
        super().__init__()
        self.wide, self.tall = nn.Conv2d(1, 4, (1, 5), padding=(0, 2)), nn.Conv2d(1, 4, (3, 1), padding=(1, 0))
        self.both = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=2)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1)
        self.skip, self.last = nn.Conv2d(8, 8, 1, stride=2), nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.LayerNorm(8)
        self.halved = nn.AdaptiveMaxPool2d(16)

    def forward(self, images):
        maps = torch.cat([self.wide(images), self.tall(images)], 1).relu()
        maps = self.both(maps.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2))
        maps = self.pool(maps) + self.skip(maps)
        maps = self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        maps = self.halved(self.last(functional.pad(maps, (1, 1, 1, 1))[:, :, 1:-1, 1:-1]))
        return maps.flatten(1)


def test_the_receptive_field_is_what_an_experiment_finds():
    model = Branches()
    rows = {row.name: row for row in layer_table(model, (1, 64, 64))}
    # By hand: 1×5 and 3×1 together 3×5; 4 more by the dilated kernel, 7×9; 2 more by the pool, 9×11, and the jump is
    # now 2; 4 more by the last kernel, 13×15; the adaptive pool takes 2×2 of them.
    expected = {"wide": (1, 5), "tall": (3, 1), "both": (7, 9), "pool": (9, 11), "skip": (7, 9), "last": (13, 15)}
    for name, field in (expected | {"halved": (15, 17)}).items():
        assert rows[name].receptive_field == field, name
        assert middle_by_experiment(model, name, (1, 64, 64)) == field, name
    assert rows["norm"].receptive_field == (9, 11)  # of maps (N, H, W, C)
    assert "15×17" in repr(layer_table(model, (1, 64, 64)))


# The last maps of published networks, in pixels (Araujo, Norris & Sim 2019, table 1, for alexnet and vgg16).
PUBLISHED = [
    ("alexnet", "features.12", 195, 224),
    ("vgg16", "features.30", 212, 224),
    ("resnet18", "layer4.1.relu#2", 435, 224),
]


@pytest.mark.parametrize(("name", "layer", "field", "size"), PUBLISHED)
def test_receptive_fields_of_published_networks(name, layer, field, size):
    with torch.device("meta"):
        table = layer_table(torchvision_model(name), (3, size, size))
    assert {row.name: row.receptive_field for row in table}[layer] == field


def test_squeeze_and_excitation_sees_the_whole_image():
    with torch.device("meta"):
        rows = {row.name: row for row in layer_table(torchvision_model("mobilenet_v3_small"), (3, 224, 224))}
    assert rows["features.0.0"].receptive_field == 3
    assert rows["features.1.block.0.0"].receptive_field == 7  # 3 + 2 × 2
    assert rows["features.1.block.1.avgpool"].receptive_field is None
    assert rows["features.1.block.2.0"].receptive_field is None  # each map is multiplied with a number of all
    assert rows["features.1.block.2.0"].unknown == ""


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.ConvTranspose2d(2, 2, 2, stride=2), "a transposed convolution enlarges maps"),
        (nn.Upsample(scale_factor=2), "it enlarges maps"),
        (nn.PixelShuffle(1), "the operation pixel_shuffle is not followed"),
        (nn.AdaptiveAvgPool2d(5), "an adaptive pool with windows of unlike size"),
    ],
)
def test_a_field_that_is_not_known_is_a_dash_that_says_why(layer, reason):
    table = layer_table(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), layer, nn.Conv2d(2, 2, 3)), (1, 8, 8))
    assert (table[-1].receptive_field, table[-1].unknown) == (None, reason)
    assert f"  –  ({reason})" in repr(table)


# --- Whatever it is handed


def test_a_network_that_needs_values_is_computed_with_a_black_image():
    class Depends(nn.Module):
        def __init__(self):
            super().__init__()
            self.dark, self.bright = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 5)

        def forward(self, images):
            return self.dark(images) if images.mean().item() < 0.5 else self.bright(images)

    table = layer_table(Depends(), (1, 8, 8))
    assert [(row.name, row.output_shape) for row in table] == [("dark", (2, 6, 6)), ("bright", ())]
    assert table[1].unknown == "it does not run in eval mode"
    assert "–" in repr(table)


def test_the_network_stays_as_it_is():
    model = make("resnet18").train()
    model.relu.register_forward_hook(lambda *_: 1 / 0)  # a hook of somebody else, which the table leaves alone
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ZeroDivisionError):
        layer_table(model, (3, 32, 32))
    model.relu._forward_hooks.clear()
    table = layer_table(model, (3, 32, 32))
    with torch.device("meta"):
        assert layer_table(make("resnet18"), (3, 32, 32)) == table
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())


def test_compiled_normed_lazy_and_shared_networks():
    compiled = torch.compile(WithSkip(), backend="eager")
    assert layer_table(compiled, (3, 10, 12)) == layer_table(WithSkip(), (3, 10, 12))
    old = layer_table(weight_normed(), (3, 8, 8))
    new = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3, padding=1)), nn.ReLU())
    row = layer_table(new, (3, 8, 8))[0]
    assert (row.name, row.parameters, row.multiply_adds) == ("0", 4 * 27 + 4 + 4, 4 * 27 * 64)
    assert (old[0].parameters, old[0].multiply_adds, old[0].receptive_field) == (4 * 27 + 4 + 4, 4 * 27 * 64, 3)
    lazy = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(5))
    assert layer_table(lazy, (1, 8, 8))[2].parameters == 72 * 5 + 5
    with pytest.raises(ConfigError, match="lazy layers, which get weights with the first image"):
        count_parameters(lazy)
    assert layer_table(nn.Conv2d(1, 2, 3), (1, 8, 8))[0].name == "(Conv2d)"


def test_an_image_that_does_not_fit_is_refused_with_the_layers_name():
    with pytest.raises(
        ConfigError, match=r"conv1 can't take \(1, 32, 32\), with input_shape=\(1, 32, 32\): .*channels"
    ):
        layer_table(make("resnet18"), (1, 32, 32))
    with pytest.raises(ConfigError, match=r"the model can't take \(3, 64, 64\), .*Wrong image height"):
        layer_table(make("vit_b_16"), (3, 64, 64))


def test_what_a_chain_cant_say_is_counted_by_a_pass():
    for layer, products, field in [
        (nn.Conv2d(1, 2, 3, dilation=2), 2 * 9 * 24 * 24, 5),
        (nn.Conv2d(1, 2, (3, 5)), 2 * 15 * 26 * 24, (3, 5)),
        (nn.MaxPool2d(2, stride=(2, 1)), 0, 2),
        (nn.MaxPool2d(3, dilation=2), 0, 5),
        (nn.MaxPool2d(2, return_indices=True), 0, 2),
        (nn.AdaptiveAvgPool2d(1), 0, None),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), 2 * 9 * 26 * 26, 3),
        (nn.BatchNorm2d(1), 28 * 28, 1),
        (nn.GroupNorm(1, 1), 28 * 28, None),
    ]:
        row = layer_table(nn.Sequential(nn.ReLU(), layer), input_shape=(1, 28, 28))[1]
        assert (row.multiply_adds, row.receptive_field, row.unknown) == (products, field, ""), layer
