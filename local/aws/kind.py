"""One resource type: a table that says how it is made, read, changed and removed, and the code that carries it out."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from local.plugin.provider import PluginError, Problem
from local.plugin.types import shape_of
from local.plugin.wire import Props

from .session import Aws, GoneError
from .spelling import at, member_of, members, spell_members

STATUS = ("status", "State", "TableStatus", "KeyState")
GONE = ("INACTIVE", "deleted", "deleting", "DELETING", "PendingDeletion")
"""What AWS still shows for a while after it is gone; a key, until it is deleted."""


def words(text: str) -> frozenset[str]:
    """The words of a text: how property lists are written in the table."""
    return frozenset(text.split())


SUFFIX = 7
"""How many random hexadecimal digits follow the logical name."""


@dataclass(frozen=True)
class Name:
    """Which property holds the name, how long it may be, and whether it must be in lower case."""

    property: str = "name"
    limit: int = 255
    lower: bool = False

    def make(self, logical: str, seed: bytes, proposed: str | None = None) -> str:
        """The proposed name, else `<logical>-<7 hex>`; the same seed gives the same name.

        Raises ValueError for a name over the limit, which is not cut (that would take its random end), and where
        made-up names are forbidden.
        """
        if proposed == "":
            raise ValueError("required, and missing: `pulumi:autonaming` forbids names that the program does not give")
        name = proposed or f"{logical}-{hashlib.sha256(seed).hexdigest()[:SUFFIX]}"
        if len(name) > self.limit:
            raise ValueError(
                f"the made-up name {name!r} has {len(name)} characters, {self.limit} are allowed: shorten the "
                f"resource's name {logical!r}, or set {self.property!r}"
            )
        return name.lower() if self.lower else name


@dataclass(frozen=True)
class Change:
    """The operation that sets properties; `without` is the one to call when they are not given any more.

    After creation it is called too, if creating does not take them. No properties stands for all.
    """

    operation: str
    properties: str = ""
    without: str = ""


class Kind:
    """One resource type. Names in an API are found by `spelling`; a type that needs more overrides a method."""

    resource: ClassVar[str]
    """Its type, as the engine names it."""
    service: ClassVar[str]
    """Its service, as boto3 names it."""
    make: ClassVar[str] = ""
    identity: ClassVar[str] = ""
    """The id: a path in the answer of `make`, or a text with the properties that it is made of."""
    get: ClassVar[str] = ""
    answer_path: ClassVar[str] = ""
    """Where the answer of `get` has the resource."""
    outputs: ClassVar[dict[str, str]] = {}
    """What `read` returns: paths in the answer, or texts with `{id}`, `{region}`, `{account}`, `{partition}`."""
    alike: ClassVar[frozenset[str]] = frozenset()
    """Further ones, which the answer has under the same name, in small or capital letters at the beginning."""
    put: ClassVar[bool] = False
    """Making it again changes it."""
    changes: ClassVar[tuple[Change, ...]] = ()
    remove: ClassVar[str] = ""
    keys: ClassVar[dict[str, str]]
    """The arguments by which operations know the resource, and the property of each, or "id"."""
    inside: ClassVar[str] = ""
    """The argument that holds all properties, where they are not arguments themselves."""
    spelled: ClassVar[dict[str, str]] = {}
    """Properties, at any depth, that the API names otherwise."""
    handled: ClassVar[frozenset[str]] = frozenset()
    """Properties that an overridden method sends."""
    honoured: ClassVar[frozenset[str]] = frozenset()
    """Properties that the plugin itself acts on, mostly when it deletes."""
    recorded: ClassVar[frozenset[str]] = frozenset()
    """Properties that are kept in the state alone: nothing local depends on them."""

    replaces: ClassVar[frozenset[str]] = frozenset()
    """Property paths (list indexes left out) of which a change makes a new resource."""
    name: ClassVar[Name | None] = None
    defaults: ClassVar[Props] = {}
    """Outputs that AWS sets where the program says nothing."""
    volatile: ClassVar[frozenset[str]] = frozenset()
    """Outputs that an update may change."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Outputs that are secret whatever the program says."""
    tagged: ClassVar[str] = ""
    """The output (or "id") by which the service knows the resource when it tags it; empty for one without tags."""
    unordered: ClassVar[frozenset[str]] = frozenset()
    """Paths of lists in which the order says nothing."""
    delete_first: ClassVar[bool] = False
    """A replacement always deletes first: there can be only one at a time."""
    finish: ClassVar[bool] = False
    """Creating is not all: `update` is called after it with every property."""
    example: ClassVar[Props] = {}
    """Inputs with which tests make one, of a type that was not recorded from the real provider."""

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """Property paths that make a new resource in this very change; most types always have the same ones."""
        return self.replaces

    def prepare(self, inputs: Props) -> Props:
        """Inputs with what the official plugin adds to them."""
        return inputs

    def named(self, inputs: Props, state: Props | None = None) -> Props:
        """Inputs with the name that the AWS provider makes of a prefix; it stays the one in the state."""
        prefix = inputs.get(f"{self.name.property}Prefix") if self.name else None
        if self.name is None or prefix is None:
            return inputs
        return inputs | {self.name.property: (state or {}).get(self.name.property) or f"{prefix}{uuid.uuid4().hex}"}

    def rules(self, inputs: Props) -> list[Problem]:
        """Rules that the property types do not tell."""
        return []

    def check(self, inputs: Props) -> list[Problem]:
        """What is wrong with the inputs: a property that would be lost, or a rule that is broken."""
        shape = shape_of(self.resource)
        plugin = {"region", "tags", *((self.name.property, f"{self.name.property}Prefix") if self.name else ())}
        taken = self.handled | self.honoured | self.recorded | plugin | set(self.keys.values())
        lost = sorted(
            name
            for name, value in inputs.items()
            if name not in taken and name in shape.inputs and value is not None
            if not self._sends(name)
        )
        reason = f"not supported by the local AWS plugin: extend {type(self).__name__} in {type(self).__module__}"
        return [Problem(name, reason) for name in lost] + self.rules(inputs)

    def _sends(self, name: str) -> bool:
        """Whether a property reaches AWS both when the resource is made and when the property changes."""
        for change in self.changes:
            if (not change.properties or name in words(change.properties)) and self.takes(change.operation, name):
                return True
        return self.takes(self.make, name) and (self.put or name in self.replaces)

    def _is_list(self, operation: str, name: str) -> bool:
        shapes = self._members(operation)
        member = member_of(shapes, name, self.spelled)
        return member is not None and shapes[member].type_name == "list"

    def takes(self, operation: str, name: str) -> bool:
        return bool(operation) and member_of(self._members(operation), name, self.spelled) is not None

    def _members(self, operation: str) -> dict[str, Any]:
        shapes = members(self.service, operation)
        return dict(shapes[self.inside].members) if self.inside in shapes else shapes

    def where(self, operation: str, identity: str, props: Props) -> Props:
        """The arguments by which an operation knows the resource."""
        accepted, arguments = members(self.service, operation), {}
        for key, name in self.keys.items():
            argument = key if key in accepted else f"{key}s"
            if argument not in accepted:
                continue
            if name != "id" and name not in props:
                raise PluginError(f"{identity} does not say what {name} is: it cannot be imported")
            value = identity if name == "id" else props[name]
            arguments[argument] = value if argument == key else [value]
        return arguments

    def arguments(self, operation: str, props: Props) -> Props:
        """What an operation is told of the properties that it takes."""
        arguments = spell_members(self._members(operation), props, self.spelled)
        return {self.inside: arguments} if self.inside in members(self.service, operation) else arguments

    def call(self, aws: Aws, operation: str, arguments: Props) -> Any:
        return getattr(aws.client(self.service), operation)(**arguments)

    def create(self, aws: Aws, new: Props) -> str:
        """Make the resource; the answer is its id."""
        keys = self.where(self.make, "", new) if "id" not in self.keys.values() else {}
        answer = self.call(aws, self.make, self.arguments(self.make, new) | keys)
        return self.identity.format_map(new) if "{" in self.identity else str(at(answer, self.identity))

    def from_id(self, identity: str) -> Props:
        """What an id says of the resource; an import knows no more."""
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>.+?)", self.identity.replace("|", r"\|"))
        match = re.fullmatch(pattern, identity)
        return match.groupdict() if match else {}

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        """The resource as AWS describes it. Raises GoneError, or boto3's error for it, if there is none."""
        answer = at(self.call(aws, self.get, self.where(self.get, identity, state)), self.answer_path)
        if isinstance(answer, list):
            answer = answer[0] if answer else None
        if answer is None or any(answer.get(key) in GONE for key in STATUS):
            raise GoneError
        return answer

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        """What lives in AWS, as far as it is sure: computed outputs, and inputs in which drift is to be seen."""
        answer = self.find(aws, identity, state)
        values = {name: self.output(aws, path, identity, answer) for name, path in self.outputs.items()}
        values |= {name: answer.get(name, answer.get(capital(name))) for name in self.alike}
        return {name: value for name, value in values.items() if value is not None}

    def output(self, aws: Aws, path: str, identity: str, answer: Any) -> Any:
        """One output, by its path in the answer or as a text with its place."""
        if "{" not in path:
            return at(answer, path)
        account = aws.account if "{account}" in path else ""
        return path.format(id=identity, region=aws.region, account=account, partition=aws.partition)

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        """Bring the top-level properties in `changed` to their new values."""
        if self.put:
            self.create(aws, new)
        for change in self.changes:
            names = words(change.properties)
            made = not names or all(self.takes(self.make, name) for name in names)
            if (names and not names & set(changed)) or (made and not old):
                continue
            if change.without and not any(new.get(name) for name in names):
                if old:
                    self.call(aws, change.without, self.where(change.without, identity, new))
                continue
            properties = {name: value for name, value in (self.defaults | new).items() if not names or name in names}
            if not properties:
                properties = {name: [] for name in names if self._is_list(change.operation, name)}
            arguments = self.arguments(change.operation, properties) | self.where(change.operation, identity, new)
            self.call(aws, change.operation, arguments)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if self.remove and not state.get("skipDestroy"):
            self.call(aws, self.remove, self.where(self.remove, identity, state))


def capital(name: str) -> str:
    """A property's name as most APIs write it: `vpcId` as `VpcId`."""
    return name[:1].upper() + name[1:]


def camel(value: Any) -> Any:
    """Keys of nested objects in camelCase, as Pulumi has them."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: camel(item) for key, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value
