"""Properties as AWS spells them, read from botocore's models of the services."""

from __future__ import annotations

import functools
from typing import Any

import botocore.session
from botocore import xform_name

from local.plugin.provider import PluginError
from local.plugin.wire import Props

Names = dict[str, str]


@functools.cache
def members(service: str, operation: str) -> dict[str, Any]:
    """The arguments that an operation such as `create_vpc` takes, with their shapes."""
    shape = _operations(service)[operation].input_shape
    return dict(shape.members) if shape else {}


@functools.cache
def _operations(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def member_of(shapes: dict[str, Any], name: str, spelled: Names) -> str | None:
    """The member that a property stands for: by `spelled`, by its name in any case, or by its plural or singular.

    One that is spelled "" stands for none.
    """
    spelling = spelled.get(name, name)
    if not spelling:
        return None
    if spelling in shapes:
        return spelling
    lowered_name, lowered = name.lower(), {member.lower(): member for member in shapes}
    alike = [
        lowered_name,
        *(other for other in lowered if _is_plural(lowered_name, other) or _is_plural(other, lowered_name)),
    ]
    return next((lowered[other] for other in alike if other in lowered), None)


def _is_plural(one: str, many: str) -> bool:
    return many in (one + "s", one + "es") or (one.endswith("y") and many == one[:-1] + "ies")


def spell_members(shapes: dict[str, Any], props: Props, spelled: Names) -> Props:
    """The properties that are members, as the API takes them; others are left out."""
    members_of = {name: member_of(shapes, name, spelled) for name, value in props.items() if value is not None}
    return {member: spell(shapes[member], props[name], spelled) for name, member in members_of.items() if member}


def spell(shape: Any, value: Any, spelled: Names) -> Any:
    """A value in an API's own form. Where a list, a map or a number is expected, it becomes one."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, value, spelled)
    if kind == "list":
        return [spell(shape.member, item, spelled) for item in _listed(shape.member, value)]
    if kind == "map":
        return {name: spell(shape.value, item, spelled) for name, item in value.items()}
    return _scalar(kind, value)


def _listed(item: Any, value: Any) -> list[Any]:
    """A list; a map becomes one of pairs, where the API wants those."""
    pair = {name.lower() for name in getattr(item, "members", ())}
    for key, of_key in (("name", "value"), ("key", "value"), ("tagkey", "tagvalue")):
        if isinstance(value, dict) and pair == {key, of_key}:
            return [{key: name, of_key: value[name]} for name in sorted(value)]
    return value if isinstance(value, list) else [value]


def as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string":
        return as_text(value)
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    if kind in ("integer", "long", "float", "double") and isinstance(value, str):
        return int(value) if kind in ("integer", "long") else float(value)
    return value


def _structure(shape: Any, value: Any, spelled: Names) -> Any:
    if "Quantity" in shape.members and not (isinstance(value, dict) and set(value) - {"items"}):
        return _counted(shape, value["items"] if isinstance(value, dict) else value, spelled)
    (only,) = shape.members if len(shape.members) == 1 else ("",)
    listed = only and shape.members[only].type_name == "list"
    if isinstance(value, list) and not listed:
        value = value[0] if value else {}
    if only and not (isinstance(value, dict) and any(member_of(shape.members, name, spelled) for name in value)):
        value = {only: value}
    if getattr(shape, "is_document_type", False):
        return value
    unknown = [name for name in value if spelled.get(name) != "" and not member_of(shape.members, name, spelled)]
    if unknown:
        raise PluginError(
            f"{', '.join(unknown)}: not supported by the local AWS plugin: {shape.name} has no such member"
        )
    return spell_members(shape.members, value, spelled)


def _counted(shape: Any, values: list[Any], spelled: Names) -> Props:
    """A list as CloudFront writes it."""
    enabled = {"Enabled": bool(values)} if "Enabled" in shape.members else {}
    listed = {"Items": spell(shape.members["Items"], values, spelled)} if values else {}
    return enabled | {"Quantity": len(values)} | listed


def at(value: Any, path: str) -> Any:
    """What lies at a dotted path of an answer, such as `Vpcs.0.VpcId`; None if nothing does."""
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if len(value) > int(step) else None
        elif value is not None:
            value = value[step] if not isinstance(value, dict) else value.get(step)
    return value
