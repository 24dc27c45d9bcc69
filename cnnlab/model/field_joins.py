"""Find the field of view of the result of any of torch's operations, from those of all tensors that it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cnnlab.model.field_of_view import View, Window, plain
from cnnlab.model.field_rules import RULES, statistics_of_map

aten = torch.ops.aten
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
    shape, name = tuple(result.shape), operation.overloadpacket.__name__
    if not seen or name.startswith("new_") or name.endswith("_like"):  # these take a shape only
        return None
    if all(view.windows is None for view in seen):  # no operation takes a window back
        return _without_windows(seen, shape)
    operation = _out_of_place(operation)
    rule = RULES.get(operation.overloadpacket)
    if rule is not None and len(seen) == 1 and views[0] is not None:
        return rule(seen[0], arguments, shape)
    if operation.overloadpacket in BATCH_NORMS and any(value is True for value in arguments[3:6]):
        return statistics_of_map(seen[0], arguments, shape)  # by the statistics of the map itself: InstanceNorm
    if operation.overloadpacket is aten.cat:
        return _join_side_by_side(seen, arguments, shape)
    if operation.overloadpacket in (aten.bmm, aten.mm, *ATTENTION):
        return _mix(seen, shape)
    if operation.overloadpacket is aten.addmm and views[1] is not None and views[2] is None:
        return _multiply(views[1], shape)
    if torch.Tag.pointwise in operation.tags or operation.overloadpacket in POINTWISE:
        return _combine(seen, shape)
    return seen[0].lost(shape, "it enlarges maps" if "upsample" in name else f"the operation {name} is not followed")


def _out_of_place(operation: Any) -> Any:
    """Return the operation that an in-place one, such as relu_, is like: only that one is called pointwise."""
    packet = getattr(aten, operation.overloadpacket.__name__.removesuffix("_"), None)
    return operation if packet is None else getattr(packet, operation._overloadname, operation)


def _without_windows(seen: list[View], shape: Sequence[int]) -> View:
    """Return the view of values computed from values of which some depend on the whole image, or on what is unknown."""
    return View(None, next((view.unknown for view in seen if view.unknown), ""), plain(shape))


def _combine(seen: list[View], shape: Sequence[int]) -> View:
    """Return the view of values that are computed place by place; a tensor with a single place serves all."""
    if any(view.windows is None for view in seen):
        return _without_windows(seen, shape)
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
        return _without_windows(seen, shape)
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
        return _multiply(seen[0], shape)
    if any(view.places([0]) for view in seen if view.windows is not None and len(view.axes) == 3):
        return seen[0].lost(shape, "attention within parts of the image")
    return seen[0].whole(shape)


def _multiply(view: View, shape: Sequence[int]) -> View:
    """Return the view of a tensor (…, features) times a matrix of weights."""
    last = view.places([len(view.axes) - 1])
    if not last:
        return replace(view, axes=(*view.axes[:-1], (("", shape[-1]),)))
    return view.mixed(last, shape)
