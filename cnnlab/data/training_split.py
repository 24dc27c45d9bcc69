"""Change the training split of a data set: shuffle its labels, or repeat images of its rarer classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from cnnlab.arguments import check_arguments
from cnnlab.checks import check_not_empty
from cnnlab.data.dataset import Data
from cnnlab.torch_state import usual_torch_state


@usual_torch_state
def shuffle_labels(data: Data, *, seed: int = 0) -> Data:
    """Return data whose training labels are shuffled: a network that learns them learns nothing about the classes.

    The images, and the validation and test splits, stay as they are. `saliency_check` compares with such a network.

    >>> fit(build_cnn(), shuffle_labels(data), epochs=20)
    """
    check_arguments(shuffle_labels, locals(), seed=0)
    random = np.random.default_rng(seed)
    order = torch.from_numpy(random.permutation(len(data.train)))
    return replace(data, train=replace(data.train, labels=data.train.labels[order]))


@usual_torch_state
def balance_classes(data: Data, *, seed: int = 0) -> Data:
    """Return data in which training images of the rarer classes are repeated, until all classes have as many.

    The validation and test splits stay as they are. Of a class each image is taken equally often, to one.

    >>> fit(build_cnn(classes=3), balance_classes(data), epochs=20)
    """
    check_arguments(balance_classes, locals(), seed=0)
    random = np.random.default_rng(seed)
    check_not_empty(data.train.images)
    labels = data.train.labels.numpy()
    present, counts = np.unique(labels, return_counts=True)
    places = [np.resize(random.permutation(np.flatnonzero(labels == label)), counts.max()) for label in present]
    return replace(data, train=data.train[torch.from_numpy(np.concatenate(places))])
