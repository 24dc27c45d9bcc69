"""Nonsense for the doors of cnnlab: values of every kind, and a judge that says which of them an argument may be.

The judge knows nothing of cnnlab's own checks: it reads the annotation, and the two tables below.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
import itertools
import math
import numbers
import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

# The smallest number that makes sense: of arguments with this name, or of this argument of this door.
LEAST: dict[str, float] = {
    "batch_size": 1, "batches": 1, "bins": 1, "classes": 0, "column": 0, "columns": 1, "convs_per_block": 1, "count": 1,
    "data_seed": 0, "diverged_in_batch": 0, "dropout": 0, "epochs": 0, "every": 1, "factor": 1, "hidden": 1,
    "kernel_size": 1, "learning_rate": 0, "left_out": 0, "min_delta": 0, "momentum": 0, "most_bytes": 0, "noise": 0,
    "patience": 0, "place": 0, "recorded": 0, "replicas": 1, "resamples": 1, "retries": 0, "row": 0, "sample": 1,
    "samples": 1, "scale": 1, "seconds": 0, "seed": 0, "seeds": 0, "share": 0, "size": 1, "steps": 0, "stopped_in": 0,
    "best_epoch": 0, "stride": 1, "target": 1, "targets": 0, "test": 0, "test_openings": 0, "timeout": 0,
    "tolerance": 0, "train": 0, "train_size": 1, "unit": 0, "validation": 0, "validation_size": 0, "waited_from": 0,
    "weight_decay": 0, "window": 1, "without_value": 0, "workers": 1, "confidence": 0, "limit": 0, "epoch": 0,
    "degrees": -360, "right": -19, "down": -19, "at": 1, "answer": -math.inf, "step": 1,
}  # fmt: skip
# The largest number that makes sense, where there is one.
MOST: dict[str, float] = {
    "confidence": 1, "dropout": 0.999, "momentum": 0.999, "degrees": 360, "right": 19, "down": 19, "size": 10_000,
    "steps": 10**6, "resamples": 10**6, "count": 10**8, "samples": 10**6, "sample": 10**8, "scale": 1000,
    "fit.epochs": 10**6, "run.epochs": 10**6, "Experiment.epochs": 10**6, "Experiment.replace.epochs": 10**6,
    "Experiment.check_pictures.count": math.inf, "limit": 1e30,
    "step": 2, "unit": 100, "place": 100, "row": 100, "column": 100, "bins": 10**6,
}  # fmt: skip
# Texts that may be any text, "" too; every other text is a name that cnnlab knows, or a path.
FREE_TEXTS = {
    "xlabel", "title", "author", "question", "note", "formula", "stopped_by", "Surface.name", "Data.name",
    "Data.from_tensors.name", "answer", "Comparison.by", "Comparison.metric", "Comparison.at", "Guess.answer", "clear",
    "Experiment.folder", "Experiment.replace.folder",
}  # fmt: skip


class Three(enum.IntEnum):
    THREE = 3


class OwnInt(int):
    """A whole number of a class of the person's own."""


class OwnText(str):
    """A text of a class of the person's own."""


def _endless_list() -> list:
    values: list = []
    values.append(values)
    return values


@torch.inference_mode()
def _of_inference_mode() -> torch.Tensor:
    return torch.rand(2, 1, 12, 12)


class Unprintable:
    """An object whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("this object has no repr")


def _failing(*_arguments: Any, **_named: Any) -> Any:
    raise OwnError


class OwnError(Exception):
    """Raised by a function of the person's own."""


def _generator() -> Iterator[int]:
    yield from (1, 2, 3)


