"""What the plugin knows of one resource type, and how it is made, read, changed and removed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from .naming import Name
from .session import Aws
from .shapes import Problem
from .wire import Props


def words(text: str) -> frozenset[str]:
    """The words of a text: how property lists are written in the table."""
    return frozenset(text.split())


class Kind:
    """One resource type. This base class records a resource: it keeps what it is given, and calls nothing.

    A subclass with a data plane overrides `create`, `read`, `update` and `delete`. `read` returns what lives in AWS, as
    the properties that it is sure of: computed outputs, and inputs in which drift is to be seen.
    """

    resource: ClassVar[str]
    """Its type, as the engine names it."""
    replaces: ClassVar[frozenset[str]] = frozenset()
    """Property paths (list indexes left out) of which a change makes a new resource."""
    name: ClassVar[Name | None] = None
    defaults: ClassVar[Props] = {}
    """Outputs that AWS sets where the program says nothing."""
    volatile: ClassVar[frozenset[str]] = frozenset()
    """Outputs that an update may change."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Outputs that are secret whatever the program says."""
    tagged: ClassVar[tuple[str, str] | None] = None
    """The service that tags the resource, and the output (or "id") by which it knows the resource."""
    unordered: ClassVar[frozenset[str]] = frozenset()
    """Paths of lists in which the order says nothing."""
    delete_first: ClassVar[bool] = False
    """A replacement always deletes first: there can be only one at a time."""
    finish: ClassVar[bool] = False
    """Creating is not all: `update` is called after it with every property."""
    regional: ClassVar[bool] = True
    """Has an output `region`."""

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """Property paths that make a new resource in this very change; most types always have the same ones."""
        return self.replaces

    def prepare(self, inputs: Props) -> Props:
        """Inputs with what the official plugin adds to them."""
        return inputs

    def check(self, inputs: Props) -> list[Problem]:
        """Rules that the property types do not tell."""
        return []

    def from_id(self, identity: str) -> Props:
        """What an id says of the resource; an import knows no more."""
        return {}

    def create(self, aws: Aws, new: Props) -> str:
        """Make the resource; the answer is its id."""
        raise NotImplementedError

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        """What lives in AWS. Raises GoneError, or boto3's error for it, if nothing does."""
        return {}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        """Bring the top-level properties in `changed` to their new values."""

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        """Remove the resource."""


def pascal(value: Any) -> Any:
    """Keys of nested objects in PascalCase, as most AWS APIs have them."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [pascal(item) for item in value]
    return value


def respell(value: Any, names: dict[str, str]) -> Any:
    """Keys of nested objects under other names, where an API has its own."""
    if isinstance(value, dict):
        return {names.get(key, key): respell(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [respell(item, names) for item in value]
    return value


def camel(value: Any) -> Any:
    """Keys of nested objects in camelCase, as Pulumi has them."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [camel(item) for item in value]
    return value


def pick(props: Props, names: str, **renamed: str) -> Props:
    """The properties named in `names` that are set, in PascalCase; `renamed` maps a property to the API's own name."""
    found = {name[:1].upper() + name[1:]: pascal(props[name]) for name in names.split() if props.get(name) is not None}
    return found | {target: pascal(props[name]) for name, target in renamed.items() if props.get(name) is not None}
