"""What is wrong in an environment and what to do, from what each source says. Pure."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cli import rollback
from cli.history import state
from cli.observed import Observed, Service
from cli.text import ago, short, when
from functions.names import revision
from release import escaping, veto
from release.healthcheck import NOT_COMPARED
from release.identity import ServiceIdentity, service_words, site_words
from release.promotion import Declared
from release.records import Release

DIFFERS: Final = "DIFFERS"
"""The remark on a source that differs from the record."""


@dataclasses.dataclass(frozen=True)
class Problem:
    code: str
    """For programs: docs/json.schema.yaml lists them."""
    what: str
    to_do: str


@dataclasses.dataclass(frozen=True)
class Row:
    """One source, and how it compares with the record."""

    name: str
    value: str
    remark: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnosis:
    headline: str
    problems: tuple[Problem, ...]
    """The most urgent first: it may be the cause of the others."""
    rows: tuple[Row, ...]

    @property
    def good(self) -> bool:
        """All sources agree, and no release is running."""
        return not self.problems


def diagnose(observed: Observed, now: datetime) -> Diagnosis:
    """Compare the sources with the record of the last proven release."""
    problems = tuple(_problems(observed))
    name, release = observed.environment, observed.record
    if problems:
        headline = f"{name}: {problems[0].what}. To do: {problems[0].to_do}"
    else:
        assert release is not None  # noqa: S101 - without a record, something is wrong
        proven = f"proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        headline = f"{name} runs {short(release.version)}, {proven}: record, ECS, site and health check agree"
    return Diagnosis(headline=headline, problems=problems, rows=tuple(_rows(observed, now)))


def _problems(observed: Observed) -> Iterator[Problem]:
    """What is wrong, the most urgent first."""
    name, release, unread = observed.environment, observed.record, dict(observed.unread)
    sign_in = "sign in with a role that may read it"
    if observed.lease is not None and observed.lease.alive:
        holder, purge = observed.lease.holder, observed.purge
        what = f"{short(holder.version)} is {holder.doing} by {holder.who} since {when(holder.since)}"
        if purge is not None:
            what = f"files are being purged by {purge.who} since {when(purge.started_at)}"
        yield Problem("releasing", what, f"wait until it has ended; then: python -m release history -s {name}")
    else:
        yield from _cut_short(observed)
    if why := unread.pop("record", ""):
        yield Problem("unread", f"the record cannot be read: {why}", sign_in)
    elif release is None:
        yield Problem("nothing proven", "nothing was ever proven here", f"release a version: pulumi up -s {name}")
    else:
        yield from _differences(observed, release)
    for source, why in unread.items():
        yield Problem("unread", f"{source} could not be read: {why}", sign_in)


def _cut_short(observed: Observed) -> Iterator[Problem]:
    """What an interrupted release left behind."""
    name, mark, purge = observed.environment, observed.unfinished, observed.purge
    then = f"python -m release recover -s {name} && {_up(observed)}"
    if mark is not None:
        which = "a release"
        if mark.version:
            which = f"the release of {short(mark.version)} that began {when(mark.started_at)}"
        yield Problem("unfinished", f"{which} ended neither proven nor undone: what serves may be a mixture", then)
    elif purge is not None:
        what = f"the purge by {purge.who}, which began {when(purge.started_at)}, was cut short: some of its files may"
        again = f"python -m release purge -s {name} {escaping.line(shlex.join(purge.paths))}"
        yield Problem("cut short", f"{what} still be there", again)
    elif observed.lease is not None:
        holder = observed.lease.holder
        which = f"the release of {short(holder.version)} by {holder.who}, which began {when(holder.since)},"
        yield Problem("cut short", f"{which} was cut short before it changed what serves", then)
    elif observed.pending:
        # An update takes the lease only for its release: before and after that, nothing here says whether it lives.
        what = "an update of the stack is under way, or was cut short"
        yield Problem("pending", what, f"wait; if nobody is at it: {then}")


def _differences(observed: Observed, release: Release) -> Iterator[Problem]:
    """Where what serves differs from the proven release."""
    up = _up(observed)
    for name, service in observed.services.items():
        yield from _service_differs(observed, name, service, release.services.get(name))
    for name, manifest in observed.sites.items():
        yield from _site_problem(observed, name, manifest, release.sites.get(name))
    lacking = [("service", name) for name in release.services.keys() - observed.services.keys()]
    lacking += [("site", name) for name in release.sites.keys() - observed.sites.keys()]
    for kind, name in lacking:
        yield Problem(f"{kind} differs", f"{kind} {name} is recorded, and the last release was without it", up)
    for name, health in observed.health.items():
        if health.miss is not None:
            restart = up.replace(" pulumi", " RELEASE_RESTART='why' pulumi")
            of = "" if len(observed.services) == 1 else f" of {name}"
            logs = f"look at the logs of {service_words(name, observed.services)}"
            what = f"the health check{of} {_said(health.miss)}"
            yield Problem("unhealthy", what, f"{logs}; to start every task anew: {restart}")
    if observed.stack is not None and observed.stack.version != release.version:
        what = f"the stack's outputs say {short(observed.stack.version)}, and {short(release.version)} is recorded"
        yield Problem("stack differs", what, up)


def _service_differs(
    observed: Observed, name: str, service: Service | None, proven: ServiceIdentity | None
) -> Iterator[Problem]:
    again, alone = _up(observed, "--refresh "), len(observed.services) == 1
    subject = "the service" if alone else f"service {name}"
    of = "" if alone else f"{subject}: "
    if service is None:
        if observed.source("ECS", name) not in observed.unread:
            yield Problem("service missing", f"{subject} is not there", again)
    elif proven is None:
        if service.desired:
            what = f"{subject} runs {revision(service.task_definition)}, and was never proven here"
            yield Problem("service differs", what, again)
    elif what := service.differs(proven):
        yield Problem("service differs", of + what, again)
    elif service.running < service.desired:
        what = f"{of}only {service.running} of {service.desired} tasks run"
        look = f"look at {subject}'s events in ECS: it is starting them, or says why it cannot"
        yield Problem("tasks missing", what, look)


def _site_problem(observed: Observed, name: str, serves: str | None, proven: str | None) -> Iterator[Problem]:
    if observed.source("site", name) in observed.unread or serves == proven:
        return
    digest, _, files = (serves or "").partition(" ")
    if digest == proven:
        what = f"is not what was proven: {files}"
    else:
        before = f"{short(proven)} is proven" if proven else "was never proven here"
        what = f"serves {short(digest) or 'nothing'}, and {before}"
    yield Problem("site differs", f"{site_words(name, observed.sites)} {what}", _up(observed, "--refresh "))


def _said(miss: str) -> str:
    """A miss of the health check, as the end of a sentence about it."""
    return miss if miss.startswith(("answered", "came")) else f"does not pass: {miss}"


def _up(observed: Observed, option: str = "") -> str:
    """The update that proves the recorded version again, from any working tree."""
    if observed.record is None:
        return f"pulumi up {option}-s {observed.environment}"
    # What the last release was to be, whose working tree this may be.
    now = Declared(services=tuple(observed.services), sites=tuple(observed.sites))
    return rollback.command(observed.environment, observed.record, now, option)


def _rows(observed: Observed, now: datetime) -> Iterator[Row]:
    release = observed.record
    if release is None:
        yield Row("record", observed.unread.get("record", "none"))
    else:
        proven = f"{short(release.version)}, proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        if release.not_compared:
            proven = f"{proven}; {', '.join(release.not_compared)} {NOT_COMPARED}"
        revisions = ", ".join(revision(service.task_definition) for service in release.services.values())
        yield Row("record", proven, revisions)
    yield from serving(observed)
    for name, health in observed.health.items():
        answers = f"pass, {short(health.version or '')}" if health.version_compared else NOT_COMPARED
        answer = answers if health.miss is None else health.miss
        yield Row(observed.source("health", name), answer, health.url)
    stack = short(observed.stack.version) if observed.stack else "no release"
    remark = _compared(observed.stack.version if observed.stack else None, release.version if release else None)
    if observed.pending:
        living = observed.lease is not None and observed.lease.alive
        busy = ", ".join(urn.rpartition("::")[2] for urn in observed.pending)
        remark = f"{'under way' if living else 'under way or cut short'}: {busy}"
    yield Row("stack", stack, remark)
    yield Row("lease", _lease(observed))
    if (hold := observed.hold) is not None:
        yield Row("hold", f"{hold}; to end it: {veto.lift(observed.environment)}")
    if observed.last is not None:
        last = observed.last
        summary = f"{short(last.version)} {state(last, observed.lease)}, began {when(last.started_at)}"
        yield Row("last try", summary, last.who)


def serving(observed: Observed) -> Iterator[Row]:
    """What ECS runs and the sites serve, each compared with the record."""
    record = observed.record
    for name, service in observed.services.items():
        yield _ecs(observed, observed.source("ECS", name), service, record.services.get(name) if record else None)
    for name, manifest in observed.sites.items():
        yield _site(observed, observed.source("site", name), manifest, record.sites.get(name) if record else None)


def _ecs(observed: Observed, source: str, service: Service | None, proven: ServiceIdentity | None) -> Row:
    if service is None:
        return Row(source, observed.unread.get(source, "no service"))
    value = f"{revision(service.task_definition)}, {service.running} of {service.desired} tasks"
    if proven is None:
        return Row(source, value)
    return Row(source, value, DIFFERS if service.differs(proven) else "as recorded")


def _site(observed: Observed, source: str, manifest: str | None, proven: str | None) -> Row:
    if source in observed.unread:
        return Row(source, observed.unread[source])
    digest, _, differs = (manifest or "").partition(" ")
    shown = f"manifest {short(digest)} {differs}".strip() if manifest else "nothing"
    return Row(source, shown, _compared(manifest, proven))


def _lease(observed: Observed) -> str:
    if observed.lease is None:
        return observed.unread.get("lease", "free: nobody releases")
    kept = "renewed" if observed.lease.alive else "not renewed since"
    return f"{observed.lease.holder}, {kept} {observed.lease.age_s:.0f} s ago"


def _compared(value: str | None, recorded: str | None) -> str:
    if recorded is None:
        return ""
    return "as recorded" if value == recorded else DIFFERS
