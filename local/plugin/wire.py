"""Property values between the engine's protobuf structs and plain Python.

Values are JSON with two additions: UNKNOWN stands for what a preview cannot know yet, and assets and archives stay the
dictionaries that the engine sends, so that their content hash is kept.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime import rpc

Props = dict[str, Any]

UNKNOWN: str = rpc.UNKNOWN
SIGNATURE: str = rpc._special_sig_key
SECRET: str = rpc._special_secret_sig
ASSET: str = rpc._special_asset_sig
ARCHIVE: str = rpc._special_archive_sig


def read_struct(struct: struct_pb2.Struct) -> Props:
    """A struct as a dictionary; secrets are opened, whole numbers are ints."""
    return {key: _read(value) for key, value in struct.fields.items()}


def _read(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "list_value":
        return [_read(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = read_struct(value.struct_value)
        return fields["value"] if fields.get(SIGNATURE) == SECRET else fields
    return None if kind in (None, "null_value") else getattr(value, kind)


def write_struct(props: Props, secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """A dictionary as a struct; the properties named in `secrets` are wrapped as secrets, None is left out."""
    fields = {}
    for key, value in props.items():
        if value is None:
            continue
        fields[key] = _write({SIGNATURE: SECRET, "value": value} if key in secrets and value != UNKNOWN else value)
    return struct_pb2.Struct(fields=fields)


def _write(value: Any) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, (list, tuple)):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_write(item) for item in value]))
    if isinstance(value, dict):
        fields = {key: _write(item) for key, item in value.items() if item is not None}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    raise TypeError(f"a {type(value).__name__} is not a property value")


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)


def is_asset(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) in (ASSET, ARCHIVE)
