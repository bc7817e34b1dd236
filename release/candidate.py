"""What this run releases: the working tree, built here, or a version that an environment has proven.

The decision is `release.gate`'s; this module gets it what it needs from Git and from the stacks' outputs, before the
program declares its first resource: a version that is refused changes nothing at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from release import build_context, gate, git, headline, inputs, invocation, records, stack_outputs, tree
from release.identity import site_words
from release.invocation import Run
from release.preflight import secrets
from release.promotion import Accepted, Declared, Refused, Request
from release.stack_outputs import StackOutputs
from release.static import builds
from release.static.errors import ManifestError
from release.tree import Sources
from release.version import commit
from settings import path_patterns
from settings.errors import ExpectedError
from settings.fields import Settings
from settings.site import Site

UNPROVEN = "sha256:" + "0" * 64
"""Stands for a digest in the preview of a version that nothing has proven yet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SiteFiles:
    """The files of a site, as the inputs of the Release resource have them."""

    manifest: str
    """Digest of their manifest."""
    source: Mapping[str, str]
    """The built folder, or the buckets of the environment that has proven them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One version with what belongs to it, each as an input of the resources that need it."""

    version: str
    images: Mapping[str, Path | str]
    """By service: the folder that its image is built from, relative to the project's folder, or `repository@sha256:…`
    of the one that an environment has proven."""
    sites: Mapping[str, SiteFiles]
    """By site."""
    reason: str | None
    time: str = ""
    """When the commit that is built was made (ISO 8601, UTC); empty where no build asks for it."""
    outputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The stack's outputs as its last successful update left them."""
    environment_before: Mapping[str, Any] | None = None
    """How the environment before is asked, as an input of the Release; None where it is not."""
    probe_secret_before: str = dataclasses.field(default="", repr=False)
    """What lets that question through its firewall."""


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
    sources = None if upstream else Sources.of(settings.services, settings.sites)
    if sources is not None and (problems := sources.problems(run.root)):
        raise pulumi.RunError("what is released cannot be built:\n  " + "\n  ".join(problems))
    with _run_errors():
        question = gate.ask(
            run.root,
            environment=environment,
            requested=run.requested_version,
            reason=run.break_glass_reason,
            sources=sources,
            declared=Declared.of(settings.services, settings.sites),
        )
        environments = stack_outputs.environments(own, upstream)
        decision = question.decide(environments, branch=settings.promote_branch, soak_minutes=settings.soak_minutes)
    if isinstance(decision, Refused):
        _refuse(decision.message)
    if own.release is None and (unprovable := gate.unprovable(environment, settings.sites)):
        _refuse(unprovable)
    _say(_headline(question, decision, own=own, upstream=upstream))
    if pulumi.runtime.is_dry_run():
        for rolled_back in question.rolled_back({one.environment: one.release for one in environments}):
            pulumi.log.warn(str(rolled_back))
        _warn_of_domain(own, settings)
    if sources is not None and question.is_tree and not isinstance(decision, Accepted):
        _check_secrets(settings)
        return _built(question.request, settings, run, sources)
    if isinstance(decision, Accepted):
        accepted = _proven(question.request, decision, upstream=upstream or own, own=own)
        return _with_question(accepted, upstream) if upstream and decision.is_new else _as_released(accepted, own)
    return _as_released(_unchanged(question.request, own), own)


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


def _warn_of_domain(own: StackOutputs, settings: Settings) -> None:
    """The distribution loses its name before the release is proven, and does not get it back if that is undone."""
    for name, site in settings.sites.items():
        host = str(stack_outputs.of_site(own.outputs, name).get("url") or "").removeprefix("https://")
        if host and not site.public_url and host != site.domain and not host.endswith(".cloudfront.net"):
            pulumi.log.warn(
                f"domain of the site {name} changes from {host} to {site.domain or 'none'}: {host} is not served any "
                "more as soon as the distribution has changed, before the release is proven and also if the release is "
                "undone"
            )


def _built(request: Request, settings: Settings, run: Run, sources: Sources) -> Candidate:
    images: dict[str, Path | str] = {**_copied(request, sources, run)}
    digests = _digests(run.root, request.version, sources.sites, path_patterns.of_services(settings.services))
    return Candidate(
        version=request.version,
        images=images,
        sites={
            name: SiteFiles(manifest=digest, source={"folder": sources.sites[name].folder})
            for name, digest in digests.items()
        },
        reason=request.reason,
        time=_time_of_commit(request, settings, run),
    )


