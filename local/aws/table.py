"""Every resource type that the plugin knows: the classes in `services`.

A type that is missing here is an error that says so: add a Kind to a module of `services`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator

from . import services
from .kind import Kind


def _kinds() -> list[type[Kind]]:
    kinds = []
    for module in pkgutil.iter_modules(services.__path__, f"{services.__name__}."):
        classes = [item for item in vars(importlib.import_module(module.name)).values() if isinstance(item, type)]
        kinds += [kind for kind in classes if issubclass(kind, Kind) and "resource" in vars(kind)]
    return kinds


TABLE: dict[str, Kind] = {kind.resource: kind() for kind in _kinds()}


def preparations() -> Iterator[Callable[[], object]]:
    """What every process of this plugin would do first: read the models of the services."""
    for kind in TABLE.values():
        yield functools.partial(kind.takes, kind.make, "")
