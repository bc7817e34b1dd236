"""What became of one deployment of the service. Pure: everything it knows is in its arguments.

ECS calling a rollout COMPLETED is necessary, never sufficient: the tasks that run and the targets that get traffic
have to agree with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from functions.deploy import steady
from functions.deploy.facts import Deployment, Service, ServiceDeployment, Task
from functions.deploy.network import Network
from functions.deploy.steady import Seen
from functions.names import revision

IN_PROGRESS = "in_progress"
SUCCEEDED = "succeeded"
ROLLED_BACK = "rolled_back"
SUPERSEDED = "superseded"
NO_TASKS = "no_tasks"
FAILED = "failed"

# Statuses of a service deployment, grouped by what they mean for the deployment that was asked about.
TAKEN_BACK = {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
UNDECIDED = {"PENDING", "IN_PROGRESS"}
STOPPED = {"STOP_REQUESTED", "STOPPED"}

ROUTINE_EVENTS = (
    ") has started ",
    ") has stopped ",
    ") registered ",
    ") deregistered ",
    ") has begun draining ",
    ") has reached a steady state",
    ") deployment completed",
)
MAX_EVENTS = 5
MATCH_TOLERANCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """The deployment in question, as the answer to `deploy` described it."""

    deployment: str
    task_definition: str | None = None
    network: Network | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome, and what a person needs to believe it."""

    outcome: str
    task_definition: str | None
    desired: int
    running: int
    healthy: int
    tasks: tuple[str, ...] = ()
    """Ids of those that run: what a health check may say that it was answered by."""
    missing: tuple[str, ...] = ()
    reason: str = ""
    taken_back: bool = False
    """ECS gave the deployment up; while the outcome is still in_progress, the way back is not finished."""
    failed_tasks: tuple[Task, ...] = ()
    """Stopped tasks of the deployment, newest first."""
    events: tuple[str, ...] = ()
    """What the service's event stream says went wrong since the deployment began, newest first."""


@dataclass(frozen=True, kw_only=True)
class _Case:
    """The deployment in question with what was found of it."""

    question: Question
    seen: Seen
    listed: Deployment | None
    """Its entry in `deployments[]`, while ECS lists it."""
    task_definition: str | None
    network: Network | None
    created_at: datetime | None
    deployed: steady.Deployed
    stopped: tuple[Task, ...]
    ever_ran: bool


@dataclass(frozen=True, kw_only=True)
class _Finding:
    outcome: str
    missing: tuple[str, ...] = ()
    reason: str = ""
    taken_back: bool = False


def decide(question: Question, seen: Seen) -> Verdict:
    """What became of the deployment that was asked about."""
    case = _case(question, seen)
    finding = _as_primary(case, case.listed) if case.listed and case.listed.is_primary else _as_replaced(case)
    return Verdict(
        outcome=finding.outcome,
        task_definition=case.task_definition,
        desired=seen.service.desired,
        running=len(case.deployed.running),
        healthy=case.deployed.healthy,
        tasks=tuple(task.id for task in case.deployed.running),
        missing=finding.missing,
        reason=finding.reason,
        taken_back=finding.taken_back,
        failed_tasks=case.stopped,
        events=_events(seen.service, case.created_at),
    )


def _case(question: Question, seen: Seen) -> _Case:
    listed = seen.service.deployment(question.deployment)
    task_definition = listed.task_definition if listed else question.task_definition
    created_at = (listed.created_at if listed else None) or question.created_at
    deployed = steady.deployed(seen, task_definition)
    stopped = _stopped_tasks(question.deployment, task_definition, created_at, seen.tasks)
    return _Case(
        question=question,
        seen=seen,
        listed=listed,
        task_definition=task_definition,
        network=listed.network if listed and listed.network else question.network,
        created_at=created_at,
        deployed=deployed,
        stopped=stopped,
        ever_ran=bool(listed and listed.running) or any(task.started_at for task in (*deployed.running, *stopped)),
    )


def _as_primary(case: _Case, listed: Deployment) -> _Finding:
    if not _given_up(listed, case.seen):
        missing = steady.missing(listed, case.deployed, case.seen)
        return _Finding(outcome=IN_PROGRESS if missing else SUCCEEDED, missing=missing)
    if _way_back(listed, case.seen):
        return _in_progress("ECS is about to return to the revision before", _reason(case), taken_back=True)
    return _gone(case)


def _as_replaced(case: _Case) -> _Finding:
    primary = case.seen.service.primary
    if primary is None:
        return _in_progress("ECS lists no primary deployment of the service")
    if _taken_back(case):
        return _returning(case, primary)
    record = case.seen.service_deployment
    if record is not None and record.status in UNDECIDED:
        return _in_progress(f"ECS still calls the service deployment {record.status}")
    if case.listed is None and _older(primary, case.created_at):
        return _in_progress("ECS does not list the deployment yet")
    by = f"{revision(primary.task_definition)} was deployed meanwhile ({primary.id})"
    return _Finding(outcome=SUPERSEDED, reason=by)


def _returning(case: _Case, primary: Deployment) -> _Finding:
    """ECS gave the deployment up for `primary`: how far that is."""
    record = case.seen.service_deployment
    stuck = primary.rollout_state == "FAILED" or (record is not None and record.status == "ROLLBACK_FAILED")
    if stuck or primary.is_of(case.task_definition, case.network):
        return _gone(case)
    if primary.rollout_state != "COMPLETED" or primary.running < primary.desired:
        back = f"{primary.running} of {primary.desired} tasks running on {revision(primary.task_definition)}"
        return _in_progress(f"ECS took it back: {back}", _reason(case), taken_back=True)
    return _Finding(outcome=ROLLED_BACK if case.ever_ran else NO_TASKS, reason=_reason(case), taken_back=True)


