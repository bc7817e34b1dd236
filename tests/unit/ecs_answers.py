"""boto3 clients that answer from a file instead of the network. Their arguments are checked by boto3 as always.

The files in `tests/fixtures/ecs` follow the API reference: `aws_*` as AWS answers, with service deployments; the others
as an ECS answers that keeps none, where a rollback makes the old deployment the primary one again. They have what the
deploy function reads, and `same.yaml` what is the same in all of them.
"""

from __future__ import annotations

import copy
import functools
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError

from functions.deploy import clients, facts, verdict
from functions.deploy.steady import Seen

FOLDER = Path(__file__).parents[1] / "fixtures" / "ecs"
CLUSTER = SERVICE = "easi-dev"
RECORDS = "easi-dev-records"
NEW = "ecs-svc/9000000000000000001"
"""What `updating` calls a deployment that it makes."""
LEASE = "0123456789abcdef0123456789abcdef"
ARN = "arn:aws:ecs:us-west-2:111122223333:task-definition/easi-dev:{}"

Reply = Callable[[Mapping[str, Any]], dict[str, Any]]


class Answers:
    """The service as a file describes it; tests change `content`, and `replies` for what is not in the file."""

    def __init__(self, name: str) -> None:
        self.content: dict[str, Any] = copy.deepcopy(_content(name))
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.replies: dict[str, Reply] = {
            "GetObject": lambda _: leased(LEASE),
            "DescribeServices": lambda _: self.content["describe_services"],
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "DescribeTargetHealth": lambda _: self.content["describe_target_health"],
            "ListServiceDeployments": lambda _: self.content["describe_service_deployments"],
            "DescribeServiceDeployments": lambda _: self.content["describe_service_deployments"],
            "DescribeServiceRevisions": self._describe_service_revisions,
            "DescribeTaskDefinition": lambda asked: {"taskDefinition": self.task_definition(asked["taskDefinition"])},
        }

    @property
    def asked(self) -> verdict.Question:
        asked = self.content["asked"]
        return verdict.Question(
            deployment=asked["deployment"], task_definition=asked["taskDefinition"], created_at=asked["createdAt"]
        )

    @property
    def began(self) -> datetime:
        """When the deployment in question was created."""
        began: datetime = self.content["asked"]["createdAt"]
        return began

    @property
    def seen(self) -> Seen:
        """Everything in the file, whatever a command would have asked for."""
        service = facts.service(self.content["describe_services"]["services"][0])
        revisions = self.content["describe_service_revisions"]["serviceRevisions"]
        return Seen(
            service=service,
            tasks=facts.tasks(self.content["describe_tasks"]["tasks"]),
            targets=facts.targets(
                next(iter(service.load_balancing)),
                self.content["describe_target_health"]["TargetHealthDescriptions"],
            ),
            service_deployment=verdict.matching(
                self.content["asked"]["taskDefinition"],
                self.began,
                facts.service_deployments(self.content["describe_service_deployments"]["serviceDeployments"]),
                {each["serviceRevisionArn"]: each["taskDefinition"] for each in revisions},
            ),
        )

    @property
    def service(self) -> dict[str, Any]:
        """What DescribeServices answers, to be changed."""
        found: dict[str, Any] = self.content["describe_services"]["services"][0]
        return found

    @property
    def names(self) -> list[str]:
        """The operations called so far, each once, in the order of their first call."""
        return list(dict.fromkeys(name for name, _ in self.calls))

    def aws(self) -> clients.Aws:
        """What the commands get: clients that answer from here."""
        aws = clients.Aws({"CLUSTER": CLUSTER, "SERVICE": SERVICE, "RECORDS_BUCKET": RECORDS})
        ecs, logs, s3 = self._client("ecs"), self._client("logs"), self._client("s3")
        vars(aws).update(ecs=ecs, ecs_changing=ecs, elbv2=self._client("elbv2"), s3=s3)
        vars(aws).update(ecs_explaining=ecs, logs=lambda _region: logs)
        return aws

    def task_definition(self, arn: str) -> dict[str, Any]:
        options = {"awslogs-group": "/ecs/easi-dev", "awslogs-region": "us-west-2", "awslogs-stream-prefix": "backend"}
        container = {"name": "backend", "logConfiguration": {"logDriver": "awslogs", "options": options}}
        return {"taskDefinitionArn": arn, "status": "ACTIVE", "containerDefinitions": [container]}

    def _describe_service_revisions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = self.content["describe_service_revisions"]["serviceRevisions"]
        return {
            "serviceRevisions": [each for each in found if each["serviceRevisionArn"] in asked["serviceRevisionArns"]]
        }

    def _list_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert asked["cluster"] == CLUSTER
        if asked.get("family") == SERVICE:
            # Those beside the service's own are a test's to add.
            return {"taskArns": []}
        assert asked["serviceName"] == SERVICE
        tasks = self.content["describe_tasks"]["tasks"]
        return {"taskArns": [each["taskArn"] for each in tasks if each["desiredStatus"] == asked["desiredStatus"]]}

    def _describe_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        tasks = self.content["describe_tasks"]["tasks"]
        return {"tasks": [each for each in tasks if each["taskArn"] in asked["tasks"]]}

    def _client(self, name: str) -> Any:
        client = boto3.client(name, region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x")
        client.meta.events.register("provide-client-params", self._note)
        client.meta.events.register("before-call", self._reply)
        return client

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, dict(params)))

    def _reply(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        name, asked = self.calls[-1]
        assert name == model.name
        assert name in self.replies, f"{name} was not expected"
        return SimpleNamespace(status_code=200), copy.deepcopy(self.replies[name](asked))


def updating(answers: Answers) -> list[dict[str, Any]]:
    """Let UpdateService work, as ECS does it; the list has its arguments."""
    updates: list[dict[str, Any]] = []

    def update(asked: Mapping[str, Any]) -> dict[str, Any]:
        updates.append(dict(asked))
        service = answers.service
        service["desiredCount"] = asked["desiredCount"]
        (primary,) = (each for each in service["deployments"] if each["status"] == "PRIMARY")
        service["enableExecuteCommand"] = asked.get("enableExecuteCommand", service["enableExecuteCommand"])
        network = asked.get("networkConfiguration", primary["networkConfiguration"])
        if (
            asked.get("forceNewDeployment")
            or asked.get("taskDefinition", service["taskDefinition"]) != service["taskDefinition"]
        ):
            made = {
                **primary,
                "id": NEW,
                "taskDefinition": asked["taskDefinition"],
                "networkConfiguration": network,
                "rolloutState": "IN_PROGRESS",
            }
            primary["status"] = "ACTIVE"
            service["deployments"].insert(0, made)
            service["taskDefinition"] = asked["taskDefinition"]
        return {"service": copy.deepcopy(service)}

    answers.replies["UpdateService"] = update
    return updates


def leased(identity: str, age_s: float = 4, **changes: Any) -> dict[str, Any]:
    """S3's answer to GetObject: a lease of this id, and its age by S3's clock."""
    now = datetime(2026, 11, 23, 17, 5, 19, tzinfo=UTC)
    holder = {"id": identity, "who": "octocat", "since": "2026-11-23T17:00:00Z", "version": "3f2c1aa0" * 5, **changes}
    return {
        "Body": io.BytesIO(json.dumps(holder).encode()),
        "LastModified": now - timedelta(seconds=age_s),
        "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"date": format_datetime(now, usegmt=True)}},
    }


def failing(code: str, message: str = "no", status: int = 400) -> Reply:
    """A reply that is an error of AWS."""

    def reply(_: Mapping[str, Any]) -> dict[str, Any]:
        answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "Operation")

    return reply


