"""Check the tensors and the class names of which a data set is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from cnnlab.checks import describe_tensor, is_whole_tensor, shown
from cnnlab.errors import ConfigError


def check_own_images(images: Tensor) -> None:
    """Raise ConfigError unless images (N, C, H, W) lie in 0–1; refuse (N, H, W, C), as others have them."""
    _, first, second, last = images.shape
    if last in (1, 3, 4) and first > 4 and second > 4 and max(first, second) <= 4 * min(first, second):
        raise ConfigError(
            f"images look like (N, H, W, C), got {tuple(images.shape)}; write images.permute(0, 3, 1, 2). If they do "
            f"have {first} channels, write images.transpose(2, 3)"
        )
    if len(images) and not 0 <= images.min() <= images.max() <= 1:  # true for NaN, too
        raise ConfigError(
            f"images must lie in 0–1, got {images.min():.3g} to {images.max():.3g}; divide by 255 if they are 0 to 255"
        )


def check_own_labels(labels: Any, count: int) -> Tensor:
    """Return labels as int64 (N,) on the CPU; raise ConfigError unless they are count whole numbers from 0."""
    if not is_whole_tensor(labels) or labels.shape != (count,) or count == 0 or labels.long().min() < 0:
        raise ConfigError(
            f"labels must be a tensor of whole numbers (N,) from 0, one for each of {count} images, "
            f"got {describe_tensor(labels)}"
        )
    return labels.long().cpu()


def names_of(labels: Tensor) -> tuple[str, ...]:
    """Return a name for each label, "0", "1", …; raise ConfigError if a number has no image."""
    present = labels.unique()
    if len(present) <= int(labels.max()):
        first = ", ".join(map(str, present[:5].tolist())) + (", …" if len(present) > 5 else "")
        raise ConfigError(
            f"labels must count from 0 without a gap, got {first}; write labels.unique(return_inverse=True)[1], or "
            "give classes=(…) with a name for each number from 0"
        )
    return tuple(map(str, present.tolist()))


def check_class_names(classes: Any) -> tuple[str, ...]:
    """Return the names as a tuple; raise ConfigError unless they are texts, each another one."""
    if not isinstance(classes, (tuple, list)) or not all(isinstance(name, str) and name.strip() for name in classes):
        raise ConfigError(f"classes must be the names of the classes, such as ('cat', 'dog'), got {shown(classes)}")
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise ConfigError(f"classes names {shown(twice)} twice; give each class a name of its own")
    return tuple(classes)


def check_labels_have_names(labels: Tensor, classes: tuple[str, ...]) -> None:
    """Raise ConfigError unless each label, a whole number, is the place of a name in classes."""
    if len(labels) == 0:
        return
    lowest, highest = map(int, labels.long().aminmax())
    if lowest < 0 or highest >= len(classes):
        raise ConfigError(
            f"labels go from {lowest} to {highest}, but classes has {len(classes)} names: {shown(classes)}; give whole "
            "numbers from 0, and a name for each"
        )


def spreads_to(value: Tensor, shape: tuple[int, ...]) -> bool:
    """Return whether a tensor, such as a single number, can be spread to this shape."""
    try:
        return np.broadcast_shapes(value.shape, shape) == shape  # torch's would import half a second of other modules
    except ValueError:
        return False
