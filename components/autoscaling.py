"""Scaling of an ECS service on its average CPU."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceAutoscalingArgs:
    """The service, the bounds and the aim."""

    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    min_count: int
    max_count: int
    cpu_percent: int = 60
    """Average CPU that scaling holds, percent."""


class ServiceAutoscaling(pulumi.ComponentResource):
    """Target tracking between a minimum and a maximum. Attach it after a release: a target starts tasks at once."""

    target_id: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceAutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:service:ServiceAutoscaling", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        target = aws.appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", args.cluster_name, "/", args.service_name),
            min_capacity=args.min_count,
            max_capacity=args.max_count,
            opts=child,
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
            opts=child,
        )
        self.target_id = target.id
        self.register_outputs({"targetId": self.target_id})
