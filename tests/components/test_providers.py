"""The provider for us-east-1."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from components import aws_location
from tests.components.recorded import record

PROVIDER = "pulumi:providers:aws"


SECRET = "4dabf18193072939515e22adb298388d"
"""The member of a secret's envelope that says that it is one."""


def made(config: dict[str, str], secrets: Collection[str] = ()) -> dict[str, Any]:
    return {key: value for key, (value, _) in told(config, secrets).items()}


def told(config: dict[str, str], secrets: Collection[str] = ()) -> dict[str, tuple[Any, bool]]:
    """The inputs, and whether each is a secret."""
    inputs = record(lambda: aws_location.us_east_1(config, secrets)).one(PROVIDER, "us-east-1")
    shown = {key: (value["value"], True) if SECRET in value else (value, False) for key, value in inputs.items()}
    return {
        key: (json.loads(value) if value[:1] in "[{tf0123456789" else value, secret)
        for key, (value, secret) in shown.items()
    }


def test_region_is_us_east_1_whatever_the_stack_has() -> None:
    assert made({"aws:region": "us-west-2", "easi:domain": "easi.example.gov"})["region"] == "us-east-1"


def test_settings_of_the_stack_are_the_providers_too() -> None:
    roles = [{"roleArn": "arn:aws:iam::111111111111:role/deploy", "sessionName": "easi", "externalId": "7"}]
    tags = {"tags": {"Team": "easi", "costCenter": "12"}}
    inputs = made(
        {
            "aws:region": "us-west-2",
            "aws:profile": "easi-prod",
            "aws:assumeRoles": json.dumps(roles),
            "aws:defaultTags": json.dumps(tags),
            "aws:endpoints": json.dumps([{"s3": "http://localhost:4566", "acm": "http://localhost:4566"}]),
            "aws:allowedAccountIds": '["111111111111"]',
            "aws:skipMetadataApiCheck": "false",
            "aws:s3UsePathStyle": "true",
            "aws:maxRetries": "7",
        }
    )
    assert inputs["profile"] == "easi-prod"
    assert inputs["assumeRoles"] == roles
    assert inputs["defaultTags"] == tags
    assert inputs["endpoints"] == [{"s3": "http://localhost:4566", "acm": "http://localhost:4566"}]
    assert inputs["allowedAccountIds"] == ["111111111111"]
    assert (inputs["skipMetadataApiCheck"], inputs["s3UsePathStyle"], inputs["maxRetries"]) == (False, True, 7)


def test_what_is_a_secret_of_pulumi_stays_one() -> None:
    roles = [{"roleArn": "arn:aws:iam::111111111111:role/deploy", "externalId": "7"}]
    tags = {"tags": {"Team": "easi"}}
    inputs = told(
        {
            "aws:profile": "easi-prod",
            "aws:accessKey": "AKIA",
            "aws:secretKey": "a",
            "aws:defaultTags": json.dumps(tags),
            "aws:endpoints": json.dumps([{"s3": "http://localhost"}]),
            "aws:assumeRoles": json.dumps(roles),
        },
        secrets={"aws:accessKey", "aws:secretKey", "aws:endpoints"},
    )
    assert {key for key, (_, secret) in inputs.items() if secret} == {
        "accessKey",
        "secretKey",
        "endpoints",
        "assumeRoles",
    }
    assert inputs["assumeRoles"][0] == roles


def test_roles_without_an_external_id_are_shown() -> None:
    roles = [{"roleArn": "arn:aws:iam::111111111111:role/deploy"}]
    assert told({"aws:assumeRoles": json.dumps(roles)})["assumeRoles"] == (roles, False)
