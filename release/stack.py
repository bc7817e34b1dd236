"""What a stack's state says, read through the `pulumi` command: so it works with any backend."""

from __future__ import annotations

import dataclasses
import difflib
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final

from functions import strict_json
from functions.strict_json import DamagedError
from release import records, way_back
from release.identity import upgraded
from release.records import Release
from settings.errors import ExpectedError

NO_PULUMI: Final = (
    "there is no `pulumi` on the PATH: install it (https://www.pulumi.com/docs/install/), "
    'or for the local environments:  eval "$(.venv/bin/python -m local env)"'
)
_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"
"""Signature of a secret in a state (sdk/go/common/resource/sig, Secret)."""
RELEASE: Final = "release:index:Release"
"""Type of the resource whose creation and update is a release."""
BEFORE: Final = "pulumi-python:dynamic/release:Release"
"""Its type in states of earlier programs, in which it was a dynamic resource."""
RELEASES: Final = (RELEASE, BEFORE)


class StackError(ExpectedError):
    """The stack cannot be read. The message says what to do."""


class NoStackError(StackError):
    """The project has no such stack, or none is selected. The message names those that there are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """What an update was doing to one resource when it was cut short."""

    kind: str
    """creating, updating, deleting…"""
    urn: str
    type: str
    in_state: bool
    """Whether the state has the resource."""

    def __str__(self) -> str:
        return f"{self.kind} {self.type} {self.urn.rpartition('::')[2]}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack:
    """The state of one stack after its last update, or in the middle of one."""

    name: str
    outputs: Mapping[str, Any]
    """The stack's outputs; empty before its first update succeeded."""
    inputs: Mapping[str, Any] | None
    """Inputs of the Release resource, also those of a release that was interrupted; None before there is any."""
    operations: tuple[Operation, ...] = ()
    """What an interrupted update was busy with."""
    root: str | None = None
    """URN of the stack itself; None before its first update."""
    recorded: Mapping[str, Any] | None = None
    """The record, as the Release resource has it; None before there is any."""
    protected: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By URN of what Pulumi may not delete, that of the component right below the stack which it is part of."""

    @property
    def pending(self) -> tuple[str, ...]:
        return tuple(sorted({operation.urn for operation in self.operations}))


def output_of(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The output `release`: the record, short enough for a screen.

    Of what ran before it names the versions only, and where the tasks run is told by the service itself.
    """
    before = way_back.candidates(records.release_from_json(recorded))
    shown: dict[str, Any] = upgraded(recorded)
    services = {
        name: {key: value for key, value in service.items() if key != "network"}
        for name, service in shown["services"].items()
    }
    return shown | {"services": services, "previous": [proven.version for proven in before]}


def release_of(outputs: Mapping[str, Any], recorded: Mapping[str, Any] | None) -> Release | None:
    """The release in a stack's state: the record that its Release resource has, else what the outputs know of it.

    They only name the versions that ran before. Raises DamagedError.
    """
    output = outputs.get("release")
    if not recorded and isinstance(output, Mapping) and output:
        recorded = {**output, "previous": []}
    record = recorded or output
    return records.release_from_json(record) if record else None


def read(name: str) -> Stack:
    """The stack `name` of the Pulumi project in the current folder. Raises StackError."""
    stack = from_export(name, _exported(name))
    if stack.inputs is None or _SIGNATURE not in json.dumps(stack.inputs.get("connection")):
        return stack
    # Only then: it takes the key of the stack's secrets, which not everybody who may read the state has.
    shown = from_export(name, _exported(name, "--show-secrets"))
    try:
        return dataclasses.replace(shown, inputs=_decrypted(shown.inputs))
    except DamagedError as error:
        raise StackError(f"a secret in the state of {name} is damaged: {error}") from error


def _decrypted(value: Any) -> Any:
    """A value of a state that was exported with its secrets, without the envelopes around them."""
    if isinstance(value, dict):
        if _SIGNATURE in value.values() and "plaintext" in value:
            return strict_json.decode(str(value["plaintext"]))
        return {key: _decrypted(item) for key, item in value.items()}
    return [_decrypted(item) for item in value] if isinstance(value, list) else value


def _exported(name: str, *options: str) -> Any:
    return answered("stack", "export", "-s", name, *options)


