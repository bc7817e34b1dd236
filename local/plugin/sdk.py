"""What properties resource types have, from the classes of Pulumi's SDKs. To import those takes seconds."""

from __future__ import annotations

import collections.abc
import enum
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import re
import tempfile
import typing
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names, is_input_type

SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", Any: "any"}
SCALARS |= {pulumi.Asset: "asset", pulumi.Archive: "archive"}

COLLECTIONS = {collections.abc.Sequence: "list", collections.abc.Mapping: "map"}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _module_of(token: str) -> ModuleType | None:
    match = re.fullmatch(r"(\w+):(\w+)/(\w+):\w+", token)
    if match is None:
        return None
    sdk, package, file = match.groups()
    folder = "" if package == "index" else f".{package}{'_' if package == 'lambda' else ''}"
    try:
        # The package is lazy. Loaded only by what it contains, it would take that for complete and lack its types.
        getattr(importlib.import_module(f"pulumi_{sdk}{folder}"), "anything", None)
        return importlib.import_module(f"pulumi_{sdk}{folder}.{_snake(file)}")
    except ModuleNotFoundError:
        return None


def exists(token: str) -> bool:
    """Whether the SDK has this resource type."""
    module = _module_of(token)
    return module is not None and hasattr(module, token.rpartition(":")[2])


def described(tokens: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the table says of these types, and of the AWS provider's settings."""
    objects: dict[str, Any] = {}
    resources = {}
    for token in sorted(tokens):
        module, name = _module_of(token), token.rpartition(":")[2]
        # Where a nested type has the name of the resource's arguments, those are called otherwise.
        arguments = getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")
        state = getattr(module, f"_{name}State", None)
        outputs = sorted(input_type_py_to_pulumi_names(state).values()) if state else []
        resources[token] = {"inputs": _properties(arguments, objects), "outputs": outputs}
    provider = importlib.import_module("pulumi_aws.provider").ProviderArgs
    resources["pulumi:providers:aws"] = {"inputs": _properties(provider, objects), "outputs": []}
    return {"resources": resources, "objects": dict(sorted(objects.items()))}


def _properties(arguments: type, objects: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, str] = input_type_py_to_pulumi_names(arguments)
    module = inspect.getmodule(arguments)
    assert module is not None  # noqa: S101 - every class of an SDK lives in a module
    properties: dict[str, Any] = {}
    for name, parameter in inspect.signature(arguments.__init__).parameters.items():  # type: ignore[misc]  # class object
        if name in names:
            properties[names[name]] = {"types": _types(parameter.annotation, module, objects)}
            if parameter.default is inspect.Parameter.empty:
                properties[names[name]]["required"] = True
    return properties


def _types(annotation: Any, module: ModuleType, objects: dict[str, Any]) -> list[Any]:
    """The types that an annotation allows: no Output, no Awaitable, no None, forward references resolved."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        if annotation.startswith("Output["):
            return []
        target: Any = module
        for part in annotation.split("."):
            target = getattr(target, part)
        return _types(target, module, objects)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        return [kind for part in parts for kind in _types(part, module, objects)]
    if annotation is type(None) or origin in (collections.abc.Awaitable, pulumi.Output):
        return []
    if origin in COLLECTIONS:
        return [{COLLECTIONS[origin]: _types(parts[-1], module, objects)}]
    return [SCALARS[annotation] if annotation in SCALARS else _named(annotation, objects)]


def _named(kind: type, objects: dict[str, Any]) -> dict[str, Any]:
    if is_input_type(kind):
        return {"object": _object(kind, objects)}
    assert issubclass(kind, enum.Enum)  # noqa: S101 - the SDKs have no other classes
    return {"enum": [item.value for item in kind]}


def _object(kind: type, objects: dict[str, Any]) -> str:
    name = f"{kind.__module__.removeprefix('pulumi_').removesuffix('._inputs')}.{kind.__name__}"
    if name not in objects:
        objects[name] = None  # types may hold themselves
        objects[name] = _properties(kind, objects)
    return name


def source() -> dict[str, str]:
    """What a written table depends on, beside the resource types in it."""
    versions = {name: importlib.metadata.version(name) for name in ("pulumi-aws", "pulumi-docker")}
    return versions | {"reader": hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}


def write(path: Path) -> dict[str, dict[str, Any]]:
    """Write the table of every type that the plugins know."""
    from local.aws.table import TABLE  # noqa: PLC0415 - the plugins import this package
    from local.docker.provider import IMAGE  # noqa: PLC0415 - as above

    table = {"source": source()} | described([*TABLE, IMAGE])
    # Several plugins may do this at the same time; each sees a whole file.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        json.dump(table, file)
    Path(file.name).replace(path)
    return table