@functools.cache
def _content(name: str) -> dict[str, Any]:
    """The answers of a file, by operation, and what is `asked` about."""
    same, given = _read("same"), _read(name)
    kinds = ("deployments", "events", "tasks", "targets", "serviceDeployments", "serviceRevisions")
    found = {kind: [{**same.get(kind, {}), **each} for each in given.get(kind, ())] for kind in kinds}
    service = {**same["service"], **given["service"], "deployments": found["deployments"], "events": found["events"]}
    return {
        "asked": {**same["asked"], **given.get("asked", {})},
        "describe_services": {"services": [service]},
        "describe_tasks": {"tasks": [_task(**task) for task in found["tasks"]]},
        "describe_target_health": {"TargetHealthDescriptions": [_target(**target) for target in found["targets"]]},
        "describe_service_deployments": {"serviceDeployments": found["serviceDeployments"]},
        "describe_service_revisions": {"serviceRevisions": found["serviceRevisions"]},
    }


def _read(name: str) -> dict[str, Any]:
    written = (FOLDER / f"{name}.yaml").read_text()
    content: dict[str, Any] = yaml.safe_load(written.replace("ecs:", "arn:aws:ecs:us-west-2:111122223333:"))
    return content


def _task(*, address: str | None, exitCode: int | None = None, **task: Any) -> dict[str, Any]:  # noqa: N803 - AWS's name
    """A task of one container, with the network interface at `address` once it has one."""
    container = {"name": "backend", "healthStatus": task["healthStatus"]}
    if exitCode is not None:
        container["exitCode"] = exitCode
    details = [{"name": "privateIPv4Address", "value": address}] if address else []
    started = {"startedAt": task["createdAt"]} if address else {}
    return {**task, **started, "attachments": [{"details": details}], "containers": [container]}


def _target(*, address: str, **health: str) -> dict[str, Any]:
    return {"Target": {"Id": address, "Port": 8080}, "TargetHealth": health}
