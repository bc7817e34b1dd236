"""Autoscaling of services. The emulator keeps targets and policies; it measures nothing, so nothing scales."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection

from ..kind import Kind, pick, words
from ..naming import Name
from ..session import Aws, GoneError
from ..wire import Props

_SERVICE = "application-autoscaling"
_PLACE = "serviceNamespace resourceId scalableDimension"


class Target(Kind):
    """What may be scaled, between which bounds."""

    resource = "aws:appautoscaling/target:Target"
    replaces = words(_PLACE)

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, f"{_PLACE} minCapacity maxCapacity suspendedState", roleArn="RoleARN")
        aws.client(_SERVICE).register_scalable_target(**wanted)
        return str(new["resourceId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        where = pick(state, "serviceNamespace scalableDimension") | {"ResourceIds": [identity]}
        found = aws.client(_SERVICE).describe_scalable_targets(**where)["ScalableTargets"]
        if not found:
            raise GoneError
        live = {"arn": found[0].get("ScalableTargetARN", ""), "roleArn": found[0].get("RoleARN", "")}
        return live | {name: found[0][name[:1].upper() + name[1:]] for name in ("minCapacity", "maxCapacity")}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client(_SERVICE).deregister_scalable_target(**pick(state, _PLACE))


class Policy(Kind):
    """When to scale."""

    resource = "aws:appautoscaling/policy:Policy"
    replaces = words(f"name {_PLACE}")
    name = Name(limit=255)
    defaults = {"policyType": "StepScaling", "alarmArns": []}

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, f"{_PLACE} policyType targetTrackingScalingPolicyConfiguration", name="PolicyName")
        step = pick(new, "stepScalingPolicyConfiguration").get("StepScalingPolicyConfiguration")
        if step:
            bounds = ("MetricIntervalLowerBound", "MetricIntervalUpperBound")
            for adjustment in step.get("StepAdjustments") or []:
                adjustment |= {bound: float(adjustment[bound]) for bound in bounds if bound in adjustment}
            wanted["StepScalingPolicyConfiguration"] = step
        aws.client(_SERVICE).put_scaling_policy(**wanted)
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        where = pick(state, _PLACE) | {"PolicyNames": [identity]}
        found = aws.client(_SERVICE).describe_scaling_policies(**where)["ScalingPolicies"]
        if not found:
            raise GoneError
        return {"arn": found[0]["PolicyARN"], "alarmArns": [alarm["AlarmARN"] for alarm in found[0].get("Alarms", [])]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client(_SERVICE).delete_scaling_policy(**pick(state, _PLACE, name="PolicyName"))
