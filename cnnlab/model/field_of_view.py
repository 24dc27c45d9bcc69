"""Follow, through the operations of a network, how large a square of the image each value depends on.

A value of a map depends on the pixels of a window. Its neighbour depends on the same window, shifted by `jump` pixels.
Each operation changes window and jump by a rule (Dumoulin & Visin 2016; Araujo et al. 2019). Where two branches join,
the window is the smallest that has both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


@dataclass(frozen=True)
class Window:
    """The pixels, first to last, that value 0 of a row or column depends on; those of value i are i × jump further."""

    first: int = 0
    last: int = 0
    jump: int = 1

    def slide(self, kernel: int, stride: int, padding: int, dilation: int) -> Window:
        """Return the window of a value that is computed from `kernel` values of this row."""
        first = self.first - padding * self.jump
        return Window(first, self.last + (dilation * (kernel - 1) - padding) * self.jump, stride * self.jump)

    @property
    def size(self) -> int:
        """The number of pixels."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class View:
    """What the values of a tensor depend on.

    Parameters
    ----------
    windows : (Window, Window) or None
        Along the height and the width of the image. None: they depend on the whole image, or it is unknown.
    unknown : str
        Why it is unknown.
    axes : tuple of tuple of (str, int)
        For each dimension of the tensor, what lies along it, in the order of the memory: ("h", size) or ("w", size) for
        places of the image, ("", size) for anything else.
    """

    windows: tuple[Window, Window] | None
    unknown: str
    axes: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def field(self) -> tuple[int, int] | None:
        """Height and width of the window; None: the whole image, or unknown."""
        return None if self.windows is None else (self.windows[0].size, self.windows[1].size)

    def places(self, dimensions: Sequence[int]) -> str:
        """Return which of "h" and "w" lie along these dimensions."""
        return "".join(sorted({axis for dimension in dimensions for axis, _ in self.axes[dimension]}))

    def whole(self, shape: Sequence[int]) -> View:
        """Return the view of values, in a tensor of this shape, that depend on all of the image."""
        return View(None, self.unknown, plain(shape))

    def lost(self, shape: Sequence[int], reason: str) -> View:
        """Return the view of values, in a tensor of this shape, for which no rule is known."""
        return View(None, self.unknown or reason, plain(shape))


