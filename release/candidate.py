"""What this run releases: the working tree, built here, or a version that an environment has proven.

The decision is `release.gate`'s; this module gets it what it needs from Git and from the stacks' outputs, before the
program declares its first resource: a version that is refused changes nothing at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi

from release import build_context, gate, headline, records, stack_outputs, tree
from release.build_context import BuildContext
from release.errors import ExpectedError
from release.promotion import Accepted, Refused, Request
from release.stack_outputs import StackOutputs
from release.static import manifest
from release.static.errors import ManifestError
from release.tree import Sources
from settings.fields import Settings
from settings.run import Run

UNPROVEN = "sha256:" + "0" * 64
"""Stands for a digest in the preview of a version that nothing has proven yet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One version with what belongs to it, each as an input of the resources that need it."""

    version: str
    image: Path | str
    """The folder that it is built from, relative to the project's folder; the digest of one that is promoted."""
    static_manifest: str
    """Digest of the manifest of the static files."""
    source: Mapping[str, Any]
    """Where the release gets the image and the static files from; see `release.request.Source`."""
    reason: str | None
    outputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The stack's outputs as its last successful update left them."""


def find_candidate(environment: str, settings: Settings, run: Run) -> Candidate:
    """The candidate of this run.

    Raises pulumi.RunError where the gate refuses it, except in a preview, where it warns: a pull request's merge
    commit is never deployed yet.
    """
    own = stack_outputs.read(environment)
    return dataclasses.replace(_find(environment, settings, run, own), outputs=own.outputs)


def _find(environment: str, settings: Settings, run: Run, own: StackOutputs) -> Candidate:
    stack_outputs.keep(own)
    upstream = stack_outputs.read(settings.promote_from) if settings.promote_from else None
    try:
        question = gate.ask(
            run.root,
            environment=environment,
            requested=run.requested_version,
            reason=run.break_glass_reason,
            sources=None if upstream else _sources(settings),
        )
        decision = question.decide(
            promotes_from=settings.promote_from, upstream=upstream.release if upstream else None, here=own.release
        )
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    if isinstance(decision, Refused):
        _refuse(decision.message)
    if own.release is None and (unprovable := _unprovable(environment, settings)):
        _refuse(unprovable)
    _say(_headline(question, decision, own=own, upstream=upstream))
    if pulumi.runtime.is_dry_run():
        stacks = {environment: own.release} | ({upstream.name: upstream.release} if upstream else {})
        for rolled_back in question.rolled_back(stacks):
            pulumi.log.warn(str(rolled_back))
        _warn_of_domain(own, settings)
    if upstream is None and question.is_tree and not isinstance(decision, Accepted):
        return _built(question.request, settings, run)
    if isinstance(decision, Accepted):
        return _proven(question.request, decision, upstream=upstream or own, own=own)
    return _unchanged(question.request, own)


def _headline(
    question: gate.Gate, decision: Accepted | Refused | None, *, own: StackOutputs, upstream: StackOutputs | None
) -> str:
    """The line that a reviewer reads first."""
    version, here = question.request.version, own.release
    if isinstance(decision, Refused):
        return headline.refused(environment=own.name, here=here, version=version)
    accepted = decision if isinstance(decision, Accepted) else None
    return headline.line(
        environment=own.name,
        here=here,
        version=version,
        commits=question.distance(here.version) if here and here.version != version else "",
        proof=accepted.evidence if accepted else None,
        proven_in=own.name if upstream is None or (accepted and accepted.own) else upstream.name,
        now=datetime.now(UTC),
    )


def _say(line: str) -> None:
    """In a preview it is kept, and the first thing that is said. In an update, what the release says comes after it."""
    pulumi.log.info(line, ephemeral=not pulumi.runtime.is_dry_run())


def _unprovable(environment: str, settings: Settings) -> str:
    return gate.unprovable(
        environment,
        domain=settings.domain,
        hosted_zone_id=settings.hosted_zone_id,
        public_url=settings.public_url,
        connect_to=settings.connect_to,
    )


def _warn_of_domain(own: StackOutputs, settings: Settings) -> None:
    """The distribution loses its name before the release is proven, and does not get it back if that is undone."""
    host = str(own.outputs.get("url") or "").removeprefix("https://")
    if not host or settings.public_url or host == settings.domain or host.endswith(".cloudfront.net"):
        return
    pulumi.log.warn(
        f"easi:domain changes from {host} to {settings.domain or 'none'}: {host} is not served any more as soon as the "
        "distribution has changed, before the release is proven and also if the release is undone"
    )


def _built(request: Request, settings: Settings, run: Run) -> Candidate:
    folder = Path(settings.frontend_folder)
    return Candidate(
        version=request.version,
        # Relative, as the state must not depend on where the project lies: a path is an input of the image.
        image=_copied(request, settings, run).folder,
        static_manifest=_manifest_digest(run.root / folder, request.version, settings.publish),
        source={"folder": str(folder)},
        reason=request.reason,
    )


def _copied(request: Request, settings: Settings, run: Run) -> build_context.Copy:
    """A copy of the backend's sources, as they were when they got their version."""
    backend = run.root / settings.backend_folder
    try:
        copy = build_context.copy(run.root, BuildContext(folder=backend, dockerfile=backend / "Dockerfile"))
        version = tree.read(run.root, _sources(settings)).version
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    if version != request.version:
        raise pulumi.RunError(
            f"the working tree was {request.version}, and while it was read it became {version}: somebody edits it.\n"
            f"  to release it as it is now:  pulumi up -s {request.environment}"
        )
    return copy


def _sources(settings: Settings) -> Sources:
    return Sources(backend=settings.backend_folder, frontend=settings.frontend_folder)


def _manifest_digest(folder: Path, version: str, allowed: Collection[str]) -> str:
    """The digest of the built frontend. Refuses a folder without one, or with one of another version."""
    try:
        return manifest.of_build(folder, version, allowed=allowed).digest
    except ManifestError as error:
        _refuse(f"the frontend cannot be released: {error}")
        return UNPROVEN


def _proven(request: Request, accepted: Accepted, *, upstream: StackOutputs, own: StackOutputs) -> Candidate:
    evidence = accepted.evidence
    return Candidate(
        version=evidence.version,
        image=evidence.image_digest,
        static_manifest=evidence.static_manifest,
        source=(own if accepted.own else upstream).source(evidence.image_digest),
        reason=request.reason,
    )


def _unchanged(request: Request, own: StackOutputs) -> Candidate:
    """What runs, for the preview of a version that is refused: it shows what the settings would change, and no more.

    Before a first release nothing runs. Then it is the version itself, with digests that nobody knows.
    """
    unknown = records.Proven(
        version=request.version,
        image=f"@{UNPROVEN}",
        task_definition="",
        static_manifest=UNPROVEN,
        verified_at="",
    )
    return _proven(request, Accepted(evidence=own.release or unknown, own=True), upstream=own, own=own)


def _refuse(message: str) -> None:
    """Stop an update; a preview goes on with a warning."""
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(message)
    pulumi.log.warn(gate.warning(message))
