"""What AWS, and the engine, answer to the program where it runs on mocks."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from local.plugin.types import shape_of
from tests.components.recorded import TOKEN

ACCOUNT = "333333333333"
REGION = "us-west-2"
HEAD = "a" * 40
"""The version that is checked out, which every environment before has proven."""
DIGEST = f"sha256:{'1' * 64}"
MANIFEST = f"sha256:{'2' * 64}"
RELEASE = "release:index:Release"


def outputs_of(token: str) -> Collection[str]:
    if token in _OTHER_OUTPUTS:
        return _OTHER_OUTPUTS[token]
    shape = shape_of(token) if token.startswith("aws:") else None
    return shape.outputs if shape else ()


def computed(token: str, name: str, output: str, inputs: Mapping[str, Any]) -> Any:
    """An output as AWS has it, as far as a program takes it apart; anything else is only told from others."""
    service, kind = token.partition(":")[2].partition("/")[0].lower(), token.rpartition(":")[2]
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}/{inputs.get('name', name)}"
    known = {
        "arn": arn,
        "arnWithoutRevision": arn,
        "region": REGION,
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{inputs.get('name', name)}",
        "registryId": ACCOUNT,
        "repoDigest": f"{str(inputs.get('imageName', '')).rpartition(':')[0]}@{DIGEST}",
        "domainValidationOptions": [
            {
                "domainName": inputs.get("domainName"),
                "resourceRecordName": f"_1.{inputs.get('domainName')}",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_2.acm-validations.aws",
            }
        ],
        "release": _proven(ACCOUNT),
    }
    return known.get(output, f"{name}-{output}")


def _proven(account: str) -> dict[str, Any]:
    """The record of a release in an account."""
    return {
        "version": HEAD,
        "image": f"{account}.dkr.ecr.{REGION}.amazonaws.com/easi@{DIGEST}",
        "taskDefinition": f"arn:aws:ecs:{REGION}:{account}:task-definition/easi:7",
        "staticManifest": MANIFEST,
        "verifiedAt": "2026-11-02T17:05:19+00:00",
        "previous": [],
    }


OTHER_STACK_OUTPUTS: Mapping[str, Any] = {}
"""What every stack puts out beside what `outputs` says; a test sets it."""


def outputs(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of another stack; each has proven HEAD."""
    stack = str(asked["name"]).rpartition("/")[2]
    account = {"dev": "111111111111", "impl": "222222222222"}.get(stack, ACCOUNT)
    said = {
        "release": _proven(account),
        "repository": f"{account}.dkr.ecr.{REGION}.amazonaws.com/easi-{stack}",
        "recordsBucket": f"easi-{stack}-records",
        "sites": {"site": {"bucket": f"easi-{stack}-site"}},
        "promoteFrom": {"impl": "dev", "prod": "impl"}.get(stack, ""),
    }
    return {"outputs": {**said, **OTHER_STACK_OUTPUTS}}


def _label(value: Any) -> str:
    """A few characters that stand for a value in an id."""
    return format(zlib.crc32(json.dumps(value, sort_keys=True).encode()), "08x")


def _vpc(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": asked.get("id") or f"vpc-{_label(asked['tags'])}", "cidrBlock": "10.7.0.0/16"}


def _subnets(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"ids": [f"subnet-{_label([asked['filters'], asked['tags']])}{number}" for number in range(3)]}


_OTHER_OUTPUTS: Mapping[str, Collection[str]] = {
    "docker:index/image:Image": ("repoDigest",),
    RELEASE: ("release",),
}

FUNCTIONS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "pulumi:pulumi:readStackOutputs": outputs,
    "aws:index/getPartition:getPartition": lambda asked: {"partition": "aws", "dnsSuffix": "amazonaws.com"},
    "aws:index/getRegion:getRegion": lambda asked: {"region": REGION, "name": REGION},
    "aws:index/getCallerIdentity:getCallerIdentity": lambda asked: {"accountId": ACCOUNT},
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda asked: {
        "names": [f"{REGION}{letter}" for letter in "abcd"]
    },
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getSubnet:getSubnet": lambda asked: {"availabilityZone": f"{REGION}{asked['id'][-1]}"},
    "aws:ec2/getInternetGateway:getInternetGateway": lambda asked: {"id": "igw-1"},
    "aws:ec2/getSecurityGroup:getSecurityGroup": lambda asked: {"id": f"sg-{_label(asked)}"},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": lambda asked: TOKEN,
}


def answering(monkeypatch: pytest.MonkeyPatch, **functions: Any) -> None:
    """Let the engine's functions about stacks answer so."""
    for name, function in functions.items():
        monkeypatch.setitem(FUNCTIONS, f"pulumi:pulumi:{name}", function)


def before_first_update(arguments: dict[str, Any]) -> dict[str, Any]:
    """The outputs of stacks, of which prod has none yet."""
    return {"outputs": {}} if arguments["name"].endswith("/prod") else outputs(arguments)
