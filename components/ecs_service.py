"""One ECS service on Fargate: cluster, task definition, roles, logs and the service itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import fargate, policies
from components.load_balancer import LoadBalancer

MAX_STOP_TIMEOUT_S = 120
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html"""
USER = "65532:65532"
"""The user of a task: not root, and the one that images from scratch use by convention."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EcsServiceArgs:
    """What runs, how large, and behind what."""

    service_name: str
    """Name of the cluster, the service, the task family and the container: people type it."""
    image: pulumi.Input[str]
    """The image by digest: `repository@sha256:…`."""
    repository_arn: pulumi.Input[str]
    """The image's repository: the only one that tasks may pull from."""
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    load_balancer: LoadBalancer
    region: str
    container_port: int = 8080
    cpu: int = 256
    """CPU units, 1024 is one vCPU."""
    memory: int = 512
    """MiB."""
    cpu_architecture: str = "X86_64"
    """X86_64 or ARM64."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment variables. They can be read by whoever may describe the task definition."""
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment variables by the ARN of a Secrets Manager secret or an SSM parameter."""
    health_command: Sequence[str] = ()
    """Program and arguments that end with 0 when the container is healthy; run without a shell. Empty for none."""
    stop_timeout_s: int = 30
    """Seconds between SIGTERM and SIGKILL, 2 to 120."""
    log_retention_days: int = 30
    role_options: policies.RoleOptions = dataclasses.field(default_factory=policies.RoleOptions)


class EcsService(pulumi.ComponentResource):
    """A service that is created without tasks; a release starts them and moves it between task definitions.

    Pulumi registers revisions and never moves the service: the revision and the desired count belong to the release
    and to autoscaling. A replaced task definition stays registered, because ECS cannot go back to an inactive one.
    Raises ValueError for a size that Fargate does not offer and for other values that ECS refuses.
    """

    cluster_name: pulumi.Output[str]
    cluster_arn: pulumi.Output[str]
    service_name: pulumi.Output[str]
    service_arn: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    task_family_arn: pulumi.Output[str]
    """ARN of the task definition without its revision."""
    role_arns: pulumi.Output[Sequence[str]]
    """The task's two roles: what a deployer has to be allowed to pass."""
    log_group_arn: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]

    def __init__(self, name: str, args: EcsServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(args)
        super().__init__("easi:service:EcsService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name, name=f"/ecs/{args.service_name}", retention_in_days=args.log_retention_days, opts=child
        )
        execution_role = policies.service_role(
            f"{name}-execution", "ecs-tasks.amazonaws.com", _execution_access(args, logs.arn), args.role_options, child
        )
        task_role = policies.service_role(f"{name}-task", "ecs-tasks.amazonaws.com", [], args.role_options, child)
        task_definition = aws.ecs.TaskDefinition(
            name,
            family=args.service_name,
            cpu=str(args.cpu),
            memory=str(args.memory),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform={"cpu_architecture": args.cpu_architecture, "operating_system_family": "LINUX"},
            execution_role_arn=execution_role.arn,
            task_role_arn=task_role.arn,
            container_definitions=pulumi.Output.json_dumps([_container(args, logs.name)]),
            skip_destroy=True,
            track_latest=False,
            opts=child,
        )
        cluster = aws.ecs.Cluster(
            name,
            name=args.service_name,
            settings=[{"name": "containerInsights", "value": "enabled"}],
            opts=child,
        )
        service = self._service(name, args, cluster, task_definition)
        self.cluster_name, self.cluster_arn = cluster.name, cluster.arn
        self.service_name, self.service_arn = service.name, service.arn
        self.task_definition_arn = task_definition.arn
        self.task_family_arn = task_definition.arn_without_revision
        self.role_arns = pulumi.Output.all(execution_role.arn, task_role.arn).apply(list)
        self.log_group_arn, self.target_group_arn = logs.arn, args.load_balancer.target_group_arn
        self.register_outputs(
            {
                "cluster": self.cluster_name,
                "service": self.service_name,
                "taskDefinitionArn": self.task_definition_arn,
            }
        )

    def _service(
        self, name: str, args: EcsServiceArgs, cluster: aws.ecs.Cluster, task_definition: aws.ecs.TaskDefinition
    ) -> aws.ecs.Service:
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name, vpc_id=args.vpc_id, description="Tasks: HTTP from the load balancer", opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=args.container_port,
            to_port=args.container_port,
            referenced_security_group_id=args.load_balancer.security_group_id,
            description="From the load balancer",
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group.id,
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            description="Images, logs, secrets and what the application calls",
            opts=child,
        )
        return aws.ecs.Service(
            name,
            name=args.service_name,
            cluster=cluster.arn,
            task_definition=task_definition.arn,
            # Nothing runs before a release has migrated and proven: the first one sets the count.
            desired_count=0,
            launch_type="FARGATE",
            deployment_circuit_breaker={"enable": True, "rollback": True},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            propagate_tags="SERVICE",
            network_configuration={
                "subnets": args.subnet_ids,
                "security_groups": [group.id],
                "assign_public_ip": False,
            },
            load_balancers=[
                {
                    "target_group_arn": args.load_balancer.target_group_arn,
                    "container_name": args.service_name,
                    "container_port": args.container_port,
                }
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.load_balancer.listener],
                ignore_changes=["taskDefinition", "desiredCount"],
            ),
        )


