"""What answers at the address of a local environment: the proven version, by a task of its release, or what else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

from release import healthcheck, tasks
from release.healthcheck import HealthCheck
from release.tasks import Tasks


def why_not_proven(outputs: Mapping[str, Any], port: int, deadline_s: float) -> str | None:
    """Why what a stack's outputs prove does not answer within `deadline_s`; None where it does."""
    check, running_tasks = _question(outputs, port, deadline_s)
    try:
        healthcheck.prove(check, lambda _: None, running_tasks)
    except healthcheck.NotProven as error:
        return str(error)
    return None


def miss(outputs: Mapping[str, Any], port: int) -> str | None:
    """The same of one answer, in short."""
    return healthcheck.probe(*_question(outputs, port, deadline_s=1.0)).miss


def _question(outputs: Mapping[str, Any], port: int, deadline_s: float) -> tuple[HealthCheck, Tasks]:
    """The name of the address is asked for at the emulator, whatever DNS says of it."""
    release = outputs["release"]
    check = HealthCheck(
        url=outputs["healthcheckUrl"],
        version=release["version"],
        connect_to=f"127.0.0.1:{port}",
        passes=1,
        deadline_s=deadline_s,
    )
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=release["taskDefinition"].split(":")[3],
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )
    return check, tasks.of(client, outputs["deployFunction"], release["taskDefinition"])
