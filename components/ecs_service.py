"""One ECS service on Fargate: task definition, roles, logs, its place behind a load balancer, the service itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import container, policies, target
from components.component import Component
from components.ecs_service_args import EcsServiceArgs, check
from components.load_balancer import LoadBalancer
from components.target import Target

__all__ = ["EcsService", "EcsServiceArgs"]

RELEASED = ("taskDefinition", "desiredCount", "networkConfiguration", "enableExecuteCommand")
"""What a release changes of a service that it moves, and Pulumi only sets when it makes the service.

These, and what ECS calls the load balancers of a service, start a deployment, or count for the tasks of the next one:
UpdateService, Amazon ECS API Reference. The load balancers change with the VPC alone, which needs another environment.
"""


class EcsService(Component):
    """A service on Fargate, one of any number in its cluster and behind its load balancer.

    Replaced task definitions stay registered, because ECS cannot go back to an inactive one. The service has a name of
    its own making: with a given one, whatever replaces it would have to remove the old service first. A deployment that
    does not come up is taken back by ECS (circuit breaker). Raises ValueError for what ECS or Elastic Load Balancing
    would refuse.
    """

    cluster_name: pulumi.Output[str]
    cluster_arn: pulumi.Output[str]
    service_name: pulumi.Output[str]
    service_arn: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    task_family_arn: pulumi.Output[str]
    """ARN of the task definition without its revision."""
    task_role_arn: pulumi.Output[str]
    """What the program is in AWS, for policies of what it uses."""
    role_arns: pulumi.Output[Sequence[str]]
    """The task's two roles: what a deployer has to be allowed to pass."""
    log_group_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """The tasks': what a database lets in."""
    network: Mapping[str, pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Where tasks run: `subnets`, sorted, and `securityGroups`."""
    execute_command: bool
    """As it was given."""
    target_group_arn: pulumi.Output[str] | None
    """None without a route, as are the two below."""
    target_group_arn_suffix: pulumi.Output[str] | None
    """What CloudWatch calls it."""
    load_balancer: LoadBalancer | None
    desired_count: int | None
    """As it was given."""

    def __init__(self, name: str, args: EcsServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        check(args)
        super().__init__("easi:service:EcsService", name, opts)
        logs = self._log_group(name, args)
        execution_role, task_role = self._roles(name, args, logs)
        task_definition = self._task_definition(name, args, logs, execution_role, task_role)
        load_balancer = args.route.load_balancer if args.route else None
        group = target.create_task_group(
            name, vpc_id=args.vpc_id, load_balancer=load_balancer, port=args.container_port, opts=self.child
        )
        routed = None
        if args.route:
            routed = target.create_target(
                name, args.route, port=args.container_port, vpc_id=args.vpc_id, opts=self.child
            )
        roles = [execution_role.ready, task_role.ready]
        service = self._service(name, args, task_definition, group, routed, needed=roles)
        self.cluster_name, self.cluster_arn = args.cluster.name, args.cluster.arn
        self.service_name, self.service_arn = service.name, service.arn
        self.task_definition_arn = task_definition.arn
        # Not the definition's own output, which is unknown while a new revision is previewed: every policy that names
        # the family would read as changed.
        self.task_family_arn = args.cluster.arn.apply(
            lambda arn: f"{arn.partition(':cluster/')[0]}:task-definition/{args.family}"
        )
        self.task_role_arn = task_role.arn
        self.role_arns = pulumi.Output.all(execution_role.arn, task_role.arn).apply(list)
        self.log_group_arn, self.log_group_name = logs.arn, logs.name
        self.security_group_id = group.id
        self.network = {
            "subnets": pulumi.Output.from_input(args.subnet_ids).apply(sorted),
            "securityGroups": [group.id, *args.security_group_ids],
        }
        self.execute_command = args.execute_command
        self.target_group_arn = routed.group.arn if routed else None
        self.target_group_arn_suffix = routed.group.arn_suffix if routed else None
        self.load_balancer = load_balancer
        self.desired_count = args.desired_count
        self.register_outputs(
            {
                "cluster": self.cluster_name,
                "service": self.service_name,
                "taskDefinitionArn": self.task_definition_arn,
            }
        )

    def _log_group(self, name: str, args: EcsServiceArgs) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            name,
            name=f"/ecs/{args.family}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.log_key_arn,
            opts=self.child,
        )

    def _roles(
        self, name: str, args: EcsServiceArgs, logs: aws.cloudwatch.LogGroup
    ) -> tuple[policies.ServiceRole, policies.ServiceRole]:
        """The role with which ECS starts tasks, and the tasks' own."""
        # A role has one boundary. With another one it is another role, and the old one stays for what runs with it.
        opts = pulumi.ResourceOptions(parent=self, replace_on_changes=["permissionsBoundary"])
        execution_role = policies.service_role(
            f"{name}-execution",
            container.TASKS,
            [
                *container.start_statements(args.repository_arns, logs.arn),
                *container.secret_statements(args.containers(), args.secret_key_arns),
            ],
            args.role_options,
            opts,
        )
        task_role = policies.service_role(
            f"{name}-task",
            container.TASKS,
            [*args.task_statements, *([container.EXEC_STATEMENT] if args.execute_command else [])],
            args.role_options,
            opts,
            account=args.cluster.arn.apply(lambda arn: arn.split(":")[4]),
        )
        return execution_role, task_role

    def _task_definition(
        self,
        name: str,
        args: EcsServiceArgs,
        logs: aws.cloudwatch.LogGroup,
        execution_role: policies.ServiceRole,
        task_role: policies.ServiceRole,
    ) -> aws.ecs.TaskDefinition:
        log = container.Log(group=logs.name, region=args.region)
        return aws.ecs.TaskDefinition(
            name,
            family=args.family,
            cpu=str(args.cpu),
            memory=str(args.memory),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform={"cpu_architecture": args.cpu_architecture, "operating_system_family": "LINUX"},
            execution_role_arn=execution_role.arn,
            task_role_arn=task_role.arn,
            container_definitions=pulumi.Output.json_dumps(_definitions(args, log)),
            skip_destroy=True,
            track_latest=False,
            opts=self.child,
        )

    def _service(
        self,
        name: str,
        args: EcsServiceArgs,
        task_definition: aws.ecs.TaskDefinition,
        group: aws.ec2.SecurityGroup,
        routed: Target | None,
        *,
        needed: Sequence[pulumi.Resource],
    ) -> aws.ecs.Service:
        """`needed` is what has to exist before tasks start."""
        balancing: list[Any] = []
        alarms: Any = None
        if args.route and routed:
            needed = [*needed, routed.rule]
            to = {"container_name": args.family, "container_port": args.container_port}
            balancing = [{"target_group_arn": routed.group.arn, **to}]
            if args.deployment_alarm is not None:
                alarm = target.create_deployment_alarm(name, args.route, routed, self.child)
                alarms = {"enable": args.deployment_alarm, "rollback": True, "alarm_names": [alarm.name]}
        released = args.desired_count is None
        return aws.ecs.Service(
            name,
            cluster=args.cluster.arn,
            task_definition=task_definition.arn,
            # Nothing runs before a release has migrated and proven: the first one sets the count.
            desired_count=args.desired_count or 0,
            launch_type="FARGATE",
            deployment_circuit_breaker={"enable": True, "rollback": True},
            # A release takes no capacity away, and all new tasks start together.
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            alarms=alarms,
            availability_zone_rebalancing="ENABLED",
            health_check_grace_period_seconds=args.health_check_grace_s,
            enable_execute_command=args.execute_command,
            propagate_tags="SERVICE",
            network_configuration={
                "subnets": args.subnet_ids,
                "security_groups": [group.id, *args.security_group_ids],
                "assign_public_ip": False,
            },
            load_balancers=balancing,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=needed,
                ignore_changes=list(RELEASED) if released else None,
            ),
        )


def _definitions(args: EcsServiceArgs, log: container.Log) -> list[dict[str, Any]]:
    return [
        container.definition(
            item,
            log,
            execute_command=args.execute_command,
            stop_timeout_s=args.stop_timeout_s,
            waits_for=args.sidecars if item.name == args.family else [],
        )
        for item in args.containers()
    ]
