"""What ECS and the load balancer answer, as plain dataclasses: only the fields that a verdict looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.deploy.network import Network, PublicNetwork

Answer = Mapping[str, Any]


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
class Event:
    """One line of the service's event stream."""

    message: str
    created_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class LoadBalancing:
    """A target group in which every task of the service is registered with one container's port."""

    target_group: str
    port: int


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
    events: tuple[Event, ...]
    load_balancing: tuple[LoadBalancing, ...]
    placement: Answer
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
class Container:
    """How one container of a task ended, as far as it has."""

    name: str
    exit_code: int | None
    reason: str


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
    containers: tuple[Container, ...]
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
class Target:
    """A registered address and what the health checks of its target group found."""

    target_group: str
    address: str
    port: int
    state: str
    reason: str


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


def service(answer: Answer) -> Service | None:
    """The one service of a DescribeServices answer; None where ECS does not know it."""
    found = next(iter(answer.get("services", ())), None)
    if found is None:
        return None
    return Service(
        name=found["serviceName"],
        task_definition=found["taskDefinition"],
        status=found["status"],
        desired=found["desiredCount"],
        running=found["runningCount"],
        strategy=found.get("deploymentConfiguration", {}).get("strategy", "ROLLING"),
        controller=found.get("deploymentController", {}).get("type", "ECS"),
        deployments=tuple(_deployment(each) for each in found.get("deployments", ())),
        events=tuple(
            Event(message=each.get("message", ""), created_at=each.get("createdAt")) for each in found.get("events", ())
        ),
        load_balancing=tuple(
            LoadBalancing(target_group=each["targetGroupArn"], port=each["containerPort"])
            for each in found.get("loadBalancers", ())
            if each.get("targetGroupArn")
        ),
        placement=_placement(found),
        network=_network(found),
        execute_command=bool(found.get("enableExecuteCommand")),
    )


def tasks(answers: Iterable[Answer]) -> tuple[Task, ...]:
    """The tasks of DescribeTasks answers."""
    return tuple(_task(each) for answer in answers for each in answer.get("tasks", ()))


def targets(target_group: str, answer: Answer) -> tuple[Target, ...]:
    """The targets of a DescribeTargetHealth answer."""
    return tuple(
        Target(
            target_group=target_group,
            address=each["Target"]["Id"],
            port=each["Target"].get("Port", 0),
            state=each.get("TargetHealth", {}).get("State", ""),
            reason=": ".join(
                text for key in ("Reason", "Description") if (text := each.get("TargetHealth", {}).get(key))
            ),
        )
        for each in answer.get("TargetHealthDescriptions", ())
    )


def service_deployments(answer: Answer) -> tuple[ServiceDeployment, ...]:
    """The service deployments of a DescribeServiceDeployments answer."""
    return tuple(
        ServiceDeployment(
            arn=each["serviceDeploymentArn"],
            status=each.get("status", ""),
            reason=each.get("rollback", {}).get("reason") or each.get("statusReason") or "",
            target_revision=each.get("targetServiceRevision", {}).get("arn", ""),
            source_revisions=tuple(source["arn"] for source in each.get("sourceServiceRevisions", ())),
            stage=each.get("lifecycleStage", ""),
            created_at=each.get("createdAt"),
            triggered_alarms=tuple(each.get("alarms", {}).get("triggeredAlarmNames", ())),
        )
        for each in answer.get("serviceDeployments", ())
    )


def service_revisions(answer: Answer) -> dict[str, Revision]:
    """The service revisions of a DescribeServiceRevisions answer, by their ARNs."""
    return {
        each["serviceRevisionArn"]: Revision(task_definition=each["taskDefinition"], network=_network(each))
        for each in answer["serviceRevisions"]
    }


def _deployment(found: Answer) -> Deployment:
    return Deployment(
        id=found["id"],
        status=found["status"],
        task_definition=found["taskDefinition"],
        network=_network(found),
        desired=found.get("desiredCount", 0),
        running=found.get("runningCount", 0),
        rollout_state=found.get("rolloutState", ""),
        reason=found.get("rolloutStateReason") or "",
        created_at=found.get("createdAt"),
    )


def _task(found: Answer) -> Task:
    return Task(
        arn=found["taskArn"],
        task_definition=found["taskDefinitionArn"],
        started_by=found.get("startedBy", ""),
        last_status=found.get("lastStatus", ""),
        desired_status=found.get("desiredStatus", ""),
        health=found.get("healthStatus", "UNKNOWN"),
        address=_address(found),
        created_at=found.get("createdAt"),
        started_at=found.get("startedAt"),
        stopped_at=found.get("stoppedAt"),
        stopped_reason=found.get("stoppedReason") or "",
        stop_code=found.get("stopCode") or "",
        containers=tuple(
            Container(name=each["name"], exit_code=each.get("exitCode"), reason=each.get("reason") or "")
            for each in found.get("containers", ())
        ),
        commands={
            each["name"]: tuple(each["command"])
            for each in found.get("overrides", {}).get("containerOverrides", ())
            if each.get("command")
        },
    )


def _network(answer: Answer) -> Network | None:
    """The network of a service, a deployment or a service revision; None where ECS names none."""
    configuration = answer.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if not configuration:
        return None
    kind = PublicNetwork if configuration.get("assignPublicIp") == "ENABLED" else Network
    return kind(subnets=tuple(configuration["subnets"]), security_groups=tuple(configuration.get("securityGroups", ())))


def _placement(found: Answer) -> Answer:
    """A capacity provider strategy and a launch type exclude each other."""
    capacity = "capacityProviderStrategy" if found.get("capacityProviderStrategy") else "launchType"
    names = ("networkConfiguration", "platformVersion", capacity)
    return {name: found[name] for name in names if found.get(name)}


def _address(found: Answer) -> str | None:
    """The private address of the task's network interface: what ECS registers as the target."""
    for attachment in found.get("attachments", ()):
        for detail in attachment.get("details", ()):
            if detail.get("name") == "privateIPv4Address":
                return str(detail["value"])
    return None
