"""What this run releases: the working tree, built here, or a version that an environment has proven.

The decision is `release.promotion`; this module gets it what it needs from Git and from the stacks' outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi

from components.backend_image import Build, Promoted
from release import git, promotion, record
from release.promotion import Accepted, Refused, Request
from release.static import manifest
from release.static.errors import ManifestError
from settings import Run, Settings

UNPROVEN = "sha256:" + "0" * 64
"""Stands for a digest in the preview of a version that nothing has proven yet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One version with what belongs to it, each as an input of the resources that need it."""

    version: pulumi.Input[str]
    image: Build | Promoted
    static_manifest: pulumi.Input[str]
    source: pulumi.Input[Mapping[str, Any]]
    """Where the release gets the image and the static files from; see `release.request.Source`."""
    reason: str | None


def find(environment: str, settings: Settings, run: Run) -> Candidate:
    """The candidate of this run.

    Raises pulumi.RunError where the gate refuses it, except in a preview, where it warns: a pull request's merge
    commit is never deployed yet.
    """
    try:
        head = git.head(run.root) if not settings.promote_from or run.requested_version is None else ""
    except git.GitError as error:
        raise pulumi.RunError(str(error)) from error
    request = Request(
        environment=environment,
        version=run.requested_version or head,
        explicit=run.requested_version is not None,
        dirty=git.is_dirty(run.root),
        reason=run.break_glass_reason,
    )
    own = _Stack(environment)
    if settings.promote_from:
        return _promoted(request, run, own, _Stack(settings.promote_from))
    if request.version == head:
        return _built(request, settings, run, own)
    return _proven_here(request, head, run, own)


class _Stack:
    """The outputs of a stack of this project, as far as a release needs them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{name}")
        self.release = self._reference.get_output("release").apply(
            lambda data: record.from_json(data) if data else None
        )

    def source(self, digest: str) -> pulumi.Output[Mapping[str, Any]]:
        """Where this environment keeps the image `digest` and its static files."""
        outputs = [self._reference.get_output(name) for name in ("repository", "bucket", "recordsBucket")]
        return pulumi.Output.all(*outputs).apply(
            lambda values: {"image": f"{values[0]}@{digest}", "bucket": values[1], "recordsBucket": values[2]}
        )


def _built(request: Request, settings: Settings, run: Run, own: _Stack) -> Candidate:
    folder = run.root / settings.frontend_folder

    def gate(here: record.Release | None) -> str:
        decision = promotion.decide_build(request, head=request.version, here=here, is_ancestor=_ancestry(run.root))
        if isinstance(decision, Refused):
            _refuse(decision)
        return request.version

    version = own.release.apply(gate)
    return Candidate(
        version=version,
        image=Build(
            context=str(run.root / settings.backend_folder),
            arguments={"EASI_VERSION": version, "GO_IMAGE": settings.go_image},
            tag=version.apply(lambda sha: f"{request.environment}-{sha}"),
            cpu_architecture=settings.cpu_architecture,
        ),
        static_manifest=_manifest_digest(folder, request.version),
        source={"folder": str(folder)},
        reason=request.reason,
    )


def _manifest_digest(folder: Path, version: str) -> str:
    """The digest of the built frontend. Raises pulumi.RunError where there is none, or one of another version."""
    try:
        built = manifest.from_folder(folder)
    except ManifestError as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(str(error)) from error
        pulumi.log.warn(f"the preview shows no change of the site: {error}")
        return UNPROVEN
    if built.version != version:
        message = (
            f"the frontend in {folder} was built from {built.version}, and {version} is to be released: a release is "
            f"backend and frontend of one commit.\n  to build it:  EASI_VERSION={version} npm run build"
        )
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(message)
        pulumi.log.warn(message)
    return built.digest


def _proven_here(request: Request, head: str, run: Run, own: _Stack) -> Candidate:
    def decide(here: record.Release | None) -> Accepted:
        decision = promotion.decide_build(request, head=head, here=here, is_ancestor=_ancestry(run.root))
        return _accepted(decision, request, here)

    accepted = own.release.apply(decide)
    return _with_evidence(request, accepted, upstream=own, own=own)


def _promoted(request: Request, run: Run, own: _Stack, upstream: _Stack) -> Candidate:
    def decide(releases: list[Any]) -> Accepted:
        proven, here = releases
        decision = promotion.decide(
            request, upstream_name=upstream.name, upstream=proven, here=here, is_ancestor=_ancestry(run.root)
        )
        return _accepted(decision, request, proven)

    accepted = pulumi.Output.all(upstream.release, own.release).apply(decide)
    return _with_evidence(request, accepted, upstream=upstream, own=own)


def _with_evidence(request: Request, accepted: pulumi.Output[Accepted], *, upstream: _Stack, own: _Stack) -> Candidate:
    digest = accepted.apply(lambda it: it.evidence.image_digest)
    return Candidate(
        version=accepted.apply(lambda it: it.evidence.version),
        image=Promoted(digest=digest),
        static_manifest=accepted.apply(lambda it: it.evidence.static_manifest),
        source=accepted.apply(lambda it: (own if it.own else upstream).source(it.evidence.image_digest)),
        reason=request.reason,
    )


def _accepted(decision: Accepted | Refused | None, request: Request, proven: record.Release | None) -> Accepted:
    """The accepted decision; in the preview of a refused version the newest proven release, else an unknown one."""
    if isinstance(decision, Accepted):
        return decision
    if isinstance(decision, Refused):
        _refuse(decision)
    unknown = record.Proven(
        version=request.version,
        image=f"@{UNPROVEN}",
        task_definition="",
        static_manifest=UNPROVEN,
        verified_at="",
    )
    return Accepted(evidence=proven or unknown)


def _refuse(refused: Refused) -> None:
    """Stop the update; a preview goes on with a warning."""
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(refused.message)
    pulumi.log.warn(f"{refused.message}\n  this is a preview: `pulumi up` would stop here")


def _ancestry(folder: Path) -> Callable[[str, str], bool]:
    return lambda older, newer: git.is_ancestor(folder, older, newer)
