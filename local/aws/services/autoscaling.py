"""Autoscaling of services: recorded, since nothing scales on one machine."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from ..kind import Kind, words
from ..naming import Name
from ..session import Aws
from ..wire import Props


class Target(Kind):
    """What may be scaled, between which bounds."""

    resource = "aws:appautoscaling/target:Target"
    replaces = words("resourceId scalableDimension serviceNamespace")

    def create(self, aws: Aws, new: Props) -> str:
        return str(new["resourceId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        service = "ecs.application-autoscaling.amazonaws.com"
        role = f"aws-service-role/{service}/AWSServiceRoleForApplicationAutoScaling_ECSService"
        return {
            "arn": aws.arn("application-autoscaling", f"scalable-target/{identity}"),
            "roleArn": state.get("roleArn") or aws.arn("iam", f"role/{role}", region=""),
        }


class Policy(Kind):
    """When to scale."""

    resource = "aws:appautoscaling/policy:Policy"
    replaces = words("name resourceId scalableDimension serviceNamespace policyType")
    name = Name(limit=255)
    defaults = {"policyType": "StepScaling", "alarmArns": []}

    def create(self, aws: Aws, new: Props) -> str:
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        place = f"resource/{state['serviceNamespace']}/{state['resourceId']}:policyName/{identity}"
        return {"arn": aws.arn("autoscaling", f"scalingPolicy:{place}")}
