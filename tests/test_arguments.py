"""Arguments are checked against their annotations: what fits passes, all else is named with what it must be."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnlab.arguments import check_arguments
from cnnlab.errors import ConfigError

if TYPE_CHECKING:
    import pandas


def door(  # noqa: PLR0913 (an argument of each kind)
    count: int = 1,
    rate: float | None = None,
    grey: bool = True,
    name: str = "a",
    widths: tuple[int, ...] = (),
    shape: tuple[int, int] | None = None,
    along: Iterable[str] = (),
    titles: Sequence[object] | None = None,
    images: Tensor | None = None,
    models: Mapping[str, nn.Module] | None = None,
    settings: dict[str, int] | None = None,
    then: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
    kinds: Iterable[type[nn.Module]] = (),
    table: pandas.DataFrame | None = None,
    anything: Any = None,
):
    check_arguments(door, locals(), count=1, rate=0.0)
    return locals()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"count": np.int64(3), "rate": 1, "widths": [1, 2], "shape": [3, 4]},
        {"rate": Fraction(1, 3), "name": "", "along": "seed", "titles": [1, None]},
        {"rate": np.float32(0.5), "along": ["a", "b"], "titles": range(3)},
        {
            "images": torch.zeros(1),
            "models": {"A": nn.Flatten(), 3: nn.ReLU()},
            "then": print,
            "stop": threading.Event(),
        },
        {"kinds": [nn.ReLU], "table": 3, "anything": object()},  # no name of pandas is known at run time
    ],
)
def test_what_the_annotations_allow_passes(arguments):
    passed = door(**arguments)
    assert all(passed[name] is value for name, value in arguments.items())


def test_what_can_be_gone_through_once_passes_and_is_not_looked_into():
    names = (name for name in "ab")
    door(along=names)
    assert list(names) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "value", "must_be"),
    [
        ("count", 0, "a whole number of 1 or more"),
        ("count", 2.0, "a whole number of 1 or more"),
        ("count", True, "a whole number of 1 or more"),
        ("count", "3", "a whole number"),
        ("rate", math.nan, "a finite number of 0 or more"),
        ("rate", -0.5, "a finite number of 0 or more"),
        ("rate", "fast", "a finite number"),
        ("grey", "False", "True or False"),
        ("grey", 1, "True or False"),
        ("grey", None, "True or False"),
        ("name", None, "a text"),
        ("widths", (1, None), "a tuple, each value a whole number"),
        ("widths", 3, "a tuple, each value a whole number"),
        ("shape", (1, 2, 3), "(a whole number, a whole number)"),
        ("along", [3], "a list, each value a text"),
        ("along", 3, "a list, each value a text"),
        ("titles", "abc", "a list"),
        ("images", [1], "a Tensor"),
        ("models", {"A": 3}, "a dict, each value a Module"),
        ("settings", {3: 1}, "a dict, each value a whole number"),
        ("models", [], "a dict, each value a Module"),
        ("then", 3, "a function"),
        ("stop", 3, "an Event"),
        ("kinds", [3], "a list, each value a kind of Module"),
    ],
)
def test_another_value_is_named_with_what_it_must_be(name, value, must_be):
    with pytest.raises(ConfigError) as caught:
        door(**{name: value})
    assert str(caught.value) == f"{name} must be {must_be}, got {value!r}"


def test_a_number_that_no_float_can_hold_is_shown_short():
    with pytest.raises(ConfigError, match=r"^rate must be a finite number of 0 or more, got 10{58}…$"):
        door(rate=10**400)
    with pytest.raises(ConfigError, match="got a value of the type int"):  # Python refuses to write 5,000 digits
        door(rate=10**5000)


@dataclass(frozen=True)
class Box:
    side: int
    name: str = "box"

    def __post_init__(self):
        check_arguments(Box, vars(self), side=1)


def test_a_dataclass_checks_its_fields():
    assert Box(3).side == 3
    with pytest.raises(ConfigError, match="side must be a whole number of 1 or more, got 0"):
        Box(0)
    with pytest.raises(ConfigError, match="name must be a text, got None"):
        Box(3, None)


class Shop:
    def buy(self, count: int) -> None:
        check_arguments(Shop.buy, locals())

    @classmethod
    def open(cls, hours: float) -> None:
        check_arguments(Shop.open, locals())


def test_methods_are_checked_as_functions_are():
    Shop().buy(3)
    Shop.open(2.5)
    with pytest.raises(ConfigError, match="count must be a whole number, got 'three'"):
        Shop().buy("three")
    with pytest.raises(ConfigError, match="hours must be a finite number, got inf"):
        Shop.open(math.inf)


def test_only_the_arguments_that_are_given_are_checked():
    check_arguments(door, {"count": 3}, rate=0.0)
    with pytest.raises(ConfigError, match="grey must be True or False, got 0"):
        check_arguments(door, {"grey": 0})
