"""Every property is either sent to AWS, when a resource is made and when it changes, or listed as recorded only."""

from __future__ import annotations

import copy
import functools
import re
from typing import Any
from unittest.mock import MagicMock

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from local.aws.kind import Kind
from local.aws.session import Aws
from local.aws.table import TABLE
from local.plugin import types
from local.plugin.wire import ARCHIVE, ASSET, SIGNATURE
from tests.unit.replacements import RECORDED

CODE = {SIGNATURE: ARCHIVE, "assets": {"a.py": {SIGNATURE: ASSET, "text": "a", "hash": "1"}}, "hash": "1"}
MADE_UP = re.compile(r"<AnyAnswer[^>]*>|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SAMPLES_MAY = ("Invalid length", "Invalid value")
"""What the values made up here get wrong; names and types they must get right."""
BY_THE_PLUGIN = {"region", "tags", "name", "namePrefix", "bucket", "bucketPrefix"}
"""What no service module sends itself, and names, which a prefix never reaches: the plugin makes one before."""


ASSOCIATION = {
    "RouteTableAssociationId": "a",
    "SubnetId": RECORDED["aws:ec2/routeTableAssociation:RouteTableAssociation"]["inputs"]["subnetId"],
}
BASES: dict[str, dict[str, Any]] = {
    "aws:kms/key:Key": {"policy": "{}"},
    "aws:lambda/function:Function": {"code": CODE},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"ipProtocol": "tcp", "fromPort": 1, "toPort": 2},
}
"""Where the recorded inputs hide a property, or lack the contents of an archive."""
INSTEAD = {
    "imageUri": ["code"],
    "s3Bucket": ["code"],
    "s3Key": ["code"],
    "s3ObjectVersion": ["code"],
    "insecureValue": ["value"],
    "valueWo": ["value"],
    "secretBinary": ["secretString"],
    "secretStringWo": ["secretString"],
}
"""Properties that stand in for others."""
SAMPLES = {
    "secretBinary": "c2VjcmV0",
    "code": CODE | {"assets": {"b.py": {SIGNATURE: ASSET, "text": "b", "hash": "2"}}},
}
ONE_TIME = {
    "forceNewDeployment": "says nothing of a service that does not exist",
    "overwrite": "an update always overwrites",
    "allowOverwrite": "an update always overwrites",
    "versionStages": "set once; AWS moves AWSCURRENT by itself",
    "secretStringWo": "its version announces a change",
    "publish": "turned off, there is nothing to send",
}
ANSWERS = {
    "describe_table": {"Table": {"TableStatus": "ACTIVE"}},
    "get_operation": {"Operation": {"Status": "SUCCESS", "Targets": {"NAMESPACE": "ns-1"}}},
    "describe_route_tables": {"RouteTables": [{"Associations": [ASSOCIATION, ASSOCIATION | {"GatewayId": "sample"}]}]},
    "get_vpc_origin": {"VpcOrigin": {"Status": "Deployed"}, "ETag": "1"},
}
"""What `update` needs to find, and `create` waits for."""


class AnyAnswer(MagicMock):
    """Has every field; `values` holds one object with an id, which is how the parts of a distribution are found."""

    def values(self) -> list[dict[str, str]]:
        return [{"Id": "an-id"}]


class RecordingAws(Aws):
    """Clients that note every call and answer with something that has any field."""

    def __init__(self) -> None:
        super().__init__("us-west-2", "http://127.0.0.1:1")
        self.calls: list[str] = []

    @property
    def account(self) -> str:
        return "000000000000"

    def client(self, service: str) -> Any:
        return RecordingClient(service, self.calls)


class RecordingClient:
    """Takes what botocore would take."""

    def __init__(self, service: str, calls: list[str]) -> None:
        self._service, self._calls = service, calls

    def __getattr__(self, name: str) -> Any:
        if name in ANSWERS:
            return lambda **_: ANSWERS[name]
        if name == "get_paginator":
            return lambda _: MagicMock()
        operation = _operations(self._service)[name]

        def call(**arguments: Any) -> Any:
            if not name.startswith(("describe", "get", "list")):
                report = ParamValidator().validate(_plain(arguments), operation.input_shape).generate_report()
                wrong = [line for line in report.splitlines() if not line.startswith(SAMPLES_MAY)]
                assert not wrong, f"{name}: {wrong}"
                self._calls.append(f"{self._service}.{name} {_text(arguments)}")
            return AnyAnswer()

        return call


@functools.cache
def _operations(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return "from an answer" if isinstance(value, MagicMock) else value


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return "?" if isinstance(value, MagicMock) else MADE_UP.sub("?", repr(value))


def made(kind: Kind, inputs: dict[str, Any]) -> list[str]:
    aws = RecordingAws()
    given = dict(inputs)
    identity = kind.create(aws, given)
    if kind.finish:
        kind.update(aws, identity, given, {}, set(given))
    return sorted(aws.calls)


def changed(kind: Kind, old: dict[str, Any], new: dict[str, Any], name: str) -> list[str]:
    aws = RecordingAws()
    kind.update(aws, "an-id", dict(new), dict(old), {name})
    return sorted(aws.calls)


def sample(known: dict[str, Any], depth: int = 0) -> Any:
    for kind in known["types"]:
        if isinstance(kind, str):
            return {"boolean": True, "integer": 7, "number": 7}.get(kind, "7")
        if "list" in kind:
            return [sample({"types": kind["list"]}, depth)]
        if "map" in kind:
            return {"k": "v"}
        if "object" in kind:
            properties = types.tables()["objects"][kind["object"]].items()
            return {key: sample(inner, depth + 1) for key, inner in properties if depth < 6 or inner.get("required")}
    return None


def another(token: str, name: str, known: dict[str, Any], base: dict[str, Any]) -> Any:
    """A value for a property that it does not have yet: the recorded edit if there is one."""
    if name in SAMPLES and type(base.get(name)) in (dict, type(None)):
        return SAMPLES[name]
    for edit in RECORDED[token]["edits"]:
        if edit["at"] == [name] and not isinstance(edit["to"], dict | list):
            return edit["to"]
        if edit["at"][0] == name and len(edit["at"]) > 1:
            target = copy.deepcopy(base[name])
            place = target
            for step in edit["at"][1:-1]:
                place = place[step]
            place[edit["at"][-1]] = edit["to"]
            return target
    return sample(known)


def sent(token: str, name: str, known: dict[str, Any]) -> bool:
    kind = TABLE[token]
    base = RECORDED[token]["inputs"] | BASES.get(token, {})
    kept = {key: value for key, value in base.items() if key not in INSTEAD.get(name, ())}
    old, new = base, kept | {name: another(token, name, known, base)}
    if kind.check(new):
        return True  # refused, not lost
    when_made = made(kind, old) != made(kind, new)
    replaced = name in kind.replaced_by(old, new)
    when_changed = when_made if replaced else changed(kind, old, new, name) != changed(kind, old, old, name)
    assert when_made == when_changed or name in ONE_TIME, (
        f"{name}: sent when made {when_made}, when changed {when_changed}"
    )
    return when_made or when_changed


@pytest.mark.parametrize("token", sorted(TABLE))
def test_what_is_not_sent_is_listed(token: str) -> None:
    inputs = types.shape_of(token).inputs
    names = {name: known for name, known in inputs.items() if name not in BY_THE_PLUGIN}
    unsent = {name for name, known in names.items() if not sent(token, name, known)}
    listed = TABLE[token].honoured | TABLE[token].recorded
    assert " ".join(sorted(unsent)) == " ".join(sorted(listed))
