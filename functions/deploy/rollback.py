"""Undoing a deployment: back to the revision before, by ECS where it still can, else by another deployment."""

from __future__ import annotations

from botocore.exceptions import ClientError

from functions.deploy import commands, evidence, lease, verdict
from functions.deploy.clients import Aws
from functions.deploy.commands import Answer
from functions.deploy.errors import RefusedError, UnavailableError
from functions.deploy.facts import Deployment, Service, ServiceDeployment
from functions.deploy.requests import Rollback
from functions.deploy.steady import Seen

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html
STOPPABLE = {"PENDING", "IN_PROGRESS"}
GOING_BACK = {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html
MEANWHILE = {"ConflictException", "ServiceDeploymentNotFoundException"}
CANNOT = {"ClientException", "InvalidParameterException", "UnsupportedFeatureException"}


def rollback(aws: Aws, request: Rollback) -> Answer:
    """Stop our deployment, or replace it, or find that nothing is to be done.

    `outcome`: `stopping` (ECS goes back by itself), `started` (a deployment back was started), `there` (the service is
    on the revision), `stopped` (no task is wanted any more).
    """
    lease.check(aws, request.lease)
    service = aws.describe_service()
    primary = service.primary
    if primary is None:
        raise UnavailableError(f"ECS lists no primary deployment of {service.name}")
    record = _record(aws, service, request.deployment)
    _check_ours(service, primary, record, request)
    target = request.task_definition
    if target is None:
        return _end_all(aws, service, primary)
    if record is not None and not commands.is_there(service, target, request):
        if record.status in GOING_BACK:
            return _answer("stopping", commands.deployed(service, primary, started=False))
        if _can_stop(aws, service, record, request) and _stop(aws, record):
            return _answer("stopping", commands.deployed(service, primary, started=True))
    commands.check_deployable(aws, target, service)
    answer = commands.move(aws, service, target, request)
    return _answer("started" if answer["started"] else "there", answer)


def _record(aws: Aws, service: Service, identity: str | None) -> ServiceDeployment | None:
    """ECS's own record of the deployment that is to be undone, while it lists the deployment."""
    if identity is None or service.deployment(identity) is None:
        return None
    return evidence.service_deployment(aws, service, verdict.Question(deployment=identity))


def _check_ours(service: Service, primary: Deployment, record: ServiceDeployment | None, request: Rollback) -> None:
    """Somebody else's deployment is not undone."""
    if primary.id == request.deployment or service.desired < 1:
        return
    if request.task_definition is not None and primary.task_definition == request.task_definition:
        return
    seen = Seen(service=service, service_deployment=record)
    if request.deployment is not None and verdict.gave_up(verdict.Question(deployment=request.deployment), seen):
        return
    undone = f"deployment {request.deployment}" if request.deployment else "no deployment"
    raise RefusedError(
        f"{service.name} was to be taken back from {undone}, but its primary is {commands.described(primary)}: "
        "somebody else deploys it. Nothing was changed; see what runs, then release again"
    )


def _end_all(aws: Aws, service: Service, primary: Deployment) -> Answer:
    started = service.desired > 0
    if started:
        aws.ecs_changing.update_service(cluster=aws.cluster, service=aws.service, desiredCount=0)
    return _answer("stopped", commands.deployed(service, primary, started=started) | {"desiredCount": 0})


def _can_stop(aws: Aws, service: Service, record: ServiceDeployment, request: Rollback) -> bool:
    """Whether ECS still rolls it out, and would return to nothing but the revision and the network of the request.

    No service revision has ECS Exec: where it is another one now, whether ECS would bring it back is not documented.
    """
    if record.status not in STOPPABLE or not record.source_revisions:
        return False
    if request.execute_command not in (None, service.execute_command):
        return False
    sources = evidence.service_revisions(aws, record.source_revisions)
    return len(sources) == len(set(record.source_revisions)) and all(
        source.task_definition == request.task_definition and request.network in (None, source.network)
        for source in sources.values()
    )


def _stop(aws: Aws, record: ServiceDeployment) -> bool:
    """Tell ECS to go back; False where it cannot."""
    try:
        aws.ecs_changing.stop_service_deployment(serviceDeploymentArn=record.arn, stopType="ROLLBACK")
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message")
        if code in MEANWHILE:
            raise UnavailableError(f"the deployment changed while it was being stopped: {code}: {message}") from error
        if code in CANNOT:
            return False
        raise
    return True


def _answer(outcome: str, answer: Answer) -> Answer:
    return {"service": answer["service"], "outcome": outcome, **answer}
