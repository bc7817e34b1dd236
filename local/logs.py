"""`python -m local logs`: what a service, the deploy functions or the emulator said."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.exceptions

from cli.errors import VerbError
from cli.version import describe_files
from local.clients import client
from local.emulator import process as emulator
from local.environment import variables
from local.layout import ENVIRONMENTS, Layout, LocalError
from local.terminal import say
from settings.names import project
from settings.own_names import MAIN_SERVICE, own_name

POLL_S = 1.0
FUNCTIONS = "lambda"


def run(layout: Layout, source: str | None, *, environment: str | None, follow: bool, lines: int) -> int:
    if source == "emulator":
        return _emulator(layout.emulator / "log", follow, lines)
    if emulator.running(layout.emulator) is None:
        raise LocalError("the emulator does not run, and it keeps these logs: make up")
    values = variables(layout)
    logs = client("logs", values["AWS_ENDPOINT_URL"], values["AWS_REGION"])
    described = _services(layout)
    cursors = {
        _label(name, service, described, source): Cursor(
            logs, _group(f"{project(layout.root)}-{name}", service, source)
        )
        for name in ([environment] if environment else ENVIRONMENTS)
        for service in sources(source, described)
    }
    shown = [(name, event) for name, cursor in cursors.items() for event in deque(cursor.new(), lines)]
    for name, event in sorted(shown, key=lambda pair: int(pair[1]["timestamp"])):
        say(line(name, event))
    if not shown and not follow:
        say(f"nothing was logged yet ({', '.join(cursor.group for cursor in cursors.values())})")
    while follow:
        time.sleep(POLL_S)
        for name, cursor in cursors.items():
            for event in cursor.new():
                say(line(name, event))
    return 0


def sources(source: str | None, services: Collection[str]) -> tuple[str, ...]:
    """The services whose logs are meant; without a source the main service, or the only one. Raises LocalError."""
    if source is None:
        return _without_a_source(services)
    if source in services:
        return (source,)
    if source == FUNCTIONS or (source == MAIN_SERVICE and len(services) == 1):
        return tuple(services)
    known = ", ".join((*services, FUNCTIONS, "emulator"))
    raise LocalError(f"there is no log of {source!r}: expected one of {known}")


def _without_a_source(services: Collection[str]) -> tuple[str, ...]:
    if not services:
        raise LocalError("no service is described, so that none has a log; there is: emulator")
    if len(services) > 1 and MAIN_SERVICE not in services:
        raise LocalError(f"whose log? One of {', '.join((*services, FUNCTIONS, 'emulator'))}")
    return (MAIN_SERVICE,) if MAIN_SERVICE in services else tuple(services)


def _services(layout: Layout) -> tuple[str, ...]:
    """The names of the services, as the settings describe them."""
    try:
        return tuple(describe_files(layout.root).services)
    except VerbError as error:
        raise LocalError(str(error)) from error


def _label(environment: str, service: str, services: Collection[str], source: str | None) -> str:
    return f"{environment} {service}" if source == FUNCTIONS and len(services) > 1 else environment


def _group(base: str, service: str, source: str | None) -> str:
    own = own_name(base, service)
    return f"/aws/lambda/{own}-deploy" if source == FUNCTIONS else f"/ecs/{own}"


def line(name: str, event: dict[str, Any]) -> str:
    """One event for people: environment, time, task or invocation, text."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).strftime("%H:%M:%S")
    return f"{name:<4} {at} {str(event['logStreamName'])[-8:]} {str(event['message']).rstrip()}"


class Cursor:
    """The events of one log group, each of them once."""

    def __init__(self, client: Any, group: str) -> None:
        self.group = group
        self._client = client
        self._since = 0
        self._seen: set[tuple[str, int, str]] = set()

    def new(self) -> Iterator[dict[str, Any]]:
        """What was logged since the last call. A group that does not exist yet has no events."""
        pages = self._client.get_paginator("filter_log_events").paginate(logGroupName=self.group, startTime=self._since)
        try:
            for page in pages:
                for event in page["events"]:
                    identity = (event["logStreamName"], event["timestamp"], event["message"])
                    if identity not in self._seen:
                        self._seen.add(identity)
                        self._since = max(self._since, int(event["timestamp"]) - 10_000)
                        yield event
        except self._client.exceptions.ResourceNotFoundException:
            return
        except botocore.exceptions.EndpointConnectionError as error:
            raise LocalError("the emulator ended: make up") from error


def _emulator(log: Path, follow: bool, lines: int) -> int:
    if not log.exists():
        raise LocalError("the emulator was never started here: make up")
    with log.open(errors="replace") as file:
        for text in deque(file, lines):
            say(text.rstrip("\n"))
        while follow:
            text = file.readline()
            if text:
                say(text.rstrip("\n"))
            else:
                time.sleep(POLL_S)
    return 0