def _container(args: EcsServiceArgs, log_group: pulumi.Input[str]) -> dict[str, Any]:
    """The container's definition; sorted where order has no meaning, so that it makes no diff."""
    container: dict[str, Any] = {
        "name": args.service_name,
        "image": args.image,
        "essential": True,
        "user": USER,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "stopTimeout": args.stop_timeout_s,
        "portMappings": [
            {"containerPort": args.container_port, "hostPort": args.container_port, "protocol": "tcp"},
        ],
        "environment": [{"name": key, "value": value} for key, value in sorted(args.environment.items())],
        "secrets": [{"name": key, "valueFrom": arn} for key, arn in sorted(args.secrets.items())],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": args.region,
                "awslogs-stream-prefix": "ecs",
            },
        },
    }
    if args.health_command:
        container["healthCheck"] = {
            "command": ["CMD", *args.health_command],
            "interval": 5,
            "timeout": 3,
            "retries": 3,
            "startPeriod": 10,
        }
    return container


def _execution_access(args: EcsServiceArgs, log_group_arn: pulumi.Input[str]) -> list[dict[str, Any]]:
    """What ECS itself needs to start a task: pull the image, write the log, read the secrets by ARN."""
    statements = [
        policies.allow(["ecr:GetAuthorizationToken"], "*"),
        policies.allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            args.repository_arn,
        ),
        policies.allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            pulumi.Output.concat(log_group_arn, ":*"),
        ),
    ]
    secrets = sorted({_secret_arn(arn) for arn in args.secrets.values() if ":secretsmanager:" in arn})
    parameters = sorted({arn for arn in args.secrets.values() if ":ssm:" in arn})
    if secrets:
        statements.append(policies.allow(["secretsmanager:GetSecretValue"], secrets))
    if parameters:
        statements.append(policies.allow(["ssm:GetParameters"], parameters))
    return statements


def _secret_arn(value_from: str) -> str:
    """The secret's ARN without the JSON key, stage and version that `valueFrom` may add to it."""
    return ":".join(value_from.split(":")[:7])


def _check(args: EcsServiceArgs) -> None:
    fargate.check_size(args.cpu, args.memory)
    if not 2 <= args.stop_timeout_s <= MAX_STOP_TIMEOUT_S:
        raise ValueError(f"stop_timeout_s is {args.stop_timeout_s}: expected 2 to {MAX_STOP_TIMEOUT_S} (Fargate)")
    both = sorted(set(args.environment) & set(args.secrets))
    if both:
        raise ValueError(f"environment and secrets both name {json.dumps(both)}: a variable has one source")
    for name, arn in args.secrets.items():
        if ":secretsmanager:" not in arn and ":ssm:" not in arn:
            raise ValueError(f"secrets[{name!r}] is no ARN of Secrets Manager or SSM Parameter Store")
