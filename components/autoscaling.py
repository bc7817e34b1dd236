"""Scaling of an ECS service on its average CPU."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from components.component import Component
from components.ecs_service import EcsService


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceAutoscalingArgs:
    service: EcsService
    min_count: int
    max_count: int
    cpu_percent: int = 60
    """Average CPU that scaling holds, percent, 1 to 100. 60 leaves room for the minutes that new tasks take."""


class ServiceAutoscaling(Component):
    """Target tracking between a minimum and a maximum. Attach it after a release: a target starts tasks at once.

    Raises ValueError for bounds that make no sense, and for a service whose count Pulumi sets: the two would undo each
    other.
    """

    target_id: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceAutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(args)
        super().__init__("easi:service:ServiceAutoscaling", name, opts)
        target = aws.appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", args.service.cluster_name, "/", args.service.service_name),
            min_capacity=args.min_count,
            max_capacity=args.max_count,
            opts=self.child,
        )
        aws.appautoscaling.Policy(
            name,
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
                "target_value": args.cpu_percent,
            },
            opts=self.child,
        )
        self.target_id = target.id
        self.register_outputs({"targetId": self.target_id})


def _check(args: ServiceAutoscalingArgs) -> None:
    if not 0 <= args.min_count <= args.max_count:
        raise ValueError(
            f"min_count is {args.min_count} and max_count {args.max_count}: expected 0 <= min_count <= max_count"
        )
    if not 1 <= args.cpu_percent <= 100:
        raise ValueError(f"cpu_percent is {args.cpu_percent}: expected 1 to 100")
    if args.service.desired_count is not None:
        raise ValueError(
            f"the service has desired_count={args.service.desired_count}, which every `pulumi up` would set again: "
            "leave desired_count out, or the autoscaling"
        )
