"""An ECS cluster for any number of services on Fargate."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from components.component import Component

CONTAINER_INSIGHTS = ("disabled", "enabled", "enhanced")
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterSetting.html"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    cluster_name: str
    """People type it. Another name is another cluster: the services in it are replaced, too."""
    container_insights: str = "enabled"
    """`enabled`: CPU, memory and task counts of services; `enhanced`: of each task and container, at a higher price;
    `disabled`: nothing but the CPU and memory that ECS measures for free."""


class Cluster(Component):
    """A cluster without instances: its services run on Fargate.

    Raises ValueError for a level of Container Insights that there is not.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if args.container_insights not in CONTAINER_INSIGHTS:
            raise ValueError(
                f"container_insights is {args.container_insights!r}: expected one of {', '.join(CONTAINER_INSIGHTS)}"
            )
        super().__init__("easi:service:Cluster", name, opts)
        # The cluster was a part of the service that it was made for; it moves without being replaced.
        of_service = pulumi.create_urn(name, "easi:service:EcsService", opts.parent if opts else None)
        cluster = aws.ecs.Cluster(
            name,
            name=args.cluster_name,
            settings=[{"name": "containerInsights", "value": args.container_insights}],
            opts=pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(parent=of_service)]),
        )
        self.name, self.arn = cluster.name, cluster.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
