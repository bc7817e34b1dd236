"""Gap: there is no Application Auto Scaling API.

Here is its control plane for what a service needs: targets, policies, scheduled actions and their tags are kept and
described. Nothing ever scales.
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
_schedules = AccountRegionScopedDict()
_tags = AccountRegionScopedDict()


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def close() -> None:
    """Answer to the API's name, and be kept and restored with the other services."""
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
    return copy.deepcopy({"targets": _targets, "policies": _policies, "schedules": _schedules, "tags": _tags})


def load_persisted_state(data: dict[str, Any]) -> None:
    """The reverse of `get_state`."""
    for store, name in ((_targets, "targets"), (_policies, "policies"), (_schedules, "schedules"), (_tags, "tags")):
        store.update(data.get(name, {}))


def reset() -> None:
    """Forget everything."""
    for store in (_targets, _policies, _schedules, _tags):
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
    asked = {**_targets.get(key, {}), **data}
    if asked["MinCapacity"] > asked["MaxCapacity"]:
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
    if _targets.pop(key, None) is None:
        raise _RefusedError("ObjectNotFoundException", f"No scalable target found for {' '.join(key)}")
    for store in (_policies, _schedules):
        for item in [item for item in store.keys() if item[: len(_KEY)] == key]:  # noqa: SIM118 - not a dict
            store.pop(item, None)
    return {}


def _put(
    store: Any, name: str, arn: Callable[[dict[str, Any]], str], arn_field: str
) -> Callable[[dict[str, Any]], Any]:
    def put(data: dict[str, Any]) -> Any:
        key = _identity(data)
        if key not in _targets:
            raise _RefusedError("ObjectNotFoundException", f"No scalable target registered for {' '.join(key)}")
        record = store.setdefault((*key, data[name]), {arn_field: arn(data), "CreationTime": int(time.time())})
        record.update(data)
        return {arn_field: record[arn_field], "Alarms": []} if name == "PolicyName" else {}

    return put


def _delete(store: Any, name: str) -> Callable[[dict[str, Any]], Any]:
    def delete(data: dict[str, Any]) -> Any:
        if store.pop((*_identity(data), data[name]), None) is None:
            raise _RefusedError("ObjectNotFoundException", f"No {name} {data[name]} for {data['ResourceId']}")
        return {}

    return delete


def _describe(store: Any, result: str, names: str, field: str) -> Callable[[dict[str, Any]], Any]:
    def describe(data: dict[str, Any]) -> Any:
        wanted = data.get(names)
        items = [
            item for item in store.values() if all(not data.get(part) or item[part] == data[part] for part in _KEY)
        ]
        return {result: [item for item in items if not wanted or item[field] in wanted]}

    return describe


def _policy_arn(data: dict[str, Any]) -> str:
    where = f"resource/{data['ServiceNamespace']}/{data['ResourceId']}"
    return f"arn:aws:autoscaling:{_scope()}:scalingPolicy:{uuid.uuid4()}:{where}:policyName/{data['PolicyName']}"


def _schedule_arn(data: dict[str, Any]) -> str:
    where = f"resource/{data['ServiceNamespace']}/{data['ResourceId']}"
    name = data["ScheduledActionName"]
    return f"arn:aws:autoscaling:{_scope()}:scheduledAction:{uuid.uuid4()}:{where}:scheduledActionName/{name}"


def _list_tags(data: dict[str, Any]) -> Any:
    return {"Tags": _tags.get(data["ResourceARN"], {})}


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
    "DescribeScalableTargets": _describe(_targets, "ScalableTargets", "ResourceIds", "ResourceId"),
    "PutScalingPolicy": _put(_policies, "PolicyName", _policy_arn, "PolicyARN"),
    "DeleteScalingPolicy": _delete(_policies, "PolicyName"),
    "DescribeScalingPolicies": _describe(_policies, "ScalingPolicies", "PolicyNames", "PolicyName"),
    "PutScheduledAction": _put(_schedules, "ScheduledActionName", _schedule_arn, "ScheduledActionARN"),
    "DeleteScheduledAction": _delete(_schedules, "ScheduledActionName"),
    "DescribeScheduledActions": _describe(
        _schedules, "ScheduledActions", "ScheduledActionNames", "ScheduledActionName"
    ),
    "ListTagsForResource": _list_tags,
    "TagResource": _tag,
    "UntagResource": _untag,
}