def _check_secrets(settings: Settings) -> None:
    """Refuse secrets without a value before the image is built: the release checks them once more after that."""
    arns = [arn for service in settings.services.values() for arn in service.secrets.values()]
    if not arns:
        return
    try:
        problems = secrets.before_build(arns, invocation.sign_in)
    except (BotoCoreError, ClientError) as error:
        raise pulumi.RunError(
            f"AWS does not say which secrets exist, nor whose these credentials are: {error}"
        ) from error
    if problems:
        _refuse("\n".join(problems))


def _time_of_commit(request: Request, settings: Settings, run: Run) -> str:
    """When the commit was made, if a build asks for it."""
    arguments = [value for service in settings.services.values() for value in service.build.arguments.values()]
    if not any("{time}" in value for value in arguments):
        return ""
    with _run_errors():
        return git.committed_at(run.root, commit(request.version))


def _copied(request: Request, sources: Sources, run: Run) -> dict[str, Path]:
    """Copies of what the images are built from, as it was when it got its version.

    Their paths are relative: they are inputs of the images, and the state must not depend on where the project lies.
    """
    with _run_errors():
        copies = {
            name: build_context.copy(run.root, tree.context_of(build, run.root))
            for name, build in sources.images.items()
        }
        built = tree.read(run.root, sources).version
    if built != request.version:
        raise pulumi.RunError(
            f"the working tree was {request.version}, and while it was read it became {built}: somebody edits it.\n"
            f"  to release it as it is now:  pulumi up -s {request.environment}"
        )
    return copies


def _manifest_digest(folder: Path, version: str, site: Site, service_paths: Sequence[str]) -> str:
    """The digest of a built site. Raises ManifestError for a folder without one, or with one of another version."""
    return builds.of_build(folder, version, site, service_paths).digest


def _digests(root: Path, version: str, sites: Mapping[str, Site], service_paths: Sequence[str]) -> dict[str, str]:
    """By site, as `_manifest_digest`. Refuses with all that is wrong."""
    digests, faults = {}, []
    for name, site in sites.items():
        try:
            digests[name] = _manifest_digest(root / site.folder, version, site, service_paths)
        except ManifestError as error:
            digests[name] = UNPROVEN
            faults.append(f"{site_words(name, sites)} cannot be released: {error}")
    if faults:
        _refuse("\n".join(faults))
    return digests


def _proven(request: Request, accepted: Accepted, *, upstream: StackOutputs, own: StackOutputs) -> Candidate:
    evidence, source = accepted.evidence, own if accepted.own else upstream
    digests = {name: service.image_digest for name, service in evidence.services.items()}
    return Candidate(
        version=evidence.version,
        # In a preview of a version that is refused, what is declared may be in no proof.
        images={name: source.image(digests.get(name, UNPROVEN)) for name in request.declared.services},
        sites={
            name: SiteFiles(manifest=evidence.sites.get(name, UNPROVEN), source=source.files(name))
            for name in request.declared.sites
        },
        reason=request.reason,
    )


def _with_question(candidate: Candidate, upstream: StackOutputs) -> Candidate:
    """With how the environment before is asked whether it is healthy with the version, if it still runs it."""
    runs = upstream.release.version if upstream.release else ""
    released = upstream.released if runs == candidate.version else None
    return dataclasses.replace(
        candidate,
        environment_before={"name": upstream.name, "runs": runs, "services": inputs.questions(released)},
        probe_secret_before=released["connection"].get("probeSecret") or "" if released else "",
    )


def _as_released(candidate: Candidate, own: StackOutputs) -> Candidate:
    """With the question of the release that runs: nobody asks it again, and a preview is to show no change of it."""
    runs, released = own.release.version if own.release else None, own.released
    if released is None or runs != candidate.version:
        return candidate
    return dataclasses.replace(
        candidate,
        environment_before=released.get("environmentBefore"),
        probe_secret_before=released["connection"].get("probeSecretBefore") or "",
    )


def _unchanged(request: Request, own: StackOutputs) -> Candidate:
    """What runs, for the preview of a version that is refused: it shows what the settings would change, and no more.

    Before a first release nothing runs. Then it is the version itself, with digests that nobody knows.
    """
    unknown = records.Proven(version=request.version, services={}, sites={}, verified_at="")
    return _proven(request, Accepted(evidence=own.release or unknown, own=True), upstream=own, own=own)


@contextlib.contextmanager
def _run_errors() -> Iterator[None]:
    """What is expected to go wrong ends the program with its message alone."""
    try:
        yield
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error


def _refuse(message: str) -> None:
    """Stop an update; a preview goes on with a warning."""
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(message)
    pulumi.log.warn(gate.warning(message))
