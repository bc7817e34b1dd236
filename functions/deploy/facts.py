"""What ECS and the load balancer answer, as plain dataclasses: only the fields that a verdict looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.deploy.network import Network, PublicNetwork

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import (
        ContainerTypeDef,
        DeploymentTypeDef,
        ServiceDeploymentTypeDef,
        ServiceEventTypeDef,
        ServiceRevisionTypeDef,
        ServiceTypeDef,
        TaskTypeDef,
    )
    from types_boto3_elbv2.type_defs import TargetHealthDescriptionTypeDef


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What a deployment, or a service revision, runs and where."""

    task_definition: str
    network: Network | None
    """None: ECS does not say."""

    def is_of(self, task_definition: str | None, network: Network | None) -> bool:
        """Whether it is this definition in this network. A network that is not known tells nothing apart."""
        if self.network is not None and network is not None and self.network != network:
            return False
        return self.task_definition == task_definition


@dataclass(frozen=True, kw_only=True)
class Deployment(Revision):
    """One entry of `deployments[]` of a service."""

    id: str
    status: str
    """PRIMARY, ACTIVE (being replaced) or INACTIVE."""
    desired: int
    running: int
    rollout_state: str
    """IN_PROGRESS, COMPLETED or FAILED."""
    reason: str
    created_at: datetime | None

    @property
    def is_primary(self) -> bool:
        """Whether this is what the service is on, or on its way to."""
        return self.status == "PRIMARY"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service with its deployments, newest first, and its events, newest first."""

    name: str
    task_definition: str
    status: str
    desired: int
    running: int
    strategy: str
    controller: str
    deployments: tuple[Deployment, ...]
    events: tuple[ServiceEventTypeDef, ...]
    load_balancing: Mapping[str, int]
    """By target group, the container's port that every task is registered with."""
    placement: Mapping[str, Any]
    """Where and on what its tasks run, in the words of RunTask."""
    network: Network | None
    execute_command: bool

    @property
    def primary(self) -> Deployment | None:
        """The deployment that the service is on, or on its way to."""
        return next((deployment for deployment in self.deployments if deployment.is_primary), None)

    def deployment(self, identity: str) -> Deployment | None:
        """The deployment of this id, while ECS lists it."""
        return next((deployment for deployment in self.deployments if deployment.id == identity), None)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, running or stopped within the last hour."""

    arn: str
    task_definition: str
    started_by: str
    last_status: str
    desired_status: str
    health: str
    address: str | None
    created_at: datetime | None
    started_at: datetime | None
    stopped_at: datetime | None
    stopped_reason: str
    stop_code: str
    """Who ended it: EssentialContainerExited, UserInitiated, TaskFailedToStart…; empty while it runs."""
    containers: tuple[ContainerTypeDef, ...]
    commands: Mapping[str, tuple[str, ...]]
    """By container: what it runs instead of what its definition says."""

    @property
    def id(self) -> str:
        """The last part of the ARN, as log streams and people use it."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def is_running(self) -> bool:
        """Whether it runs and is meant to go on."""
        return self.last_status == "RUNNING" and self.desired_status == "RUNNING"


@dataclass(frozen=True, kw_only=True)
class ServiceDeployment:
    """A service deployment (`DescribeServiceDeployments`): where ECS keeps its own verdict."""

    arn: str
    status: str
    reason: str
    target_revision: str
    source_revisions: tuple[str, ...]
    """ARNs of the service revisions that ran when it began: where ECS goes back to."""
    stage: str
    created_at: datetime | None
    triggered_alarms: tuple[str, ...]


def service(described: ServiceTypeDef) -> Service:
    """A service of a DescribeServices answer."""
    return Service(
        name=described["serviceName"],
        task_definition=described["taskDefinition"],
        status=described["status"],
        desired=described["desiredCount"],
        running=described["runningCount"],
        strategy=described.get("deploymentConfiguration", {}).get("strategy", "ROLLING"),
        controller=described.get("deploymentController", {}).get("type", "ECS"),
        deployments=tuple(_deployment(deployment) for deployment in described.get("deployments", ())),
        events=tuple(described.get("events", ())),
        load_balancing={
            balancer["targetGroupArn"]: balancer["containerPort"]
            for balancer in described.get("loadBalancers", ())
            if balancer.get("targetGroupArn")
        },
        placement=_placement(described),
        network=_network(described),
        execute_command=bool(described.get("enableExecuteCommand")),
    )


