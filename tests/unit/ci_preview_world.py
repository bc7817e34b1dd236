"""Events of a preview as the engine writes them, and what it prints: recorded with Pulumi 3.232, and shortened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
RELEASE = "release:index:Release"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes in place of a value that it does not know yet."""
VERSION = "6cbec7aa0e6724d5582124ddef723eee2cf3d737"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::easi::easi:service:EcsService${kind}::{name}"


def prelude(**config: str) -> dict[str, Any]:
    return {"sequence": 0, "preludeEvent": {"config": {"aws:region": "us-west-2", **config}}}


def setting(variables: Mapping[str, str]) -> dict[str, Any]:
    return prelude(**{"easi:services": json.dumps({"backend": {"environment": variables}}, ensure_ascii=False)})


def step(
    op: str,
    kind: str,
    name: str,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    keys: Sequence[str] | None = None,
    event: str = "resourcePreEvent",
    custom: bool = True,
) -> dict[str, Any]:
    sides = {
        side: {"type": kind, "urn": urn(kind, name), "custom": custom, "inputs": inputs} if inputs is not None else {}
        for side, inputs in (("old", old), ("new", new))
    }
    metadata = {"op": op, "urn": urn(kind, name), "type": kind, **sides, **({"keys": list(keys)} if keys else {})}
    return {event: {"metadata": metadata, "planning": True}}


def definition(variables: Mapping[str, str], *, skip_destroy: bool = True) -> dict[str, Any]:
    own = {"RELEASE_ENVIRONMENT": "dev", "RELEASE_HEALTH_PATH": "/api/v1/healthcheck"}
    environment = [{"name": name, "value": value} for name, value in sorted({**variables, **own}.items())]
    containers = [{"name": "easi-dev", "image": "r@sha256:00", "environment": environment, "essential": True}]
    return {"containerDefinitions": json.dumps(containers, ensure_ascii=False), "skipDestroy": skip_destroy}


def replaced(old: Mapping[str, str], new: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """A task definition that is replaced; `new` is None where the engine does not know it yet."""
    states: dict[str, Any] = {
        "old": definition(old),
        "new": definition(new) if new is not None else {"containerDefinitions": UNKNOWN},
    }
    return [
        step("create-replacement", TASK_DEFINITION, "backend", **states, keys=["containerDefinitions"]),
        step("replace", TASK_DEFINITION, "backend", **states, keys=["containerDefinitions"]),
        step("delete-replaced", TASK_DEFINITION, "backend", old=states["old"]),
    ]


def release(version: str = VERSION) -> dict[str, Any]:
    return step("update", RELEASE, "release", old={"version": "0" * 40}, new={"version": version})


def said(severity: str, message: str) -> dict[str, Any]:
    return {
        "diagnosticEvent": {
            "message": f"<{{%reset%}}>{message}<{{%reset%}}>\n",
            "color": "never",
            "severity": severity,
            "prefix": f"<{{%fg 1%}}>{severity}: <{{%reset%}}>",
        }
    }


def summary(**changes: int) -> dict[str, Any]:
    return {"summaryEvent": {"resourceChanges": {key.replace("_", "-"): count for key, count in changes.items()}}}