# Name → a function that makes the value: some are changed by a call.
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "...": lambda: ...,
    "NaN": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "-1": lambda: -1,
    "-0.5": lambda: -0.5,
    "0": lambda: 0,
    "1": lambda: 1,
    "2": lambda: 2,
    "2.5": lambda: 2.5,
    "60": lambda: 60,
    "1e308": lambda: 1e308,
    "10**5": lambda: 10**5,
    "10**9": lambda: 10**9,
    "-10**9": lambda: -(10**9),
    "2**63": lambda: 2**63,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "1j": lambda: 1j,
    "Fraction": lambda: Fraction(1, 3),
    "Decimal": lambda: Decimal("0.5"),
    "np.int64(3)": lambda: np.int64(3),
    "np.float32(nan)": lambda: np.float32("nan"),
    "np.bool_": lambda: np.bool_(True),
    "np.array([])": lambda: np.array([]),
    "np.array of objects": lambda: np.array([None, "a"], dtype=object),
    "''": lambda: "",
    "'False'": lambda: "False",
    "'nope'": lambda: "nope",
    "'3'": lambda: "3",
    "'nan'": lambda: "nan",
    "a text with a zero": lambda: "a\0b",
    "a long text": lambda: "x" * 10_000,
    "half a letter": lambda: "\ud800",
    "'../../x'": lambda: "../../nope/x",
    "b''": lambda: b"",
    "bytes": lambda: b"\x89PNG\r\n\x1a\nnope",
    "bytearray": lambda: bytearray(b"abc"),
    "[]": list,
    "()": tuple,
    "{}": dict,
    "set()": set,
    "[1, 2]": lambda: [1, 2],
    "[None]": lambda: [None],
    "['a', 'b']": lambda: ["a", "b"],
    "(1, 2, 3)": lambda: (1, 2, 3),
    "(10**9, 10**9, 10**9)": lambda: (10**9, 10**9, 10**9),
    "(NaN, NaN)": lambda: (math.nan, math.nan),
    "[[]]": lambda: [[]],
    "{'a': 1}": lambda: {"a": 1},
    "{None: None}": lambda: {None: None},
    "{'a': a tensor}": lambda: {"a": torch.zeros(2, 2)},
    "range(3)": lambda: range(3),
    "a generator": _generator,
    "object()": object,
    "a lambda": lambda: lambda *_: None,
    "a failing function": lambda: _failing,
    "a class": lambda: int,
    "Unprintable": Unprintable,
    "a path of nowhere": lambda: Path("nowhere at all"),
    "/dev/null": lambda: Path("/dev/null"),
    "a folder": lambda: Path("."),
    "tensor ()": lambda: torch.tensor(0.5),
    "tensor (0,)": lambda: torch.zeros(0),
    "tensor (2,)": lambda: torch.tensor([0.25, 0.75]),
    "tensor (3, 3)": lambda: torch.eye(3),
    "tensor of whole numbers": lambda: torch.tensor([0, 1, 10**9]),
    "tensor of switches": lambda: torch.tensor([True, False]),
    "tensor (0, 0)": lambda: torch.zeros(0, 0),
    "tensor (2, 1, 12, 12) of NaN": lambda: torch.full((2, 1, 12, 12), math.nan),
    "tensor (2, 5, 12, 12)": lambda: torch.zeros(2, 5, 12, 12),
    "tensor (2, 1, 1, 1)": lambda: torch.zeros(2, 1, 1, 1),
    "tensor (0, 1, 12, 12)": lambda: torch.zeros(0, 1, 12, 12),
    "complex tensor": lambda: torch.zeros(2, 1, 12, 12, dtype=torch.complex64),
    "sparse tensor": lambda: torch.eye(3).to_sparse(),
    "meta tensor": lambda: torch.zeros(3, 3, device="meta"),
    "a network without parameters": lambda: nn.Flatten(),
    "another network": lambda: nn.Sequential(nn.Linear(3, 2)),
    "an empty network": nn.Sequential,
}
# Further values, which `benchmarks/attacks/doors.py --more` takes.
MORE: dict[str, Callable[[], Any]] = {
    "3 of an IntEnum": lambda: Three.THREE,
    "an own int": lambda: OwnInt(2),
    "an own text": lambda: OwnText("nope"),
    "np.array(3)": lambda: np.array(3),
    "np.array([1.5, nan])": lambda: np.array([1.5, math.nan]),
    "np.array of texts": lambda: np.array(["a", "b"]),
    "np.str_": lambda: np.str_("nope"),
    "np.float64(inf)": lambda: np.float64(math.inf),
    "np.uint64(2**64 - 1)": lambda: np.uint64(2**64 - 1),
    "np.datetime64(NaT)": lambda: np.datetime64("NaT"),
    "Decimal(NaN)": lambda: Decimal("NaN"),
    "-0.0": lambda: -0.0,
    "5e-324": lambda: 5e-324,
    "2**64": lambda: 2**64,
    "-(10**400)": lambda: -(10**400),
    "'1e3'": lambda: "1e3",
    "an Arabic 3": lambda: "\u0663",
    "a blank": lambda: " ",
    "two lines": lambda: "a\nb",
    "'~nobody/x'": lambda: "~nobody/x",
    "Path('~nobody/x')": lambda: Path("~nobody/x"),
    "a name of 300 letters": lambda: Path("x" * 300),
    "b'\\xff'": lambda: b"\xff",
    "memoryview": lambda: memoryview(b"abc"),
    "frozenset": lambda: frozenset({1, 2}),
    "deque": lambda: collections.deque([1, 2]),
    "keys of a dict": lambda: {"a": 1}.keys(),
    "a list that holds itself": _endless_list,
    "no end": lambda: itertools.count(),
    "range(10**12)": lambda: range(10**12),
    "NotImplemented": lambda: NotImplemented,
    "a module": lambda: math,
    "nn.ReLU": lambda: nn.ReLU,
    "a lazy network": lambda: nn.LazyLinear(2),
    "a network in float64": lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)).double(),
    "a parameter": lambda: nn.Parameter(torch.rand(2, 1, 12, 12)),
    "tensor (2, 1, 12, 12) of bfloat16": lambda: torch.zeros(2, 1, 12, 12, dtype=torch.bfloat16),
    "tensor (2, 1, 12, 12) of inf": lambda: torch.full((2, 1, 12, 12), math.inf),
    "tensor (1, 1, 0, 12)": lambda: torch.zeros(1, 1, 0, 12),
    "tensor of uint8": lambda: torch.zeros(2, 1, 12, 12, dtype=torch.uint8),
    "tensor of int64 (2, 3)": lambda: torch.zeros(2, 3, dtype=torch.int64),
    "a quantized tensor": lambda: torch.quantize_per_tensor(torch.zeros(2, 1, 12, 12), 0.1, 0, torch.quint8),
    "a nested tensor": lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    "an expanded tensor": lambda: torch.zeros(1).expand(2, 1, 12, 12),
    "tensor of inference mode": _of_inference_mode,
}
# Made from the value of the call that works: name → function.
VARIANTS: dict[str, Callable[[Any], Any]] = {
    "as float64": lambda value: value.double(),
    "as whole numbers": lambda value: value.long(),
    "as float16": lambda value: value.half(),
    "with one more dimension": lambda value: value[None],
    "the first one alone": lambda value: value[0],
    "without the last": lambda value: value[:-1],
    "none of it": lambda value: value[:0],
    "twice": lambda value: torch.cat([value, value]),
    "of NaN": lambda value: torch.full_like(value, math.nan) if value.is_floating_point() else value - 7,
    "times 1e30": lambda value: value * 1e30,
    "not contiguous": lambda value: value.transpose(0, -1),
    "on meta": lambda value: value.to("meta"),
    "as an array": lambda value: value.numpy(),
    "as a list": lambda value: value.tolist(),
    "with a gradient": lambda value: value.clone().requires_grad_() if value.is_floating_point() else value,
}


