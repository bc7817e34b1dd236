"""Runs the real program, `__main__.py`, on Pulumi's mocks: any environment, with any change of its settings."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import runpy
import threading
import types
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime import mocks
from pulumi.runtime.resource import register_resource

from docs.settings_table import declared
from local.plugin.types import shape_of
from local.plugin.wire import UNKNOWN, Props, read_struct
from release import build_context, git, tree, unfinished_origin
from release.build_context import BuildContext
from release.static import manifest
from settings.fields import PROBE_SECRET
from tests.components.recorded import TOKEN, Options, Recorded, Resource

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "__main__.py"
ACCOUNT = "333333333333"
REGION = "us-west-2"
HEAD = "a" * 40
"""The version that is checked out, which every environment before has proven."""
DIGEST = f"sha256:{'1' * 64}"
MANIFEST = f"sha256:{'2' * 64}"
STACK = "pulumi:pulumi:Stack"
RELEASE = "release:index:Release"


@dataclasses.dataclass(frozen=True)
class Ran(Recorded):
    """What the program registered, in the order in which it made it."""

    sent: dict[str, Props] = dataclasses.field(default_factory=dict)
    """The inputs as a provider gets them, by the resource's URN without stack and project: every one has another."""
    requests: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    """What each asks of the engine, by the same."""


