"""What is wrong in an environment and what to do, from what each source says. Pure."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from cli.history import state
from cli.text import ago, short, when
from functions import strict_json
from functions.names import revision
from release import drift, escaping
from release.lease import Held
from release.records import Attempt, Purge, Release, UnfinishedMark


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """What ECS says of the service."""

    task_definition: str
    """ARN of its revision, also while it runs no task."""
    desired: int
    running: int
    network: Mapping[str, Any] | None = None
    """Subnets and security groups, as the release has them in its inputs."""
    execute_command: bool | None = None

    def differs(self, release: Release) -> str:
        """How it differs from the proven release, as a sentence; empty if it does not."""
        if self.desired == 0 or self.task_definition != release.task_definition:
            runs = f"ECS runs {revision(self.task_definition)}" if self.desired else "ECS is scaled to 0 tasks"
            return f"{runs}, and {revision(release.task_definition)} is proven"
        # Earlier programs recorded neither of these.
        proven = strict_json.fields(release.network) if release.network else None
        if proven and self.network and proven != self.network:
            return f"the tasks run in {drift.place(self.network)}, and were proven in {drift.place(proven)}"
        if None not in (release.execute_command, self.execute_command) and (
            release.execute_command != self.execute_command
        ):
            return f"ECS Exec is {'on' if self.execute_command else 'off'}, and was not when it was proven"
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """One answer of the health check through the public address."""

    url: str
    version: str | None
    """The version in the answer; None if it has none."""
    miss: str | None
    """Why the answer does not prove the recorded version; None if it does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """What each source says. None is "nothing there", or unreadable for the reason in `unread`."""

    environment: str
    stack: Release | None
    """The stack's output `release`."""
    pending: tuple[str, ...] = ()
    record: Release | None
    ecs: Service | None
    static_manifest: str | None
    """Digest of the manifest that the site serves; followed by how many files differ from it."""
    health: Health
    lease: Held | None = None
    purge: Purge | None = None
    """The purge that took the lease; None if a release did."""
    unfinished: UnfinishedMark | None = None
    last: Attempt | None = None
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)


