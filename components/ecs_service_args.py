"""What a service on ECS is given, and what of it ECS would refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components import aws_limits, container, policies
from components.cluster import Cluster
from components.container import MAX_STOP_TIMEOUT_S, Sidecar
from components.target import Route


@dataclasses.dataclass(frozen=True, kw_only=True)
class EcsServiceArgs:
    family: str
    """Name of the task family, of the main container and, as /ecs/<family>, of the log group: people type it, and it is
    one of a kind in the account and region."""
    cluster: Cluster
    image: pulumi.Input[str]
    """The image by digest: `repository@sha256:…`."""
    repository_arns: Sequence[pulumi.Input[str]]
    """ECR repositories of the image and of the sidecars': the only ones that tasks may pull from."""
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    """Private subnets, in as many zones as the service shall survive the loss of one."""
    region: str
    route: Route | None = None
    """How requests reach it; None for a service that nobody calls."""
    container_port: int = 8080
    """The port that the program listens on. Without a route, nothing may connect to it."""
    cpu: int = 256
    """CPU units of the task, 1024 is one vCPU."""
    memory: int = 512
    """MiB of the task."""
    cpu_architecture: str = "X86_64"
    """X86_64 or ARM64: what the image was built for."""
    environment: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    """Environment variables. They can be read by whoever may describe the task definition."""
    secrets: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    """Environment variables by the ARN of a Secrets Manager secret or an SSM parameter."""
    secret_key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys of the account's own with which secrets, the sidecars' too, are encrypted."""
    command: Sequence[str] = ()
    """Instead of the image's own."""
    health_command: Sequence[str] = ()
    """Program and arguments that end with 0 when the container is healthy; run without a shell. Empty for none."""
    health_start_period_s: int = 10
    """Seconds after its start in which a failed health command does not count, 0 to 300."""
    user: str | None = container.USER
    """Its user and group. None: the image's."""
    read_only_root: bool = True
    """Its root file system cannot be written to."""
    security_group_ids: Sequence[pulumi.Input[str]] = ()
    """Further security groups of the tasks, beside their own."""
    sidecars: Sequence[Sidecar] = ()
    task_statements: Sequence[Mapping[str, Any]] = ()
    """Statements of the task role's policy: what the program may do in AWS. Nothing by default."""
    execute_command: bool = False
    """ECS Exec: who may, runs commands as root in the containers. Their root becomes writable, which it demands."""
    stop_timeout_s: int = 30
    """Seconds between SIGTERM and SIGKILL, 2 to 120."""
    health_check_grace_s: int | None = None
    """Seconds after its start in which ECS does not replace a task for failed health checks; None is 0. Give it to a
    program that needs longer to start than the route's `unhealthy_threshold` checks take."""
    log_retention_days: int = 30
    """Days that CloudWatch keeps the log; one of the values that PutRetentionPolicy accepts."""
    log_key_arn: str | None = None
    """KMS key that encrypts the log; its policy must let CloudWatch Logs use it:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    desired_count: int | None = None
    """None: created without tasks; a release sets the count and moves the service between revisions and networks, and
    Pulumi leaves these and `execute_command` of the service alone. A number: Pulumi itself runs that many tasks of the
    newest revision."""
    deployment_alarm: bool | None = None
    """Whether a deployment is taken back for answers 5xx of its targets, beside tasks that do not start; for a service
    with a route. A deployment then takes minutes longer: ECS watches on for a bake time, which it computes and which
    cannot be set, before it says COMPLETED. False leaves the alarm and tells ECS not to look at it. With None, ECS
    would keep an alarm that it was told of before: the AWS provider does not send a block that is left out.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html"""
    role_options: policies.RoleOptions = dataclasses.field(default_factory=policies.RoleOptions)

    def containers(self) -> list[Sidecar]:
        """The main container, written as one more, and the sidecars, by their names.

        The AWS provider sorts them: sent in another order, a change would be shown as one of all of them.
        """
        main = Sidecar(
            name=self.family,
            image=self.image,
            command=self.command,
            environment=self.environment,
            secrets=self.secrets,
            port=self.container_port,
            health_command=self.health_command,
            health_start_period_s=self.health_start_period_s,
            user=self.user,
            read_only_root=self.read_only_root,
        )
        return sorted([main, *self.sidecars], key=lambda item: item.name)


def check(args: EcsServiceArgs) -> None:
    """Raises ValueError with what is wrong, what is allowed, and what to do."""
    aws_limits.check_size(args.cpu, args.memory)
    aws_limits.check_architecture(args.cpu_architecture)
    aws_limits.check_retention(args.log_retention_days)
    container.check(args.containers(), args.cpu, args.memory)
    if not 2 <= args.stop_timeout_s <= MAX_STOP_TIMEOUT_S:
        raise ValueError(f"stop_timeout_s is {args.stop_timeout_s}: expected 2 to {MAX_STOP_TIMEOUT_S} (Fargate)")
    if args.desired_count is not None and args.desired_count < 0:
        raise ValueError(f"desired_count is {args.desired_count}: expected 0 or more, or None for a release to set it")
    if args.health_check_grace_s is not None:
        if args.route is None:
            raise ValueError("health_check_grace_s is for the checks of a load balancer, and the service has no route")
        if args.health_check_grace_s < 0:
            raise ValueError(f"health_check_grace_s is {args.health_check_grace_s}: expected 0 or more")
    if args.deployment_alarm is not None and args.route is None:
        raise ValueError("deployment_alarm counts answers 5xx of targets, and the service has no route: set it to None")
