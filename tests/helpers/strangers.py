"""Networks that are not from `build_cnn`: what a student may bring."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Data


class UsedTwice(nn.Module):
    """One ReLU that works in place, used twice, and a convolution before each use."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.second(self.relu(self.first(images))))
        return self.head(maps.mean((2, 3)))


class TupleOutput(nn.Module):
    """Logits and features, as a tuple; inside, a layer that gives a tuple, too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn, self.head = nn.Conv2d(1, 4, 3), nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        maps = self.conv(images).relu()  # (N, 4, h, w)
        outputs, _ = self.rnn(maps.flatten(2).transpose(1, 2))
        return self.head(outputs[:, -1]), {"maps": maps}


class ByKeyword(nn.Module):
    """Calls its pool with a named argument, which a hook on the positional ones would miss."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(input=images)


def torchvision_model(name: str, classes: int = 10, **settings) -> nn.Module:
    """Return torchvision's network with random weights, the same ones each time."""
    import torchvision

    if name in ("googlenet", "inception_v3"):
        settings = {"init_weights": False} | settings  # else torchvision warns that the default will change
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return torchvision.models.get_model(name, weights=None, num_classes=classes, **settings)


def narrow_model(name: str, classes: int = 10) -> nn.Module:
    """Return torchvision's network as `torchvision_model` does; a VGG's head, of 120 million weights, is narrower."""
    if not name.startswith("vgg"):
        return torchvision_model(name, classes)
    with torch.device("meta"):
        model = torchvision_model(name, classes)
        for place, sizes in {0: (512 * 49, 16), 3: (16, 16), 6: (16, classes)}.items():
            model.classifier[place] = nn.Linear(*sizes)
    model.to_empty(device="cpu")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        for layer in model.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    return model


SIZES = {"resnet18": 48, "mobilenet_v2": 48, "vgg11": 32}  # the smallest images that make sense


def hooks(model: nn.Module) -> int:
    """How many hooks of any kind are attached anywhere."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


class WithSkip(nn.Module):
    """Two convolutions with batch normalization, and a skip around the second."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.relu, self.head = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.norm1(self.conv1(images)))
        return self.head((maps + self.conv2(maps)).mean((2, 3)))


class ReLUTwice(nn.Module):
    """UsedTwice for images in colour."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.relu = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(inplace=True)
        self.pool, self.head = nn.MaxPool2d(2), nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.pool(self.relu(self.conv2(self.relu(self.conv1(images))))).amax((2, 3)))


def weight_normed() -> nn.Module:
    """A network with the old kind of weight norm, which computes a weight in a hook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch calls it deprecated
        first = nn.utils.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
    return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5))


def _small_vit() -> nn.Module:
    """Return vit_b_16 with two of its twelve blocks, and narrower ones."""
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=5
    )


def _short_convnext() -> nn.Module:
    """Return convnext_tiny with fewer blocks and channels."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    widths = (16, 32, 64, 128)
    blocks = [CNBlockConfig(width, after, 1) for width, after in zip(widths, (*widths[1:], None), strict=True)]
    return ConvNeXt(blocks, num_classes=5)


TWELVE = {  # name → a function that makes the network, for images 3×32×32 and five classes
    "resnet18": lambda: torchvision_model("resnet18", 5),
    "mobilenet_v3_small": lambda: torchvision_model("mobilenet_v3_small", 5),
    "vgg11_bn": lambda: narrow_model("vgg11_bn", 5),
    "densenet121": lambda: torchvision_model("densenet121", 5),
    "googlenet": lambda: torchvision_model("googlenet", 5),
    "efficientnet_b0": lambda: torchvision_model("efficientnet_b0", 5),
    "vit_b_16": _small_vit,
    "convnext_tiny": _short_convnext,
    "with a skip": WithSkip,
    "a layer used twice": ReLUTwice,
    "compiled": lambda: torch.compile(WithSkip(), backend="eager"),
    "weight norm": weight_normed,
}


def make(name: str) -> nn.Module:
    """Return one of the twelve, with the same random weights each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return TWELVE[name]()


def colours() -> Data:
    """Return noise in colour, in five classes: 8 training and 5 validation images of 3×32×32."""
    images = torch.rand(13, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return Data.from_tensors(images, torch.arange(13) % 5, train=8, validation=5, test=0)