def plain(shape: Sequence[int]) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return the axes of a tensor along which nothing of the image lies."""
    return tuple((("", size),) for size in shape)


def of_images(images: Tensor) -> View:
    """Return the view of the images themselves, (N, C, H, W): each pixel depends on itself."""
    count, channels, height, width = images.shape
    axes = ((("", count),), (("", channels),), (("h", height),), (("w", width),))
    return View((Window(), Window()), "", axes)


def view_of_result(operation: Any, arguments: Sequence[Any], views: list[View | None], result: Tensor) -> View | None:
    """Return what the result of one of torch's operations depends on; None if on nothing of the image.

    Parameters
    ----------
    operation
        An overload of torch.ops.aten.
    arguments
        Those of the operation, defaults included.
    views
        The view of each argument that is a tensor, of a list of tensors those of each; None for others.
    result : Tensor
        What the operation returned, or the first of it.
    """
    seen = [view for view in views if view is not None]
    shape = tuple(result.shape)
    if not seen:
        return None
    if all(view.windows is None for view in seen):  # no operation takes a window back
        return View(None, next((view.unknown for view in seen if view.unknown), ""), plain(shape))
    operation = _out_of_place(operation)
    rule = RULES.get(operation.overloadpacket)
    if rule is not None and len(seen) == 1 and views[0] is not None:
        return rule(seen[0], arguments, shape)
    if operation.overloadpacket is aten.cat:
        return _join_side_by_side(seen, arguments, shape)
    if operation.overloadpacket in (aten.bmm, aten.mm, *ATTENTION):
        return _mix(seen, shape)
    if operation.overloadpacket is aten.addmm and views[1] is not None and views[2] is None:
        return _multiply(views[1], arguments[1:], shape)
    if torch.Tag.pointwise in operation.tags or operation.overloadpacket in POINTWISE:
        return _combine(seen, shape)
    name = operation.overloadpacket.__name__
    return seen[0].lost(shape, "it enlarges maps" if "upsample" in name else f"the operation {name} is not followed")


def _out_of_place(operation: Any) -> Any:
    """Return the operation that an in-place one, such as relu_, is like: only that one is called pointwise."""
    packet = getattr(aten, operation.overloadpacket.__name__.removesuffix("_"), None)
    return operation if packet is None else getattr(packet, operation._overloadname, operation)


# --- Several tensors


def _combine(seen: list[View], shape: Sequence[int]) -> View:
    """Return the view of values that are computed place by place; a tensor with a single place serves all."""
    unknown = next((view.unknown for view in seen if view.unknown), "")
    if any(view.windows is None for view in seen):
        return View(None, unknown, plain(shape))
    axes = max((view.axes for view in seen), key=lambda axes: math.prod(size for axis in axes for _, size in axis))
    full = replace(seen[0], axes=axes)
    if not all(_fits(view.axes, axes) for view in seen):
        return full.lost(shape, "maps of unlike size are joined")
    return _joined(seen, full, shape)


def _joined(seen: list[View], full: View, shape: Sequence[int]) -> View:
    """Return the smallest view that has the windows of all."""
    pairs = [view.windows for view in seen if view.windows is not None]
    if len({tuple(window.jump for window in pair) for pair in pairs}) > 1:
        return full.lost(shape, "maps of unlike scale are joined")
    height, width = (
        Window(min(window.first for window in along), max(window.last for window in along), along[0].jump)
        for along in zip(*pairs, strict=True)
    )
    return replace(full, windows=(height, width))


def _fits(axes: tuple, full: tuple) -> bool:
    """Return whether a tensor with these axes has the places of the full one, in the same dimensions."""
    tail = full[len(full) - len(axes) :]
    return all(
        [pair for pair in own if pair[0]] == [pair for pair in other if pair[0]]
        for own, other in zip(axes, tail, strict=True)
    )


def _join_side_by_side(seen: list[View], arguments: Sequence[Any], shape: Sequence[int]) -> View:
    """Return the view of torch.cat: channels are joined place by place; places may not be."""
    dimension = (arguments[1] if len(arguments) > 1 else 0) % len(shape)
    if any(view.windows is None for view in seen):
        return View(None, next((view.unknown for view in seen if view.unknown), ""), plain(shape))
    full = seen[0]
    if any(view.places([dimension]) for view in seen):
        # A row of tokens that a class token is put in front of: the places can't be told apart any more.
        axes = tuple((("hw", size),) if place == dimension else full.axes[place] for place, size in enumerate(shape))
        return _joined(seen, replace(full, axes=axes), shape)
    axes = tuple((("", size),) if place == dimension else full.axes[place] for place, size in enumerate(shape))
    if not all(_fits(view.axes, axes) for view in seen):
        return full.lost(shape, "maps of unlike size are joined")
    return _joined(seen, replace(full, axes=axes), shape)


def _mix(seen: list[View], shape: Sequence[int]) -> View:
    """Return the view of a product of matrices, as in attention: each value depends on a row and a column of places."""
    if len(seen) == 1 and seen[0].windows is not None:
        return _multiply(seen[0], (), shape)
    if any(view.places([0]) for view in seen if view.windows is not None and len(view.axes) == 3):
        return seen[0].lost(shape, "attention within parts of the image")
    return seen[0].whole(shape)


def _multiply(view: View, _arguments: Sequence[Any], shape: Sequence[int]) -> View:
    """Return the view of a tensor (…, features) times a matrix of weights."""
    last = view.places([len(view.axes) - 1])
    if not last:
        return replace(view, axes=(*view.axes[:-1], (("", shape[-1]),)))
    return _over(view, last, shape)


def _over(view: View, places: str, shape: Sequence[int]) -> View:
    """Return the view of values that are computed from all places along "h", "w" or both."""
    if {"h", "w"} <= set(places) and not any(view.places([0])):
        return view.whole(shape)
    return view.lost(shape, "a part of the places is mixed")


# --- A single tensor


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
        return _over(view, view.places([-2, -1]), shape)
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
        return _over(view, places, shape)
    kept = len(shape) == len(view.axes)
    axes = tuple(
        (("", 1),) if place in chosen else axis for place, axis in enumerate(view.axes) if kept or place not in chosen
    )
    return replace(view, axes=axes)


def _softmax(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    places = view.places([arguments[1]])
    return _over(view, places, shape) if places else view


def _layer_norm(view: View, arguments: Sequence[Any], shape: Sequence[int]) -> View:
    places = view.places(range(len(shape) - len(arguments[1]), len(shape)))
    return _over(view, places, shape) if places else view


def _group_norm(view: View, _arguments: Sequence[Any], shape: Sequence[int]) -> View:
    return _over(view, view.places(range(2, len(shape))) or view.places(range(1, len(shape))), shape)


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
    axes = tuple(((places, shape[dimension]),) if n == dimension else axis for n, axis in enumerate(view.axes))
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
    axes = tuple((("", size),) if n == dimension else view.axes[n] for n, size in enumerate(shape))
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
    aten.native_group_norm: _group_norm,
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
BATCH_NORMS = (
    aten.native_batch_norm, aten.cudnn_batch_norm, aten._native_batch_norm_legit_no_training,
    aten._native_batch_norm_legit, aten._batch_norm_no_update, aten._batch_norm_impl_index,
)  # fmt: skip
ATTENTION = (
    aten.baddbmm, aten._scaled_dot_product_flash_attention_for_cpu, aten._scaled_dot_product_flash_attention,
    aten._scaled_dot_product_efficient_attention, aten._scaled_dot_product_attention_math,
    aten._scaled_dot_product_cudnn_attention,
)  # fmt: skip
# Besides what torch itself calls pointwise.
POINTWISE = (
    *BATCH_NORMS, aten.clone, aten.contiguous, aten.detach, aten.alias, aten._to_copy, aten.copy_, aten.lift_fresh,
    aten.native_dropout, aten.rrelu_with_noise, aten.hardswish, aten.log_sigmoid_forward, aten.prelu,
    aten._prelu_kernel, aten.channel_shuffle, aten.native_channel_shuffle,
)  # fmt: skip
