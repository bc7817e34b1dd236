"""What a plugin answers with, and the methods that it has to answer by."""

from __future__ import annotations

from dataclasses import dataclass, field

from release.engine_log import EngineLog

from .compare import Difference
from .wire import Props


class PluginError(Exception):
    """What the user reads, as it is: what happened, what was expected, what to do."""


class PartlyMadeError(PluginError):
    """A resource exists now, but not everything that was asked for could be done to it."""

    def __init__(self, message: str, identity: str, inputs: Props, state: Props) -> None:
        super().__init__(message)
        self.identity = identity
        self.inputs = inputs
        self.state = state


@dataclass(frozen=True)
class Problem:
    path: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """The inputs as they are used from now on, or what is wrong with them."""

    inputs: Props
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Diff:
    """The differences, each with whether it makes a new resource."""

    changes: dict[Difference, bool]
    delete_first: bool = False

    @property
    def replaces(self) -> list[str]:
        """The paths that make a new resource."""
        return [change.path for change, replaces in self.changes.items() if replaces]


class Provider:
    """The resources of one package. A method that a provider lacks raises NotImplementedError."""

    name: str
    version: str

    def check_config(self, inputs: Props) -> Checked:
        return Checked(inputs)

    def configure(self, inputs: Props) -> None:
        raise NotImplementedError

    def secrets(self, token: str) -> frozenset[str]:
        """Outputs of a type, or answers of a function, that are secret whatever the program says."""
        return frozenset()

    def check(
        self, token: str, logical: str, old: Props, new: Props, *, seed: bytes, proposed: str | None = None
    ) -> Checked:
        """`proposed`: the name that the engine made by `pulumi:autonaming`; "" where that forbids made-up names."""
        raise NotImplementedError

    def diff(self, token: str, old: Props, new: Props) -> Diff:
        """What changed between inputs, and what of it makes a new resource."""
        raise NotImplementedError

    def create(
        self, token: str, inputs: Props, preview: bool = False, *, say: EngineLog | None = None
    ) -> tuple[str, Props]:
        """Make a resource; the answer is its id and state. A preview makes nothing."""
        raise NotImplementedError

    def update(
        self,
        token: str,
        identity: str,
        state: Props,
        *,
        old: Props,
        new: Props,
        preview: bool = False,
        say: EngineLog | None = None,
    ) -> Props:
        """Change a resource in place; the answer is its new state. A preview changes nothing."""
        raise NotImplementedError

    def read(self, token: str, identity: str, state: Props, inputs: Props) -> tuple[Props, Props] | None:
        """What there is now, as state and inputs; None if nothing is. Without inputs it is an import."""
        raise NotImplementedError

    def delete(self, token: str, identity: str, state: Props) -> None:
        """Remove a resource; one that is gone already is as good."""
        raise NotImplementedError

    def invoke(self, token: str, arguments: Props) -> Props:
        """Answer a function such as `aws:index/getRegion:getRegion`."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Ctrl-C: end what is under way, as soon as it can be ended."""
