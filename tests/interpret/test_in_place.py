"""Looking at data never changes it, whatever a network does with its input."""

import pytest
import torch
from torch import nn

from cnnlab.data.dataset import Data
from cnnlab.interpret.activations import activation_statistics
from cnnlab.interpret.capture import capture
from cnnlab.interpret.gradients import gradient_flow
from cnnlab.interpret.receptive_field import receptive_field
from cnnlab.interpret.recorder import Recorder
from cnnlab.interpret.saliency import METHODS, saliency
from cnnlab.interpret.saliency_check import saliency_check
from cnnlab.interpret.top_images import top_images
from cnnlab.model.evaluation import evaluate, evaluate_all, mistakes, predict
from cnnlab.model.layer_table import layer_table
from cnnlab.training.fit import fit


class Subtracts(nn.Module):
    """Subtracts a number from the images, in place or not, as many a network of one's own normalizes."""

    def __init__(self, in_place: bool = True):
        super().__init__()
        self.conv, self.relu, self.head, self.in_place = nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Linear(3, 2), in_place

    def forward(self, images):
        if self.in_place:
            images -= 0.1
        else:
            images = images - 0.1
        return self.head(self.relu(self.conv(images)).mean((2, 3)))


def chain(first):
    return nn.Sequential(first, nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))


# A network that works in place, and one that computes the same and does not.
PAIRS = {
    "subtracts": lambda: (Subtracts(), Subtracts(in_place=False)),
    "ReLU": lambda: (chain(nn.ReLU(inplace=True)), chain(nn.ReLU())),
    "Hardtanh": lambda: (chain(nn.Hardtanh(inplace=True)), chain(nn.Hardtanh())),
    "ReLU after a view": lambda: (
        nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True), nn.Unflatten(1, (1, 8, 8)), *chain(nn.Identity())),
        nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Unflatten(1, (1, 8, 8)), *chain(nn.Identity())),
    ),
    "without a convolution": lambda: (
        nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 2)),
        nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)),
    ),
}
LOOKS = {
    "predict": lambda model, split: predict(model, split.images),
    "predict one": lambda model, split: predict(model, split.images[:1]),
    "evaluate": evaluate,
    "evaluate_all": lambda model, split: evaluate_all([model], split),
    "mistakes": lambda model, split: mistakes(model, split).confidence,
    "capture": lambda model, split: captured(model, split),
    "activation_statistics": lambda model, split: {k: v.mean for k, v in activation_statistics(model, split).items()},
    "gradient_flow": lambda model, split: {k: v.gradient_norm for k, v in gradient_flow(model, split).items()},
    "saliency_check": lambda model, split: saliency_check(model, split.images).maps["trained"],
    "top_images": lambda model, split: top_images(model, split, last_layer(model), 0).indices,
} | {
    method: lambda model, split, method=method: saliency(model, split.images, 1, method, samples=2, steps=2)
    for method in METHODS
}


def captured(model, split):
    with torch.no_grad(), capture(model) as seen:
        model(split.images)
    return list(seen.values())[-1]


@pytest.fixture
def data():
    images = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return Data.from_tensors(images, torch.arange(30) % 2, train=20, validation=10, test=0)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_data_is_never_changed_by_looking_at_it(pair, data):
    own, plain = pair()
    plain.load_state_dict(own.state_dict())
    before = [split.images.clone() for split in (data.train, data.validation)]
    for name, look in LOOKS.items():
        if name == "grad_cam" and not any(isinstance(layer, nn.Conv2d) for layer in own.modules()):
            continue
        results = [look(model, data.validation) for model in (own, plain)]
        torch.testing.assert_close(*results, msg=name)
        assert torch.equal(data.validation.images, before[1]), name
    assert layer_table(own, (1, 8, 8)) == layer_table(plain, (1, 8, 8))
    assert receptive_field(own, last_layer(own), 0, 0, (1, 8, 8)) == (0, 0, 8, 8)
    record = Recorder(activations=True, saliency=True)
    histories = [fit(model, data, epochs=2, batch_size=10, on_epoch=record, progress=False) for model in (own, plain)]
    rows = [[{**row, "seconds": 0} for row in history.rows] for history in histories]
    assert rows[0] == rows[1]
    assert all(map(torch.equal, before, [data.train.images, data.validation.images]))


def last_layer(model):
    return list(dict(model.named_children()))[-1]
