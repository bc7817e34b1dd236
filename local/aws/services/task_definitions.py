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
    service, make, get, found = "ecs", "register_task_definition", "describe_task_definition", "taskDefinition"
    remove, keys = "deregister_task_definition", {"taskDefinition": "arn"}
    spelled = {"configureAtLaunch": "configuredAtLaunch"}
    outputs = {"arn": "taskDefinitionArn", "revision": "revision", "family": "family"}
    replaces = words(
        "family cpu memory networkMode executionRoleArn taskRoleArn requiresCompatibilities runtimePlatform "
        "placementConstraints proxyConfiguration ipcMode pidMode enableFaultInjection ephemeralStorage "
        "containerDefinitions volumes"
    )
    unordered = words("requiresCompatibilities volumes placementConstraints")
    defaults = {"skipDestroy": False, "trackLatest": False}
    honoured = words("skipDestroy trackLatest")
    tagged = ("ecs", "arn")

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
        wanted = self.wanted(
            self.make, new | {"volumes": volumes or None, "tags": tags or None, "containerDefinitions": None}
        )
        wanted["containerDefinitions"] = json.loads(new["containerDefinitions"])
        made = aws.client("ecs").register_task_definition(**wanted)["taskDefinition"]
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
        live = super().read(aws, identity, state)
        return live | {"arnWithoutRevision": live["arn"].rsplit(":", 1)[0]}
