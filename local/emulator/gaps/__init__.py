"""Where the emulator differs from AWS in a way that matters to a release.

Each module, or each function of one, says what the gap is, and closes it by standing for functions of the pinned
ministack.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial, update_wrapper
from importlib import import_module
from typing import Any, TypeVar

NAMES = (
    "connections",
    "containers",
    "container_settings",
    "container_start",
    "task_definitions",
    "execution_role",
    "way_out",
    "secrets",
    "task_address",
    "target_health",
    "traffic",
    "vpc_origins",
    "security_groups",
    "dependencies",
    "stopping",
    "task_health",
    "throttling",
    "service_network",
    "auto_scaling",
    "distributions",
    "alternate_names",
    "buckets",
    "repositories",
    "cached_errors",
    "web_acls",
    "edge_functions",
    "key_value_stores",
    "regions",
    "monitoring",
    "saving",
)


_Function = TypeVar("_Function", bound=Callable[..., Any])
_stand_ins: defaultdict[str, list[tuple[Any, str, Callable[..., Any], bool]]] = defaultdict(list)
"""By module: where a function is, its name there, what stands for it, and whether that calls it."""


def around(place: Any, name: str) -> Callable[[_Function], _Function]:
    """The decorated function stands for another, which it is given as its first argument.

    `place` is what has the other one: a module, an object or a table of handlers. Nothing changes before `close`.
    """
    return _noted(place, name, calls_it=True)


def instead_of(place: Any, name: str) -> Callable[[_Function], _Function]:
    """The same, without the other function."""
    return _noted(place, name, calls_it=False)


def _noted(place: Any, name: str, *, calls_it: bool) -> Callable[[_Function], _Function]:
    def note(function: _Function) -> _Function:
        _stand_ins[function.__module__].append((place, name, function, calls_it))
        return function

    return note


def close(*names: str) -> None:
    """Close the named gaps, or all: each stands around those before it. What is no function, a module adds itself."""
    for gap in names or NAMES:
        module = import_module(f"{__name__}.{gap}")
        for place, name, function, calls_it in _stand_ins[module.__name__]:
            table = place if isinstance(place, dict) else vars(place)
            if calls_it:
                original = place[name] if isinstance(place, dict) else getattr(place, name)
                table[name] = update_wrapper(partial(function, original), original)
            else:
                table[name] = function
        getattr(module, "add", lambda: None)()
