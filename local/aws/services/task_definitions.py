"""Task definitions."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from local.plugin.provider import Problem
from local.plugin.wire import UNKNOWN, Props

from ..kind import Kind, words
from ..session import Aws, GoneError


class TaskDefinition(Kind):
    """A revision of a task definition: every change makes the next one."""

    resource = "aws:ecs/taskDefinition:TaskDefinition"
    service, make, get, answer_path = "ecs", "register_task_definition", "describe_task_definition", "taskDefinition"
    remove, keys = "deregister_task_definition", {"taskDefinition": "arn"}
    spelled = {"configureAtLaunch": "configuredAtLaunch"}
    replaces = words(
        "family cpu memory networkMode executionRoleArn taskRoleArn requiresCompatibilities runtimePlatform "
        "placementConstraints proxyConfiguration ipcMode pidMode enableFaultInjection ephemeralStorage "
        "containerDefinitions volumes"
    )
    unordered = words("requiresCompatibilities volumes placementConstraints")
    defaults = {"skipDestroy": False, "trackLatest": False}
    honoured = words("skipDestroy trackLatest")
    tagged = "arn"

    def rules(self, inputs: Props) -> list[Problem]:
        if inputs["containerDefinitions"] == UNKNOWN:
            return []
        try:
            containers = json.loads(inputs["containerDefinitions"])
        except ValueError as error:
            return [Problem("containerDefinitions", f"not JSON: {error}")]
        if not isinstance(containers, list) or not containers:
            return [Problem("containerDefinitions", "must be a JSON list of at least one container")]
        problems = []
        for number, container in enumerate(containers):
            missing = [key for key in ("name", "image") if not isinstance(container, dict) or not container.get(key)]
            problems += [Problem("containerDefinitions", f"container {number} has no {key}") for key in missing]
        return problems

    def create(self, aws: Aws, new: Props) -> str:
        volumes = [
            {name: value for name, value in volume.items() if name != "hostPath"}
            | ({"host": {"sourcePath": volume["hostPath"]}} if volume.get("hostPath") else {})
            for volume in new.get("volumes") or []
        ]
        tags = aws.default_tags | (new.get("tags") or {})
        arguments = self.arguments(
            self.make, new | {"volumes": volumes or None, "tags": tags or None, "containerDefinitions": None}
        )
        arguments["containerDefinitions"] = json.loads(new["containerDefinitions"])
        made = aws.client("ecs").register_task_definition(**arguments)["taskDefinition"]
        # The official plugin's id is the family; the revision is not known but to the answer, so it travels in `new`.
        new["arn"] = made["taskDefinitionArn"]
        return str(made["family"])

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        arn = identity if state.get("trackLatest") or not state.get("arn") else state["arn"]
        try:
            return super().find(aws, identity, {"arn": arn})
        except ClientError as error:
            # ECS has no code of its own for this.
            if "Unable to describe task definition" in str(error):
                raise GoneError from error
            raise

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        definition = self.find(aws, identity, state)
        arn = str(definition["taskDefinitionArn"])
        live = {
            "arn": arn,
            "arnWithoutRevision": arn.rsplit(":", 1)[0],
            "revision": definition["revision"],
            "family": definition["family"],
        }
        before = state.get("containerDefinitions")
        kept = definition["containerDefinitions"]
        same = before and _reduced(json.loads(before)) == _reduced(kept)
        return live | {"containerDefinitions": before if same else json.dumps(_reduced(kept))}


def _reduced(containers: list[Props]) -> list[Props]:
    """Containers without what says nothing, as the official provider compares them.

    containerDefinitionsAreEquivalent in internal/service/ecs of hashicorp/terraform-provider-aws.
    """
    reduced = []
    for container in containers:
        whole = {"essential": True, "cpu": 0} | {
            key: value for key, value in container.items() if value not in ([], None)
        }
        for variables in ("environment", "secrets"):
            if variables in whole:
                whole[variables] = sorted(whole[variables], key=lambda variable: variable["name"])
        if "portMappings" in whole:
            whole["portMappings"] = [
                {"hostPort": port["containerPort"], "protocol": "tcp"} | port for port in whole["portMappings"]
            ]
        reduced.append(whole)
    return sorted(reduced, key=lambda container: str(container["name"]))
