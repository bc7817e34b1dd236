"""What a preview with a refresh makes of values that AWS gives back in another form; no containers run here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from components import policies
from components.container import Log, Sidecar, definition
from local.aws.provider import AwsProvider

pytest_plugins = ["tests.local.plugin_fixtures"]

BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:"


def is_changed(provider: AwsProvider, token: str, inputs: dict[str, Any]) -> bool:
    """Whether a preview with a refresh would change what was just made."""
    identity, state = provider.create(token, inputs)
    found = provider.read(token, identity, state, inputs)
    assert found is not None
    return bool(provider.diff(token, found[1], inputs).changes)


def task(**variables: str) -> dict[str, Any]:
    sidecar = Sidecar(
        name="app",
        image=f"app@sha256:{'1' * 64}",
        port=8080,
        environment=variables,
        secrets={"Z": f"{SECRET}z", "A": f"{SECRET}a"},
        health_command=["/app", "check"],
    )
    made = definition(sidecar, Log(group="g", region="us-west-2"), execute_command=False, stop_timeout_s=30)
    return {"family": "given-back", "containerDefinitions": json.dumps([made]), "cpu": "256", "memory": "512"}


def test_a_container_is_as_ecs_gives_it_back_in_whatever_order(provider: AwsProvider) -> None:
    assert not is_changed(provider, TASK, task(B="2", A="1", C="3"))
    empty = task(A="1")
    containers = json.loads(empty["containerDefinitions"])
    containers[0]["environment"].append({"name": "EMPTY", "value": ""})
    assert is_changed(provider, TASK, empty | {"containerDefinitions": json.dumps(containers)})


@pytest.mark.parametrize(
    ("accounts", "changed"),
    [
        (["222222222222"], False),
        (["222222222222", "111111111111", "333333333333"], False),
        (["222222222222", "111111111111", "222222222222"], True),
    ],
)
def test_readers_of_a_bucket_come_back_once_and_in_another_order(
    provider: AwsProvider, accounts: Sequence[str], changed: bool
) -> None:
    # The policy has outputs of Pulumi, which take the thread's event loop; a test that ran before may have closed it.
    asyncio.set_event_loop(asyncio.new_event_loop())
    bucket = f"given-back-{len(accounts)}-{changed}".lower()
    provider.create(BUCKET, {"bucket": bucket})
    arn = f"arn:aws:s3:::{bucket}"
    statements = policies.readable_by(accounts, "aws", arn)
    for statement in statements:
        statement["Resource"] = arn if statement["Action"] == "s3:ListBucket" else f"{arn}/*"
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert is_changed(provider, POLICY, {"bucket": bucket, "policy": document}) is changed
