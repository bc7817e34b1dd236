"""Holds what `--json` prints against docs/json.schema.yaml."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

SCHEMA = yaml.safe_load((Path(__file__).parent.parent / "docs" / "json.schema.yaml").read_text())


def check(verb: str, data: Any) -> None:
    """Raises what says which member is missing, is not described, or has another value."""
    _validator(verb)(data)


@functools.cache
def _validator(verb: str) -> Any:
    definitions = {name: _strict(schema) for name, schema in SCHEMA["definitions"].items()}
    return fastjsonschema.compile({**definitions[verb], "$schema": SCHEMA["$schema"], "definitions": definitions})


def _strict(schema: Any) -> Any:
    """Every member is there and no other, as the page says, unless a schema says what is required."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        found = {"type": "object", "required": list(schema["properties"]), "additionalProperties": False} | found
    return found
