"""The emulator with IAM enforced, and with AWS's choice of the resource that a request is authorized on.

The emulator evaluates policies as IAM does, but asks them about other resources than AWS: every ECS request about the
cluster's ARN and without its condition keys, log events about the group and no stream, GetParameters about everything.
So it denies what a policy that is right on AWS allows. `resource` knows, for the actions that these tests make, what
https://docs.aws.amazon.com/service-authorization/latest/reference/ says; deciding stays with the emulator. This runs
in its process: `start` puts it before the emulator's own module.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

from local.emulator import process
from tests.local.emulated import free_port

IN_CLUSTER = {
    "CreateService": ("service", "serviceName"),
    "DeleteService": ("service", "service"),
    "DescribeServices": ("service", "services"),
    "DescribeTasks": ("task", "tasks"),
    "ListServiceDeployments": ("service", "service"),
    "ListTasks": ("container-instance", "containerInstance"),
    "StopTask": ("task", "task"),
    "UpdateService": ("service", "service"),
}
"""Resource type and the field that names it; the ARN has the cluster's name between them."""
WITH_CLUSTER_KEY = {"DeleteService", "DescribeServices", "DescribeTasks", "ListTasks", "RunTask", "StopTask"}
"""Requests that have the condition key `ecs:cluster`."""
WITH_TASK_DEFINITION_KEY = {"CreateService", "UpdateService"}
"""Requests that have the condition key `ecs:task-definition`, if they name one."""
BY_ARN = {
    "DescribeServiceDeployments": "serviceDeploymentArns",
    "DescribeServiceRevisions": "serviceRevisionArns",
    "RunTask": "taskDefinition",
    "StopServiceDeployment": "serviceDeploymentArn",
}
STORE = re.compile(r"/key-value-stores/(arn:[^/]+/[^/]+)")
"""Where a request to the data plane of CloudFront KeyValueStore has the ARN."""
WITHOUT_RESOURCE = {"DeregisterTaskDefinition", "DescribeTaskDefinition"}


def start(folder: Path) -> process.Running:
    """An emulator that enforces IAM; `process.stop` stops it. Its credentials `test` are root's."""
    folder.mkdir(parents=True, exist_ok=True)
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {__name__} "$@"\n')
    interpreter.chmod(0o755)
    with patch.object(sys, "executable", str(interpreter)):
        return process.start(process.EmulatorSettings(folder=folder, port=free_port(), auth=True), print)


def resource(action: str, body: dict[str, Any], scope: str) -> str | None:
    """The ARN that AWS authorizes an action on; None where the emulator's is right. Only the first of several."""
    name = action.partition(":")[2]
    if action.startswith("ecs:"):
        if name in WITHOUT_RESOURCE:
            return "*"
        if name in BY_ARN:
            return _first(body.get(BY_ARN[name]))
        if name in IN_CLUSTER:
            kind, field = IN_CLUSTER[name]
            named = _first(body.get(field)) or "any"
            return named if named.startswith("arn:") else f"arn:aws:ecs:{scope}:{kind}/{_cluster(body)}/{named}"
    if action.startswith("logs:") and body.get("logStreamName"):
        return f"arn:aws:logs:{scope}:log-group:{body['logGroupName']}:log-stream:{body['logStreamName']}"
    if action == "ssm:GetParameters":
        return f"arn:aws:ssm:{scope}:parameter/{_first(body.get('Names')).lstrip('/')}"
    return None


def close(actions: Any) -> None:
    """Let the emulator ask its policies about AWS's resources, and tell them what ECS requests are about."""
    actions.extract_resource_arn = _as_aws(actions.extract_resource_arn)
    actions.request_tag_context = _with_keys(actions.request_tag_context)


def _as_aws(extract: Callable[..., str]) -> Callable[..., str]:
    actions = {"ecs", "logs", "ssm"}

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        found = None
        if service in actions:
            region, account = rest[-2:]
            action = f"{service}:{headers.get('x-amz-target', '').rpartition('.')[2]}"
            found = resource(action, _read(body), f"{region}:{account}")
        if service == "cloudfront-keyvaluestore":
            found = STORE.findall(unquote(path))[0]
        return found or extract(service, method, path, headers, body, *rest)

    return extract_resource_arn


def _with_keys(tags: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def request_tag_context(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        context = tags(service, action, body, params)
        if service != "ecs":
            return context
        name, fields = action.partition(":")[2], _read(body)
        scope = import_module("ministack.core.responses")
        prefix = f"arn:aws:ecs:{scope.get_region()}:{scope.get_account_id()}"
        if name in WITH_CLUSTER_KEY:
            context = {**context, "ecs:cluster": f"{prefix}:cluster/{_cluster(fields)}"}
        if name in WITH_TASK_DEFINITION_KEY and fields.get("taskDefinition"):
            revision = str(fields["taskDefinition"]).rpartition("/")[2]
            context = {**context, "ecs:task-definition": f"{prefix}:task-definition/{revision}"}
        return context

    return request_tag_context


def _cluster(body: dict[str, Any]) -> str:
    return str(body.get("cluster") or "default").rpartition("/")[2]


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) and value else value or "")


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    del sys.argv[1:4]  # -u -m local.emulator: what the emulator would have been started with
    close(import_module("ministack.core.iam_actions"))
    import_module("local.emulator.__main__").main()