def variants(value: Any) -> dict[str, Callable[[], Any]]:
    """Return the changed forms of a working value: of a tensor another kind or length, of others a list or a text."""
    if isinstance(value, torch.Tensor):
        return {name: lambda change=change: change(value.clone()) for name, change in VARIANTS.items()}
    changed: dict[str, Callable[[], Any]] = {"in a list": lambda: [value], "as text": lambda: str(value)}
    if isinstance(value, (list, tuple)) and value:
        changed |= {"shorter": lambda: value[:-1], "longer": lambda: [*value, *value]}
    if isinstance(value, collections.abc.Mapping):
        changed |= {"another value": lambda: {**value, "more": None}, "another key": lambda: {**value, 7: object()}}
    return changed


PATHS = {"path", "store", "checkpoint", "folder"}
# Results that may be NaN, in a class that holds them.
MAY_BE_NAN = {"noise_floor"}


def fits(door: str, name: str, kind: Any, value: Any) -> bool:
    """Return whether an argument may be this value: by its kind, by the tables above for numbers and texts."""
    if name in MAY_BE_NAN and isinstance(value, float):
        return True
    if not _is_kind(value, kind):
        return False
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)) and takes_numbers(kind):
        least, most = LEAST.get(name, -math.inf), MOST.get(f"{door}.{name}", MOST.get(name, math.inf))
        return least <= value <= most
    if isinstance(value, str) and name in PATHS:
        return value not in ("", "a\0b")
    if isinstance(value, str) and takes_texts(kind) and not FREE_TEXTS & {name, f"{door}.{name}"}:
        return value not in ("", "nope", "a\0b", "False", "nan", "x" * 10_000, "\ud800")
    return True


