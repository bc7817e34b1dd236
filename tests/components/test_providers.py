"""The provider for us-east-1."""

from __future__ import annotations

import json
from typing import Any

import providers
from tests.components.recorded import record

PROVIDER = "pulumi:providers:aws"


def made(config: dict[str, str]) -> dict[str, Any]:
    inputs = record(lambda: providers.us_east_1(config)).one(PROVIDER, "us-east-1")
    return {key: json.loads(value) if value[:1] in "[{tf0123456789" else value for key, value in inputs.items()}


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
