"""Autoscaling of services. The emulator keeps targets and policies; it measures nothing, so nothing scales."""

from __future__ import annotations

from ..kind import Kind, Name, words

_PLACE = "serviceNamespace resourceId scalableDimension"
_KEYS = {"ServiceNamespace": "serviceNamespace", "ScalableDimension": "scalableDimension"}


class Target(Kind):
    resource = "aws:appautoscaling/target:Target"
    service, make, identity = "application-autoscaling", "register_scalable_target", "{resourceId}"
    get, answer_path, remove = "describe_scalable_targets", "ScalableTargets", "deregister_scalable_target"
    keys = _KEYS | {"ResourceId": "resourceId"}
    put = True
    outputs = {"arn": "ScalableTargetARN", "roleArn": "RoleARN"}
    alike = words("minCapacity maxCapacity")
    replaces = words(_PLACE)


class Policy(Kind):
    resource = "aws:appautoscaling/policy:Policy"
    service, make, identity = "application-autoscaling", "put_scaling_policy", "{name}"
    get, answer_path, remove = "describe_scaling_policies", "ScalingPolicies", "delete_scaling_policy"
    keys = _KEYS | {"ResourceId": "resourceId", "PolicyName": "name"}
    put = True
    outputs = {"arn": "PolicyARN"}
    replaces = words(f"name {_PLACE}")
    name = Name(limit=255)
    defaults = {"policyType": "StepScaling", "alarmArns": []}
