"""Gap: there is no Application Auto Scaling API.

Targets, policies and tags are kept and described, which is what the program's resources need. Nothing ever scales.
"""

from __future__ import annotations

import copy
import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

_TARGET_PREFIX = "AnyScaleFrontendService"
_SERVICE = "application-autoscaling"
_STATE = "application_autoscaling"
_NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
_KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")

_targets = AccountRegionScopedDict()
_policies = AccountRegionScopedDict()
_tags = AccountRegionScopedDict()
_STORES = {"targets": _targets, "policies": _policies, "tags": _tags}


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def add() -> None:
    router.SERVICE_PATTERNS[_SERVICE] = {
        "target_prefixes": [_TARGET_PREFIX],
        "host_patterns": [r"application-autoscaling\."],
        "credential_scope": "application-autoscaling",
    }
    app.SERVICE_HANDLERS[_SERVICE] = handle_request
    app._loaded_modules[_STATE] = sys.modules[__name__]
    app._state_map[_STATE] = _STATE


def get_state() -> dict[str, Any]:
    """What is written to disk when the emulator stops."""
    return copy.deepcopy(_STORES)


def load_persisted_state(data: dict[str, Any]) -> None:
    for name, store in _STORES.items():
        store.update(data.get(name, {}))


def reset() -> None:
    for store in _STORES.values():
        store.clear()


async def handle_request(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any) -> Any:
    """One call of the JSON protocol."""
    operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    fields = {"Content-Type": "application/x-amz-json-1.1"}
    try:
        answer = _OPERATIONS.get(operation, _unknown)(json.loads(body or b"{}"))
    except _RefusedError as error:
        fields["x-amzn-errortype"] = error.code
        return 400, fields, json.dumps({"__type": error.code, "message": str(error)}).encode()
    return 200, fields, json.dumps(answer).encode()


def _unknown(_data: dict[str, Any]) -> Any:
    raise _RefusedError("UnknownOperationException", "Not part of the local Application Auto Scaling API")


def _identity(data: dict[str, Any]) -> tuple[str, ...]:
    missing = [name for name in _KEY if not data.get(name)]
    if missing:
        raise _RefusedError("ValidationException", f"{missing[0]} is required")
    return tuple(str(data[name]) for name in _KEY)


def _scope() -> str:
    return f"{get_region()}:{get_account_id()}"


def _register(data: dict[str, Any]) -> Any:
    key = _identity(data)
    if key not in _targets and not {"MinCapacity", "MaxCapacity"} <= data.keys():
        raise _RefusedError("ValidationException", "MinCapacity and MaxCapacity are required to register a new target")
    target = {**_targets.get(key, {}), **data}
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise _RefusedError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    service_role = "AWSServiceRoleForApplicationAutoScaling_ECSService"
    record = _targets.setdefault(
        key,
        {
            "ScalableTargetARN": f"arn:aws:application-autoscaling:{_scope()}:scalable-target/{uuid.uuid4().hex[:12]}",
            "CreationTime": int(time.time()),
            "RoleARN": f"arn:aws:iam::{get_account_id()}:role/aws-service-role/"
            f"ecs.application-autoscaling.amazonaws.com/{service_role}",
            "SuspendedState": dict(_NOT_SUSPENDED),
        },
    )
    tags = data.pop("Tags", None)
    record.update(data)
    if tags:
        _tags.setdefault(record["ScalableTargetARN"], {}).update(tags)
    return {"ScalableTargetARN": record["ScalableTargetARN"]}


def _deregister(data: dict[str, Any]) -> Any:
    key = _identity(data)
    _take(_targets, key)
    for policy in [policy for policy in _policies.keys() if policy[: len(_KEY)] == key]:  # noqa: SIM118 - not a dict
        _policies.pop(policy, None)
    return {}


def _take(store: Any, key: tuple[str, ...]) -> None:
    if store.pop(key, None) is None:
        raise _RefusedError("ObjectNotFoundException", f"There is no {' '.join(key)}")


def _put_policy(data: dict[str, Any]) -> Any:
    key = _identity(data)
    if key not in _targets:
        raise _RefusedError("ObjectNotFoundException", f"No scalable target registered for {' '.join(key)}")
    where = f"resource/{data['ServiceNamespace']}/{data['ResourceId']}:policyName/{data['PolicyName']}"
    arn = f"arn:aws:autoscaling:{_scope()}:scalingPolicy:{uuid.uuid4()}:{where}"
    record = _policies.setdefault((*key, data["PolicyName"]), {"PolicyARN": arn, "CreationTime": int(time.time())})
    record.update(data)
    return {"PolicyARN": record["PolicyARN"], "Alarms": []}


def _delete_policy(data: dict[str, Any]) -> Any:
    _take(_policies, (*_identity(data), data["PolicyName"]))
    return {}


def _described(store: Any, data: dict[str, Any], names: str, field: str) -> list[Any]:
    """What is in the namespace and at the place that were asked for, and has one of the names, if any were given."""
    items = [item for item in store.values() if all(not data.get(part) or item[part] == data[part] for part in _KEY)]
    return [item for item in items if not data.get(names) or item[field] in data[names]]


def _tag(data: dict[str, Any]) -> Any:
    _tags.setdefault(data["ResourceARN"], {}).update(data["Tags"])
    return {}


def _untag(data: dict[str, Any]) -> Any:
    for key in data["TagKeys"]:
        _tags.get(data["ResourceARN"], {}).pop(key, None)
    return {}


_OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "RegisterScalableTarget": _register,
    "DeregisterScalableTarget": _deregister,
    "DescribeScalableTargets": lambda data: {
        "ScalableTargets": _described(_targets, data, "ResourceIds", "ResourceId")
    },
    "PutScalingPolicy": _put_policy,
    "DeleteScalingPolicy": _delete_policy,
    "DescribeScalingPolicies": lambda data: {
        "ScalingPolicies": _described(_policies, data, "PolicyNames", "PolicyName")
    },
    "ListTagsForResource": lambda data: {"Tags": _tags.get(data["ResourceARN"], {})},
    "TagResource": _tag,
    "UntagResource": _untag,
}
