"""How operations on a single tensor change the field of view of its values: a rule for each of torch's operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from cnnlab.model.field_of_view import View, Window, plain

aten = torch.ops.aten


def _slide(view: View, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any) -> View:
    """Return the view after a convolution or a pool in two dimensions."""
    if len(shape) not in (3, 4) or view.places([-2]) != "h" or view.places([-1]) != "w" or view.windows is None:
        return view.lost(shape, "it slides along something else than height and width")
    numbers = [_pair(value) for value in (kernel, stride or kernel, padding, dilation)]
    height, width = (window.slide(*(pair[place] for pair in numbers)) for place, window in enumerate(view.windows))
    axes = (*plain(shape[:-2]), (("h", shape[-2]),), (("w", shape[-1]),))
    return replace(view, windows=(height, width), axes=axes)


def _convolution(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    _, weight, _, stride, padding, dilation, transposed, *_ = arguments
    if transposed:
        return view.lost(shape, "a transposed convolution enlarges maps")
    return _slide(view, shape, tuple(weight.shape[2:]), stride, padding, dilation)


def _max_pool(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    _, kernel, stride, padding, dilation, *_ = (*arguments, *(None, (), 0, 1)[len(arguments) - 1 :])
    return _slide(view, shape, kernel, stride, padding, dilation)


def _average_pool(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    _, kernel, stride, padding, *_ = (*arguments, *(None, (), 0)[len(arguments) - 1 :])
    return _slide(view, shape, kernel, stride, padding, 1)


def _adaptive_pool(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    before = [math.prod(size for _, size in axis) for axis in view.axes[-2:]]
    after = _pair(arguments[1])
    if after == (1, 1) != tuple(before):
        return view.mixed(view.places([-2, -1]), shape)
    if any(size % wanted for size, wanted in zip(before, after, strict=True)):
        return view.lost(shape, "an adaptive pool with windows of unlike size")
    kernel = tuple(size // wanted for size, wanted in zip(before, after, strict=True))
    return _slide(view, shape, kernel, kernel, 0, 1)


def _reduce(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    """Return the view of a mean, a sum or a maximum over dimensions."""
    wanted = arguments[1] if len(arguments) > 1 else None
    dimensions = range(len(view.axes)) if not isinstance(wanted, (int, list, tuple)) else wanted
    dimensions = [dimensions] if isinstance(dimensions, int) else list(dimensions) or range(len(view.axes))
    chosen = {dimension % len(view.axes) for dimension in dimensions}
    places = view.places(sorted(chosen))
    if places:
        return view.mixed(places, shape)
    kept = len(shape) == len(view.axes)
    axes = tuple(
        (("", 1),) if place in chosen else axis for place, axis in enumerate(view.axes) if kept or place not in chosen
    )
    return replace(view, axes=axes)


def _softmax(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    places = view.places([arguments[1]])
    return view.mixed(places, shape) if places else view


def _layer_norm(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    places = view.places(range(len(shape) - len(arguments[1]), len(shape)))
    return view.mixed(places, shape) if places else view


def statistics_of_map(view: View, _arguments: Sequence[Any], shape: Sequence[int]) -> View:
    """Return the view after a norm by the mean and the variance of the map itself, such as nn.GroupNorm."""
    return view.mixed(view.places(range(2, len(shape))) or view.places(range(1, len(shape))), shape)


def _regroup(view: View, _arguments: Sequence[Any], shape: Sequence[int]) -> View:
    """Return the view of a tensor of another shape with the same values in the same order."""
    axes = regrouped([pair for axis in view.axes for pair in axis], shape)
    if axes is None:
        return view.lost(shape, "places and channels are mixed by a view")
    if len(shape) == 2 and len(view.axes) == 4 and view.places([-1]):
        return view.whole(shape)  # flattened: a row of features
    return replace(view, axes=axes)


def regrouped(pairs: list[tuple[str, int]], shape: Sequence[int]) -> tuple[tuple[tuple[str, int], ...], ...] | None:
    """Return what lies along each dimension of the new shape; None if height and width would be cut through.

    >>> regrouped([("", 2), ("h", 3), ("w", 4)], (2, 12))
    ((('', 2),), (('h', 3), ('w', 4)))
    """
    left, axes = [pair for pair in pairs if pair[1] > 1], []
    for wanted in shape:
        taken: list[tuple[str, int]] = []
        while (size := math.prod(size for _, size in taken)) < wanted:
            if not left:
                return None
            axis, length = left.pop(0)
            if wanted % (size * length) == 0:
                taken.append((axis, length))
            elif length % (wanted // size) == 0:  # cut it in two
                part = wanted // size
                taken.append((axis, part))
                left.insert(0, (axis, length // part))
            else:
                return None
        axes.append(tuple(taken) or (("", 1),))
    return None if left else tuple(axes)


def _permute(view: View, arguments: Sequence[Any], _shape: Sequence[int]) -> View:
    return replace(view, axes=tuple(view.axes[place] for place in arguments[1]))


def _transpose(view: View, arguments: Sequence[Any], _shape: Sequence[int]) -> View:
    order = list(range(len(view.axes)))
    first, second = arguments[1:3] if len(arguments) > 2 else (0, 1)
    order[first], order[second] = order[second], order[first]
    return replace(view, axes=tuple(view.axes[place] for place in order))


def _slice(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    dimension, start, _, step = (*arguments[1:5], *(0, 0, None, 1)[len(arguments) - 1 :])
    dimension = int(dimension or 0) % len(shape)
    places = view.places([dimension])
    if places not in ("", "h", "w") or view.windows is None:
        return view.lost(shape, "places are left out")
    axes = tuple(((places, shape[dimension]),) if place == dimension else axis for place, axis in enumerate(view.axes))
    if not places:
        return replace(view, axes=axes)
    windows, along = list(view.windows), "hw".index(places)
    window, before = windows[along], math.prod(size for _, size in view.axes[dimension])
    start = min(max((start or 0) + (before if (start or 0) < 0 else 0), 0), before)
    windows[along] = Window(
        window.first + start * window.jump, window.last + start * window.jump, window.jump * (step or 1)
    )
    return replace(view, windows=(windows[0], windows[1]), axes=axes)


def _split(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    dimension = (arguments[2] if len(arguments) > 2 else 0) % len(shape)
    if view.places([dimension]):
        return view.lost(shape, "places are left out")
    axes = tuple((("", size),) if place == dimension else view.axes[place] for place, size in enumerate(shape))
    return replace(view, axes=axes)


def _select(view: View, arguments: Sequence[Any], _shape: Sequence[int]) -> View:
    dimension = (arguments[1] if len(arguments) > 1 else 0) % len(view.axes)
    return replace(view, axes=tuple(axis for place, axis in enumerate(view.axes) if place != dimension))


def _pad(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    if view.windows is None or view.places([-2]) != "h" or view.places([-1]) != "w":
        return view.lost(shape, "something else than maps is padded")
    left, _, top, *_ = (*arguments[1], 0, 0)
    height, width = view.windows
    windows = (height.slide(1, 1, top, 1), width.slide(1, 1, left, 1))
    axes = (*view.axes[:-2], (("h", shape[-2]),), (("w", shape[-1]),))
    return replace(view, windows=windows, axes=axes)


def _same(view: View, _arguments: Sequence[Any], _shape: Sequence[int]) -> View:
    return view


def _expand(view: View, _arguments: Sequence[Any], shape: Sequence[int]) -> View:
    axes = (*plain(shape[: len(shape) - len(view.axes)]), *view.axes)
    return replace(
        view,
        axes=tuple(
            axis if math.prod(length for _, length in axis) == size else (("", size),)
            for axis, size in zip(axes, shape, strict=True)
        ),
    )


def _pair(value: Any) -> tuple[int, int]:
    """Return (height, width) for a number, a list of one, or a list of two."""
    numbers = [value] if isinstance(value, int) else list(value)
    return (numbers[0], numbers[-1])


Rule = Callable[[View, Sequence[Any], Sequence[int]], View]
RULES: dict[Any, Rule] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _max_pool,
    aten.max_pool2d: _max_pool,
    aten.avg_pool2d: _average_pool,
    aten._adaptive_avg_pool2d: _adaptive_pool,
    aten.adaptive_max_pool2d: _adaptive_pool,
    aten.mean: _reduce,
    aten.sum: _reduce,
    aten.amax: _reduce,
    aten.max: _reduce,
    aten._softmax: _softmax,
    aten._log_softmax: _softmax,
    aten.native_layer_norm: _layer_norm,
    aten.native_group_norm: statistics_of_map,
    aten.view: _regroup,
    aten._unsafe_view: _regroup,
    aten.reshape: _regroup,
    aten._reshape_alias: _regroup,
    aten.unsqueeze: _regroup,
    aten.squeeze: _regroup,
    aten.permute: _permute,
    aten.transpose: _transpose,
    aten.t: _transpose,
    aten.slice: _slice,
    aten.select: _select,
    aten.split: _split,
    aten.split_with_sizes: _split,
    aten.unbind: _select,
    aten.constant_pad_nd: _pad,
    aten.reflection_pad2d: _pad,
    aten.replication_pad2d: _pad,
    aten.expand: _expand,
}
