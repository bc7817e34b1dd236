"""Providers that a program makes itself, as for another region."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import MagicMock

import pytest
from pulumi.runtime.proto import provider_pb2

from local.aws.provider import AwsProvider
from local.plugin.servicer import Servicer
from local.plugin.wire import write_struct

ARGUMENTS = {
    "region": "us-east-1",
    "profile": "easi-prod",
    "skipRegionValidation": "true",
    "defaultTags": json.dumps({"tags": {"Owner": "platform"}}),
    "endpoints": json.dumps([{"acm": "http://127.0.0.1:1"}]),
}
"""As pulumi_aws sends them: all but texts as JSON."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> AwsProvider:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    return AwsProvider()


def configured(provider: AwsProvider, arguments: dict[str, Any]) -> AwsProvider:
    request = provider_pb2.ConfigureRequest(variables={"aws:config:region": "us-west-2"}, args=write_struct(arguments))
    Servicer(provider).Configure(request, MagicMock())
    return provider


def test_region_and_default_tags_are_the_programs(provider: AwsProvider) -> None:
    found = configured(provider, ARGUMENTS).aws
    assert (found.region, found.default_tags) == ("us-east-1", {"Owner": "platform"})


def test_its_arguments_are_checked(provider: AwsProvider) -> None:
    assert provider.check_config(ARGUMENTS).problems == []
    wrong = provider.check_config(ARGUMENTS | {"defaultTag": "{}"}).problems
    assert [problem.path for problem in wrong] == ["defaultTag"]


def test_resource_of_another_region_is_refused(provider: AwsProvider) -> None:
    inputs = {"domainName": "easi.example.gov", "validationMethod": "DNS", "region": "us-west-2"}
    checked = configured(provider, ARGUMENTS).check("aws:acm/certificate:Certificate", "site", {}, inputs, seed=b"1")
    assert [problem.path for problem in checked.problems] == ["region"]