def _parts(kind: Any) -> tuple:
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def takes_numbers(kind: Any) -> bool:
    return bool({int, float} & {part for part in _parts(kind) if isinstance(part, type)})


def takes_functions(kind: Any) -> bool:
    return any(collections.abc.Callable in (part, typing.get_origin(part)) for part in _parts(kind))


def takes_texts(kind: Any) -> bool:
    return str in _parts(kind)


def _is_kind(value: Any, kind: Any) -> bool:
    """Return whether a value is of the annotated kind; a list passes for a tuple; what can't be looked into, passes."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in (Any, object, typing.Hashable, inspect.Parameter.empty):
        return True
    if kind in SIMPLE:
        return SIMPLE[kind](value)
    if origin in (typing.Union, types.UnionType):
        return any(_is_kind(value, part) for part in parts)
    if origin in CONTAINERS:
        return CONTAINERS[origin](value, parts)
    if origin in (tuple, list, collections.abc.Sequence, collections.abc.Iterable):
        return _is_list(value, origin, parts[0])
    return not isinstance(origin or kind, type) or isinstance(value, origin or kind)


def _is_number(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # no float can hold it
        return False


def _is_list(value: Any, origin: Any, part: Any) -> bool:
    if isinstance(value, str):
        return part is str
    if not isinstance(value, (tuple, list) if origin is tuple else origin):
        return False
    return not isinstance(value, (tuple, list, set, range)) or all(_is_kind(each, part) for each in value)


def _is_tuple(value: Any, parts: tuple) -> bool:
    if parts[-1] is ...:
        return _is_list(value, tuple, parts[0])
    fitting = isinstance(value, (tuple, list)) and len(value) == len(parts)
    return fitting and all(_is_kind(each, part) for each, part in zip(value, parts, strict=True))


def _is_mapping(value: Any, parts: tuple) -> bool:
    is_mapping = isinstance(value, collections.abc.Mapping)
    return is_mapping and all(_is_kind(key, parts[0]) and _is_kind(each, parts[1]) for key, each in value.items())


SIMPLE: dict[Any, Callable[[Any], bool]] = {
    None: lambda value: value is None,
    type(None): lambda value: value is None,
    bool: lambda value: isinstance(value, (bool, np.bool_)),
    int: lambda value: _is_number(value, numbers.Integral),
    float: lambda value: _is_number(value, numbers.Real),
}
CONTAINERS: dict[Any, Callable[[Any, tuple], bool]] = {
    dict: _is_mapping,
    collections.abc.Mapping: lambda value, parts: _is_mapping(value, (Any, parts[1])),  # a name may be a number
    tuple: _is_tuple,
    type: lambda value, _: isinstance(value, type),
    collections.abc.Callable: lambda value, _: callable(value),
}
