"""Shuffled labels, and balanced classes."""

import pytest
import torch

from cnnlab.data.dataset import Data
from cnnlab.data.loading import load_data
from cnnlab.data.training_split import balance_classes, shuffle_labels
from cnnlab.errors import ConfigError


@pytest.fixture(scope="module")
def data():
    return load_data("mnist", train=500, validation=200, test=100)


def test_shuffled_labels_leave_everything_else_as_it_was(data):
    shuffled = shuffle_labels(data, seed=3)
    assert torch.equal(shuffled.train.labels.bincount(), data.train.labels.bincount())
    share = (shuffled.train.labels == data.train.labels).float().mean().item()
    assert share < 0.2  # by chance a tenth of 500, and 0.1 more is over seven standard errors
    assert torch.equal(shuffled.train.images, data.train.images)
    assert shuffled.validation is data.validation
    assert shuffled._test is data._test
    assert torch.equal(shuffle_labels(data, seed=3).train.labels, shuffled.train.labels)
    assert not torch.equal(shuffle_labels(data, seed=4).train.labels, shuffled.train.labels)
    with pytest.raises(ConfigError, match="seed must be a whole number of 0 or more, got -1"):
        shuffle_labels(data, seed=-1)


def test_balanced_classes_repeat_the_rare_ones_and_leave_the_rest_alone():
    labels = torch.tensor([0] * 60 + [1] * 25 + [2] * 9 + [4])  # none of class 3
    images = torch.arange(95.0)[:, None, None, None].expand(-1, 1, 2, 2) / 100
    data = Data.from_tensors(images, labels, test=0, validation=0, classes=tuple("abcde"))
    balanced = balance_classes(data, seed=1)
    assert balanced.train.labels.bincount().tolist() == [60, 60, 60, 0, 60]
    assert balanced.validation is data.validation
    assert balanced._test is data._test
    assert torch.equal(balanced.train.mean, data.train.mean)
    names = (balanced.train.pixels[:, 0, 0, 0] * 100).round().int()
    assert torch.equal(labels[names], balanced.train.labels)  # each picture keeps its label
    times = names.bincount(minlength=95)
    for label, (least, most) in {0: (1, 1), 1: (2, 3), 2: (6, 7), 4: (60, 60)}.items():
        assert (int(times[labels == label].min()), int(times[labels == label].max())) == (least, most)
    assert torch.equal(balance_classes(data, seed=1).train.images, balanced.train.images)
    assert not torch.equal(balance_classes(data, seed=2).train.images, balanced.train.images)
    with pytest.raises(ConfigError, match="seed must be"):
        balance_classes(data, seed=-1)