def _gone(case: _Case) -> _Finding:
    """Given up, with nothing to return to."""
    return _Finding(outcome=FAILED if case.ever_ran else NO_TASKS, reason=_reason(case), taken_back=True)


def _in_progress(missing: str, reason: str = "", *, taken_back: bool = False) -> _Finding:
    return _Finding(outcome=IN_PROGRESS, missing=(missing,), reason=reason, taken_back=taken_back)


def gave_up(question: Question, seen: Seen) -> bool:
    """Whether ECS itself took the deployment back: what is primary now is then nobody else's."""
    case = _case(question, seen)
    if case.listed is not None and case.listed.is_primary:
        return _given_up(case.listed, seen)
    return _taken_back(case)


def current_outcome(service: Service) -> str:
    """`idle` where nothing is being rolled out; else how the rollout stands."""
    state = service.primary.rollout_state if service.primary else ""
    return {"IN_PROGRESS": IN_PROGRESS, "FAILED": FAILED}.get(state, "idle")


def matching(
    task_definition: str, created_at: datetime, candidates: Iterable[ServiceDeployment], revisions: Mapping[str, str]
) -> ServiceDeployment | None:
    """The service deployment that is the deployment in question.

    ECS gives the two different names; what they share is the task definition and the moment they were created.
    `revisions` maps the ARN of a service revision to its task definition.
    """
    distances = [
        (abs((candidate.created_at - created_at).total_seconds()), candidate)
        for candidate in candidates
        if candidate.created_at is not None and revisions.get(candidate.target_revision) == task_definition
    ]
    near = [pair for pair in distances if pair[0] <= MATCH_TOLERANCE_S]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _given_up(listed: Deployment, seen: Seen) -> bool:
    record = seen.service_deployment
    return listed.rollout_state == "FAILED" or (record is not None and record.status in TAKEN_BACK | STOPPED)


def _way_back(listed: Deployment, seen: Seen) -> bool:
    """A primary that was given up is replaced by the last completed deployment, if there is one."""
    record = seen.service_deployment
    if record is not None and record.status in {"ROLLBACK_FAILED", "STOPPED", "ROLLBACK_SUCCESSFUL"}:
        return False
    return any(
        other.rollout_state == "COMPLETED" and not other.is_of(listed.task_definition, listed.network)
        for other in seen.service.deployments
        if other.id != listed.id
    )


def _taken_back(case: _Case) -> bool:
    """Did ECS give the deployment up (and not somebody replace it)? It is not the primary any more."""
    record, primary = case.seen.service_deployment, case.seen.service.primary
    if case.listed is not None and case.listed.rollout_state == "FAILED":
        return True
    if record is not None:
        return record.status in TAKEN_BACK
    if case.listed is not None or primary is None:
        return False
    since = _messages(case.seen.service, case.created_at)
    named = any(case.question.deployment in message and "deployment failed" in message for message in since)
    # Not listed any more, and what is primary was there before it: somebody's newer deployment would be younger.
    gave_up = any("deployment failed" in message or "rolled back" in message for message in since)
    return named or "rolling back" in primary.reason.lower() or (_older(primary, case.created_at) and gave_up)


def _reason(case: _Case) -> str:
    """Why ECS gave the deployment up, in its own words."""
    record = case.seen.service_deployment
    if record is not None and record.status in TAKEN_BACK | STOPPED:
        alarms = f" (alarms: {', '.join(record.triggered_alarms)})" if record.triggered_alarms else ""
        return (record.reason or f"service deployment is {record.status}") + alarms
    if case.listed is not None and case.listed.reason:
        return case.listed.reason
    events = _messages(case.seen.service, case.created_at)
    named = (message for message in events if case.question.deployment in message)
    return next(named, next((message for message in events if "deployment failed" in message), ""))


def _stopped_tasks(
    identity: str, task_definition: str | None, created_at: datetime | None, tasks: Iterable[Task]
) -> tuple[Task, ...]:
    """Tasks that the deployment lost, last one first.

    ECS names the deployment in `startedBy`; where that names something else, the revision and the time decide.
    """

    def is_of_it(task: Task) -> bool:
        if task.started_by.startswith("ecs-svc/"):
            return task.started_by == identity
        return task.task_definition == task_definition and _since(task.created_at, created_at)

    stopped = [task for task in tasks if task.desired_status == "STOPPED" and is_of_it(task)]
    return tuple(sorted(stopped, key=lambda task: task.stopped_at.timestamp() if task.stopped_at else 0, reverse=True))


def _events(service: Service, created_at: datetime | None) -> tuple[str, ...]:
    messages = _messages(service, created_at)
    telling = [message for message in messages if not any(routine in message for routine in ROUTINE_EVENTS)]
    return tuple(dict.fromkeys(telling))[:MAX_EVENTS]


def _messages(service: Service, since: datetime | None) -> list[str]:
    return [event.get("message", "") for event in service.events if _since(event.get("createdAt"), since)]


def _since(moment: datetime | None, start: datetime | None) -> bool:
    return moment is None or start is None or moment >= start.replace(microsecond=0)


def _older(primary: Deployment, created_at: datetime | None) -> bool:
    return primary.created_at is not None and created_at is not None and primary.created_at < created_at