def configuration(stack: str, changes: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The settings of a stack as the engine hands them to the program, changed by key without prefix; None removes."""
    given = dict(_committed(stack))
    for key, value in (changes or {}).items():
        given[f"easi:{key}"] = value
    values = dict(_defaults())
    values |= {key: value for key, value in given.items() if value is not None}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


# Read once: reading them is a third of a run.
@functools.cache
def _committed(stack: str) -> Mapping[str, Any]:
    config: Mapping[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return config


@functools.cache
def _defaults() -> Mapping[str, Any]:
    return {f"easi:{key}": declaration["default"] for key, declaration in declared().items()}


class Answers(mocks.Mocks):
    """AWS and the engine: resources have every output that their type has, and what is asked for is there."""

    def __init__(self, unknown: Mapping[str, Collection[str]]) -> None:
        self.unknown = unknown
        self.resources: dict[str, Resource] = {}
        self.asked = threading.local()  # by which resource; registrations come from several threads

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """A resource that exists, or, for one that is `unknown`, what a preview knows of it."""
        inputs, urn = dict(args.inputs), self.asked.urn
        self.resources[urn] = Resource(args.typ, args.name, inputs)
        label = f"{args.name}-{zlib.crc32(urn.encode()):08x}"
        computed = set(_outputs_of(args.typ)) - set(inputs)
        state = inputs | {name: _computed(args.typ, label, name, inputs) for name in computed}
        hidden = self.unknown.get(urn, ())
        unknown = computed if "*" in hidden else hidden
        return "" if "*" in hidden else label, {name: UNKNOWN if name in unknown else state[name] for name in state}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """What a function answers."""
        given = dict(args.args)
        answer = _FUNCTIONS[args.token](given) if args.token in _FUNCTIONS else {}
        return {**given, **answer}, []


class _Monitor(mocks.MockMonitor):
    def __init__(self, answers: Answers) -> None:
        super().__init__(answers)
        self.answers = answers
        self.sent: dict[str, Props] = {}
        self.requests: dict[str, dict[str, Any]] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it, with the types of all parents but the stack."""
        of = parent.split("::")[2] if parent else STACK
        kind = type_ if of == STACK else f"{of}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kind}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        urn = _end_of(self.make_urn(request.parent, request.type, request.name))
        self.answers.asked.urn = urn
        self.sent[urn] = read_struct(request.object)
        self.requests[urn] = json_format.MessageToDict(request)
        register: Any = super().RegisterResource
        return register(request)


def run(
    stack: str = "prod",
    changes: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
    unknown: Mapping[str, Collection[str]] | None = None,
    head: str = HEAD,
) -> Ran:
    """What the program registers for `stack`, with the commit `head` checked out.

    `unknown` are outputs that a preview does not know, by URN as in `Ran`; "*" are the id and all that are not inputs.
    """
    asyncio.set_event_loop(asyncio.new_event_loop())  # a run before may have closed the thread's
    answers = Answers(unknown or {})
    monitor = _Monitor(answers)
    mocks.set_mocks(answers, project="easi", stack=stack, preview=preview, monitor=monitor)
    root: Any = pulumi.runtime.get_root_resource()
    made: list[pulumi.Resource] = []
    urns: list[str] = []

    def register(resource: pulumi.Resource, *args: Any) -> None:
        made.append(resource)
        register_resource(resource, *args)

    async def program() -> None:
        runpy.run_path(str(PROGRAM), run_name="__main__")
        for resource in made:
            urns.append(_end_of(str(await resource.urn.future())))

    test: Any = pulumi.runtime.test
    with (
        _around(configuration(stack, changes), head),
        mock.patch.object(pulumi.resource, "register_resource", register),
        mock.patch.object(root, "_transformations", []),  # none is left for the programs of other tests
    ):
        test(program)()
    requests = {urn: monitor.requests[urn] for urn in urns}
    return Ran(
        [answers.resources[urn] for urn in urns],
        [Options(request["type"], request["name"], request) for request in requests.values()],
        {urn: monitor.sent[urn] for urn in urns},
        requests,
    )


def _end_of(urn: str) -> str:
    """A URN without stack and project."""
    return urn.split("::", 2)[2]


def _copy(root: Path, context: BuildContext) -> build_context.Copy:
    """The copy of a folder that need not be there; of another one, another copy."""
    digest = hashlib.sha256(str(context.folder.relative_to(root)).encode()).hexdigest()
    return build_context.Copy(folder=Path(build_context.COPIES) / digest[:16], files=("Dockerfile",), digest=digest)


FIND_ORIGIN = mock.Mock(return_value=None)
"""Asks AWS for a VPC origin that a first update left behind."""


@contextlib.contextmanager
def _around(config: dict[str, str], head: str) -> Iterator[None]:
    """The commit, the built frontend and the settings that the program finds; only its environment is not the real."""
    before = pulumi.runtime.config.CONFIG.get()
    variables = {key: value for key, value in os.environ.items() if not key.startswith("EASI_")}
    built = types.SimpleNamespace(version=HEAD, digest=MANIFEST)
    with (
        mock.patch.dict(os.environ, variables, clear=True),
        mock.patch.object(tree, "read", return_value=tree.Tree(commit=head, changes={})),
        mock.patch.object(git, "is_ancestor", return_value=False),
        mock.patch.object(manifest, "of_build", return_value=built),
        mock.patch.object(build_context, "copy", _copy),
        mock.patch.object(unfinished_origin, "find", FIND_ORIGIN),
    ):
        pulumi.runtime.set_all_config(config, [PROBE_SECRET])
        try:
            yield
        finally:
            pulumi.runtime.set_all_config(dict(before))


def _outputs_of(token: str) -> Collection[str]:
    if token in _OTHER_OUTPUTS:
        return _OTHER_OUTPUTS[token]
    shape = shape_of(token) if token.startswith("aws:") else None
    return shape.outputs if shape else ()


def _computed(token: str, name: str, output: str, inputs: Mapping[str, Any]) -> Any:
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
"""What every stack puts out beside what `_outputs` says; a test sets it."""


def _outputs(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of another stack; each has proven HEAD."""
    stack = str(asked["name"]).rpartition("/")[2]
    account = {"dev": "111111111111", "impl": "222222222222"}.get(stack, ACCOUNT)
    names = {key: f"easi-{stack}-{key.lower()}" for key in ("bucket", "recordsBucket")}
    repository = f"{account}.dkr.ecr.{REGION}.amazonaws.com/easi-{stack}"
    return {"outputs": {"release": _proven(account), "repository": repository, **names, **OTHER_STACK_OUTPUTS}}


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

_FUNCTIONS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "pulumi:pulumi:readStackOutputs": _outputs,
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