DIFFERS: Final = "DIFFERS"
"""The remark on a source that differs from the record."""
PROBLEMS: Final = (
    "releasing",
    "unfinished",
    "cut short",
    "pending",
    "unread",
    "nothing proven",
    "service differs",
    "service missing",
    "tasks missing",
    "site differs",
    "unhealthy",
    "stack differs",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    code: str
    """One of PROBLEMS, for programs."""
    what: str
    to_do: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One source, and how it compares with the record."""

    name: str
    value: str
    remark: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnosis:
    environment: str
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
    return Diagnosis(environment=name, headline=headline, problems=problems, rows=tuple(_rows(observed, now)))


def _problems(observed: Observed) -> Iterator[Problem]:
    """What is wrong, the most urgent first."""
    name, release = observed.environment, observed.record
    if observed.lease is not None and observed.lease.alive:
        holder, purge = observed.lease.holder, observed.purge
        yield Problem(
            code="releasing",
            what=f"files are being purged by {purge.who} since {when(purge.started_at)}"
            if purge
            else f"{short(holder.version)} is being released by {holder.who} since {when(holder.since)}",
            to_do=f"wait until it has ended; then: python -m release history -s {name}",
        )
    else:
        yield from _cut_short(observed)
    if "record" in observed.unread:
        yield Problem(
            code="unread",
            what=f"the record cannot be read: {observed.unread['record']}",
            to_do="sign in with a role that may read it",
        )
    elif release is None:
        to_do = f"release a version: pulumi up -s {name}"
        yield Problem(code="nothing proven", what="nothing was ever proven here", to_do=to_do)
    else:
        yield from _differences(observed, release)
    for source, why in observed.unread.items():
        if source != "record":
            to_do = "sign in with a role that may read it"
            yield Problem(code="unread", what=f"{source} could not be read: {why}", to_do=to_do)


def _cut_short(observed: Observed) -> Iterator[Problem]:
    """What an interrupted release left behind."""
    name = observed.environment
    then = f"python -m release recover -s {name} && {_up(observed)}"
    if observed.unfinished is not None:
        mark = observed.unfinished
        which = (
            f"the release of {short(mark.version)} that began {when(mark.started_at)}" if mark.version else "a release"
        )
        what = f"{which} ended neither proven nor undone: what serves may be a mixture"
        yield Problem(code="unfinished", what=what, to_do=then)
    elif observed.purge is not None:
        which = f"the purge by {observed.purge.who}, which began {when(observed.purge.started_at)},"
        yield Problem(
            code="cut short",
            what=f"{which} was cut short: some of its files may still be there",
            to_do=f"python -m release purge -s {name} {escaping.line(shlex.join(observed.purge.paths))}",
        )
    elif observed.lease is not None:
        holder = observed.lease.holder
        which = f"the release of {short(holder.version)} by {holder.who}, which began {when(holder.since)},"
        yield Problem(code="cut short", what=f"{which} was cut short before it changed what serves", to_do=then)
    elif observed.pending:
        # An update takes the lease only for its release: before and after that, nothing here says whether it lives.
        yield Problem(
            code="pending",
            what="an update of the stack is under way, or was cut short",
            to_do=f"wait; if nobody is at it: {then}",
        )


def _differences(observed: Observed, release: Release) -> Iterator[Problem]:
    """Where what serves differs from the proven release."""
    again = _up(observed, "--refresh ")
    ecs = observed.ecs
    if ecs is not None and (what := ecs.differs(release)):
        yield Problem(code="service differs", what=what, to_do=again)
    elif ecs is None and "ECS" not in observed.unread:
        yield Problem(code="service missing", what="the service is not there", to_do=again)
    elif ecs is not None and ecs.running < ecs.desired:
        yield Problem(
            code="tasks missing",
            what=f"only {ecs.running} of {ecs.desired} tasks run",
            to_do="look at the service's events in ECS: it is starting them, or says why it cannot",
        )
    if "site" not in observed.unread and observed.static_manifest != release.static_manifest:
        what = _site_differs(observed.static_manifest, release.static_manifest)
        yield Problem(code="site differs", what=what, to_do=again)
    if observed.health.miss is not None:
        restart = _up(observed).replace(" pulumi", " EASI_RESTART='why' pulumi")
        yield Problem(
            code="unhealthy",
            what=f"the health check {_said(observed.health.miss)}",
            to_do=f"look at the backend's logs; to start every task anew: {restart}",
        )
    if observed.stack is not None and observed.stack.version != release.version:
        yield Problem(
            code="stack differs",
            what=f"the stack's outputs say {short(observed.stack.version)}, and {short(release.version)} is recorded",
            to_do=_up(observed),
        )


def _site_differs(serves: str | None, proven: str) -> str:
    if serves is None:
        return f"the site serves nothing, and {short(proven)} is proven"
    digest, _, files = serves.partition(" ")
    if digest == proven:
        return f"the site serves other files than were proven, {files}"
    return f"the site serves {short(digest)}, and {short(proven)} is proven"


def _said(miss: str) -> str:
    """A miss of the health check, as the end of a sentence about it."""
    return miss if miss.startswith(("answered", "came")) else f"does not pass: {miss}"


def _up(observed: Observed, option: str = "") -> str:
    """The update that proves the recorded version again, from any working tree."""
    version = f"EASI_VERSION={observed.record.version} " if observed.record else ""
    return f"{version}pulumi up {option}-s {observed.environment}"


def _rows(observed: Observed, now: datetime) -> Iterator[Row]:
    release = observed.record
    if release is None:
        yield Row(name="record", value=observed.unread.get("record", "none"))
    else:
        proven = f"{short(release.version)}, proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        yield Row(name="record", value=proven, remark=revision(release.task_definition))
    yield from serving(observed)
    health = observed.health
    answer = f"pass, {short(health.version or '')}" if health.miss is None else health.miss
    yield Row(name="health", value=answer, remark=health.url)
    stack = short(observed.stack.version) if observed.stack else "no release"
    remark = _compared(observed.stack.version if observed.stack else None, release.version if release else None)
    if observed.pending:
        living = observed.lease is not None and observed.lease.alive
        busy = ", ".join(urn.rpartition("::")[2] for urn in observed.pending)
        remark = f"{'under way' if living else 'under way or cut short'}: {busy}"
    yield Row(name="stack", value=stack, remark=remark)
    yield Row(name="lease", value=_lease(observed))
    if observed.last is not None:
        last = observed.last
        summary = f"{short(last.version)} {state(last, observed.lease)}, began {when(last.started_at)}"
        yield Row(name="last try", value=summary, remark=last.who)


def serving(observed: Observed) -> Iterator[Row]:
    """What ECS runs and the site serves, each compared with the record."""
    yield _ecs(observed)
    yield _site(observed)


def _ecs(observed: Observed) -> Row:
    if observed.ecs is None:
        return Row(name="ECS", value=observed.unread.get("ECS", "no service"))
    value = f"{revision(observed.ecs.task_definition)}, {observed.ecs.running} of {observed.ecs.desired} tasks"
    if observed.record is None:
        return Row(name="ECS", value=value)
    return Row(name="ECS", value=value, remark=DIFFERS if observed.ecs.differs(observed.record) else "as recorded")


def _site(observed: Observed) -> Row:
    if "site" in observed.unread:
        return Row(name="site", value=observed.unread["site"])
    manifest = observed.static_manifest
    digest, _, differs = (manifest or "").partition(" ")
    shown = f"manifest {short(digest)} {differs}".strip() if manifest else "nothing"
    return Row(
        name="site",
        value=shown,
        remark=_compared(manifest, observed.record.static_manifest if observed.record else None),
    )


def _lease(observed: Observed) -> str:
    if observed.lease is None:
        return observed.unread.get("lease", "free: nobody releases")
    kept = "renewed" if observed.lease.alive else "not renewed since"
    return f"{observed.lease.holder}, {kept} {observed.lease.age_s:.0f} s ago"


def _compared(value: str | None, recorded: str | None) -> str:
    if recorded is None:
        return ""
    return "as recorded" if value == recorded else DIFFERS
