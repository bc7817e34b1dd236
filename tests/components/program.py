"""Runs the real program, `__main__.py`, on Pulumi's mocks: any environment, with any change of its settings."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import gc
import hashlib
import json
import os
import runpy
import threading
import types
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import yaml
from google.protobuf import json_format  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime import mocks
from pulumi.runtime.resource import register_resource

from docs.settings_table import declared
from local.plugin.wire import UNKNOWN, Props, read_struct
from release import build_context, git, tree, unfinished_origin
from release.build_context import BuildContext
from release.preflight import secrets
from release.static import builds
from settings import description
from settings.fields import PROBE_SECRET
from settings.names import prefix
from tests.components import aws_answers
from tests.components.aws_answers import HEAD, MANIFEST
from tests.components.recorded import Options, Recorded, Resource
from tests.described import nested

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "__main__.py"
STACK = "pulumi:pulumi:Stack"


@dataclasses.dataclass(frozen=True)
class Ran(Recorded):
    """What the program registered, in the order in which it made it."""

    sent: dict[str, Props] = dataclasses.field(default_factory=dict)
    """The inputs as a provider gets them, by the resource's URN without stack and project: every one has another."""
    requests: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    """What each asks of the engine, by the same."""
    exported: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The stack's outputs."""


def configuration(stack: str, changes: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The settings of a stack as the engine hands them to the program, changed by key or path; None removes."""
    given = nested({f"easi:{key}": value for key, value in (changes or {}).items()}, _committed(stack))
    values = dict(_defaults())
    values |= {key: value for key, value in given.items() if value is not None}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


# Read once: reading them is a third of a run.
declared_defaults = functools.cache(description.declared_defaults)


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
        computed = set(aws_answers.outputs_of(args.typ)) - set(inputs)
        state = inputs | {name: aws_answers.computed(args.typ, label, name, inputs) for name in computed}
        hidden = self.unknown.get(urn, ())
        unknown = computed if "*" in hidden else hidden
        return "" if "*" in hidden else label, {name: UNKNOWN if name in unknown else state[name] for name in state}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """What a function answers."""
        given = dict(args.args)
        answer = aws_answers.FUNCTIONS[args.token](given) if args.token in aws_answers.FUNCTIONS else {}
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
        mock.patch("release.statements.read", return_value=()),  # nobody has stated anything
        mock.patch("release.chain.records.read_release", return_value=None),  # the record is what the state says
        mock.patch("release.stack_outputs.for_session"),
        mock.patch.object(root, "_transformations", []),  # none is left for the programs of other tests
        mock.patch.dict(root.outputs, clear=True),
    ):
        test(program)()
        exported = dict(root.outputs)
    _keep_what_is_loaded()
    requests = {urn: monitor.requests[urn] for urn in urns}
    return Ran(
        [answers.resources[urn] for urn in urns],
        [Options(request["type"], request["name"], request) for request in requests.values()],
        {urn: monitor.sent[urn] for urn in urns},
        requests,
        exported,
    )


@functools.cache
def _keep_what_is_loaded() -> None:
    """Modules and models of AWS are a third of a run's time, if each collection of garbage looks at them."""
    gc.collect()
    gc.freeze()


def _end_of(urn: str) -> str:
    """A URN without stack and project."""
    return urn.split("::", 2)[2]


def _copy(root: Path, context: BuildContext) -> Path:
    """The copy of a folder that need not be there; of another one, another copy."""
    digest = hashlib.sha256(str(context.folder.relative_to(root)).encode()).hexdigest()
    return Path(build_context.COPIES) / digest[:16]


FIND_ORIGIN = mock.Mock(return_value=None)
"""Asks AWS for a VPC origin that a first update left behind."""


@contextlib.contextmanager
def _around(config: dict[str, str], head: str) -> Iterator[None]:
    """The commit, the built frontend and the settings that the program finds; only its environment is not the real."""
    before = pulumi.runtime.config.CONFIG.get()
    variables = {key: value for key, value in os.environ.items() if not key.startswith("RELEASE_")}
    built = types.SimpleNamespace(version=HEAD, digest=MANIFEST)
    with (
        mock.patch.dict(os.environ, variables, clear=True),
        mock.patch.object(description, "declared_defaults", declared_defaults),
        mock.patch.object(tree, "read", return_value=tree.Tree(commit=head, changes={})),
        mock.patch.object(git, "is_ancestor", return_value=False),
        mock.patch.object(git, "commits", return_value=[head]),  # the branch that is promoted ends with it
        mock.patch.object(builds, "of_build", return_value=built),
        mock.patch.object(build_context, "copy", _copy),
        mock.patch.object(tree.Sources, "problems", return_value=[]),
        mock.patch.object(unfinished_origin, "find", FIND_ORIGIN),
        mock.patch.object(secrets, "before_build", return_value=[]),
    ):
        pulumi.runtime.set_all_config(config, [f"{prefix()}{PROBE_SECRET}"])
        try:
            yield
        finally:
            pulumi.runtime.set_all_config(dict(before))
