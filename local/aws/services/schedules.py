"""What happens at a time or on an event: rules with their targets, and schedules."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from local.plugin.provider import Problem
from local.plugin.wire import Props

from ..kind import Kind, Name, words
from ..session import Aws, one
from ..spelling import members, spell_members

DEFAULT = "default"
"""The bus of AWS's own events, and the group of schedules that AWS makes."""


class EventRule(Kind):
    """A time or a pattern of events."""

    resource = "aws:cloudwatch/eventRule:EventRule"
    service, make, get, remove = "events", "put_rule", "describe_rule", "delete_rule"
    keys = {"Name": "name", "EventBusName": "eventBusName"}
    put = True
    alike = words("arn description state eventPattern scheduleExpression roleArn")
    handled = words("isEnabled")
    honoured = words("forceDestroy")
    replaces = words("name namePrefix eventBusName")
    name = Name(limit=64)
    defaults = {"eventBusName": DEFAULT, "forceDestroy": False}
    tagged = "arn"

    def rules(self, inputs: Props) -> list[Problem]:
        if not inputs.get("scheduleExpression") and not inputs.get("eventPattern"):
            return [Problem("scheduleExpression", "a rule needs scheduleExpression, eventPattern or both")]
        if inputs.get("isEnabled") is not None and inputs.get("state"):
            return [Problem("isEnabled", "not with state; use state alone")]
        return []

    def create(self, aws: Aws, new: Props) -> str:
        enabled = {True: {"state": "ENABLED"}, False: {"state": "DISABLED"}, None: {}}[new.get("isEnabled")]
        self.call(aws, self.make, self.arguments(self.make, self.defaults | {"state": "ENABLED"} | new | enabled))
        bus = new.get("eventBusName", DEFAULT)
        return str(new["name"]) if bus == DEFAULT else f"{bus}/{new['name']}"

    def from_id(self, identity: str) -> Props:
        bus, _, name = identity.rpartition("/")
        return {"name": name, "eventBusName": bus or DEFAULT}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        key = self.from_id(identity)
        live = super().read(aws, identity, self.defaults | key)
        return live | key | ({"isEnabled": live["state"] == "ENABLED"} if "isEnabled" in state else {})

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        key = {"Rule": state["name"], "EventBusName": state.get("eventBusName", DEFAULT)}
        if state.get("forceDestroy"):
            targets = aws.client("events").list_targets_by_rule(**key)["Targets"]
            if targets:
                aws.client("events").remove_targets(**key, Ids=[target["Id"] for target in targets], Force=True)
        super().delete(aws, identity, self.defaults | state)


class EventTarget(Kind):
    """What a rule starts. The emulator sends messages and calls functions; it starts no task."""

    resource = "aws:cloudwatch/eventTarget:EventTarget"
    service, make, get, remove = "events", "put_targets", "list_targets_by_rule", "remove_targets"
    put = True
    spelled = {
        "targetId": "Id",
        "ecsTarget": "EcsParameters",
        "httpTarget": "HttpParameters",
        "kinesisTarget": "KinesisParameters",
        "sqsTarget": "SqsParameters",
        "inputPaths": "InputPathsMap",
        "orderedPlacementStrategies": "PlacementStrategy",
    }
    keys = {"Rule": "rule", "EventBusName": "eventBusName"}
    handled = words(
        "targetId arn roleArn input inputPath inputTransformer deadLetterConfig retryPolicy ecsTarget sqsTarget"
    )
    handled |= words("httpTarget kinesisTarget")
    honoured = words("forceDestroy")
    replaces = words("rule targetId eventBusName")
    defaults = {"eventBusName": DEFAULT, "forceDestroy": False}

    def named(self, inputs: Props, state: Props | None = None) -> Props:
        return {"targetId": (state or {}).get("targetId") or f"pulumi-{uuid.uuid4().hex}"} | inputs

    def arguments(self, operation: str, props: Props) -> Props:
        target = {name: value for name, value in props.items() if name in self.handled}
        if target.get("ecsTarget"):
            target["ecsTarget"] = started_task(target["ecsTarget"])
        shapes = members("events", "put_targets")["Targets"].member.members
        return {"Targets": [spell_members(shapes, target, self.spelled)]}

    def create(self, aws: Aws, new: Props) -> str:
        self.call(aws, self.make, self.arguments(self.make, new) | self.where(self.make, "", self.defaults | new))
        bus = new.get("eventBusName", DEFAULT)
        return f"{'' if bus == DEFAULT else f'{bus}-'}{new['rule']}-{new['targetId']}"

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        key = self.where(self.get, identity, self.defaults | state)
        target = one(self.call(aws, self.get, key)["Targets"], Id=state["targetId"])
        live = {"arn": target["Arn"], "input": target.get("Input"), "roleArn": target.get("RoleArn")}
        return {name: value for name, value in live.items() if value is not None}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        key = self.where(self.remove, identity, self.defaults | state)
        self.call(aws, self.remove, key | {"Ids": [state["targetId"]]})


