"""May a version run in an environment? The gate's decision, as `pulumi up` would make it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli import versions
from cli.environment import Environment, read_environment, settings_of, unreleased
from cli.errors import UsageError
from release import gate, tree
from release.gate import Gate
from release.promotion import Accepted, Refused
from release.tree import Sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """May this version run here? With everything on which the decision depends."""

    gate: Gate
    here: Environment
    upstream: Environment | None
    """The environment before; None in the first one, which builds."""
    settings: Mapping[str, Any]

    def decide(self) -> Accepted | Refused | None:
        """The program's decision; None if the working tree is built. Raises GitError."""
        decision = self.gate.decide(
            promotes_from=self.upstream.name if self.upstream else "",
            upstream=self.upstream.release if self.upstream else None,
            here=self.here.release,
        )
        if isinstance(decision, Refused) or self.here.release is not None:
            return decision
        needed = ("domain", "hostedZoneId", "publicUrl", "connectTo")
        domain, zone, url, connect_to = (str(self.settings.get(f"easi:{key}") or "") for key in needed)
        unprovable = gate.unprovable(
            self.here.name, domain=domain, hosted_zone_id=zone, public_url=url, connect_to=connect_to
        )
        return Refused(message=unprovable) if unprovable else decision


def ask(name: str | None, version: str | None = None) -> Question:
    """The question whether `version` may run in the stack `name`; without one, what `pulumi up` would release.

    Reads the stacks' states, their settings and Git; nothing of AWS. Raises some of `errors.EXPECTED`.
    """
    if name is None and version and Path(f"Pulumi.{version}.yaml").exists():
        raise UsageError(
            f"{version} is an environment, and a version was expected.\n"
            f"  did you mean:  python -m release explain -s {version}"
        )
    here = read_environment(name)
    settings = settings_of(here.name)
    upstream = _upstream(str(settings.get("easi:promoteFrom") or ""))
    releases = [release for release in (here.release, upstream.release if upstream else None) if release]
    version = version or os.environ.get("EASI_VERSION")
    case = gate.ask(
        Path.cwd(),
        environment=here.name,
        requested=versions.resolve(version, releases, name=here.name) if version else None,
        reason=os.environ.get("EASI_BREAK_GLASS_REASON") or None,
        sources=Sources.of(settings),
    )
    return Question(gate=case, here=here, upstream=upstream, settings=settings)


def version_here(environment: Environment) -> str:
    """The version of the working tree, as `pulumi up` would release it to the environment. Raises some of EXPECTED."""
    return tree.read(Path.cwd(), Sources.of(settings_of(environment.name))).version


def _upstream(name: str) -> Environment | None:
    """The environment that this one promotes from, also if its stack does not exist yet."""
    if not name:
        return None
    try:
        return read_environment(name)
    except UsageError:
        return unreleased(name)
