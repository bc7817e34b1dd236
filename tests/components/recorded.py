"""Runs components on Pulumi's mocks and records the resources that they register."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pulumi
from google.protobuf import json_format  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime import mocks

SUFFIXES = {"aws:lb/loadBalancer:LoadBalancer": "app", "aws:lb/targetGroup:TargetGroup": "targetgroup"}
"""How CloudWatch's names of them begin."""
TOKEN = {"proxyEndpoint": "http://registry", "userName": "AWS", "password": "token-of-twelve-hours"}
"""What ECR gives for its registry; this one is without TLS, so Docker is not signed in to it."""


@dataclasses.dataclass(frozen=True)
class Resource:
    token: str
    name: str
    inputs: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Options:
    """What a resource asks of the engine."""

    token: str
    name: str
    asked: dict[str, Any]
    """The engine's own names: protect, retainOnDelete, ignoreChanges, deleteBeforeReplace, aliases, dependencies…"""


class _Mocks(mocks.Mocks):
    def __init__(self) -> None:
        self.resources: list[Resource] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        inputs = dict(args.inputs)
        self.resources.append(Resource(args.typ, args.name, inputs))
        kind = args.typ.rpartition(":")[2]
        arn = f"arn:aws:mock:us-west-2:111111111111:{kind}/{args.name}"
        computed = {
            "arn": arn,
            "name": inputs.get("name", args.name),
            "bucket": inputs.get("bucket", f"{args.name}-bucket"),
            "dnsName": f"{args.name}.elb.amazonaws.com",
            "domainName": f"{args.name}.cloudfront.net",
            "bucketRegionalDomainName": f"{args.name}.s3.us-west-2.amazonaws.com",
            "repositoryUrl": f"111111111111.dkr.ecr.us-west-2.amazonaws.com/{args.name}",
            "registryId": "111111111111",
            "arnWithoutRevision": arn,
            "cidrBlock": inputs.get("cidrBlock", "10.0.0.0/16"),
            "allocationId": "eipalloc-1",
            "repoDigest": f"{args.name}@sha256:{'1' * 64}",
            "arnSuffix": f"{SUFFIXES.get(args.typ, kind)}/{args.name}",
            "fqdn": inputs.get("name"),
            "hostedZoneId": "Z2FDTNDATAQYW2",
            "domainValidationOptions": [
                {
                    "resourceRecordName": f"_a.{inputs.get('domainName')}",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_b.acm-validations.aws",
                }
            ],
        }
        return f"{args.name}-id", {**computed, **inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:ecr/getAuthorizationToken:getAuthorizationToken":
            return TOKEN, []
        if args.token == "aws:ec2/getSecurityGroup:getSecurityGroup":
            return {**args.args, "id": f"{args.args['name']} of {args.args['vpcId']}"}, []
        return dict(args.args), []


class _Monitor(mocks.MockMonitor):
    def __init__(self, recorder: _Mocks) -> None:
        super().__init__(recorder)
        self.options: list[Options] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        asked = json_format.MessageToDict(request)
        self.options.append(Options(request.type, request.name, asked))
        answer: Any = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's mock has no types
        return answer


@dataclasses.dataclass(frozen=True)
class Recorded:
    resources: list[Resource]
    options: list[Options] = dataclasses.field(default_factory=list)

    def all(self, token: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.token == token]

    def one(self, token: str, name: str | None = None) -> dict[str, Any]:
        found = [resource for resource in self.all(token) if name in (None, resource.name)]
        assert len(found) == 1, f"{token} {name}: {[resource.name for resource in found]}"
        return found[0].inputs

    def asked(self, token: str, name: str | None = None) -> dict[str, Any]:
        """What one resource asks of the engine."""
        found = [item for item in self.options if item.token == token and name in (None, item.name)]
        assert len(found) == 1, f"{token} {name}: {[item.name for item in found]}"
        return found[0].asked


def record(build: Callable[[], Any]) -> Recorded:
    """The resources that `build` registers, with inputs in the provider's names."""
    # Pulumi's test runner takes the thread's event loop, which a test that ran before may have closed.
    asyncio.set_event_loop(asyncio.new_event_loop())
    recorder = _Mocks()
    monitor = _Monitor(recorder)
    mocks.set_mocks(recorder, project="easi", stack="dev", preview=False, monitor=monitor)

    def run() -> None:
        build()  # and not its value: the test runner would take a resource for an output

    test: Any = pulumi.runtime.test
    test(run)()
    return Recorded(recorder.resources, monitor.options)
