"""Group equal pictures, and weight classes: the right way, and with known mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor

Groups = list[list[int]]  # the places of pictures that are the same


def same_pictures(images: Sequence[Tensor]) -> Groups:
    """Return the groups of equal pictures, each as a list of places; a picture without a copy is in no group."""
    return _with_copies(_groups(images, torch.equal))


def _groups(images: Sequence[Tensor], is_same: Callable[[Tensor, Tensor], bool]) -> Groups:
    """Return all pictures in groups: each with the first one that is the same."""
    groups: Groups = []
    for place, image in enumerate(images):
        group = next((group for group in groups if is_same(images[group[0]], image)), None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return groups


def _with_copies(groups: Groups) -> Groups:
    return [group for group in groups if len(group) > 1]


def _neighbours(images: Sequence[Tensor]) -> Groups:
    groups: Groups = []
    for place, image in enumerate(images):
        if place and torch.equal(images[place - 1], image):
            groups[-1].append(place)
        else:
            groups.append([place])
    return _with_copies(groups)


SAME_MISTAKES = (
    (
        lambda images: _groups(images, torch.equal),
        "A picture without a copy stands in a group of its own. Leave it out.",
    ),
    (_neighbours, "You compare neighbours alone. A copy may lie anywhere in the list."),
    (
        lambda images: [list(pair) for group in same_pictures(images) for pair in combinations(group, 2)],
        "You return pairs. If three pictures are the same, they are one group.",
    ),
    (
        lambda images: [[group[0], other] for group in same_pictures(images) for other in group[1:]],
        "You return pairs. If three pictures are the same, they are one group.",
    ),
    (
        lambda images: [group[1:] for group in same_pictures(images)],
        "The first picture of each group is missing: it is one of those that are the same.",
    ),
    (
        lambda images: [[place + 1 for place in group] for group in same_pictures(images)],
        "You count the places from 1. Count from 0, as Python does.",
    ),
    (
        lambda images: _with_copies(_groups(images, lambda first, other: bool((first == other).all()))),
        "A grey picture and one in colour are taken for the same: == repeats the one channel. Compare the shapes, too.",
    ),
    (
        lambda images: _with_copies(_groups(images, lambda first, other: bool(first.sum() == other.sum()))),
        "You compare one number of each picture. A mirrored picture has the same number. Compare all values.",
    ),
    (
        lambda images: _with_copies(_groups(images, lambda first, other: bool(first.mean() == other.mean()))),
        "You compare one number of each picture. A mirrored picture has the same number. Compare all values.",
    ),
    (
        lambda images: _with_copies(
            _groups(images, lambda first, other: first.shape == other.shape and torch.allclose(first, other, atol=0.01))
        ),
        "Pictures that are nearly the same are in one group. Here every value must be the same.",
    ),
)


SHAPE_MISTAKES = (
    (
        lambda images: _with_copies(
            _groups(images, lambda first, other: torch.equal(first.flatten(), other.flatten()))
        ),
        "The same numbers in another shape are another picture. Compare the shapes, too.",
    ),
)


def make_pictures(generator: torch.Generator, height: int, width: int) -> list[Tensor]:
    """Return pictures (1 or 3, height, width): one three times, one twice, and others that are nearly the same.

    Of the three, two are neighbours and the third is not, so that looking at neighbours alone always shows. The others
    are a mirrored one, a brighter one, one with a single other value, and a grey one that is there in colour,
    too.
    """

    def draw(channels: int) -> Tensor:  # sums of such values are exact
        return torch.randint(0, 16, (channels, height, width), generator=generator) / 16

    thrice, twice, grey = draw(3), draw(3), draw(1)
    nearly = twice.clone()
    nearly[-1, -1, -1] += 2**-12  # too little for 8 bits; and the first channel is the same
    others = [thrice.flip(2), thrice + 0.25, nearly, grey, grey.expand(3, -1, -1), draw(3), draw(1)]
    others = [others[place] for place in torch.randperm(len(others), generator=generator).tolist()]
    first, second = sorted(torch.randperm(len(others) + 1, generator=generator)[:2].tolist())
    pictures = [twice, *others[:first], thrice, thrice, *others[first:second], thrice, *others[second:], twice]
    return [picture.clone() for picture in pictures]


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return a weight for each class: all classes weigh the same in sum, and a picture weighs 1 on average."""
    return len(labels) / (classes * _counts(labels, classes))


def _counts(labels: Tensor, classes: int) -> Tensor:
    return torch.bincount(labels, minlength=classes)


WEIGHT_MISTAKES = (
    (
        lambda labels, classes: 1 / _counts(labels, classes),
        "All classes weigh the same in sum, but that sum is far too small: a picture must weigh 1 on average.",
    ),
    (
        lambda labels, classes: len(labels) / _counts(labels, classes),
        "All classes weigh the same in sum, but each weighs as much as all of them should together.",
    ),
    (
        lambda labels, classes: _counts(labels, classes).max() / _counts(labels, classes),
        "You let a picture of the largest class weigh 1. The others weigh more, so the average is above 1.",
    ),
    (
        lambda labels, classes: classes * _shares_of_inverse(labels, classes),
        "The mean of your weights is 1 over the classes. It must be 1 over the pictures.",
    ),
    (
        lambda labels, classes: _shares_of_inverse(labels, classes),
        "Your weights add up to 1 over the classes. Over the pictures their mean must be 1.",
    ),
    (
        lambda labels, classes: _counts(labels, classes) / len(labels),
        "That is how common each class is: it makes a common class heavier. A rare one must be.",
    ),
    (
        lambda labels, classes: classes * _counts(labels, classes) / len(labels),
        "You have it upside down: that makes a common class heavier. A rare one must be.",
    ),
    (
        lambda labels, classes: 1 - _counts(labels, classes) / len(labels),
        "A rare class is heavier, but not by enough: the sums of the classes still differ.",
    ),
    (
        lambda labels, classes: torch.ones(classes),
        "All classes have the same weight: then a common class counts for more in sum.",
    ),
    (
        lambda labels, classes: class_weights(labels, classes).sqrt(),
        "A rare class is heavier, but not by enough: the sums of the classes still differ.",
    ),
    (_counts, "Those are the numbers of pictures. Give weights."),
    (
        lambda labels, classes: class_weights(labels, classes)[labels],
        "You return a weight for each picture. Return one for each class.",
    ),
)


def _shares_of_inverse(labels: Tensor, classes: int) -> Tensor:
    inverse = 1 / _counts(labels, classes)
    return inverse / inverse.sum()


def make_labels(generator: torch.Generator, classes: int) -> tuple[Tensor, int]:
    """Return labels in random order, each class with another number of them, and the number of classes."""
    counts = 3 + torch.randperm(30, generator=generator)[:classes]
    labels = torch.repeat_interleave(torch.arange(classes), counts)
    return labels[torch.randperm(len(labels), generator=generator)], classes