class Schedule(Kind):
    """What EventBridge Scheduler starts. The emulator sends messages and calls functions; it starts no task."""

    resource = "aws:scheduler/schedule:Schedule"
    service, make, get, remove = "scheduler", "create_schedule", "get_schedule", "delete_schedule"
    keys = {"Name": "name", "GroupName": "groupName"}
    alike = words("arn name groupName scheduleExpression state scheduleExpressionTimezone")
    spelled = {"pipelineParameters": "PipelineParameterList"}
    handled = words(
        "actionAfterCompletion description endDate flexibleTimeWindow kmsKeyArn scheduleExpression "
        "scheduleExpressionTimezone startDate state target"
    )
    replaces = words("name namePrefix groupName")
    name = Name(limit=64)
    defaults = {"groupName": DEFAULT, "scheduleExpressionTimezone": "UTC", "state": "ENABLED"}
    defaults |= {"actionAfterCompletion": "NONE"}

    def arguments(self, operation: str, props: Props) -> Props:
        props = self.defaults | props
        for name in ("startDate", "endDate"):
            if props.get(name):
                props[name] = datetime.datetime.fromisoformat(props[name])
        parameters = props["target"].get("ecsParameters")
        if parameters:
            props["target"] = props["target"] | {"ecsParameters": started_task(parameters)}
        return super().arguments(operation, props)

    def create(self, aws: Aws, new: Props) -> str:
        self.call(aws, self.make, self.arguments(self.make, new))
        return f"{new.get('groupName', DEFAULT)}/{new['name']}"

    def from_id(self, identity: str) -> Props:
        group, _, name = identity.partition("/")
        return {"name": name, "groupName": group}

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        return super().find(aws, identity, self.from_id(identity))

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Any) -> None:
        # AWS sets what is not said to its default: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
        self.call(aws, "update_schedule", self.arguments("update_schedule", new))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        super().delete(aws, identity, self.from_id(identity))


class ScheduleGroup(Kind):
    """Schedules that belong together; they end with it."""

    resource = "aws:scheduler/scheduleGroup:ScheduleGroup"
    service, make, identity = "scheduler", "create_schedule_group", "{name}"
    get, remove, keys = "get_schedule_group", "delete_schedule_group", {"Name": "name"}
    alike = words("arn name state creationDate lastModificationDate")
    replaces = words("name namePrefix")
    name = Name(limit=64)
    tagged = "arn"
    example = {"name": "reports", "tags": {"a": "1"}}


def started_task(task: Props) -> Props:
    """A task as EventBridge takes it: its network is below `awsvpcConfiguration`, and a yes is a word."""
    network = task.get("networkConfiguration")
    if not network:
        return task
    public = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
    return task | {"networkConfiguration": {"awsvpcConfiguration": network | {"assignPublicIp": public}}}