def from_export(name: str, exported: Any) -> Stack:
    """The stack in what `pulumi stack export` writes. Raises StackError."""
    try:
        state = strict_json.read(_Export, exported).deployment or _State()
        resources = state.resources or ()
        under_way = state.pending_operations or ()
    except DamagedError as error:
        raise StackError(
            f"the state of {name} is damaged: {error}\n  to see it:  pulumi stack export -s {name}"
        ) from error
    root = next((item for item in resources if item.type == "pulumi:pulumi:Stack"), None)
    # What an interrupted update was about to make of the release comes after what the one before it left.
    releases = [
        item for item in (*resources, *(operation.resource for operation in under_way)) if item.type in RELEASES
    ]
    in_state = {item.urn for item in resources}
    operations = tuple(
        Operation(kind=kind, urn=urn, type=of, in_state=urn in in_state)
        for kind, urn, of in sorted({(item.type, item.resource.urn, item.resource.type) for item in under_way})
    )
    return Stack(
        name=name,
        outputs=(root.outputs if root else None) or {},
        inputs=(releases[-1].inputs or {}) if releases else None,
        operations=operations,
        root=root.urn if root else None,
        recorded=next((record for item in releases if (record := (item.outputs or {}).get("release"))), None),
        protected=_protected(resources, root.urn if root else None),
    )


def _protected(resources: Sequence[_Resource], root: str | None) -> dict[str, str]:
    parents = {item.urn: item.parent for item in resources}
    protected = {}
    for item in resources:
        if item.protect:
            top = item.urn
            while (parent := parents.get(top)) not in (None, root):
                top = str(parent)
            protected[item.urn] = top
    return protected


@dataclasses.dataclass(frozen=True)
class _Resource:
    urn: str
    type: str
    parent: str | None = None
    protect: bool | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class _Operation:
    type: str
    resource: _Resource


@dataclasses.dataclass(frozen=True)
class _State:
    resources: tuple[_Resource, ...] | None = None
    pending_operations: tuple[_Operation, ...] | None = None


@dataclasses.dataclass(frozen=True)
class _Export:
    """What `pulumi stack export` writes, as far as it counts here."""

    deployment: _State | None = None


@dataclasses.dataclass(frozen=True)
class _Listed:
    """A stack, in what `pulumi stack ls --json` writes."""

    name: str
    update_in_progress: bool | None = None


def listed() -> tuple[_Listed, ...]:
    """The stacks of the project. Raises StackError."""
    listed = answered("stack", "ls", "--json")
    try:
        stacks: tuple[_Listed, ...] = strict_json.value(tuple[_Listed, ...], listed)
    except DamagedError as error:
        raise StackError(f"`pulumi stack ls --json` answered what is no list of stacks: {error}") from error
    return stacks


def answered(*arguments: str) -> Any:
    """The JSON that `pulumi` prints. Raises StackError."""
    said = pulumi(*arguments)
    try:
        return strict_json.decode(said)
    except DamagedError as error:
        raise StackError(f"`pulumi {' '.join(arguments)}` answered something else than JSON: {error}") from error


def pulumi(*arguments: str) -> str:
    """Run `pulumi` in the current folder; what it prints. Raises StackError with what it says, and what to do."""
    command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError as error:
        raise StackError(NO_PULUMI) from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.strip() or done.stdout.strip()
    if "no stack named" in said and "-s" in arguments:
        name = arguments[arguments.index("-s") + 1]
        raise NoStackError(f"there is no stack {name}{_others(name)}")
    if "no stack selected" in said:
        raise NoStackError(f"which environment? Name it with -s{_others()}")
    raise StackError(_explained(arguments, said))


def _explained(arguments: Sequence[str], said: str) -> str:
    """Pulumi's words, and what to do where they do not say it."""
    lines = [line.removeprefix("error: ") for line in said.split("\n") if line.strip()][-6:]
    text = f"`pulumi {' '.join(arguments)}` failed: " + "\n  ".join(lines or ["it said nothing"])
    for words, advice in _ADVICE:
        if words in said:
            return f"{text}\n  {advice}"
    return text


def _others(name: str = "") -> str:
    """The stacks that there are, for a message about one that is not; the one with the most similar name first."""
    try:
        names = [stack.name for stack in listed()]
    except StackError:
        return ". See:  pulumi stack ls"
    if not names:
        return ": this project has no stack yet.\n  to make one:  pulumi stack init <name>"
    similar = difflib.get_close_matches(name, names, n=1)
    return f"{f': did you mean {similar[0]}?' if similar else '.'} There are: {', '.join(names)}"


_ADVICE = (
    ("passphrase must be set", "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"),
    ("PULUMI_ACCESS_TOKEN", "Sign in where the state is: `pulumi login`"),
    ("no Pulumi.yaml project file found", "Run this in the folder that has Pulumi.yaml"),
    ("pass the fully qualified name", "This folder is in no Pulumi project: run this in the one that has Pulumi.yaml"),
    ("NoCredentialProviders", "There are no AWS credentials here: `aws sso login`, or name a profile in AWS_PROFILE"),
)