def tasks(described: Iterable[TaskTypeDef]) -> tuple[Task, ...]:
    """The tasks of DescribeTasks answers."""
    return tuple(_task(task) for task in described)


def targets(target_group: str, described: Iterable[TargetHealthDescriptionTypeDef]) -> dict[tuple[str, str, int], str]:
    """The state of each address and port in a target group, in a DescribeTargetHealth answer, with the reason."""
    states = {}
    for target in described:
        health = target.get("TargetHealth", {})
        why = ": ".join(filter(None, (health.get("Reason"), health.get("Description"))))
        place = (target_group, target["Target"]["Id"], target["Target"].get("Port", 0))
        states[place] = f"{health.get('State', '')} {why}".rstrip()
    return states


def service_deployments(described: Iterable[ServiceDeploymentTypeDef]) -> tuple[ServiceDeployment, ...]:
    """The service deployments of a DescribeServiceDeployments answer."""
    return tuple(
        ServiceDeployment(
            arn=deployment["serviceDeploymentArn"],
            status=deployment.get("status", ""),
            reason=deployment.get("rollback", {}).get("reason") or deployment.get("statusReason") or "",
            target_revision=deployment.get("targetServiceRevision", {}).get("arn", ""),
            source_revisions=tuple(source["arn"] for source in deployment.get("sourceServiceRevisions", ())),
            stage=deployment.get("lifecycleStage", ""),
            created_at=deployment.get("createdAt"),
            triggered_alarms=tuple(deployment.get("alarms", {}).get("triggeredAlarmNames", ())),
        )
        for deployment in described
    )


def service_revisions(described: Iterable[ServiceRevisionTypeDef]) -> dict[str, Revision]:
    """The service revisions of a DescribeServiceRevisions answer, by their ARNs."""
    return {
        revision["serviceRevisionArn"]: Revision(task_definition=revision["taskDefinition"], network=_network(revision))
        for revision in described
    }


def _deployment(deployment: DeploymentTypeDef) -> Deployment:
    return Deployment(
        id=deployment["id"],
        status=deployment["status"],
        task_definition=deployment["taskDefinition"],
        network=_network(deployment),
        desired=deployment.get("desiredCount", 0),
        running=deployment.get("runningCount", 0),
        rollout_state=deployment.get("rolloutState", ""),
        reason=deployment.get("rolloutStateReason") or "",
        created_at=deployment.get("createdAt"),
    )


def _task(task: TaskTypeDef) -> Task:
    return Task(
        arn=task["taskArn"],
        task_definition=task["taskDefinitionArn"],
        started_by=task.get("startedBy", ""),
        last_status=task.get("lastStatus", ""),
        desired_status=task.get("desiredStatus", ""),
        health=task.get("healthStatus", "UNKNOWN"),
        address=_address(task),
        created_at=task.get("createdAt"),
        started_at=task.get("startedAt"),
        stopped_at=task.get("stoppedAt"),
        stopped_reason=task.get("stoppedReason") or "",
        stop_code=task.get("stopCode") or "",
        containers=tuple(task.get("containers", ())),
        commands={
            override["name"]: tuple(override["command"])
            for override in task.get("overrides", {}).get("containerOverrides", ())
            if override.get("command")
        },
    )


def _network(described: ServiceTypeDef | DeploymentTypeDef | ServiceRevisionTypeDef) -> Network | None:
    """The network of a service, a deployment or a service revision; None where ECS names none."""
    configuration = described.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if not configuration:
        return None
    kind = PublicNetwork if configuration.get("assignPublicIp") == "ENABLED" else Network
    return kind(subnets=tuple(configuration["subnets"]), security_groups=tuple(configuration.get("securityGroups", ())))


def _placement(service: ServiceTypeDef) -> Mapping[str, Any]:
    """A capacity provider strategy and a launch type exclude each other."""
    capacity = "capacityProviderStrategy" if service.get("capacityProviderStrategy") else "launchType"
    names = ("networkConfiguration", "platformVersion", capacity)
    return {name: value for name, value in service.items() if name in names and value}


def _address(task: TaskTypeDef) -> str | None:
    """The private address of the task's network interface: what ECS registers as the target."""
    for attachment in task.get("attachments", ()):
        for detail in attachment.get("details", ()):
            if detail.get("name") == "privateIPv4Address":
                return str(detail["value"])
    return None
