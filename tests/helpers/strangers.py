"""Networks that are not from `build_cnn`: what a student may bring."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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


def torchvision_model(name: str, classes: int = 10) -> nn.Module:
    """Return torchvision's network with random weights, the same ones each time."""
    import torchvision

    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return torchvision.models.get_model(name, weights=None, num_classes=classes)


SIZES = {"resnet18": 48, "mobilenet_v2": 48, "vgg11": 32}  # the smallest images that make sense


def hooks(model: nn.Module) -> int:
    """How many hooks of any kind are attached anywhere."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)
