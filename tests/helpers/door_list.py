"""The doors of cnnlab: every public function, class and public method, with the kinds of its arguments."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from door_calls import CALLS, OWNERS, SPECIAL, WITHOUT
from door_samples import samples

import cnnlab


class Door(NamedTuple):
    """A public function, class or method.

    Parameters
    ----------
    name : str
        As in "fit", "Runs.filter" or "TrainingPanel".
    call : function
        Is called with keywords.
    kinds : dict
        Argument → its annotation, evaluated.
    arguments : function
        () → the keywords of a call that works.
    """

    name: str
    call: Callable
    kinds: dict[str, Any]
    arguments: Callable[[], dict[str, Any]]


def find_doors() -> list[Door]:
    """Return all doors, in the order of the list of public names."""
    doors = []
    for name in cnnlab.__all__:
        public = getattr(cnnlab, name)
        if not callable(public) or (isinstance(public, type) and issubclass(public, Exception)):
            continue
        doors.append(_door(name, public))
        if isinstance(public, type):
            methods = [f"{name}.{method}" for method in _public_methods(public)]
            doors += [
                _door(method, getattr(public, method.partition(".")[2])) for method in methods if method not in WITHOUT
            ]
    return doors


def _public_methods(public: type) -> list[str]:
    """Return the names of the methods that cnnlab defines, also in a base class, and that have no underscore."""
    own = [base for base in public.__mro__ if base.__module__.startswith("cnnlab")]
    names = dict.fromkeys(name for base in reversed(own) for name in vars(base) if not name.startswith("_"))
    return [name for name in names if inspect.isroutine(getattr(public, name))]


def _door(name: str, public: Callable) -> Door:
    kinds = _lent(name) | _kinds(public)
    if name in SPECIAL:
        return Door(name, SPECIAL[name], kinds, lambda: CALLS[name](samples()))
    if "." in name and inspect.isfunction(public):  # a method: of a new object each time
        owner, _, method = name.partition(".")

        def call(**arguments: Any) -> Any:
            return getattr(OWNERS[owner](samples()), method)(**arguments)

        return Door(name, call, kinds, lambda: CALLS[name](samples()))
    return Door(name, public, kinds, lambda: CALLS[name](samples()))


def _kinds(public: Callable) -> dict[str, Any]:
    """Return argument → annotation, without self and without the collected keywords."""
    function = public.__init__ if isinstance(public, type) and "__init__" in _own(public) else public
    if isinstance(public, type) and issubclass(public, tuple):
        function = public.__new__
    scope = vars(sys.modules[public.__module__]) | {"pandas": sys.modules.get("pandas")}
    kinds = {}
    for name, parameter in inspect.signature(inspect.unwrap(function)).parameters.items():
        if name not in ("self", "cls", "_cls") and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            written = parameter.annotation
            kinds[name] = eval(written, scope) if isinstance(written, str) else written
    return kinds


def _own(public: type) -> set[str]:
    return {name for base in public.__mro__ if base is not object for name in vars(base)}


def _lent(name: str) -> dict[str, Any]:
    """Return the arguments that a door takes as collected keywords, with the annotations of their own function."""
    sources = {
        "load_data": (cnnlab.make_patterns, {"count", "seed"}),
        "match_channels": (cnnlab.build_cnn, {"device"}),
        "saliency_check": (cnnlab.saliency, {"model", "images", "targets", "method", "seed"}),
        "Experiment.replace": (cnnlab.Experiment, set()),
    }
    source, without = sources.get(name, (None, set()))
    return {} if source is None else {key: kind for key, kind in _kinds(source).items() if key not in without}
