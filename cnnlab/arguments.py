"""Check the arguments of public functions against their annotations, so that no nonsense gets further than the door.

A function calls `check_arguments` once, after checks of its own that know better words. What each annotation allows is
worked out at the first call and kept.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union, get_args, get_origin

from cnnlab.checks import check_number, check_whole, is_finite_number, is_iterable, is_whole, shown
from cnnlab.errors import ConfigError


class Kind(NamedTuple):
    """What an annotation allows: in words, and as a function that says whether a value is allowed."""

    words: str
    allows: Callable[[Any], bool]


def check_arguments(function: Callable, values: Mapping[str, Any], **least: float) -> None:
    """Raise ConfigError unless each argument is of the kind that its annotation names.

    A number must be finite, a switch True or False. The elements of a list, a tuple or a dict are checked, too. An
    argument whose annotation allows everything is not checked.

    Parameters
    ----------
    function : function or dataclass
        Whose annotations count.
    values : mapping
        Argument → value: locals() in a function, vars(self) in the __post_init__ of a dataclass. An argument that is
        not there is not checked.
    **least : number
        The smallest number that an argument may be.

    >>> def draw(columns: int = 8):
    ...     check_arguments(draw, locals(), columns=1)
    >>> draw(0)
    Traceback (most recent call last):
    cnnlab.errors.ConfigError: columns must be a whole number of 1 or more, got 0
    """
    for name, kind in _kinds(function).items():
        if name in values and not kind.allows(value := values[name]):
            minimum = least.get(name)
            if minimum is not None and isinstance(value, numbers.Real):  # its words name the minimum
                _check_least(name, value, minimum)
            raise ConfigError(f"{name} must be {kind.words}, got {shown(value)}")
    for name, minimum in least.items():
        if isinstance(values.get(name), numbers.Real):
            _check_least(name, values[name], minimum)


def _check_least(name: str, value: Any, minimum: float) -> None:
    """Raise ConfigError unless value is at least the minimum; a whole number, where the minimum is one."""
    if isinstance(minimum, int):
        check_whole(name, value, minimum)
    else:
        check_number(name, value, minimum)


@functools.cache
def _kinds(function: Callable) -> dict[str, Kind]:
    """Return argument → its kind, for each argument that is checked."""
    if isinstance(function, type):
        annotations = {name: field.type for name, field in function.__dataclass_fields__.items()}  # type: ignore
    else:
        annotations = inspect.get_annotations(inspect.unwrap(function))
    scope = vars(sys.modules[function.__module__])
    kinds = {name: kind_of(_evaluated(annotation, scope)) for name, annotation in annotations.items()}
    return {name: kind for name, kind in kinds.items() if kind is not None and name != "return"}


def _evaluated(annotation: Any, scope: dict[str, Any]) -> Any:
    """Return what an annotation means; Any for a name that only editors know."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, scope)
    except NameError:
        return Any


def kind_of(annotation: Any) -> Kind | None:
    """Return what an annotation allows; None for everything.

    >>> kind_of(tuple[int, ...]).words
    'a tuple, each value a whole number'
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if origin in (Union, types.UnionType):
        return _one_of([kind_of(part) for part in parts])
    if origin is tuple and parts[-1] is not ...:
        return _tuple_of([kind_of(part) for part in parts])
    if origin in (tuple, list, Sequence, Collection, Iterable, Iterator):
        return _several("a tuple" if origin is tuple else "a list", origin, parts[0])
    if origin in (dict, Mapping):
        return _mapping(parts[0] if origin is dict else Any, parts[1])  # what is drawn may be named by a number, too
    if origin is type:
        return Kind(f"a kind of {parts[0].__name__}", lambda value: isinstance(value, type))
    if origin is Callable or annotation is Callable:
        return Kind("a function", callable)
    if not isinstance(annotation, type) or annotation in (Any, object):
        return None
    return Kind(_with_article(annotation.__name__), lambda value: isinstance(value, annotation))


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


_SIMPLE: dict[Any, Kind] = {
    None: Kind("None", lambda value: value is None),
    type(None): Kind("None", lambda value: value is None),
    bool: Kind("True or False", lambda value: isinstance(value, bool)),
    int: Kind("a whole number", is_whole),
    float: Kind("a finite number", is_finite_number),
    str: Kind("a text", lambda value: isinstance(value, str)),
}


def _one_of(kinds: list[Kind | None]) -> Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    words = [kind.words for kind in known if kind.words != "None"]
    return Kind(" or ".join(words), lambda value: any(kind.allows(value) for kind in known))


def _tuple_of(kinds: list[Kind | None]) -> Kind:
    """Return the kind of a tuple, or list, with as many values as kinds."""

    def allows(value: Any) -> bool:
        fits = isinstance(value, (tuple, list)) and len(value) == len(kinds)
        return fits and all(kind is None or kind.allows(part) for kind, part in zip(kinds, value, strict=True))

    return Kind(f"({', '.join('anything' if kind is None else kind.words for kind in kinds)})", allows)


def _several(words: str, container: Any, annotation: Any) -> Kind:
    """Return the kind of a container of values; what can be gone through only once is not looked into."""
    part = kind_of(annotation)
    container = (tuple, list) if container is tuple else container

    def allows(value: Any) -> bool:
        if isinstance(value, (str, bytes)) and annotation is not str:
            return False
        if not isinstance(value, container) or not is_iterable(value):
            return False
        if part is None or not isinstance(value, (tuple, list, set, frozenset, range)):
            return True
        return all(map(part.allows, value[:1] if isinstance(value, range) else value))

    return Kind(f"{words}, each value {part.words}" if part else words, allows)


def _mapping(key: Any, value: Any) -> Kind:
    keys, values = kind_of(key), kind_of(value)

    def allows(mapping: Any) -> bool:
        if not isinstance(mapping, Mapping):
            return False
        fits_keys = keys is None or all(map(keys.allows, mapping))
        return fits_keys and (values is None or all(map(values.allows, mapping.values())))

    return Kind(f"a dict, each value {values.words}" if values else "a dict", allows)
