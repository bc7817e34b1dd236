"""Task definitions."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from ..kind import Kind, respell, words
from ..session import Aws, GoneError
from ..shapes import Problem
from ..tagging import pairs
from ..wire import UNKNOWN, Props

SPELLED = {"configureAtLaunch": "configuredAtLaunch", "sizeInGib": "sizeInGiB"}
"""Names that ECS writes in its own way."""


class TaskDefinition(Kind):
    """A revision of a task definition: every change makes the next one."""

    resource = "aws:ecs/taskDefinition:TaskDefinition"
    _sent = (
        "family cpu memory networkMode executionRoleArn taskRoleArn requiresCompatibilities runtimePlatform "
        "placementConstraints proxyConfiguration ipcMode pidMode enableFaultInjection ephemeralStorage"
    )
    replaces = words(f"{_sent} containerDefinitions volumes")
    unordered = words("requiresCompatibilities volumes placementConstraints")
    defaults = {"skipDestroy": False, "trackLatest": False}
    tagged = ("ecs", "arn")

    def check(self, inputs: Props) -> list[Problem]:
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
        wanted: Props = respell({key: new[key] for key in self._sent.split() if new.get(key) is not None}, SPELLED)
        wanted["containerDefinitions"] = json.loads(new["containerDefinitions"])
        proxy = wanted.get("proxyConfiguration")
        if proxy:
            properties = [{"name": name, "value": value} for name, value in (proxy.get("properties") or {}).items()]
            wanted["proxyConfiguration"] = proxy | {"properties": properties}
        if new.get("volumes"):
            wanted["volumes"] = [_volume(respell(volume, SPELLED)) for volume in new["volumes"]]
        tags = aws.default_tags | (new.get("tags") or {})
        if tags:
            wanted["tags"] = pairs(tags, "key", "value")
        made = aws.client("ecs").register_task_definition(**wanted)["taskDefinition"]
        # The official plugin's id is the family; the revision is not known but to the answer, so it travels in `new`.
        new["arn"] = made["taskDefinitionArn"]
        return str(made["family"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        arn = identity if state.get("trackLatest") or not state.get("arn") else state["arn"]
        try:
            found = aws.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        except ClientError as error:
            # ECS has no code of its own for this.
            if "Unable to describe task definition" in str(error):
                raise GoneError from error
            raise
        if found.get("status") == "INACTIVE":
            raise GoneError
        arn = found["taskDefinitionArn"]
        return {
            "arn": arn,
            "arnWithoutRevision": arn.rsplit(":", 1)[0],
            "revision": found["revision"],
            "family": found["family"],
        }

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if not state.get("skipDestroy"):
            aws.client("ecs").deregister_task_definition(taskDefinition=state["arn"])


def _volume(volume: Props) -> Props:
    found: Props = {key: value for key, value in volume.items() if key != "hostPath"}
    return found | ({"host": {"sourcePath": volume["hostPath"]}} if volume.get("hostPath") else {})
