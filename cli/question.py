"""May a version run in an environment? The gate's decision, as `pulumi up` would make it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli import versions
from cli.environment import Environment, description_of, read_environment, settings_of
from cli.errors import UsageError, VerbError
from release import chain, gate, statements, tree
from release.chain import Link
from release.gate import Gate
from release.promotion import Accepted, Declared, Refused
from release.stack import Stack
from release.statements import Hold, Stated
from release.tree import Sources
from settings import names
from settings.description import Description


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """May this version run here? With everything on which the decision depends."""

    gate: Gate
    here: Environment
    upstream: Environment | None
    """The environment before; None in the first one, which builds."""
    asker: Environment
    """Whose account is asked: before its first release an environment has none of its own."""
    environments: Sequence[Stated]
    """This one and those before it, back to the first, with what people stated about them."""
    settings: Mapping[str, Any]
    description: Description

    @property
    def soak_minutes(self) -> int:
        """The setting of that name. Raises VerbError: the engine checks its type in an update only."""
        text = str(self.settings.get("soakMinutes") or "0")
        if not text.isdecimal():
            raise VerbError(f"{names.prefix()}soakMinutes is {text!r}: expected minutes, 0 or more")
        return int(text)

    @property
    def unread(self) -> str:
        """Why it is not known what holds this environment, or which versions are rejected; empty where it is."""
        return "; ".join(one.unread for one in self.environments if one.unread)

    @property
    def hold(self) -> Hold | None:
        """What keeps releases away from the environment, as far as it is known."""
        here = self.environments[0]
        return statements.standing(here.release, here.statements)

    def decide(self) -> Accepted | Refused | None:
        """The program's decision; None if the working tree is built. Raises GitError."""
        # Who asks may be allowed to read less than who releases: what is not known is shown beside the decision.
        environments = [dataclasses.replace(one, unread="") for one in self.environments]
        decision = self.gate.decide(
            environments,
            branch=str(self.settings.get("promoteBranch") or ""),
            soak_minutes=self.soak_minutes,
        )
        if isinstance(decision, Refused) or self.here.release is not None:
            return decision
        unprovable = gate.unprovable(self.here.name, self.description.sites)
        return Refused(message=unprovable) if unprovable else decision


def ask(name: str | None, version: str | None = None) -> Question:
    """The question whether `version` may run in the stack `name`; without one, what `pulumi up` would release.

    Reads the stacks' states, their settings and Git; of AWS, what people stated about the environments. Raises some of
    `errors.EXPECTED`.
    """
    if name is None and version and Path(f"Pulumi.{version}.yaml").exists():
        raise UsageError(
            f"{version} is an environment, and a version was expected.\n"
            f"  did you mean:  python -m release explain -s {version}"
        )
    here = read_environment(name)
    settings = settings_of(here.name)
    described = description_of(here.name, settings)
    upstream = _upstream(str(settings.get("promoteFrom") or ""))
    releases = [release for release in (here.release, upstream.release if upstream else None) if release]
    named = requested_version()
    version = version or named
    asker = upstream if here.request is None and upstream is not None else here
    case = gate.ask(
        Path.cwd(),
        environment=here.name,
        requested=versions.resolve(version, releases, name=here.name) if version else None,
        reason=os.environ.get(names.REASON_VARIABLE) or None,
        sources=None if upstream else Sources.of(described.services, described.sites),
        declared=Declared.of(described.services, described.sites),
    )
    return Question(
        gate=case,
        here=here,
        upstream=upstream,
        asker=asker,
        environments=chain.read(
            _link(here),
            _link(upstream) if upstream else None,
            lambda name: _link(read_environment(name)),
            lambda: asker.clients.s3,
        ),
        settings=settings,
        description=described,
    )


def requested_version() -> str | None:
    """What RELEASE_VERSION names. Raises UsageError where a variable of a release is set by its old name."""
    if refusal := names.old_variables(os.environ):
        raise UsageError(refusal)
    return os.environ.get(names.VERSION_VARIABLE) or None


def version_here(environment: Environment) -> str:
    """The version of the working tree, as `pulumi up` would release it to the environment. Raises some of EXPECTED."""
    settings = settings_of(environment.name)
    if settings.get("promoteFrom"):
        return tree.read(Path.cwd(), None).version
    described = description_of(environment.name, settings)
    return tree.read(Path.cwd(), Sources.of(described.services, described.sites)).version


def _link(environment: Environment) -> Link:
    return Link(environment.name, environment.release, environment.stack.outputs)


def _upstream(name: str) -> Environment | None:
    """The environment that this one promotes from, also if its stack does not exist yet."""
    if not name:
        return None
    try:
        return read_environment(name)
    except UsageError:
        return Environment(stack=Stack(name=name, outputs={}, inputs=None), request=None)
